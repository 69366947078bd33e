"""What a clause says to do: its verbs and the particles that go with them."""

from __future__ import annotations

from dataclasses import dataclass, field

from rapidfuzz import fuzz, process

from ollama_addon.understanding.draft import Draft
from ollama_addon.understanding.interpretation import Role
from ollama_addon.understanding.names import NEARLY
from ollama_addon.understanding.tokens import fold

_SPELT = 4
"""Letters of a word from which on it may be a misspelt verb."""

_THINGS = ("nouns", "name", "area", "floor", "levels", "modes", "directions", "feelings", "options")
"""What a word may be besides a verb: then its place in the clause decides."""
_PHRASES = (
    "in",
    "except",
    "but",
    "later.at",
    "later.delay",
    "later.when",
    "then",
    "and",
    "to",
    "by",
)
"""What may follow a particle."""
_SHAPELESS = ("articles", "fillers", "requests", "pronouns", "openers")


@dataclass(slots=True)
class Said:
    """The actions of a clause."""

    actions: dict[str, None] = field(default_factory=dict)
    """What its verbs and particles can mean, in order."""
    verbs: list[int] = field(default_factory=list)
    strong: dict[str, None] = field(default_factory=dict)
    """What its particles and those verbs say that mean nothing else: not "put on" or "pon"."""
    weak: bool = False
    """Whether it has a verb that says nothing by itself."""
    particle: bool = False
    pronoun: bool = False
    """Whether a verb has a pronoun at its end: "apágalo"."""

    @property
    def any(self) -> bool:
        """Whether it says what to do."""
        return bool(self.actions)


def read_verbs(draft: Draft) -> Said:
    """Take the verbs and particles out of a clause."""
    said = Said()
    _gaps(draft, said)
    _verbs(draft, said)
    _particles(draft, said)
    if not said.verbs:
        _misspelt(draft, said)
    return said


def _misspelt(draft: Draft, said: Said) -> None:
    """Take a first word that is nearly a verb: it makes candidates, and is never certain."""
    first = draft.first()
    if first >= len(draft) or draft.spans[first].known:
        return
    word = fold(draft.spans[first].tokens[0].plain)
    if len(word) < _SPELT:
        return
    verbs = draft.index.verb_words
    found = process.extractOne(word, list(verbs), scorer=fuzz.ratio, score_cutoff=NEARLY)
    if found is None:
        return
    for action in verbs[found[0]]:
        said.actions[action] = None
    said.verbs.append(first)
    draft.take(first, Role.VERB, found[0], used=False)
    draft.doubt("fuzzy")


def _gaps(draft: Draft, said: Said) -> None:
    """Find verbs in two parts: "send … home", "schließ … ab"."""
    words = [(token.plain, at) for at, span in enumerate(draft.spans) for token in span.tokens]
    plain = [word for word, _ in words]
    best: tuple[int, int, int, int, str] | None = None
    for (head, tail), action in draft.index.lexicon.gaps.items():
        start = _find(plain, head, 0)
        if start < 0:
            continue
        after = start + len(head)
        if not tail:
            best = max(best or (0, 0, 0, 0, ""), (len(head), start, after, after, action))
            continue
        begin = _find_last(plain, tail, after)
        if begin < 0 or not _ends_here(draft, words, begin + len(tail), tail):
            continue
        found = (len(head) + len(tail), start, begin, begin + len(tail), action)
        if best is None or found[0] > best[0]:
            best = found
    if best is None:
        return
    _, start, begin, end, action = best
    places = {at for word, at in words[start : start + best[0] - (end - begin)]}
    places |= {at for word, at in words[begin:end]}
    if not all(draft.free(at) for at in places):
        return
    if any(
        draft.has(at, "name") and not draft.has(at, "verbs", "weak", "particles") for at in places
    ):
        return
    for at in sorted(places):
        draft.take(at, Role.VERB, action, used=False)
        said.verbs.append(at)
    said.actions[action] = None
    said.strong[action] = None


def _find(words: list[str], part: tuple[str, ...], start: int) -> int:
    size = len(part)
    for at in range(start, len(words) - size + 1):
        if tuple(words[at : at + size]) == part:
            return at
    return -1


def _find_last(words: list[str], part: tuple[str, ...], start: int) -> int:
    size = len(part)
    for at in range(len(words) - size, start - 1, -1):
        if tuple(words[at : at + size]) == part:
            return at
    return -1


def _ends_here(draft: Draft, words: list[tuple[str, int]], end: int, tail: tuple[str, ...]) -> bool:
    """Whether the second part of a verb stands where one can: not as a preposition of a place."""
    if len(tail) > 1 or end >= len(words):
        return True
    at = words[end][1]
    while at < len(draft) and (draft.is_empty(at) and not draft.has(at, "articles")):
        at += 1
    if at >= len(draft) or not draft.free(at):
        return True
    preposition = draft.has(words[end - 1][1], "in", "to")
    if not preposition:
        return True
    return draft.has(at, *_PHRASES) and not draft.has(at, "articles", "nouns", "name", "area")


def _verbs(draft: Draft, said: Said) -> None:
    first = draft.first()
    last = draft.last()
    sure: list[int] = []
    unsure: list[int] = []
    for at in draft.all_free():
        span = draft.spans[at]
        if not span.has("verbs", "weak"):
            continue
        late = at != first and span.has("in", "to", "particles") and not span.has("weak")
        if late or span.has(*_THINGS, "word", "states", "fillers", "past"):
            unsure.append(at)
        else:
            sure.append(at)
    chosen = sure
    if first in unsure and not any(at < first for at in sure):
        follows = draft.next(first)
        if follows < len(draft) and _can_begin(draft, first, follows, sure):
            chosen = [first, *sure]
    if not chosen and unsure:
        at = next((each for each in unsure if each in (first, last)), unsure[0])
        if not draft.has(at, "nouns", "name", "area") or at == first:
            chosen = [at] if not draft.has(at, "particles") else []
    for at in chosen:
        span = draft.spans[at]
        strong = span.meanings("verbs")
        for action in strong:
            said.actions[action] = None
            if not span.has("weak"):
                said.strong[action] = None
        said.pronoun = said.pronoun or span.has("pronouns")
        said.weak = said.weak or (not strong and span.has("weak"))
        said.verbs.append(at)
        draft.take(at, Role.VERB, " ".join(strong), used=False)


def _can_begin(draft: Draft, first: int, follows: int, sure: list[int]) -> bool:
    """Whether a word that is a noun as well is a verb at the beginning: "light the lamp"."""
    if draft.has(first, "name", "area", "floor") and not draft.has(first + 1, "articles"):
        return False
    if draft.has(first, "nouns") and not draft.has(first + 1, "articles", "all", "both"):
        return False
    # "Open windows" and "locked doors" are no orders, but "open the windows" is.
    return not (sure and draft.has(first, "nouns"))


def _particles(draft: Draft, said: Said) -> None:
    """Take particles: after a weak verb, at the end, or before a preposition."""
    strong = bool(said.actions)
    for at in list(draft.all_free()):
        span = draft.spans[at]
        if not span.has("particles") or span.has("name", "area", "floor"):
            continue
        meaning = span.meanings("particles")[0]
        preposition = span.has(
            "in", "to", "by", "later.at", "later.delay", "later.length", "list_prepositions"
        )
        if preposition and not _stands_alone(draft, at, said):
            continue
        if strong and meaning not in said.actions:
            # "Turn off the lamp" has its particle; a second one must not contradict it.
            if span.has("states", "past") and not preposition:
                continue
            if preposition and at != draft.last():
                continue
        said.actions.setdefault(meaning)
        said.strong[meaning] = None
        said.particle = True
        said.verbs.append(at)
        draft.take(at, Role.PARTICLE, meaning, used=False)


def _stands_alone(draft: Draft, at: int, said: Said) -> bool:
    """Whether a word that can be a preposition is a particle here."""
    after = at + 1
    while after < len(draft) and draft.has(after, "fillers") and not draft.has(after, "articles"):
        after += 1
    if after >= len(draft):
        return True
    if not draft.free(after):
        return draft.role(after) in (Role.TIME, Role.VERB, Role.REQUEST, Role.FILLER)
    if draft.spans[after].before.strip():
        return True
    directly = at - 1 in said.verbs and said.weak
    if draft.spans[after].number is not None or draft.has(after, "levels", "colors", "whites"):
        return False
    if draft.has(after, "in", "except", "but", "later.at", "and", "then", "all") and not draft.has(
        after, "articles"
    ):
        return True
    return directly and draft.has(after, "articles", "nouns", "name", "pronouns", "area", "word")
