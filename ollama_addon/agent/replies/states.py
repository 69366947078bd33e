"""States in the person's language, and whether a thing is in one."""

from __future__ import annotations

from collections.abc import Mapping

from ollama_addon.agent.replies.formats import Formats
from ollama_addon.agent.replies.texts import Texts
from ollama_addon.home.model import Entity, House

AWAY = frozenset({"unavailable", "unknown"})
_RUNNING = frozenset({"media_player", "climate", "humidifier", "water_heater"})
_OPENABLE = frozenset({"door", "window", "garage_door", "opening"})
_ATTRIBUTES: dict[str, tuple[str, float, str]] = {
    "temperature": ("current_temperature", 1.0, "°"),
    "humidity": ("current_humidity", 1.0, "%"),
    "brightness": ("brightness", 100 / 255, "%"),
    "volume": ("volume_level", 100.0, "%"),
    "position": ("current_position", 1.0, "%"),
    "speed": ("percentage", 1.0, "%"),
    "song": ("media_title", 1.0, ""),
    "source": ("source", 1.0, ""),
}
"""What is asked for: the attribute that has it, what it is multiplied by, and its unit."""
_SHOWN = {"light": "brightness", "media_player": "song", "fan": "speed", "cover": "position"}
"""What is told besides the state of a thing that is on."""


class States:
    """The states of a house, as they are said."""

    def __init__(
        self, house: House, texts: Texts, formats: Formats, translations: Mapping[str, str]
    ) -> None:
        self._house = house
        self._texts = texts
        self._formats = formats
        self._translations = translations

    def raw(self, entity: Entity) -> str:
        """Return the state as Home Assistant names it."""
        state = self._house.states.get(entity.id)
        return state.state if state else "unknown"

    def text(self, entity: Entity) -> str:
        """Return an entity's state in words: `closed`, `12.5 °C`."""
        state = self._house.states.get(entity.id)
        raw = self.raw(entity)
        if state is not None and raw not in AWAY:
            if unit := state.attributes.get("unit_of_measurement"):
                return self._formats.measured(raw, str(unit))
            if entity.domain in ("number", "input_number"):
                return self._formats.measured(raw)
        return self.named(entity, raw)

    def named(self, entity: Entity, raw: str) -> str:
        """Return what a state of an entity is called."""
        base = f"component.{entity.domain}.entity_component"
        for kind in (entity.device_class, "_"):
            if kind and (text := self._translations.get(f"{base}.{kind}.state.{raw}")):
                # Home Assistant writes them as headings; German nouns keep their capitals.
                german = self._texts.language == "de"
                return text[:1].lower() + text[1:] if german else text.lower()
        # Home Assistant's names are missing while it is away.
        if entity.domain == "binary_sensor" and entity.device_class in _OPENABLE:
            raw = {"on": "open", "off": "closed"}.get(raw, raw)
        key = f"states.{raw}"
        return self._texts.text(key) if self._texts.has(key) else raw.replace("_", " ")

    def is_in(self, entity: Entity, asked: str, raw: str = "") -> bool:
        """Tell whether an entity is in a state that was asked for, or was, when it was `raw`."""
        raw = raw or self.raw(entity)
        if raw in AWAY:
            return False
        if asked == "on" and entity.domain in _RUNNING:
            return raw not in ("off", "standby")
        if asked == "open" and entity.domain in ("cover", "valve"):
            return raw in ("open", "opening")
        if entity.domain == "binary_sensor":
            asked = {
                "open": "on",
                "closed": "off",
                "motion": "on",
                "wet": "on",
                "empty": "on",
            }.get(asked, asked)
        if asked == "empty" and entity.domain == "sensor":
            try:
                return float(raw) <= 20
            except ValueError:
                return False
        return raw == asked

    def attribute(self, entity: Entity, attribute: str) -> str:
        """Return the value of what is asked for, empty where the state itself is it."""
        state = self._house.states.get(entity.id)
        if state is None or not attribute or entity.domain == "sensor":
            return ""
        if state.state in AWAY:
            return ""
        name, factor, unit = _ATTRIBUTES.get(attribute, (attribute, 1.0, ""))
        value = state.attributes.get(name)
        if value is None and attribute == "temperature" and entity.domain == "climate":
            value = state.attributes.get("temperature")
        if value is None and entity.domain in ("weather", "water_heater"):
            value = state.attributes.get(attribute)
        if unit == "°":
            unit = self._house.temperature_unit
        if isinstance(value, bool) or value is None:
            return ""
        if isinstance(value, int | float):
            # Nobody sets a lamp to a tenth of a percent.
            return self._formats.measured(round(value * factor, None if unit == "%" else 1), unit)
        return str(value) if isinstance(value, str) else ""

    def shown(self, entity: Entity) -> str:
        """Return what an entity that is on shows besides its state, such as its brightness."""
        raw = self.raw(entity)
        if raw in ("off", "closed", "idle", "standby", *AWAY):
            return ""
        return self.attribute(entity, _SHOWN.get(entity.domain, ""))
