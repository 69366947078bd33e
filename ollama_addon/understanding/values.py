"""The values of a clause: numbers with their units, levels, colors, directions, amounts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ollama_addon.understanding.draft import Draft
from ollama_addon.understanding.effect_types import Values
from ollama_addon.understanding.interpretation import Role

_NUMBERED = ("places", "nouns", "name", "area", "word", "floor")
"""What a number may belong to: "room 12", "lamp 2"."""
_DIRECTED = frozenset("up down brighter dimmer warmer cooler louder quieter".split())


@dataclass(slots=True)
class Found:
    """The values of a clause, and where each of them stands."""

    values: Values = field(default_factory=Values)
    directions: dict[str, None] = field(default_factory=dict)
    """Directions that were said, such as `brighter`, in order."""
    at: dict[str, list[int]] = field(default_factory=dict)
    """The spans of each field of the values."""
    numbers: list[int] = field(default_factory=list)
    """Spans of numbers that belong to a name."""
    several: bool = False
    """Whether two values of one kind were said, which one clause cannot have."""
    no_preposition: bool = False
    """Whether the number stands without a word that tells a share from a difference."""

    def note(self, name: str, value: object, *places: int) -> None:
        """Keep a value and where it was said."""
        if name in self.at and getattr(self.values, name) != value:
            self.several = True
        self.values = replace(self.values, **{name: value})  # type: ignore[arg-type]
        self.at.setdefault(name, []).extend(places)


def read_values(draft: Draft, actions: frozenset[str]) -> Found:
    """Take the values out of a clause. `actions` are what its verbs say to do."""
    found = Found()
    at = 0
    while at < len(draft):
        at = _value(draft, at, actions, found) if draft.free(at) else at + 1
    for places in found.at.values():
        for each in places:
            if draft.free(each):
                draft.take(each, Role.VALUE, used=False)
    return found


def _value(draft: Draft, at: int, actions: frozenset[str], found: Found) -> int:
    """Read what begins at a span; return the next one."""
    span = draft.spans[at]
    if span.number is not None and not (span.has("one_unit") and not _unit(draft, at + 1)):
        return _number(draft, at, actions, found)
    if span.has("half") and not span.has("levels") and _unit(draft, at + 1):
        found.note("percent", 50.0, at, at + 1)
        return at + 2
    in_name = span.has("name", "area") and not span.has("colors")
    if span.has("directions") and not in_name:
        for direction in span.meanings("directions")[:1]:
            found.directions[direction] = None
            draft.take(at, Role.DIRECTION, direction, used=False)
        return at + 1
    if span.has("amounts") and not in_name:
        amount = span.meanings("amounts")[0]
        found.note(amount, True, at)
        draft.take(at, Role.AMOUNT, amount, used=False)
        return at + 1
    if span.has("attributes") and not span.has("name") and not _place_word(draft, at):
        return _attribute(draft, at, found)
    if in_name:
        return at + 1
    if span.has("colors", "whites"):
        if _part_of_name(draft, at):
            return at + 1
        if span.has("colors"):
            found.note("color", span.meanings("colors")[0], at)
        else:
            found.note("kelvin", float(span.meanings("whites")[0]), at)
        return at + 1
    if span.has("levels") and not span.has("verbs", "weak"):
        return _level(draft, at, found)
    if span.has("options") and not span.has("nouns", "area", "floor", "pronouns"):
        found.note("option", span.meanings("options")[0], at)
        return at + 1
    if span.has("modes") and not span.has("nouns", "verbs", "weak", "particles", "house"):
        found.note("mode", span.meanings("modes")[0], at)
        return at + 1
    if span.has("modes", "options") and _set_to(draft, at):
        group = "options" if span.has("options") else "modes"
        found.note("option" if group == "options" else "mode", span.meanings(group)[0], at)
        return at + 1
    return at + 1


def _place_word(draft: Draft, at: int) -> bool:
    """Whether a word such as "entrée" is a word of a name here, and no input of a player."""
    span = draft.spans[at]
    return span.has("word", "area", "places") and not set(span.meanings("attributes")) - {
        "source",
        "mode",
        "position",
    }


def _set_to(draft: Draft, at: int) -> bool:
    """Whether a word stands where a value stands: after "to", or beside "mode"."""
    before = at - 1
    while before >= 0 and draft.has(before, "articles"):
        before -= 1
    return (draft.has(before, "to") and not draft.has(at, "particles", "house")) or any(
        draft.has(beside, "attributes") and "mode" in draft.spans[beside].meanings("attributes")
        for beside in (at - 1, at + 1)
    )


def _part_of_name(draft: Draft, at: int) -> bool:
    """Whether a color is a word of a name: "the red lamp" where there is one of that name."""
    index = draft.index
    key = index.key(draft.spans[at].tokens[0].plain)
    return key in index.by_key and draft.has(at + 1, "nouns", "word", "name")


def _attribute(draft: Draft, at: int, found: Found) -> int:
    span = draft.spans[at]
    attribute = span.meanings("attributes")[0]
    if span.has("nouns") and attribute not in ("brightness", "color", "volume"):
        # A word for a kind of sensor as well ("temperature"): it is both until the plan is made.
        found.values = replace(found.values, attribute=attribute)
        found.at.setdefault("attribute", []).append(at)
        return at + 1
    found.values = replace(found.values, attribute=attribute)
    found.at.setdefault("attribute", []).append(at)
    draft.take(at, Role.ATTRIBUTE, attribute, used=False)
    return at + 1


def _level(draft: Draft, at: int, found: Found) -> int:
    level = draft.spans[at].meanings("levels")[0]
    if level.isdigit():
        if draft.has(at + 1, "units") and _unit(draft, at + 1) == "percent":
            return at + 1
        found.note("percent", float(level), at)
    else:
        found.note("level", level, at)
    return at + 1


def _unit(draft: Draft, at: int) -> str:
    """Return the unit that a span is, of those that a value has."""
    if not draft.free(at):
        return ""
    return next(
        (
            unit
            for unit in draft.spans[at].meanings("units")
            if unit in ("percent", "degree", "kelvin", "step")
        ),
        "",
    )


def _number(draft: Draft, at: int, actions: frozenset[str], found: Found) -> int:
    span = draft.spans[at]
    number = span.number
    assert number is not None
    end = at + 1
    if "/" in span.text and 0 < number < 1 and not _unit(draft, end):
        found.note("percent", number * 100, at)  # "to 1/2"
        return end
    if draft.has(end, "point") and draft.free(end + 1):
        tenth = draft.spans[end + 1].number
        if tenth is not None and 0 <= tenth < 10:
            number, end = number + tenth / 10, end + 2
    elif draft.has(end, "and_a_half", "half") and draft.free(end):
        number, end = number + 0.5, end + 1
    before = _before(draft, at)
    unit = _unit(draft, end)
    if not unit and _unit(draft, before) == "percent":
        unit = "percent"  # Chinese has it in front: 百分之十
        draft.take(before, Role.UNIT, "percent")
        found.note("percent", number, *range(at, end))
        to = draft.has(before - 1, "to")
        if not to and (actions & _DIRECTED or found.directions):
            found.values = replace(found.values, relative=True)
        return end
    if not unit and _in_name(draft, at, before, actions):
        found.numbers.append(at)
        return end
    places = list(range(at, end))
    if unit:
        places.append(end)
        end += 1
        # "21 degrees celsius"
        if unit == "degree" and _unit(draft, end) == "degree":
            places.append(end)
            end += 1
    name = {"percent": "percent", "degree": "degrees", "kelvin": "kelvin", "step": "bare"}.get(
        unit, "bare"
    )
    if name == "bare" and number >= 1000:
        name = "kelvin"
    found.note(name, number, *places)
    by, to = draft.has(before, "by"), draft.has(before, "to")
    after = end if draft.index.lexicon.script == "characters" else -1
    to = to or draft.has(after, "to")
    directed = bool(actions & _DIRECTED or found.directions or _direction_follows(draft, end))
    if by and directed and not (to and not unit and "by" not in _closest(draft, before)):
        found.values = replace(found.values, relative=True)
    elif directed and not to and name != "kelvin":
        found.values = replace(found.values, relative=True)
        found.no_preposition = True
    for place in (before, after):
        if 0 <= place < len(draft) and draft.free(place) and draft.has(place, "to", "by", "in"):
            draft.take(place, Role.PREPOSITION)
    return end


def _closest(draft: Draft, at: int) -> tuple[str, ...]:
    """Return which of "to" and "by" a preposition is, where it can be both: both."""
    return tuple(group for group in ("by", "to") if draft.has(at, group))


def _direction_follows(draft: Draft, end: int) -> bool:
    """Whether a direction stands behind a number: "two degrees warmer"."""
    return draft.has(end, "directions") and draft.free(end)


def _before(draft: Draft, at: int) -> int:
    """Return the span before a number, articles aside."""
    before = at - 1
    while before >= 0 and draft.has(before, "articles") and not draft.has(before, "to", "by"):
        before -= 1
    return before


def _in_name(draft: Draft, at: int, before: int, actions: frozenset[str]) -> bool:
    """Whether a number belongs to what is named before (or behind) it: "room 12"."""
    if before != at - 1:
        return False
    span = draft.spans[at]
    if draft.has(before, "to", "by") and not draft.has(before, *_NUMBERED):
        return False
    key = f"{span.number:g}"
    known = key in draft.index.by_key or any(
        key in keys for keys in draft.index.place_keys.values()
    )
    if draft.has(before, "places") and not draft.has(before, "house", "here"):
        return True
    if draft.has(before, "and", "or", "except") or span.before.strip() == ",":
        # "Rooms 3 and 4": the second number of a list.
        return any(draft.spans[each].number is not None and known for each in range(before))
    if draft.has(before, *_NUMBERED):
        taking = not actions or bool(actions & (_DIRECTED | {"set"}))
        return (known and (not taking or span.has("name"))) or (not taking and not known)
    return span.has("name") and known
