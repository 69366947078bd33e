"""What a noun phrase means: words looked up in inverted indexes, and intersected.

"The lamp in the kitchen", "kitchen lamp" and "Küchenlampe" are the same bag of words. Each word
stands for the entities that have it in their name, their place or their kind; what all words
have in common is meant, if enough of its name was said.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from ollama_addon.home.model import Entity
from ollama_addon.understanding.interpretation import Context
from ollama_addon.understanding.names import BLINDS, HouseIndex
from ollama_addon.understanding.nouns import (
    _MASS,
    Can,
    Item,
    Phrase,
    Resolution,
)

NOT_IN_GROUPS = frozenset({"scene", "script", "button", "input_button", "automation", "todo"})
"""Domains that are meant only when they are named."""


EVERYTHING = ("light", "fan", "media_player", "switch", "humidifier", "climate")
"""Domains that "everything" is about when something is turned off."""


def resolve(phrase: Phrase, index: HouseIndex, can: Can, context: Context) -> Resolution:
    """Return what a noun phrase means, among the entities to which the action can be done."""
    if phrase.unknown:
        return Resolution(missing_thing=phrase.unknown[0])
    if phrase.pronoun and phrase.places:
        return Resolution(missing_place=phrase.places[0])
    if phrase.pronoun and not phrase.items:
        return _pronoun(phrase, index, can, context)
    if phrase.quantifier == "everything" or (phrase.quantifier == "all" and phrase.only_places):
        return _everything(phrase, index, can)
    if phrase.places:
        return Resolution(missing_place=phrase.places[0])
    return _bag(phrase, index, can, context)


def _pronoun(phrase: Phrase, index: HouseIndex, can: Can, context: Context) -> Resolution:
    """Return what was spoken of before."""
    entities = index.house.entities
    before = tuple(
        entities[entity.id]
        for entity in context.previous_entities
        if entity.id in entities and can(entities[entity.id])
    )
    if phrase.quantifier == "other":
        return _others(index, can, context)
    return Resolution(before, full=bool(before), named=True, doubts=() if before else ("pronoun",))


def _others(index: HouseIndex, can: Can, context: Context) -> Resolution:
    """Return what is like the things that were spoken of before, and is none of them."""
    before = {entity.id for entity in context.previous_entities}
    kinds = {kind for id_ in before for kind in index.kinds.get(id_, ())}
    areas = {entity.area_id for entity in context.previous_entities}
    alike = [
        entity
        for entity in index.house.entities.values()
        if entity.id not in before and index.kinds[entity.id] & kinds and can(entity)
    ]
    # "The other one" of two that share a word of their name goes before all of the kind.
    shared = [
        entity
        for entity in alike
        if any(_common(index, entity, other) for other in context.previous_entities)
    ]
    here = [entity for entity in alike if entity.area_id in areas]
    for found in (shared, here, alike):
        if len(found) == 1:
            return Resolution(tuple(found), full=True, named=True)
    some = shared or here or alike
    return Resolution(same_name=tuple(some)) if some else Resolution(doubts=("pronoun",))


def _common(index: HouseIndex, one: Entity, other: Entity) -> bool:
    """Tell whether two things share a word of their names besides what they are."""
    nouns = index.noun_keys
    sets = [
        {key for name in index.names.get(each.id, ()) for key in name.keys if key not in nouns}
        for each in (one, other)
    ]
    return one.area_id == other.area_id and bool(sets[0] & sets[1])


def _everything(phrase: Phrase, index: HouseIndex, can: Can) -> Resolution:
    """Return all that can be turned off in a place or in the whole home."""
    if phrase.places:
        return Resolution(missing_place=phrase.places[0])
    members = [
        entity
        for entity in index.house.entities.values()
        if entity.domain in EVERYTHING and can(entity)
    ]
    for item in phrase.items:
        if item.is_place:
            inside = _inside(item, index)
            members = [entity for entity in members if entity.id in inside]
    return Resolution(
        tuple(members), full=False, whole_home=True, doubts=("everything",), score=0.9
    )


def _inside(item: Item, index: HouseIndex) -> set[str]:
    found: set[str] = set()
    for area in item.areas:
        found |= index.by_area[area]
    for floor in item.floors:
        found |= index.by_floor[floor]
    return found


def _bag(phrase: Phrase, index: HouseIndex, can: Can, context: Context) -> Resolution:
    """Return what all words have in common."""
    items = phrase.items
    if not items:
        if phrase.here and context.area_id:
            return Resolution(doubts=("no_kind",))
        return Resolution(doubts=("no_target",))
    candidates = _common_to_all(items, index)
    if phrase.one and context.previous_entities and not phrase.kinds:
        spoken = {k for e in context.previous_entities for k in index.kinds.get(e.id, ())}
        candidates = {id_ for id_ in candidates if index.kinds[id_] & spoken}
    if not candidates:
        return _missing(items, index)
    entities = index.house.entities
    able = [entities[id_] for id_ in sorted(candidates) if can(entities[id_])]
    if not able:
        return Resolution(
            tuple(entities[id_] for id_ in sorted(candidates)), doubts=("no_effect",), score=0.3
        )
    if (exact := _whole_name(phrase, able, index, context)) is not None:
        return exact
    if (kind := _of_kind(phrase, able, index, context)) is not None:
        return kind
    return _by_words(items, able, index, context, phrase)


def _common_to_all(items: Sequence[Item], index: HouseIndex) -> set[str]:
    found: set[str] | None = None
    for item in sorted(items, key=lambda each: bool(each.kinds)):
        mine = _standing_for(item, index)
        found = mine if found is None else found & mine
        if not found:
            return set()
    return found or set()


def _standing_for(item: Item, index: HouseIndex) -> set[str]:
    """Return the entities that an item can be said of: by name, by place or by kind."""
    found = set(item.names)
    found |= _inside(item, index)
    for kind in item.kinds:
        found |= index.by_kind.get(kind, set())
    with_words: set[str] | None = None
    for key in item.keys:
        having = index.by_key.get(key, set())
        with_words = having if with_words is None else with_words & having
    found |= with_words or set()
    if not found and item.kinds & {f"cover.{each}" for each in BLINDS}:
        found |= index.by_kind.get("cover", set())
    if not found and "media_player" in item.kinds:
        found |= index.by_kind.get("media_player.tv", set())
    return found


def _missing(items: Sequence[Item], index: HouseIndex) -> Resolution:
    """Say what of a phrase is not there: an item that nothing has, or the combination."""
    for item in items:
        if not _standing_for(item, index):
            return Resolution(missing_thing=item.text)
    text = " ".join(item.text for item in items if not item.is_place) or items[0].text
    return Resolution(missing_thing=text, doubts=("not_there",))


def _whole_name(
    phrase: Phrase, able: Sequence[Entity], index: HouseIndex, context: Context
) -> Resolution | None:
    """Return what a whole name in the phrase names, if its other words fit that as well."""
    ids = {entity.id: entity for entity in able}
    best: list[Entity] = []
    longest = 0
    for item in phrase.items:
        there = [ids[id_] for id_ in sorted(item.names) if id_ in ids]
        if there and len(item.keys) > longest:
            best, longest = there, len(item.keys)
            said = item
    if not best:
        return None
    if said.kinds and _means_kind(phrase, said, best, index):
        return None
    if (
        any(item.kinds and item is not said for item in phrase.items)
        and longest == 1
        and (said.areas or said.floors)
    ):
        return None  # "Dining room" is a lamp and a room; "dining room lights" are in the room
    if phrase.quantifier in ("all", "both") or (said.plural and len(best) > 1):
        return Resolution(tuple(best), full=True, named=True)
    return _one_of(best, context, full=True)


def _means_kind(phrase: Phrase, said: Item, best: Sequence[Entity], index: HouseIndex) -> bool:
    """Tell whether a word that is a name as well is said as a kind: "all lights"."""
    if phrase.quantifier in ("all", "any", "both"):
        return True
    if len(best) > 1 and said.plural:
        return True
    if said.plural:
        # "Lights" is a name only where it is written so, and where no other thing is of the kind.
        exactly = any(name.words == said.words for e in best for name in index.names[e.id])
        return not exactly or len(said.keys) == 1
    return False


def _one_of(found: Sequence[Entity], context: Context, *, full: bool) -> Resolution:
    """Return the one thing that is meant among some of one name: that of the speaker's area."""
    if len(found) == 1:
        return Resolution(tuple(found), full=full, named=True)
    here = [e for e in found if context.area_id is not None and e.area_id == context.area_id]
    if len(here) == 1:
        return Resolution(tuple(here), full=full, named=True)
    return Resolution(same_name=tuple(here or found), named=True)


def _of_kind(
    phrase: Phrase, able: Sequence[Entity], index: HouseIndex, context: Context
) -> Resolution | None:
    """Return what a kind, with or without its place, means; None when more than that is said."""
    nouns = phrase.kinds
    if not nouns or any(not item.kinds and not item.is_place for item in phrase.items):
        return None
    placed = any(item.areas or item.floors for item in phrase.items if item.is_place or item.areas)
    noun = nouns[-1]
    members = [e for e in able if e.domain not in NOT_IN_GROUPS and noun.kinds & index.kinds[e.id]]
    doubts: tuple[str, ...] = ()
    if not members:
        members = [e for e in able if e.domain not in NOT_IN_GROUPS]
        doubts = ("kind",)
        if not members:
            return None
    mass = noun.number == "mass" and any(kind.partition(".")[0] in _MASS for kind in noun.kinds)
    several = noun.plural or phrase.quantifier in ("all", "both", "any")
    if noun.number == "any":
        mass = mass or any(kind.partition(".")[0] == "light" for kind in noun.kinds)
    if phrase.quantifier == "both" and len(members) != 2 and not placed and context.area_id:
        here = [e for e in members if e.area_id == context.area_id]
        members = here if len(here) == 2 else members
    if phrase.quantifier == "both" and len(members) != 2:
        doubts = (*doubts, "both")
    if phrase.quantifier == "other":
        before = {entity.id for entity in context.previous_entities}
        members = [e for e in members if e.id not in before]
        several = several or len(members) > 1
        placed = placed or bool(before)
    if placed or phrase.everywhere or phrase.quantifier == "all":
        if len(members) == 1 or several or mass:
            return Resolution(tuple(members), full=True, doubts=doubts)
        return _nearest_name(members, phrase, index, context)
    if phrase.here and context.area_id is None:
        doubts = (*doubts, "here")
    here = [e for e in members if context.area_id is not None and e.area_id == context.area_id]
    if len(members) == 1:
        return Resolution(tuple(members), full=not doubts, doubts=doubts)
    if here:
        if len(here) == 1 or several or (mass and noun.kinds & {"light"}):
            return Resolution(tuple(here), full=True, doubts=doubts)
        return Resolution(same_name=tuple(here))
    if phrase.here:
        return Resolution(missing_thing=noun.text)
    if phrase.quantifier == "both" and len(members) == 2:
        return Resolution(tuple(members), full=True)
    if several:
        return Resolution(
            tuple(members), full=False, whole_home=True, doubts=(*doubts, "whole_home"), score=0.8
        )
    return Resolution(same_name=tuple(members))


def _nearest_name(
    members: Sequence[Entity], phrase: Phrase, index: HouseIndex, context: Context
) -> Resolution:
    """Return the one of some in a place whose name says no more than the phrase, or all to ask."""
    said = {key for item in phrase.items for key in item.keys}
    plainly = [e for e in members if any(set(n.keys) <= said for n in index.names[e.id])]
    if len(plainly) == 1:
        return Resolution(tuple(plainly), full=True, named=True)
    return Resolution(same_name=tuple(members))


def _by_words(
    items: Sequence[Item],
    able: Sequence[Entity],
    index: HouseIndex,
    context: Context,
    phrase: Phrase,
) -> Resolution:
    """Return what has the most of its name said, and whether that is enough."""
    said = {key for item in items for key in item.keys}
    if phrase.one:
        # "The right one" leaves out what it shares with what was spoken of.
        said |= {
            key
            for entity in context.previous_entities
            for name in index.names.get(entity.id, ())
            for key in name.keys
        }
    scored = sorted(
        ((_share(entity, said, index), entity) for entity in able), key=lambda pair: -pair[0][0]
    )
    best = scored[0][0][0]
    top = [entity for (share, _), entity in scored if share > best - 1e-6]
    full = all(whole for (share, whole), _ in scored if share > best - 1e-6)
    exact = all(item.exact for item in items)
    doubts = () if full else ("partial_name",)
    if any(item.is_place for item in items) and len(items) == 1:
        # Only a place: "the kitchen" alone names nothing in it.
        return Resolution(tuple(able), doubts=("no_kind",), score=0.4)
    several = phrase.quantifier in ("all", "both") or any(item.plural for item in items)
    if len(top) > 1 and several and (phrase.quantifier != "both" or len(top) == 2):
        return Resolution(tuple(top), full=full and exact, doubts=doubts, score=best)
    if len(top) > 1:
        one = _one_of(top, context, full=full)
        if one.entities:
            return replace(one, doubts=doubts, score=best)
        return Resolution(same_name=one.same_name, score=best, doubts=doubts)
    return Resolution(
        (top[0],), full=full and exact, named=True, doubts=doubts, score=min(1.0, best)
    )


def _share(entity: Entity, said: Collection[str], index: HouseIndex) -> tuple[float, bool]:
    """Return how much of an entity's best name was said, and whether all that tells it apart.

    What a thing is and where it is need not be said with its name: "the porch" is the porch
    light, if the light is in no other way called so.
    """
    house = index.house
    area = house.area_of(entity)
    optional = set(index.place_keys.get(f"area:{area.id}", ())) if area else set()
    optional |= {
        key
        for key, kinds in index.noun_keys.items()
        if not index.kinds[entity.id].isdisjoint(kinds)
    }
    best, whole = 0.0, False
    for name in index.names[entity.id]:
        keys = set(name.keys)
        for word in name.words:
            for part in index.parts(word):
                if index.key(part) in said:
                    keys.discard(index.key(word))
                    keys.add(index.key(part))
        share = len(keys & set(said)) / len(keys)
        needed = keys - optional
        complete = bool(needed) and needed <= set(said)
        score = share + (0.5 if complete else 0.0)
        if score > best:
            best, whole = score, complete
    return min(best, 1.0) if not whole else max(best, 1.0), whole
