"""Which entities, areas and groups a sentence may mean.

An `Index` is made once for a house and a language; a look-up touches only the names that
share a word with the sentence, so that it stays quick in a large house.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import nsmallest
from itertools import pairwise

from rapidfuzz import fuzz, process

from ollama_addon.home.model import Entity, House
from ollama_addon.understanding.vocabulary import (
    HINTS,
    Group,
    Target,
    Value,
    Verb,
    value_of,
    verbs_for,
    verbs_for_group,
)
from ollama_addon.understanding.words import Words, tokens

LIMIT = 12
"""Targets that a shortlist holds at most."""

_SIMILAR = 82.0
_INFLECTED = 87.0
_PART = 0.75
"""How much a word counts that is only a part of a compound, as in "Küchenlicht"."""
_HARDLY = 0.33
"""Names of which less was said are not meant."""
_RANKED = 24
"""Candidates that are looked at; what is further down is never meant."""
_RECENT = 16
_PLACES = 60
"""Areas that a model may ask to see at most."""
_COMMON = 150
"""Names that share a word, above which it says little by itself."""
_FAINT = 0.2
"""Names of which less was said are not meant, unless their place was named."""
_NEAR = 24
"""Entities looked at in a place that was named."""

_OTHER = frozenset("other others andere anderen anderes autre autres otra otro andere".split())

_IMPLYING = 3.0
_IMPLIED = {
    "HassLightSet": "light",
    "HassClimateSetTemperature": "climate",
    "HassClimateGetTemperature": "climate",
    "HassClimateSetFanMode": "climate",
    "HassFanSetSpeed": "fan",
    "HassHumidifierSetpoint": "humidifier",
    "HassHumidifierMode": "humidifier",
    "HassMediaPause": "media_player",
    "HassMediaUnpause": "media_player",
    "HassMediaNext": "media_player",
    "HassMediaPrevious": "media_player",
    "HassMediaPlayerMute": "media_player",
    "HassMediaPlayerUnmute": "media_player",
    "HassMediaSearchAndPlay": "media_player",
    "HassSetVolume": "media_player",
    "HassSetVolumeRelative": "media_player",
    "HassVacuumStart": "vacuum",
    "HassVacuumReturnToBase": "vacuum",
    "HassVacuumCleanArea": "vacuum",
    "HassLawnMowerStartMowing": "lawn_mower",
    "HassLawnMowerDock": "lawn_mower",
    "HassGetWeather": "weather",
}
"""Intents that are about one domain, whatever is named."""

_NAMED_ONLY = {"scene", "script", "button", "input_button", "automation", "sensor", "binary_sensor"}
"""Domains whose entities are meant only when they are named."""

_OPENINGS = {"door", "garage", "gate", "window"}
"""Classes of covers that nobody takes for a blind."""

_PLURALS = {"media_player": "media players", "switch": "switches", "climate": "thermostats"}


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that a sentence may mean, and how well the words fit (1 = fully)."""

    target: Target
    label: str
    score: float


@dataclass(frozen=True, slots=True)
class _Phrase:
    words: tuple[str, ...]
    id: str


class _Lexicon:
    """Names that can be found by words which are nearly theirs."""

    def __init__(self, names: Iterable[tuple[str, str]]) -> None:
        self.phrases = [
            _Phrase(words, key) for key, name in names if (words := tuple(tokens(name)))
        ]
        counts = Counter(word for phrase in self.phrases for word in set(phrase.words))
        total = max(len(self.phrases), 1)
        self.weights = {
            word: 0.15 + math.log((total + 1) / count) / math.log(total + 1)
            for word, count in counts.items()
        }
        self.words = list(counts)
        self._whole = [
            sum(self.weights[word] for word in set(phrase.words)) for phrase in self.phrases
        ]
        self._where: dict[str, list[int]] = defaultdict(list)
        for index, phrase in enumerate(self.phrases):
            for word in set(phrase.words):
                self._where[word].append(index)
        self._where_set = {
            word: frozenset(where) for word, where in self._where.items() if len(where) > _COMMON
        }
        self._of: dict[str, list[int]] = defaultdict(list)
        for index, phrase in enumerate(self.phrases):
            self._of[phrase.id].append(index)
        self._parts: dict[str, list[str]] = defaultdict(list)
        for word in self.words:
            if len(word) >= 7:
                for cut in range(4, len(word) - 2):
                    self._parts[word[:cut]].append(word)
                    self._parts[word[-cut:]].append(word)

    def __contains__(self, word: str) -> bool:
        return word in self._where

    def similar(self, said: Sequence[str]) -> dict[str, dict[str, float]]:
        """Return for each said word the words of names that it may be, with likeness 0 to 1."""
        found: dict[str, dict[str, float]] = {}
        for word in set(said):
            likeness: dict[str, float] = {}
            if word in self._where:
                likeness[word] = 1.0
            if len(word) >= 4 and self.words:
                # A word that is a name is seldom another name misheard: "bar" is not "barn".
                cutoff = _INFLECTED if likeness else _SIMILAR
                for other, ratio, _ in process.extract(
                    word, self.words, scorer=fuzz.ratio, score_cutoff=cutoff, limit=6
                ):
                    likeness.setdefault(other, ratio / 100)
            if len(word) >= 7:
                for cut in range(4, len(word) - 2):
                    for part in (word[:cut], word[-cut:]):
                        if part in self._where:
                            likeness.setdefault(part, _PART)
            if len(word) >= 4:
                for other in self._parts.get(word, ())[:8]:
                    likeness.setdefault(other, _PART)
            if likeness:
                found[word] = likeness
        return found

    def find(
        self, said: Sequence[str], near: Iterable[str] = ()
    ) -> dict[str, tuple[float, frozenset[str]]]:
        """Return by key how much of a name was said (0 to 1), and which said words that were.

        `near` are the keys that words which very many names share may point to all the same.
        """
        best: dict[str, tuple[float, str]] = {}
        for spoken, likenesses in self.similar(said).items():
            for word, likeness in likenesses.items():
                if word not in best or best[word][0] < likeness:
                    best[word] = (likeness, spoken)
        parts: dict[int, float] = defaultdict(float)
        spokens: dict[int, int] = {}
        for key in near:
            for index in self._of[key]:
                parts[index] = 0.0
        told = sorted(best.items(), key=lambda it: len(self._where[it[0]]))
        for number, (word, (likeness, _)) in enumerate(told):
            part = self.weights[word] * likeness
            where: Iterable[int] = self._where[word]
            if len(self._where[word]) > _COMMON and parts:
                # What half of a large house is called tells only among what else was said.
                where = self._where_set[word].intersection(parts)
            for index in where:
                parts[index] += part
                spokens[index] = spokens.get(index, 0) | 1 << number
        # Many names have the same words of the sentence in them.
        words = {
            bits: frozenset(s for n, (_, (_, s)) in enumerate(told) if bits >> n & 1)
            for bits in set(spokens.values())
        }
        results: dict[str, tuple[float, frozenset[str]]] = {}
        for index, bits in spokens.items():
            key = self.phrases[index].id
            share = parts[index] / self._whole[index]
            if key not in results or share > results[key][0]:
                results[key] = (share, words[bits])
        return results


@dataclass(frozen=True, slots=True)
class Shortlist:
    """What a sentence may mean."""

    candidates: tuple[Candidate, ...]
    areas: tuple[str, ...]
    floors: tuple[str, ...]
    named: frozenset[str]
    """Said words that belong to names of entities, areas or floors."""
    unexplained: frozenset[str]
    """Said words that are neither part of a name nor of what people say to a house."""

    @property
    def best(self) -> float:
        """The score of the best candidate, 0 when there is none."""
        return self.candidates[0].score if self.candidates else 0.0


@dataclass(frozen=True, slots=True)
class _Words:
    """The words of a sentence that are a part of a name, and what they leave over."""

    words: frozenset[str]
    elsewhere: bool
    """Whether a place was named besides."""
    odd: int
    """How many other words of the sentence nothing explains."""


class Index:
    """A house, ready to be looked up by what people say in one language.

    `translations` are Home Assistant's own names of states and kinds, as far as they are known:
    they tell that a "Fenster" is a sensor of the device class `window`.
    """

    def __init__(
        self, house: House, words: Words, translations: Mapping[str, str] | None = None
    ) -> None:
        self.house = house
        self.words = words
        self.labels = _labels(house)
        self._entities = _Lexicon(
            (entity.id, name)
            for entity in house.entities.values()
            for name in (entity.name, *entity.aliases)
        )
        self._areas = _Lexicon(
            (area.id, name) for area in house.areas.values() for name in (area.name, *area.aliases)
        )
        self._floors = _Lexicon(
            (floor.id, name)
            for floor in house.floors.values()
            for name in (floor.name, *floor.aliases)
        )
        self._members: dict[Group, list[Entity]] = {}
        self._possible: dict[Target, tuple[tuple[Verb, Value | None], ...]] = {}
        self._recent: dict[tuple[str, str | None, tuple[Target, ...]], Shortlist] = {}
        """The last look-ups: a turn asks for the same several times."""
        self._by_area: dict[str | None, list[Entity]] = defaultdict(list)
        self._domains: Counter[str] = Counter()
        self._only: dict[str, Entity] = {}
        self._classes = {(e.domain, e.device_class) for e in house.entities.values()}
        for entity in house.entities.values():
            self._by_area[entity.area_id].append(entity)
            self._domains[entity.domain] += 1
            self._only[entity.domain] = entity
        self._nouns = _Lexicon(
            [(domain, word) for word, domains in words.domains.items() for domain in domains]
            + [("cover:" + str(out), word) for word, out in words.device_classes.items()]
            + list(self._sensed(translations or {}))
        )

    def _sensed(self, translations: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """Yield what the binary sensors of this house sense, and what that is called."""
        for domain, device_class in self._classes:
            key = f"component.{domain}.entity_component.{device_class}.name"
            if domain == "binary_sensor" and (name := translations.get(key)):
                yield f"{domain}:{device_class}", name

    def look_up(
        self, text: str, *, area_id: str | None = None, previous: Sequence[Target] = ()
    ) -> Shortlist:
        """Return what a sentence may mean.

        `area_id` is where the speaker stands; `previous` are the targets of the turn before,
        for "it" and "them".
        """
        asked = (text, area_id, tuple(previous))
        if asked not in self._recent:
            if len(self._recent) >= _RECENT:
                self._recent.clear()
            self._recent[asked] = self._look_up(text, area_id, previous)
        return self._recent[asked]

    def _look_up(self, text: str, area_id: str | None, previous: Sequence[Target]) -> Shortlist:
        said = tokens(text)
        said += self._joined(said)
        areas = self._places(self._areas, said)
        floors = self._places(self._floors, said)
        place = frozenset(
            word for matched in (areas, floors) for _, spoken in matched.values() for word in spoken
        )
        standing = [entity.id for area in areas for entity in self._by_area[area]]
        names = self._entities.find(said, standing)
        nouns = self._said_nouns(said)
        noun_words = frozenset(word for words in nouns.values() for word in words)
        scores: dict[Target, float] = {}
        strange = self._strange(said)

        parts = {
            spoken: _Words(spoken, bool(place - spoken), len(strange - spoken - place))
            for spoken in {spoken for _, spoken in names.values()}
        }
        for entity_id, (share, spoken) in names.items():
            entity = self.house.entities[entity_id]
            within = self._is_in(entity, areas, floors)
            if share < _FAINT and not within:
                continue
            part = parts[spoken]
            score = self._entity_score(share, part, within=within, place=place)
            if entity.area_id and entity.area_id == area_id and not part.elsewhere:
                score += 0.1
            if score >= _HARDLY:
                scores[entity] = score
        named = (
            place
            | noun_words
            | frozenset(word for share, words in names.values() if share >= 0.5 for word in words)
        )
        odd = strange - named
        trust = 0.35 ** len(odd)
        every = self._every(said)
        if every:
            scores = {target: score - 0.2 for target, score in scores.items()}
        for group, score in self._groups(said, nouns, areas, floors, area_id):
            scores[group] = max(score * trust, scores.get(group, 0))
        self._add_places(scores, areas, floors, area_id, trust)
        strongest = max(scores.values(), default=0.0)
        if not _OTHER.isdisjoint(said):
            previous = self._others(previous)
        elif rivals := self._rivals(previous, scores, names):
            previous = rivals
        for target in previous:
            scores[target] = max(scores.get(target, 0), trust * (0.8 if strongest < 0.6 else 0.4))

        ranked = nsmallest(
            _RANKED, scores.items(), key=lambda item: (-item[1], self.label(item[0]))
        )
        return Shortlist(
            tuple(
                Candidate(target, self.label(target), round(score, 4)) for target, score in ranked
            ),
            tuple(areas),
            tuple(floors),
            named,
            odd,
        )

    @cached_property
    def places(self) -> tuple[str, ...]:
        """What a model may ask to be shown: areas by name, and domains."""
        areas = sorted({plain(area.name) for area in self.house.areas.values()} - {""})
        return tuple(dict.fromkeys([*areas[:_PLACES], *sorted(self._domains)]))

    def members(self, group: Group) -> list[Entity]:
        """Return the exposed entities that a group stands for."""
        if group not in self._members:
            self._members[group] = group.members(self.house)
        return self._members[group]

    def possible(self, target: Target) -> tuple[tuple[Verb, Value | None], ...]:
        """Return what can be done to a target, and the value that each takes, None for none."""
        if target not in self._possible:
            verbs = (
                verbs_for_group(target, self.members(target))
                if isinstance(target, Group)
                else verbs_for(target)
            )
            found = [(verb, value_of(verb, target, self.house)) for verb in verbs]
            self._possible[target] = tuple(
                (verb, value) for verb, value in found if verb.value is None or value is not None
            )
        return self._possible[target]

    def _others(self, previous: Sequence[Target]) -> Sequence[Target]:
        """Return what is like the targets of the turn before, and is not one of them."""
        kinds = {(t.domain, t.device_class, t.area_id) for t in previous if isinstance(t, Entity)}
        return [
            entity
            for entity in self.house.entities.values()
            if (entity.domain, entity.device_class, entity.area_id) in kinds
            and entity not in previous
        ] or previous

    def _rivals(
        self,
        previous: Sequence[Target],
        scores: dict[Target, float],
        names: dict[str, tuple[float, frozenset[str]]],
    ) -> Sequence[Target]:
        """Return what a few words tell from the targets before: "the right one"."""
        known = {word for target in previous for word in tokens(self.label(target))}
        domains = {target.domain for target in previous}
        return [
            target
            for target, score in scores.items()
            if isinstance(target, Entity)
            and target.domain in domains
            and target not in previous
            and score >= _HARDLY
            and names.get(target.id, (0.0, frozenset()))[1] - known
        ]

    def named(self, name: str) -> dict[str, float]:
        """Return how much of each entity's name a name is, by entity id, 0 to 1."""
        said = tokens(name)
        said += self._joined(said)
        return {entity_id: share for entity_id, (share, _) in self._entities.find(said).items()}

    def label(self, target: Target) -> str:
        """Return the unambiguous name of a target, as the model reads and writes it."""
        if isinstance(target, Entity):
            return self.labels[target.id]
        what = target.device_class or target.domain
        plural = _PLURALS.get(what, what.replace("_", " ") + "s")
        if target.area_id and target.area_id in self.house.areas:
            return f"all {plural} in {plain(self.house.areas[target.area_id].name)}"
        if target.floor_id and target.floor_id in self.house.floors:
            return f"all {plural} on {plain(self.house.floors[target.floor_id].name)}"
        return f"all {plural}"

    def _places(
        self, lexicon: _Lexicon, said: Sequence[str]
    ) -> dict[str, tuple[float, frozenset[str]]]:
        """Return the places that were said; "down" alone is not "downstairs"."""
        return {
            key: (share, spoken)
            for key, (share, spoken) in _best(lexicon.find(said)).items()
            if any(word in lexicon or not self.words.says(word) for word in spoken)
        }

    def _joined(self, said: Sequence[str]) -> list[str]:
        """Return names that were said, or written down, as two words: "bed room"."""
        pairs = ("".join(pair) for pair in pairwise(said))
        return [
            pair
            for pair in pairs
            if any(pair in lexicon for lexicon in (self._entities, self._areas, self._floors))
        ]

    def _entity_score(
        self, share: float, spoken: _Words, *, within: bool, place: frozenset[str]
    ) -> float:
        """Return how well a name fits of which this share was said; `within` is the place."""
        score = share
        if spoken.elsewhere and within:
            score = score + 0.15 if score >= 0.95 else score + (1.0 - score) / 2
        elif spoken.elsewhere:
            score *= 0.6
            if spoken.words <= place and share < 0.95:
                # "Ground floor" names the place, and no floor lamp elsewhere.
                score *= 0.5
        if share >= 0.95:
            return score
        # A part of a name that leaves words of the sentence unexplained was perhaps not meant.
        return score * (1.0 - 0.2 * min(spoken.odd, 3))

    def _is_in(self, entity: Entity, areas: Collection[str], floors: Collection[str]) -> bool:
        if entity.area_id in areas:
            return True
        area = self.house.area_of(entity) if floors else None
        return area is not None and area.floor_id in floors

    def _strange(self, said: Sequence[str]) -> frozenset[str]:
        """Return words that are not what people say to a house, names left aside."""
        return frozenset(
            word
            for word in said
            if word not in HINTS
            and not self.words.knows(word)
            and not word[0].isdigit()
            and word not in self.words.numbers
        )

    def _said_nouns(self, said: Sequence[str]) -> dict[tuple[str, str | None], frozenset[str]]:
        """Return the domains and device classes that were named, with the words."""
        found: dict[tuple[str, str | None], frozenset[str]] = {}
        for key, (share, spoken) in self._nouns.find(said).items():
            if share < 0.85:
                continue
            domain, _, device_class = key.partition(":")
            if (domain, device_class) not in self._classes:
                if device_class in _OPENINGS:
                    continue
                # Blinds, shutters and curtains are called by each other's names.
                device_class = ""
            found[domain, device_class or None] = spoken
        return found or self._implied(said)

    def _implied(self, said: Sequence[str]) -> dict[tuple[str, str | None], frozenset[str]]:
        """Return the domain that a sentence can only be about, though it names none.

        "make the bedroom pink" is about lights, "is it locked" about locks.
        """
        text = f" {' '.join(said)} "
        for domain, phrases in (
            ("lock", self.words.states["lock_states"]),
            ("light", self.words.colors),
        ):
            if self._domains[domain] and any(f" {phrase} " in text for phrase in phrases):
                return {(domain, None): frozenset()}
        weights = self.words.weigh(said)
        if not weights:
            return {}
        kind = max(weights, key=lambda each: weights[each])
        implied = _IMPLIED.get(kind.intent, "")
        if weights[kind] < _IMPLYING or not self._domains[implied]:
            return {}
        return {(implied, None): frozenset()}

    def _every(self, said: Sequence[str]) -> bool:
        return any(f" {phrase} " in f" {' '.join(said)} " for phrase in self.words.all)

    def _groups(
        self,
        said: Sequence[str],
        nouns: dict[tuple[str, str | None], frozenset[str]],
        areas: dict[str, tuple[float, frozenset[str]]],
        floors: dict[str, tuple[float, frozenset[str]]],
        area_id: str | None,
    ) -> Iterable[tuple[Target, float]]:
        text = " ".join(said)
        every = self._every(said)
        everywhere = any(f" {phrase} " in f" {text} " for phrase in self.words.everywhere)
        for (domain, device_class), spoken in nouns.items():
            if not self._domains[domain]:
                continue
            places: list[tuple[Group, float]] = [
                (Group(domain, area_id=key, device_class=device_class), 0.74 + 0.25 * share)
                for key, (share, _) in areas.items()
            ]
            places += [
                (Group(domain, floor_id=key, device_class=device_class), 0.74 + 0.25 * share)
                for key, (share, _) in floors.items()
            ]
            if not places:
                house = Group(domain, device_class=device_class)
                if area_id and not everywhere:
                    here = Group(domain, area_id=area_id, device_class=device_class)
                    places.append((here, 0.7 if every else 0.9))
                places.append((house, 0.95 if every or everywhere else 0.5))
            for group, score in places:
                members = self.members(group)
                if not spoken:
                    # What is only implied gives way to what is named.
                    score = min(score, 0.85)
                if len(members) == 1:
                    yield members[0], score - 0.05
                elif members:
                    yield group, score

    def _add_places(
        self,
        scores: dict[Target, float],
        areas: dict[str, tuple[float, frozenset[str]]],
        floors: dict[str, tuple[float, frozenset[str]]],
        area_id: str | None,
        trust: float,
    ) -> None:
        """Add what stands where the sentence points, for sentences that name no entity."""
        for key in areas:
            for entity in self._by_area[key][:_NEAR]:
                scores.setdefault(entity, 0.45 * trust)
        if not areas and area_id:
            for entity in self._by_area[area_id][:_NEAR]:
                scores.setdefault(entity, 0.35 * trust)
        if not areas and not floors:
            for domain, count in self._domains.items():
                if count == 1 and domain not in _NAMED_ONLY:
                    scores.setdefault(self._only[domain], 0.3 * trust)


def _best(
    found: dict[str, tuple[float, frozenset[str]]],
) -> dict[str, tuple[float, frozenset[str]]]:
    """Keep the places that were fully said, the longest name winning over a part of it."""
    good = {key: match for key, match in found.items() if match[0] >= 0.7}
    return {
        key: (share, spoken)
        for key, (share, spoken) in good.items()
        if not any(
            other != key and spoken <= words and (share, len(spoken)) < (better, len(words))
            for other, (better, words) in good.items()
        )
    }


def plain(name: str) -> str:
    """Return a name without the characters that JSON or a pattern would have to escape."""
    return " ".join("".join(c for c in name if c.isprintable() and c not in '"\\').split())


def _labels(house: House) -> dict[str, str]:
    """Return an unambiguous label for each entity: its name, with the area where needed."""
    labels = {entity.id: plain(entity.name) or entity.id for entity in house.entities.values()}
    for mark in (_with_area, _with_id):
        counts = Counter(label.casefold() for label in labels.values())
        for entity in house.entities.values():
            if counts[labels[entity.id].casefold()] > 1:
                labels[entity.id] = mark(house, entity, labels[entity.id])
    return labels


def _with_area(house: House, entity: Entity, label: str) -> str:
    area = house.area_of(entity)
    return f"{label} ({plain(area.name)})" if area else label


def _with_id(house: House, entity: Entity, label: str) -> str:
    return f"{label} [{entity.id}]"
