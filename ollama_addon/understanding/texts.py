"""Texts within a sentence: items of lists, what is to be played, what is to be announced.

A text is an exact part of the sentence. What is around it has to be explained like everything
else: the verb in front, the list behind (or the other way round), and nothing more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ollama_addon.home.model import Entity
from ollama_addon.understanding.chart import Span
from ollama_addon.understanding.draft import Draft
from ollama_addon.understanding.interpretation import Role

_LISTED = ("add", "remove", "complete")
_EDGES = ("articles", "fillers", "requests", "openers", "and")
_TODO = "todo"


@dataclass(slots=True)
class Text:
    """A text that was found in a clause, and what is to be done with it."""

    action: str
    items: tuple[str, ...]
    entities: tuple[Entity, ...] = ()
    """The lists it may be for."""
    same_name: bool = False
    """Whether the sentence does not decide between the lists."""
    doubts: list[str] = field(default_factory=list)


def read_list(draft: Draft, *, asks: bool) -> Text | None:
    """Take what is to be written on, or taken off, a list; None when it is about none."""
    place = _list_place(draft)
    if place is None:
        return None
    start, end, entities = place
    if asks and not draft.has(0, "requests"):
        return None
    verbs = [
        at
        for at in range(len(draft))
        if not start <= at < end
        and set(_LISTED) & set(draft.spans[at].meanings("verbs"))
        and not draft.has(at, "name")
    ]
    gap = _gap(draft, start, end)
    action = _action(draft, verbs, gap, start, end)
    if action is None:
        return None
    before = start
    while before > 0 and draft.has(before - 1, "articles", "list_prepositions", "in", "to"):
        before -= 1
    text, doubts = _rest(draft, before, end, verbs, gap)
    if not text or (not verbs and not gap[0] and _says_more(draft, text)):
        return None
    for at in range(before, end):
        draft.take(
            at, Role.NAME if at >= start else Role.PREPOSITION, entities[0].id if entities else ""
        )
    for at in (*verbs[:1], *gap[0]):
        if not draft.has(at, "negations"):
            draft.take(at, Role.VERB, action)
    for at in text:
        draft.take(at, Role.TEXT)
    items = _items(draft, text)
    if any(
        draft.has(at, "no", "never_mind", "negations") and draft.spans[at].before for at in text
    ):
        doubts.append("place_or_text")  # "…, no, don't" is no item
    if text[0] >= end and any(draft.has(at, "list_prepositions", "in") for at in text[1:]):
        doubts.append("place_or_text")
    return Text(action, items, entities, len(entities) > 1, doubts)


def _list_place(draft: Draft) -> tuple[int, int, tuple[Entity, ...]] | None:
    """Return where a list is named, and which lists that may be."""
    house = draft.index.house
    lists = [e for e in house.entities.values() if e.domain == _TODO]
    best: tuple[int, int, tuple[Entity, ...]] | None = None
    for at in range(len(draft)):
        span = draft.spans[at]
        named = [id_ for id_ in span.meanings("name") if id_.startswith("todo.")]
        if named:
            return at, at + 1, tuple(house.entities[id_] for id_ in named)
    for at in range(len(draft)):
        span = draft.spans[at]
        noun = any(meaning.startswith("todo:") for meaning in span.meanings("nouns"))
        if not noun and not span.parts:
            continue
        keys = [draft.index.key(part) for part in span.parts] or [
            draft.index.key(span.tokens[-1].plain)
        ]
        if span.parts and not any("todo" in draft.index.noun_keys.get(key, ()) for key in keys):
            continue
        start = at
        # "The grocery list": words of a list's name before the noun.
        while (
            start > 0
            and draft.has(start - 1, "word", "nouns", "area")
            and not draft.has(start - 1, "articles")
        ):
            start -= 1
        said = {
            draft.index.key(token.plain)
            for each in range(start, at + 1)
            for token in draft.spans[each].tokens
        } | set(keys)
        said = {key for key in said if "todo" not in draft.index.noun_keys.get(key, ())}
        fitting = [
            entity
            for entity in lists
            if not said
            or any(
                said <= _keys(draft, entity, name.words) for name in draft.index.names[entity.id]
            )
        ]
        if fitting:
            best = start, at + 1, tuple(fitting)
        elif lists and best is None:
            best = at, at + 1, tuple(lists)
    return best


def _keys(draft: Draft, entity: Entity, words: Sequence[str]) -> set[str]:
    index = draft.index
    found = {index.key(word) for word in words}
    for word in words:
        found |= {index.key(part) for part in index.parts(word)}
    return found


def _gap(draft: Draft, start: int, end: int) -> tuple[list[int], str]:
    """Return the two parts of a verb such as "tick … off", and what it means."""
    for (head, tail), action in draft.index.lexicon.gaps.items():
        if action not in _LISTED or not tail:
            continue
        heads = [
            at
            for at in range(len(draft))
            if draft.spans[at].tokens[0].plain == head[0]
            and len(draft.spans[at].tokens) <= len(head)
        ]
        tails = [
            at
            for at in range(len(draft))
            if not start <= at < end
            and tuple(token.plain for token in draft.spans[at].tokens) == tail
        ]
        if (
            heads
            and tails
            and tails[-1] > heads[0]
            and (tails[-1] == len(draft) - 1 or tails[-1] + 1 >= start - 1)
        ):
            return [heads[0], tails[-1]], action
    return [], ""


def _action(
    draft: Draft, verbs: Sequence[int], gap: tuple[list[int], str], start: int, end: int
) -> str | None:
    if gap[1]:
        return gap[1]
    for at in verbs:
        return next(m for m in draft.spans[at].meanings("verbs") if m in _LISTED)
    led = all(draft.has(at, *_EDGES, "list_prepositions", "in", "to") for at in range(start))
    put_off = any(
        sense.group in ("later.vague", "later.when", "later.tomorrow", "later.delay")
        for at in range(start)
        for sense in draft.spans[at].senses
        if not draft.has(at, "in", "to", "list_prepositions")
    )
    if led and not put_off and end < len(draft) and set(":：") & set(draft.spans[end].before):
        return "add"  # "Shopping list: milk, eggs and bread"
    if put_off or any(draft.has(at, "questions") for at in range(min(2, len(draft)))):
        return None
    # "Milk on the shopping list" and "we need milk on the shopping list".
    before = start - 1
    while before > 0 and draft.has(before, "articles"):
        before -= 1
    wished = any(draft.has(at, "wishes", "weak") for at in range(start))
    prepositional = draft.has(before, "list_prepositions")
    if before <= 1 and prepositional and start + 1 < len(draft):
        # "On the shopping list: tomatoes and rice".
        return "add" if any(set(":,，、") & set(span.before) for span in draft.spans) else None
    ends = start + 1 >= len(draft) - 1
    return "add" if prepositional and before > 0 and (wished or ends) else None


def _rest(
    draft: Draft, before: int, end: int, verbs: Sequence[int], gap: tuple[list[int], str]
) -> tuple[list[int], list[str]]:
    """Return the spans of the text, which is what is left between verb and list."""
    taken = {*range(before, end), *verbs[:1], *gap[0]}
    left = [at for at in range(len(draft)) if at not in taken and draft.free(at)]
    doubts: list[str] = []
    inside = [at for at in left if at < before]
    behind = [at for at in left if at >= end]
    first_verb = min((*verbs[:1], *gap[0]), default=-1)
    text = [at for at in inside if at > first_verb] if first_verb < before else inside
    text, behind = _by_markers(draft, text), _by_markers(draft, behind)
    while text and draft.has(text[0], "negations") and not draft.has(text[0], "nouns"):
        text = text[1:]
    text = _trimmed(draft, text)
    if text:
        return text, doubts
    # "Put on the shopping list: milk", "auf die Einkaufsliste Milch setzen".
    return _trimmed(draft, behind), doubts


def _by_markers(draft: Draft, places: list[int]) -> list[int]:
    """Return what a language marks as the object: behind 把, in front of を."""
    begins = [at for at in places if draft.has(at, "before_object")]
    if begins:
        draft.take(begins[-1], Role.FILLER)
        places = [at for at in places if at > begins[-1]]
    ends = [at for at in places if draft.has(at, "after_object")]
    if ends:
        draft.take(ends[-1], Role.FILLER)
        places = [at for at in places if at < ends[-1]]
    return places


def _trimmed(draft: Draft, places: list[int]) -> list[int]:
    """Return places without what frames a text: fillers, and an article in front."""
    while (
        places
        and draft.has(places[0], *_EDGES, "to", "wishes", "requests", "weak")
        and not draft.has(places[0], "nouns", "name", "word")
        and not (draft.spans[places[0]].number is not None and not draft.has(places[0], "articles"))
    ):
        draft.take(places.pop(0), Role.FILLER)
    while (
        places
        and draft.has(places[-1], "fillers", "requests", "list_prepositions", "to", "then")
        and not draft.has(places[-1], "nouns", "name", "word")
    ):
        draft.take(places.pop(), Role.FILLER)
    # What stands apart is not a part of it.
    for number, at in enumerate(places):
        if number and at != places[number - 1] + 1:
            return places[:number]
    return places


def _says_more(draft: Draft, text: Sequence[int]) -> bool:
    """Whether what stands where a text would is a sentence of its own: "tomorrow we need …"."""
    return any(
        draft.has(
            at, "negations", "questions", "subjects", "auxiliaries", "wishes", "verbs", "weak"
        )
        or any(sense.group.startswith("later.") for sense in draft.spans[at].senses)
        for at in text
    )


def _items(draft: Draft, places: Sequence[int]) -> tuple[str, ...]:
    """Return the items of a text: cut at commas and at "and"."""
    found: list[list[int]] = [[]]
    pairs = {tuple(phrase.split()) for phrase in draft.index.lexicon.listed("pairs")}
    for number, at in enumerate(places):
        span = draft.spans[at]
        comma = bool(found[-1]) and bool(set(span.before) & set(",，、;"))
        if comma:
            found.append([])
        if span.has("and") and span.number is None and 0 < number < len(places) - 1:
            around = tuple(
                token.plain
                for each in (number - 1, number, number + 1)
                for token in draft.spans[places[each]].tokens
            )
            if around not in pairs:
                if found[-1]:
                    found.append([])
                continue
        found[-1].append(at)
    joint = "" if draft.index.lexicon.script == "characters" else " "
    texts = []
    for places_ in found:
        while (
            len(places_) > 1
            and draft.has(places_[0], "articles")
            and draft.spans[places_[0]].number is None
        ):
            places_ = places_[1:]
        if places_:
            texts.append(_joined([draft.spans[at] for at in places_], joint))
    return tuple(texts)


def _joined(spans: Sequence[Span], joint: str) -> str:
    text = ""
    end = -1
    for span in spans:
        for token in span.tokens:
            if text and token.start > end:
                text += joint
            text += token.text
            end = token.end
    return text


def read_message(draft: Draft) -> Text | None:
    """Take what is to be announced in the whole home."""
    first = draft.first()
    span = draft.spans[first] if first < len(draft) else None
    places: list[int]
    if span is not None and "announce" in span.meanings("verbs"):
        places = list(range(first + 1, len(draft)))
        verb = [first]
    else:
        return None
    while (
        places
        and draft.has(places[0], "articles", "fillers", "later.when", "subjects")
        and (
            draft.spans[places[0]].text.lower() in draft.index.lexicon.listed("articles")
            or draft.has(places[0], "fillers")
        )
    ):
        draft.take(places.pop(0), Role.FILLER)
    if not places:
        return None
    for at in verb:
        draft.take(at, Role.VERB, "announce")
    for at in places:
        draft.take(at, Role.TEXT)
    joint = "" if draft.index.lexicon.script == "characters" else " "
    return Text("announce", (_joined([draft.spans[at] for at in places], joint),))


def read_search(draft: Draft, players: Sequence[Entity], *, weak: bool) -> Text | None:
    """Take what is to be played: "play jazz on the kitchen speaker"; None when nothing is named.

    `players` are the media players that can be meant, as far as they are named. `weak` tells
    that the verb means many things ("put on", "mets", "pon"): then the player has to be named.
    """
    first = draft.first()
    if not draft.has(first, "verbs") or "play" not in draft.spans[first].meanings("verbs"):
        return None
    names = {entity.id for entity in players}
    end = first + 1
    text: list[int] = []
    while end < len(draft):
        span = draft.spans[end]
        if span.has("in", "to", "list_prepositions") and _place_follows(draft, end, names):
            break
        if not draft.free(end):
            break
        text.append(end)
        end += 1
    text = _trimmed(draft, text)
    if text and all(draft.has(at, "options") for at in text):
        return None  # an input of the player
    if weak and (
        end >= len(draft)
        or any(draft.has(at, "name", "area", "nouns", "word", "colors", "levels") for at in text)
        or any(draft.spans[at].number is not None for at in text)
    ):
        return None
    if not text or all(
        draft.has(
            at,
            "nouns",
            "attributes",
            "pronouns",
            "articles",
            "fillers",
            "name",
            "all",
            "more_of_it",
            "area",
            "amounts",
        )
        for at in text
    ):
        return None
    for at in text:
        draft.take(at, Role.TEXT)
    joint = "" if draft.index.lexicon.script == "characters" else " "
    found = Text("play", (_joined([draft.spans[at] for at in text], joint),))
    if any(draft.has(at, "list_prepositions") for at in text[1:]):
        # A title, or a place that this home does not have: "… on the jacuzzi".
        found.doubts.append("place_or_text")
    return found


def _place_follows(draft: Draft, at: int, players: set[str]) -> bool:
    """Whether behind a preposition stands a place, or something that plays."""
    after = at + 1
    while after < len(draft) and draft.has(after, "articles"):
        after += 1
    if not draft.has(after, "name", "area", "floor", "nouns", "places", "here", "house"):
        return False
    return (
        draft.has(after, "area", "floor", "places", "here", "house")
        or bool(players & set(draft.spans[after].meanings("name")))
        or any(m.startswith("media_player") for m in draft.spans[after].meanings("nouns"))
    )
