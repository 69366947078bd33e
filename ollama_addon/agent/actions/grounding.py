"""Whether what a model proposes contradicts what the person said.

A capable model is free: an action is stopped only for a contradiction, and asked about only
when it reaches the whole home without the person having said so. Names, states, lists and
calendars are written by others: what a model takes from them for an order mostly contradicts
what was said, and is stopped for that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from ollama_addon.agent.actions import directions
from ollama_addon.agent.actions.grounding_values import (
    choices_are_said,
    numbers_are_said,
    texts_are_said,
)
from ollama_addon.agent.actions.repair import Repaired, Verdict
from ollama_addon.agent.actions.spoken import tells_of_past
from ollama_addon.home.model import Entity, House
from ollama_addon.understanding import interpretation as said
from ollama_addon.understanding.interpretation import Interpretation, Mood, Role, When
from ollama_addon.understanding.tokens import fold
from ollama_addon.understanding.verb_table import TARGETLESS, VERBS
from ollama_addon.understanding.vocabulary import Action, Group

Code = Literal[
    "opposite",  # the contrary of what was said
    "negated",  # what shall not be done
    "past",  # what is told of, not asked for
    "question",  # something is done although something was asked
    "excluded",  # what was left out: "all but …"
    "another",  # another thing than the one that was named
    "no_place",  # a place that is not there
    "value",  # a number, an item or a message that was not said
    "later",  # what was said for another time, done now
    "dropped",  # after a "no" or "never mind"
    "talk",  # something is done although nothing was asked for
]

_READING = frozenset(verb.intent for verb in (*VERBS, *TARGETLESS) if verb.reads)
_TARGET_SLOTS = ("name", "area", "floor", "domain", "device_class")
_ACTING = frozenset({Mood.ORDER, Mood.WISH, Mood.TALK, Mood.YES, Mood.UNDO})
_NOT_ACTING: Mapping[Mood, Code] = {
    Mood.NEGATED: "negated",
    Mood.REPORT: "past",
    Mood.QUESTION: "question",
    Mood.NO: "dropped",
    Mood.NEVER_MIND: "dropped",
}
_MANY = 3
"""Things of a kind, of which all together are the whole home's."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """What is not done, and why."""

    item: Repaired
    code: Code
    clause: said.Clause | None = None
    """The part of the sentence that it contradicts; with `later`, the one that says when."""
    entities: tuple[Entity, ...] = ()
    """What a sentence about it names."""


@dataclass(frozen=True, slots=True)
class Grounded:
    """What was proposed, held against what was said."""

    done: tuple[Repaired, ...] = ()
    """To be carried out (or refused, where repair says so); some narrowed to what was said."""
    stopped: tuple[Stopped, ...] = ()
    asked: tuple[Repaired, ...] = ()
    """To be asked about: what reaches the whole home without having been said."""


def acting_mood(clause: said.Clause, interpretation: Interpretation) -> bool:
    """Tell whether a clause asks for something to be done, or may be met by doing something.

    A remark about the situation, such as "the floor is filthy", is read as a report or as a
    question. It tells of nothing that was done and is about no thing of the house.
    """
    if clause.mood in _ACTING:
        return True
    if next(_spoken_of(clause), None) is not None:
        return False
    if clause.mood is Mood.REPORT:
        return not tells_of_past(clause, interpretation.language)
    return (
        clause.mood is Mood.QUESTION
        and not clause.certain
        and (clause.question is None or clause.question.kind in ("value", "other"))
        and not interpretation.text.rstrip().endswith(("?", "？", "؟"))
    )


def check(
    proposed: Sequence[Repaired],
    interpretation: Interpretation,
    house: House,
    times: Sequence[When | None] = (),
) -> Grounded:
    """Hold repaired proposals against an interpretation.

    `times` are those that the model gave, one for each proposal, None for now. A pure function.
    """
    done: list[Repaired] = []
    stopped: list[Stopped] = []
    asked: list[Repaired] = []
    acting = [each for each in interpretation.clauses if acting_mood(each, interpretation)]
    for number, item in enumerate(proposed):
        when = times[number] if number < len(times) else None
        if _only_looks(item):
            done.append(item)
            continue
        narrowed, code, clause = _judged(item, when, interpretation, acting, house)
        if code:
            entities = clause.forbidden or clause.named if clause else ()
            stopped.append(Stopped(item, code, clause, entities))
        elif any(_reaches_all(each, interpretation, house) for each in narrowed):
            asked += narrowed
        else:
            done += narrowed
    if together_reach_all(done, interpretation, house):
        return Grounded((), tuple(stopped), (*asked, *done))
    return Grounded(tuple(done), tuple(stopped), tuple(asked))


def _only_looks(item: Repaired) -> bool:
    return item.action is None or item.verdict is Verdict.REFUSED or item.action.intent in _READING


def _judged(
    item: Repaired,
    when: When | None,
    interpretation: Interpretation,
    acting: Sequence[said.Clause],
    house: House,
) -> tuple[list[Repaired], Code | None, said.Clause | None]:
    """Return what of a proposal may be done; else why not, and the clause that says so."""
    assert item.action is not None
    members = _members(item, house)
    about = [clause for clause in interpretation.clauses if _is_about(clause, members)]
    speaking = [clause for clause in about if clause.mood in _ACTING]
    if not speaking:
        for clause in (*about, *(interpretation.clauses if not acting else ())):
            if code := _NOT_ACTING.get(clause.mood):
                return [], code, clause
    clauses = speaking or acting
    named = any(_is_named(entity, interpretation.text) for entity in members)
    if clauses and not named and all(_is_talk(clause) for clause in clauses):
        return [], "talk", clauses[0]
    if not speaking:
        for clause in clauses:
            if clause.missing_place:
                return [], "no_place", clause
        orders = [clause for clause in clauses if clause.mood is not Mood.TALK and _says(clause)]
        if members and orders and all(map(_is_clear, orders)):
            return [], "another", orders[0]
    for clause in clauses:
        if clause.when is not None and when is None and "Timer" not in item.action.intent:
            return [], "later", clause
    for clause in speaking:
        if code := _contradiction(item.action, members, clause, interpretation.language, house):
            return [], code, clause
    if not texts_are_said(item.action, interpretation):
        return [], "value", next(iter(clauses), None)
    forbidden, forbidding = _forbidden(members, interpretation)
    if not forbidden:
        return _narrowed(item, members, speaking), None, None
    rest = [entity for entity in members if entity not in forbidden]
    if rest and isinstance(item.target, Group):
        return [_for(item, entity) for entity in rest], None, None
    assert forbidding is not None
    return [], _NOT_ACTING.get(forbidding.mood, "excluded"), forbidding


def _forbidden(
    members: Collection[Entity], interpretation: Interpretation
) -> tuple[set[Entity], said.Clause | None]:
    """Return which of these things must not be touched, and the clause that says so.

    What was left out of an order never may; what was asked or told about may, where another
    part of the sentence is an order for it.
    """
    ordered = {
        entity
        for clause in interpretation.clauses
        if clause.mood in _ACTING
        for candidate in clause.candidates
        for entity in candidate.entities
    }
    found: set[Entity] = set()
    forbidding = None
    for clause in interpretation.clauses:
        kept = clause.forbidden if clause.mood in _ACTING else {*clause.forbidden} - ordered
        if here := set(members).intersection(kept):
            found |= here
            forbidding = forbidding or clause
    return found, forbidding


def _members(item: Repaired, house: House) -> list[Entity]:
    if item.verdict is Verdict.AMBIGUOUS:
        return list(item.candidates)
    if isinstance(item.target, Entity):
        return [item.target]
    return item.target.members(house) if item.target is not None else []


def _is_about(clause: said.Clause, members: Collection[Entity]) -> bool:
    """Whether a clause speaks of any of these things."""
    return not set(members).isdisjoint(_spoken_of(clause))


def _spoken_of(clause: said.Clause) -> Iterator[Entity]:
    yield from clause.named
    yield from clause.same_name
    yield from clause.forbidden
    if clause.question:
        yield from clause.question.entities
    for candidate in clause.candidates:
        yield from candidate.entities


def _says(clause: said.Clause) -> bool:
    """Whether there is anything in a clause, and not only a "hey" or a name before the order."""
    return bool(clause.candidates or clause.named or clause.unexplained)


def _is_clear(clause: said.Clause) -> bool:
    """Whether an order names what it is about: in full, or as a kind with its place."""
    return clause.mood is Mood.ORDER and bool(
        clause.named or (clause.certain and clause.candidates and clause.candidates[0].entities)
    )


def _is_named(entity: Entity, text: str) -> bool:
    """Whether a sentence has the whole name of a thing in it: "good night" may be a scene."""
    said = fold(text)
    return any(fold(name) in said for name in (entity.name, *entity.aliases) if len(name) > 2)


def _is_talk(clause: said.Clause) -> bool:
    """Whether a clause says nothing but what is known to be small talk."""
    return (
        clause.mood is Mood.TALK
        and bool(clause.words)
        and all(word.role in (Role.TALK, Role.FILLER) for word in clause.words)
    )


def _contradiction(
    action: Action,
    members: Sequence[Entity],
    clause: said.Clause,
    language: str,
    house: House,
) -> Code | None:
    """Return what in a clause about these things an action contradicts."""
    fitting = [
        candidate
        for candidate in clause.candidates
        if not set(members).isdisjoint(candidate.entities) or not candidate.entities
    ]
    meant = {candidate.direction for candidate in fitting} - {""}
    ways = {directions.direction(action, entity, house) for entity in members or (None,)}
    for way in ways:
        said_too = any(word.meaning == way and not word.used for word in clause.words)
        free = clause.mood is Mood.WISH and not clause.certain
        if (
            meant
            and not said_too
            and not free
            and all(directions.contradicts(way, each) for each in meant)
        ):
            return "opposite"
    if not numbers_are_said(action, members, clause, fitting, language, house):
        return "value"
    if not choices_are_said(action, fitting):
        return "value"
    return None


def _narrowed(
    item: Repaired, members: Sequence[Entity], speaking: Sequence[said.Clause]
) -> list[Repaired]:
    """Return a proposal for a whole kind as one for those that were named, where some were."""
    if not isinstance(item.target, Group) or not speaking:
        return [item]
    if any(not clause.named for clause in speaking):
        return [item]
    meant = {entity for clause in speaking for entity in _spoken_of(clause)}
    rest = [entity for entity in members if entity in meant]
    return [item] if len(rest) == len(members) else [_for(item, entity) for entity in rest]


def _for(item: Repaired, entity: Entity) -> Repaired:
    """Return a proposal for a group as one for an entity of it."""
    assert item.action is not None
    slots: dict[str, Any] = {
        slot: value for slot, value in item.action.slots.items() if slot not in _TARGET_SLOTS
    }
    action = Action(item.action.intent, {"name": entity.id, **slots})
    return replace(item, verdict=Verdict.MENDED, action=action, target=entity)


def _reaches_all(item: Repaired, interpretation: Interpretation, house: House) -> bool:
    """Whether a proposal is about the whole home although nobody said so."""
    target = item.target
    if not isinstance(target, Group) or target.area_id or target.floor_id:
        return False
    members = target.members(house)
    if len(members) < 2 or len({entity.area_id for entity in members}) < 2:
        return False
    return not _said_whole(members, interpretation)


def together_reach_all(
    done: Sequence[Repaired], interpretation: Interpretation, house: House
) -> bool:
    """Tell whether proposals for single things together are about all of a kind in the home."""
    by_kind: dict[tuple[str, str], set[Entity]] = {}
    for item in done:
        if item.action is not None and isinstance(item.target, Entity) and not _only_looks(item):
            by_kind.setdefault((item.action.intent, item.target.domain), set()).add(item.target)
    for (_, domain), entities in by_kind.items():
        whole = [each for each in house.entities.values() if each.domain == domain]
        if len(whole) < _MANY or len(entities) < len(whole):
            continue
        if len({each.area_id for each in whole}) > 1 and not _said_whole(whole, interpretation):
            return True
    return False


def _said_whole(members: Sequence[Entity], interpretation: Interpretation) -> bool:
    """Whether the person spoke of all of these."""
    spoken: set[Entity] = set()
    for clause in interpretation.clauses:
        spoken |= set(clause.named)
        for candidate in clause.candidates:
            if not candidate.whole_home:
                spoken |= set(candidate.entities)
    if spoken.issuperset(members):
        return True
    return any(
        word.role is Role.QUANTIFIER and word.meaning in ("all", "everything", "both")
        for clause in interpretation.clauses
        if clause.mood in _ACTING and not clause.missing_place
        for word in clause.words
    )
