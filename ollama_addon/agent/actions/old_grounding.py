"""Whether what a model proposes is what the person asked for.

Names, states, lists and calendars are written by others, and a model may take what it reads
there for an order. What the person said is the only order there is: what has nothing to do
with it is left undone, or asked about first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ollama_addon.agent.actions.confirmation import asks_first
from ollama_addon.agent.actions.repair import Repaired, Verdict
from ollama_addon.agent.strategies.structured import MARGIN
from ollama_addon.home.model import Entity, House
from ollama_addon.understanding.offers import Offer
from ollama_addon.understanding.vocabulary import (
    TARGETLESS,
    VERBS,
    Action,
    Duration,
    Group,
    Target,
    Text,
)
from ollama_addon.understanding.words import Kind, tokens

_PART = 0.33
"""How much of a name, or of where it is, has to be said for it to be meant."""
_WHOLE = 0.95
_APART = 0.3
"""Who says a whole name does not mean what fits so much worse."""
_RISKY = ("unlock", "garage_door", "alarm")
_TELLING = frozenset(
    "tell let announce broadcast say inform shout everyone everybody "
    "sag sagt sage ruf rufe durchsage allen dis dites annonce previens prevenez "
    "di dile diles avisa anuncia todos zeg roep meld iedereen "
    "avvisa annuncia tutti powiedz oglos wszystkim diz diga avise anuncie".split()
)
"""Words of who wants something announced."""
_NOT = frozenset("not don't dont never nicht kein keine nie pas jamais niet geen nunca mai".split())
_READING = frozenset(verb.intent for verb in (*VERBS, *TARGETLESS) if verb.reads)


@dataclass(frozen=True, slots=True)
class Clause:
    """A part of a sentence: its words, what could be done about it, whether it is a question.

    `weights` are those of the words that name nothing.
    """

    said: frozenset[str]
    offers: Sequence[Offer]
    asks: bool
    weights: Mapping[Kind, float]

    def means(self, offer: Offer, *, risky: bool) -> bool:
        """Whether the words speak for it, and not for something else."""
        heard = offer.verb_score > 0
        best = max((each.name_score for each in self.offers if each.target), default=0.0)
        if offer.target is None:
            if self.asks:
                return offer.verb_score > 1
            # Nobody names what has no name: a length of time or a word of telling will do.
            length = isinstance(offer.value, Duration) and bool(offer.values)
            tells = isinstance(offer.value, Text) and not self.said.isdisjoint(_TELLING)
            return heard or (best < _WHOLE and (length or tells))
        if best >= _WHOLE and offer.name_score < best - _APART:
            return False
        if risky:
            acting = [each.score for each in self.offers if not each.verb.reads]
            clear = not self.asks and self.said.isdisjoint(_NOT)
            return heard and clear and offer.score > max(acting) - MARGIN
        named = offer.name_score >= _PART
        if isinstance(offer.value, Text):
            # "Read my shopping list" speaks of the list, and has nothing written on it.
            kind = Kind(offer.verb.intent, offer.target.domain)
            return named and not self.asks and self.weights.get(kind, 0.0) > 0
        return (heard and named) if self.asks else (heard or named)


def meant(
    proposed: Iterable[Repaired], clauses: Sequence[Clause], house: House
) -> tuple[list[Repaired], list[Repaired]]:
    """Part what the person may have asked for from what nothing in the sentence speaks for.

    Looking at something is always the former.
    """
    found: tuple[list[Repaired], list[Repaired]] = [], []
    for item in proposed:
        found[not _is_meant(item, clauses, house)].append(item)
    return found


def _is_meant(item: Repaired, clauses: Sequence[Clause], house: House) -> bool:
    action = item.action
    if action is None or item.verdict is Verdict.REFUSED or action.intent in _READING:
        return True
    targets = item.candidates if item.verdict is Verdict.AMBIGUOUS else (item.target,)
    for clause in clauses:
        if _said(action, item.target, clause):
            return True
        for offer in clause.offers:
            if offer.verb.intent != action.intent:
                continue
            for target in targets:
                risky = asks_first(action, target, house, _RISKY)
                if _covers(offer.target, target, house) and clause.means(offer, risky=risky):
                    return True
    return False


def _said(action: Action, target: Target | None, clause: Clause) -> bool:
    """Whether what is to be announced or written somewhere are the person's own words."""
    words = [
        word
        for slot in ("message", "item", "search_query")
        for word in tokens(str(action.slots.get(slot, "")))
    ]
    if not words or not clause.said.issuperset(words):
        return False
    return target is None or any(offer.target == target for offer in clause.offers)


def _covers(offered: Target | None, target: Target | None, house: House) -> bool:
    """Whether who means what was offered may mean the target by it."""
    if offered == target or offered is None or target is None:
        return offered == target
    if not isinstance(offered, Group):
        return False
    whole = set(offered.members(house))
    return whole.issuperset([target] if isinstance(target, Entity) else target.members(house))
