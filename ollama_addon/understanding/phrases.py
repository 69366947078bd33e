"""The noun phrases of a clause, collected from its free words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ollama_addon.understanding.draft import Draft
from ollama_addon.understanding.interpretation import Quantifier, Role
from ollama_addon.understanding.nouns import Item, Phrase, item_of

_THINGS = ("name", "area", "floor", "nouns", "word")
_QUANTIFIERS: tuple[Quantifier, ...] = ("everything", "both", "all", "other", "any")
_LINKING = ("articles", "in", "to", "of", "fillers", "list_prepositions", "by", "be")


@dataclass(slots=True)
class Phrases:
    """What a clause is about: things, and things that are excepted."""

    targets: list[Phrase] = field(default_factory=list)
    excepted: list[Phrase] = field(default_factory=list)
    fuzzy: bool = False
    """Whether a word was taken for one that is nearly so."""
    stray: list[str] = field(default_factory=list)
    """Unknown words that stand outside of the noun phrases."""
    only: bool = False

    @property
    def any(self) -> bool:
        """Whether anything is named."""
        return any(not phrase.empty or phrase.quantifier == "everything" for phrase in self.targets)


def read_phrases(draft: Draft, numbers: Sequence[int]) -> Phrases:
    """Take all noun phrases out of a clause. `numbers` are spans that belong to names."""
    found = Phrases()
    current = Phrase()
    excepting = in_front = False
    places: list[tuple[Phrase, int]] = []

    def close() -> None:
        nonlocal current
        if not current.empty or current.quantifier:
            (found.excepted if excepting else found.targets).append(current)
        current = Phrase()

    things = [at for at in draft.all_free() if _is_thing(draft, at, numbers)]
    at = 0
    comma = False
    while at < len(draft):
        span = draft.spans[at]
        comma = comma or bool(set(span.before) & set(",，、"))
        if draft.role(at) is Role.EXCEPTION and any(thing > at for thing in things):
            close()
            excepting = True
        elif (
            in_front
            and not current.empty
            and (draft.role(at) is Role.VERB or draft.has(at, "all", "everything", "both"))
        ):
            # "Except the floor lamp, all lights off": what is excepted ends before the rest.
            close()
            excepting = in_front = False
        if not draft.free(at):
            at += 1
            continue
        behind = any(thing > at for thing in things)
        if span.has("except_after") and (found.targets or not current.empty) and not excepting:
            # "キッチン以外の照明": what stands in front of the word is what is excepted.
            close()
            found.excepted, found.targets = [*found.excepted, *found.targets], []
            draft.take(at, Role.EXCEPTION)
        elif (
            span.has("except", "but")
            and (behind or _unknown_behind(draft, at))
            and not (
                span.has("in", "fillers", "negations", "but")
                and not ((things and things[0] < at) or _all_before(draft, at))
            )
        ):
            in_front = current.empty and not current.quantifier and not found.targets
            close()
            excepting = True
            draft.take(at, Role.EXCEPTION)
        elif excepting and span.has("except_after"):
            close()
            excepting = False
            draft.take(at, Role.EXCEPTION)
        elif span.has("and", "or") and not span.has(*_THINGS):
            if not current.empty and (behind or _unknown_behind(draft, at)):
                close()
            draft.take(at, Role.JOIN)
        elif at in numbers:
            if not current.empty and span.before.strip() == ",":
                close()
            _number(draft, at, current, found)
        elif _is_thing(draft, at, numbers):
            if not current.empty and comma:
                close()
            comma = False
            _thing(draft, at, current, places)
        elif _quantify(draft, at, current, behind=behind):
            pass
        elif span.has("only"):
            found.only = True
            draft.take(at, Role.QUANTIFIER, "only")
        elif span.has("here"):
            current.here = True
            draft.take(at, Role.PLACE, "here")
        elif (span.has("house") and not span.has("particles", "modes")) or (
            span.has("house") and not behind and not current.empty and span.has("in")
        ):
            current.everywhere = True
            draft.take(at, Role.PLACE, "home")
        elif span.has("pronouns") and not span.has("negations"):
            if (
                not behind
                and current.empty
                and (not span.has("articles") or _stands_alone(draft, at))
            ):
                current.pronoun = True
                draft.take(at, Role.PRONOUN)
            else:
                draft.take(at, Role.FILLER)
        elif span.has("places"):
            _place(draft, at, current)
        elif (not span.known and not draft.is_empty(at)) or _out_of_place(draft, at, things):
            _unknown(draft, at, current, found, things)
        at += 1
    close()
    _share(found)
    return found


def _is_thing(draft: Draft, at: int, numbers: Sequence[int]) -> bool:
    if not draft.free(at):
        return False
    span = draft.spans[at]
    if span.has("articles", "pronouns", "and", "in") and not span.has("name", "area", "floor"):
        return False
    return bool(span.parts) or span.has(*_THINGS) or at in numbers


def _out_of_place(draft: Draft, at: int, things: Sequence[int]) -> bool:
    """Whether a word that means something elsewhere stands where a name does: "the well pump"."""
    if at + 1 not in things or not draft.has(at - 1, "articles", "in", "all"):
        return False
    return not draft.has(
        at, "articles", "fillers", "in", "to", "by", "and", "one_unit", "be", "verbs", "weak"
    )


def _unknown_behind(draft: Draft, at: int) -> bool:
    return any(
        each > at and (not draft.spans[each].known or draft.has(each, "places", "pronouns"))
        for each in draft.all_free()
    )


def _all_before(draft: Draft, at: int) -> bool:
    return any(
        draft.role(each) is Role.QUANTIFIER or draft.has(each, "everything", "all")
        for each in range(at)
    )


def _stands_alone(draft: Draft, at: int) -> bool:
    """Whether an article is a pronoun here: nothing that it could belong to follows."""
    return not any(
        (each > at and draft.has(each, *_THINGS, "places", "colors")) or not draft.spans[each].known
        for each in draft.all_free()
        if each > at
    )


def _number(draft: Draft, at: int, current: Phrase, found: Phrases) -> None:
    """Take a number that belongs to a name: "room 12", "rooms 3 and 4"."""
    span = draft.spans[at]
    key = f"{span.number:g}"
    index = draft.index
    before = current.items or (found.targets[-1].items if found.targets else [])
    if before:
        last = before[-1]
        stem = last.keys[:-1] if last.keys[-1].isdigit() and not current.items else last.keys
        senses = index.named((*stem, key))
        if senses:
            areas = frozenset(s.meaning for s in senses if s.group == "area")
            names = frozenset(s.meaning for s in senses if s.group == "name")
            floors = frozenset(s.meaning for s in senses if s.group == "floor")
            item = Item(span.text, (*stem, key), (*stem, key), names, areas, floors)
            if current.items:
                current.items[-1] = item
            else:
                current.items.append(item)
            draft.take(at, Role.NAME, key)
            return
    if current.places:
        current.places[-1] = f"{current.places[-1]} {span.text}"
    elif current.items or not before:
        current.items.extend(item_of(span, index, as_number=True))
    else:
        # "Lamp 2 and 10": what the number counts stands with the one before.
        stem_item = before[-1]
        words = (*stem_item.keys[:-1], key)
        current.items.append(Item(span.text, words, words))
    draft.take(at, Role.NAME, key)


def _thing(draft: Draft, at: int, current: Phrase, places: list[tuple[Phrase, int]]) -> None:
    span = draft.spans[at]
    index = draft.index
    after = at + 1
    if (
        draft.free(after)
        and draft.spans[after].number is not None
        and not draft.has(after + 1, "units")
        and not span.parts
    ):
        # "Room twelve", where the words were not read as one name.
        keys = tuple(index.key(token.plain) for token in span.tokens)
        senses = index.named((*keys, f"{draft.spans[after].number:g}"))
        if senses:
            current.items.append(
                Item(
                    f"{span.text} {draft.spans[after].text}",
                    (*keys, f"{draft.spans[after].number:g}"),
                    tuple(token.plain for token in span.tokens),
                    frozenset(s.meaning for s in senses if s.group == "name"),
                    frozenset(s.meaning for s in senses if s.group == "area"),
                )
            )
            draft.take(at, Role.NAME, span.text)
            draft.take(after, Role.NAME)
            return
    items = item_of(span, index)
    current.items.extend(items)
    places.append((current, at))
    role = Role.KIND
    if span.has("name", "word"):
        role = Role.NAME
    elif span.has("area"):
        role = Role.AREA
    elif span.has("floor"):
        role = Role.FLOOR
    meaning = next(
        (s.meaning for s in span.senses if s.group in ("name", "area", "floor", "nouns")), ""
    )
    draft.take(at, role, meaning)


def _quantify(draft: Draft, at: int, current: Phrase, *, behind: bool) -> bool:
    span = draft.spans[at]
    if span.has("one") and not behind and not span.has("articles"):
        draft.take(at, Role.PRONOUN, "one")
        current.one = True
        current.pronoun = current.pronoun or not current.items
        return True
    for name in _QUANTIFIERS:
        if not span.has(name):
            continue
        if name == "any" and span.has("articles", "fillers"):
            continue
        if name == "everything" and span.has("all", "both") and behind:
            continue
        if name == "other" and not behind and current.empty:
            current.pronoun = True
        if current.quantifier in ("", "any") or name == "everything":
            current.quantifier = name
        draft.take(at, Role.QUANTIFIER, name)
        if name in ("all", "both") and not behind and current.empty:
            # "Turn them all off", "beide aus"
            current.pronoun = name == "both"
            if name == "all":
                current.quantifier = "everything"
        return True
    if span.has("one") and span.number is not None and not span.has("articles"):
        return False
    return False


def _place(draft: Draft, at: int, current: Phrase) -> None:
    """Take a word for a place that no area of this house has."""
    span = draft.spans[at]
    after = draft.spans[at + 1] if at + 1 < len(draft) and draft.free(at + 1) else None
    text = span.text
    if after is not None and after.number is not None and not draft.has(at + 2, "units"):
        text = f"{text} {after.text}"
        draft.take(at + 1, Role.PLACE, after.text)
    current.places.append(text)
    draft.take(at, Role.PLACE, text)


def _unknown(draft: Draft, at: int, current: Phrase, found: Phrases, things: Sequence[int]) -> None:
    """Take an unknown word: nearly a word of the house, another thing, or out of place."""
    span = draft.spans[at]
    word = span.tokens[0].plain
    near = draft.index.nearly(word)
    if near:
        key, likeness = near[0]
        senses = draft.index.named((key,))
        current.items.append(
            Item(
                span.text,
                (key,),
                (word,),
                frozenset(s.meaning for s in senses if s.group == "name"),
                frozenset(s.meaning for s in senses if s.group == "area"),
                frozenset(s.meaning for s in senses if s.group == "floor"),
                frozenset(draft.index.noun_keys.get(key, ())),
                "any",
                exact=False,
                likeness=likeness,
            )
        )
        found.fuzzy = True
        draft.take(at, Role.NAME, key)
        return
    before = at - 1
    led = draft.has(before, *_LINKING, "all", "other", "both", "weak") or draft.role(before) in (
        Role.VERB,
        Role.QUANTIFIER,
        Role.EXCEPTION,
        Role.QUESTION,
    )
    followed = any(thing == at + 1 for thing in things) or draft.has(at + 1, *_THINGS)
    if followed or led or (not things and not current.empty):
        current.unknown.append(span.text)
        draft.take(at, Role.UNKNOWN, used=False)
    else:
        found.stray.append(span.text)
        draft.take(at, Role.UNKNOWN, used=False)


def _share(found: Phrases) -> None:
    """Give phrases of a list what they leave out: "kitchen and hall lights", "the one in …"."""
    everyone = [*found.targets, *found.excepted]
    for group in (found.targets, found.excepted):
        for at, phrase in enumerate(group):
            if phrase.kinds or any(item.names and not item.areas for item in phrase.items):
                continue
            if not phrase.items and not (phrase.pronoun and len(everyone) > 1) and not phrase.here:
                continue
            others = [*group[at + 1 :], *reversed(group[:at])]
            if group is found.excepted:
                others += list(reversed(found.targets))
            lender = next((other for other in others if other.kinds), None)
            if lender is None:
                continue
            if (
                not phrase.only_places
                and phrase.items
                and not all(item.keys[-1].isdigit() for item in phrase.items if not item.is_place)
            ):
                continue
            noun = lender.kinds[-1]
            borrowed = replace(noun, names=frozenset(), areas=frozenset(), floors=frozenset())
            phrase.items.append(borrowed)
            phrase.pronoun = False
            if lender.quantifier and not phrase.quantifier and group is found.targets:
                phrase.quantifier = lender.quantifier
    if found.excepted:
        # "Everything but the lamp", "all lights but the one in the hall"
        for phrase in found.targets:
            if not phrase.items and not phrase.quantifier:
                phrase.quantifier = "everything"
