"""Which thing, or which things, an action is about."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rapidfuzz import fuzz, process

from ollama_addon.agent.actions.repair_names import Names, able
from ollama_addon.agent.actions.repair_outcome import Ambiguity, Change, Refusal, slotless
from ollama_addon.home.model import Entity
from ollama_addon.understanding.tokens import fold
from ollama_addon.understanding.verb_table import VERBS, verbs_for, verbs_for_group
from ollama_addon.understanding.vocabulary import CLEAN_AREA, Group, Target

_SURE = 0.72
"""How much of a name has to be there for it to be meant."""
_APART = 0.08
_NEAR_PLACE = 82
_ARTICLE = re.compile(r"^(?:the|der|die|das|dem|den|le|la|les|el|de|het|il|lo|o|os|as) ")
_ACTIVE = {
    "HassMediaPause": ("playing",),
    "HassMediaUnpause": ("paused",),
    "HassMediaNext": ("playing",),
    "HassMediaPrevious": ("playing",),
    "HassSetVolume": ("playing",),
    "HassSetVolumeRelative": ("playing",),
    "HassMediaPlayerMute": ("playing",),
    "HassVacuumReturnToBase": ("cleaning", "paused"),
    "HassLawnMowerDock": ("mowing", "paused"),
    "HassStopMoving": ("opening", "closing"),
}
"""States that tell which of several is meant, where none is named."""


class Targets:
    """Finds the target of one proposal; `changes` takes what was mended."""

    def __init__(self, names: Names, area_id: str | None, changes: list[Change]) -> None:
        self._names = names
        self._house = names.house
        self._area_id = area_id
        self._changes = changes

    def find(self, slots: dict[str, Any], intent: str) -> Target:
        """Return what slots name. Raises Refusal or Ambiguity."""
        area = self.place(slots.get("area"), self._house.areas)
        floor = self.place(slots.get("floor"), self._house.floors)
        if area is None and (meant := self.place(slots.get("area"), self._house.floors)):
            floor = floor or meant
            self._changes.append(Change("place", "a floor was given as an area"))
        if floor is None and (meant := self.place(slots.get("floor"), self._house.areas)):
            area = area or meant
            self._changes.append(Change("place", "an area was given as a floor"))
        name = slots.get("name") or slots.get("entity_id") or slots.get("entity")
        named = isinstance(name, (str, int, float)) and bool(str(name).strip())
        if not named and area is None and floor is None:
            self._refuse_strange_place(slots)
        domain, device_class = self._kind(slots)
        if named:
            return self._by_name(str(name).strip(), area, floor, domain, intent, slots)
        if not domain and device_class:
            domain = next(
                (
                    entity.domain
                    for entity in self._house.entities.values()
                    if entity.device_class == device_class
                ),
                "",
            )
        if domain and not device_class and area is None and floor is None:
            # A kind by itself is all of the kind, unless there is one, or one of it is meant.
            group = Group(domain)
            members = group.members(self._house)
            if members and not any(v.intent == intent for v in verbs_for_group(group, members)):
                return self._nameless(domain, None, None, intent, slots)
        if not domain:
            return self._nameless("", area, floor, intent, slots)
        group = Group(domain, area, None if area else floor, device_class or None)
        members = group.members(self._house)
        if not members and device_class:
            group = Group(domain, area, None if area else floor)
            members = group.members(self._house)
        if not members:
            raise Refusal("not_found")
        return members[0] if len(members) == 1 else group

    def cleaned(self, slots: dict[str, Any]) -> dict[str, Any]:
        """Return the area to be cleaned, which is no target but a value; takes it from the slots.

        Where no vacuum is named, the one that stands there is meant, else the first.
        """
        said = slots.pop("area", None) or slots.pop("floor", None)
        area = self.place(said, self._house.areas)
        if area is None:
            raise Refusal("not_found")
        if not slots.get("name"):
            found = [
                entity.id
                for entity in self._house.entities.values()
                if any(verb.intent == CLEAN_AREA for verb in verbs_for(entity))
            ]
            if not found:
                raise Refusal("not_found")
            slots["name"] = min(
                found, key=lambda each: (self._house.entities[each].area_id != area, each)
            )
        return {"area": area}

    def place(self, said: Any, places: Mapping[str, Any]) -> str | None:
        """Return the id of a place by its id, name or alias, nearly written ones too."""
        if not isinstance(said, (str, int, float)) or not str(said).strip():
            return None
        if str(said) in places:
            return str(said)
        keys = {
            (key, fold(name)): key
            for key, place in places.items()
            for name in (place.name, *place.aliases)
        }
        wanted = _ARTICLE.sub("", fold(str(said)).strip())
        best = process.extractOne(
            wanted, {key: key[1] for key in keys}, scorer=fuzz.ratio, score_cutoff=_NEAR_PLACE
        )
        return keys[best[2]] if best else None

    def _refuse_strange_place(self, slots: Mapping[str, Any]) -> None:
        """Raise Refusal for a place that is not there: it never becomes the whole home."""
        for slot in ("area", "floor"):
            said = slots.get(slot)
            if isinstance(said, str) and said.strip() and fold(said) not in ("all", "everywhere"):
                raise Refusal("no_place", place=said.strip()[:60])

    def _kind(self, slots: Mapping[str, Any]) -> tuple[str, str]:
        domains = {entity.domain for entity in self._house.entities.values()}
        domain = _folded(slots.get("domain"))
        device_class = _folded(slots.get("device_class"))
        if device_class in domains:
            domain, device_class = domain or device_class, ""
        if domain not in domains:
            device_class = device_class or domain
            domain = ""
        return domain, device_class

    def _by_name(
        self,
        name: str,
        area: str | None,
        floor: str | None,
        domain: str,
        intent: str,
        slots: dict[str, Any],
    ) -> Entity:
        entities = self._house.entities
        if name in entities:
            return entities[name]
        for entity_id, label in self._names.labels.items():
            if label == name:
                return entities[entity_id]
        plain = re.sub(r"[._]", " ", name)
        if plain != name:
            # A domain glued to the name, as in "light.kitchen light".
            head, _, rest = plain.partition(" ")
            if rest and any(entity.domain == head for entity in entities.values()):
                domain, plain = domain or head, rest
        scored = self._scored(plain, area, floor, domain, intent)
        if not scored and (inside := re.fullmatch(r"(.+?)\s*[(\[](.+)[)\]]", name)):
            # "TV (television)": an alias, an area or a kind behind the name.
            area = area or self.place(inside[2], self._house.areas)
            scored = self._scored(inside[1], area, floor, domain, intent) or self._scored(
                inside[2], area, floor, domain, intent
            )
        if not scored:
            raise Refusal("not_found", name=name)
        best = max(scored.values())
        alike = [entity for entity, score in scored.items() if score > best - _APART]
        if len(alike) > 1:
            here = [e for e in alike if e.area_id is not None and e.area_id == self._area_id]
            if len(here) != 1:
                alike.sort(key=lambda entity: entity.id)
                raise Ambiguity(tuple(alike), intent, slotless(slots))
            alike = here
        self._changes.append(Change("name", f"'{name}' was read as '{alike[0].name}'"))
        return alike[0]

    def _scored(
        self, name: str, area: str | None, floor: str | None, domain: str, intent: str
    ) -> dict[Entity, float]:
        """Return the things that a name may mean, and how well each fits."""
        scored: dict[Entity, float] = {}
        for entity_id, share in self._names.named(name).items():
            entity = self._house.entities[entity_id]
            if share < _SURE:
                continue
            place = self._house.area_of(entity)
            fits = 0.0
            if area:
                fits += 0.3 if entity.area_id == area else -0.1
            if floor and place:
                fits += 0.2 if place.floor_id == floor else -0.1
            if domain:
                fits += 0.2 if entity.domain == domain else -0.1
            if not any(verb.intent == intent for verb in verbs_for(entity)):
                fits -= 0.15
            scored[entity] = share + fits
        return scored

    def _nameless(
        self, domain: str, area: str | None, floor: str | None, intent: str, slots: dict[str, Any]
    ) -> Target:
        """Return the one thing that an intent fits, of a kind or in a place, where none is named.

        Of several the one that stands where the speaker is, or that is playing or moving.
        """
        fitting = [
            entity
            for entity in self._house.entities.values()
            if (not domain or entity.domain == domain)
            and able(entity)
            and (area is None or entity.area_id == area)
            and (floor is None or self._floor_of(entity) == floor)
            and any(verb.intent == intent for verb in verbs_for(entity))
        ]
        for narrowed in (fitting, *self._narrowed(fitting, intent)):
            if len(narrowed) == 1:
                self._changes.append(Change("nameless", f"'{narrowed[0].name}' was meant"))
                return narrowed[0]
        domains = {entity.domain for entity in fitting}
        if not fitting or (len(domains) > 1 and area is None and floor is None):
            raise Refusal("not_found")
        if len(domains) == 1 and any(
            verb.group and verb.intent == intent
            for verb in VERBS
            if verb.domains.intersection(domains)
        ):
            return Group(domains.pop(), area, None if area else floor)
        if len(domains) > 1:
            lit = [entity for entity in fitting if entity.domain == "light"]
            if lit:  # "The kitchen" is its lights, of all that can be switched there.
                return lit[0] if len(lit) == 1 else Group("light", area, None if area else floor)
        fitting.sort(key=lambda entity: entity.id)
        raise Ambiguity(tuple(fitting), intent, slotless(slots))

    def _floor_of(self, entity: Entity) -> str | None:
        area = self._house.area_of(entity)
        return area.floor_id if area else None

    def _narrowed(self, fitting: list[Entity], intent: str) -> list[list[Entity]]:
        states = _ACTIVE.get(intent, ())
        here = [e for e in fitting if e.area_id is not None and e.area_id == self._area_id]
        active = [
            entity
            for entity in fitting
            if (state := self._house.states.get(entity.id)) and state.state in states
        ]
        both = [entity for entity in here if entity in active]
        return [both, active, here] if active else [here]


def _folded(value: Any) -> str:
    return fold(str(value)).replace(" ", "_") if value else ""
