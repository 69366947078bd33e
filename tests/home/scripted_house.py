"""A house for the scripted home: its registries, exposure and states."""

from __future__ import annotations

from typing import Any

from .scripted_home import Message, ScriptedHome


def entry(entity_id: str, **fields: Any) -> Message:
    """Return an entry of the entity registry, exposed unless told otherwise."""
    exposed = fields.pop("exposed", True)
    return {
        "entity_id": entity_id,
        "area_id": None,
        "device_id": None,
        "disabled_by": None,
        "name": None,
        "original_name": None,
        "next_name_part": "device" if fields.get("device_id") else None,
        "options": {} if exposed is None else {"conversation": {"should_expose": exposed}},
        "unique_id": entity_id,
        "aliases": [None],
        "device_class": None,
        "original_device_class": None,
        **fields,
    }


class ScriptedHouse:
    """Lists that a test changes, and the scripted home that tells of them."""

    def __init__(self, home: ScriptedHome) -> None:
        self.home = home
        self.config: Message = {
            "state": "RUNNING",
            "location_name": "Willow House",
            "language": "en",
            "time_zone": "Europe/London",
            "unit_system": {"temperature": "°C"},
        }
        self.floors: list[Message] = [
            {"floor_id": "ground", "name": "Ground floor", "level": 0, "aliases": ["downstairs"]}
        ]
        self.areas: list[Message] = [
            {"area_id": "kitchen", "name": "Kitchen", "floor_id": "ground", "aliases": []},
            {"area_id": "hall", "name": "Hall", "floor_id": None, "aliases": ["hallway", "entry"]},
        ]
        self.devices: list[Message] = []
        self.entities: list[Message] = []
        self.unregistered: dict[str, bool] = {}
        self.services: Message = {"light": {"turn_on": {}}}
        self.states: dict[str, Message] = {}
        home.answers |= {
            "get_config": lambda _: self.config,
            "config/floor_registry/list": lambda _: self.floors,
            "config/area_registry/list": lambda _: self.areas,
            "config/device_registry/list": lambda _: self.devices,
            "config/entity_registry/list": lambda _: [
                {k: v for k, v in e.items() if k not in ("aliases", "device_class")}
                for e in self.entities
            ],
            "config/entity_registry/get_entries": self._entries,
            "homeassistant/expose_entity/list": self._exposed,
            "get_services": lambda _: self.services,
            "subscribe_entities": self._watched,
        }

    def add(self, entity_id: str, state: str = "off", **fields: Any) -> None:
        """Add an entity to the registry, with a state."""
        attributes = fields.pop("attributes", {})
        self.entities.append(entry(entity_id, **fields))
        self.states[entity_id] = {"s": state, "a": attributes, "c": "1", "lc": 1.0}

    def entity(self, entity_id: str) -> Message:
        return next(entry for entry in self.entities if entry["entity_id"] == entity_id)

    async def change(self, entity_id: str, **diff: Any) -> None:
        """Send a diff: `s`, `a` are what is added, `gone` the attributes removed."""
        gone = diff.pop("gone", None)
        change: Message = {"+": {"lu": 2.0, **diff}}
        if gone:
            change["-"] = {"a": gone}
        await self.home.send("subscribe_entities", {"c": {entity_id: change}})

    def _entries(self, request: Message) -> Message:
        by_id = {entry["entity_id"]: entry for entry in self.entities}
        return {entity_id: by_id.get(entity_id) for entity_id in request["entity_ids"]}

    def _exposed(self, request: Message) -> Message:
        exposed: dict[str, Message] = {
            entry["entity_id"]: {"conversation": True}
            for entry in self.entities
            if entry["options"].get("conversation", {}).get("should_expose")
        }
        exposed |= {key: {"conversation": True} for key, on in self.unregistered.items() if on}
        exposed["light.of_alexa"] = {"cloud.alexa": True}
        return {"exposed_entities": exposed}

    def _watched(self, request: Message) -> list[Message]:
        ids = request["entity_ids"]
        assert ids, "an empty list subscribes to everything"
        return [{"a": {key: state for key, state in self.states.items() if key in ids}}]
