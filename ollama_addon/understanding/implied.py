"""What an order is about that names only a place, or nothing."""

from __future__ import annotations

from ollama_addon.home.model import Entity
from ollama_addon.understanding.clause_actions import DIRECTIONS
from ollama_addon.understanding.effect_types import Values
from ollama_addon.understanding.effects import domains_of, effect
from ollama_addon.understanding.nouns import Phrase, Resolution
from ollama_addon.understanding.reading import Reading
from ollama_addon.understanding.verbs import Said

_IMPLIED = {
    "brighter": "light",
    "dimmer": "light",
    "warmer": "climate",
    "cooler": "climate",
    "louder": "media_player",
    "quieter": "media_player",
    "pause": "media_player",
    "resume": "media_player",
    "next": "media_player",
    "previous": "media_player",
    "mute": "media_player",
    "unmute": "media_player",
    "play": "media_player",
    "clean": "vacuum",
    "mow": "lawn_mower",
    "dock": "vacuum",
    "lock": "lock",
    "unlock": "lock",
    "arm": "alarm_control_panel",
    "disarm": "alarm_control_panel",
}
"""Actions that tell what they are about, when nothing is named."""
_PLAYING = frozenset({"playing", "paused", "on", "buffering"})
"""States of a player that has something to stop."""


class Implied:
    """Finds what an order is about by what is to be done and by what is at hand."""

    def __init__(
        self, reading: Reading, said: Said, actions: dict[str, None], values: Values
    ) -> None:
        self._reading = reading
        self._said = said
        self._actions = actions
        self._values = values

    def in_place(
        self,
        phrase: Phrase,
        part: Resolution,
    ) -> Resolution:
        """Return what is meant where only a place is named: "make the kitchen brighter"."""
        if part.missing_place or phrase.quantifier == "everything" or part.full:
            return part
        domains = self._domains()
        if not domains:
            return part
        members: list[Entity] = []
        for entity in self._reading.house.entities.values():
            if entity.domain not in domains:
                continue
            if not self._possible(entity):
                continue
            members.append(entity)
        placed = False
        for item in phrase.items:
            if item.is_place or item.areas:
                inside: set[str] = set()
                for area in item.areas:
                    inside |= self._reading.index.by_area[area]
                for floor in item.floors:
                    inside |= self._reading.index.by_floor[floor]
                members = [entity for entity in members if entity.id in inside]
                placed = True
        if phrase.here and self._reading.context.area_id:
            members = [e for e in members if e.area_id == self._reading.context.area_id]
            placed = True
        if phrase.everywhere:
            placed = True
        if not members or not placed:
            return part
        if domains == {"media_player"}:
            members = self._playing(members)
        return Resolution(tuple(members), full=True)

    def _domains(self) -> set[str]:
        """Return the domains that actions and values speak of by themselves."""
        # A verb that means many things tells nothing: "pon" is "put" and "play".
        telling = [
            a
            for a in self._actions
            if not self._said.weak
            or self._said.particle
            or a in self._said.strong
            or a in DIRECTIONS
        ]
        found = {_IMPLIED[action] for action in telling if action in _IMPLIED}
        if self._values.attribute:
            found |= set(domains_of(self._values.attribute))
        if self._values.degrees is not None:
            found.add("climate")
        if self._values.kelvin is not None or self._values.color:
            found = {"light"}
        return found

    def _playing(self, members: list[Entity]) -> list[Entity]:
        """Return the players that play, where one is meant that does."""
        states = self._reading.house.states
        playing = [e for e in members if (s := states.get(e.id)) and s.state == "playing"]
        active = [e for e in members if (s := states.get(e.id)) and s.state in _PLAYING]
        if set(self._actions) & {"play", "resume"}:
            paused = [e for e in members if (s := states.get(e.id)) and s.state == "paused"]
            return paused or [e for e in members if e not in playing] or members
        return playing or active or members

    def unnamed(self) -> Resolution:
        """Return what is meant where nothing is named: what was spoken of, or what is at hand."""
        before = [
            self._reading.house.entities[entity.id]
            for entity in self._reading.context.previous_entities
            if entity.id in self._reading.house.entities and self._possible(entity)
        ]
        domains = self._domains()
        if before and (not domains or any(entity.domain in domains for entity in before)):
            sure = self._reading.corrects or bool(self._reading.context.previous_entities)
            return Resolution(tuple(before), full=sure, named=True)
        if not domains:
            return Resolution(doubts=("no_target",))
        members = [
            entity
            for entity in self._reading.house.entities.values()
            if entity.domain in domains and self._possible(entity)
        ]
        here = [
            e
            for e in members
            if self._reading.context.area_id and e.area_id == self._reading.context.area_id
        ]
        if domains == {"media_player"}:
            playing = self._playing(members)
            local = [entity for entity in playing if entity in here]
            chosen = local or playing
        else:
            chosen = here or members
        if len(chosen) == 1:
            return Resolution(tuple(chosen), full=True)
        if here and domains == {"light"}:
            return Resolution(tuple(here), full=True)
        return Resolution(same_name=tuple(chosen)) if chosen else Resolution(doubts=("no_target",))

    def _possible(self, entity: Entity) -> bool:
        values, house = self._values, self._reading.house
        return any(effect(action, entity, values, house) is not None for action in self._actions)
