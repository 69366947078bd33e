"""What can be done to what: verbs, the intents behind them, their values and ranges.

The one table of the agent. A verb is an intent of Home Assistant (or, where it has none, a
service) as a person would say it, with the entities that it fits and the value it takes.
Both strategies, repair and replies read it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from ollama_addon.home.model import Entity, House

COLORS = (
    "white black red orange yellow green blue purple brown pink turquoise cyan magenta violet "
    "gold coral lime teal lavender salmon indigo"
).split()
"""Colors of the intents' own list, and a few of CSS that people say."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number that a verb takes, in the unit of its slot."""

    slot: str
    low: float
    high: float
    step: float = 1
    sign: int = 1
    """-1 where a person says a positive number for less: "dim it by 20"."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words that a verb takes."""

    slot: str
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """Free words that a verb takes, such as the item for a list."""

    slot: str


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time: the slots `hours`, `minutes` and `seconds`."""


CLEAN_AREA = "HassVacuumCleanArea"
"""The one intent whose area is a value rather than a target."""
FIELD = "field:"
"""What the slots of a script's fields begin with."""

Value = Number | Choice | Text | Duration


@dataclass(frozen=True, slots=True)
class Verb:
    """One thing that can be done to entities of some domains."""

    phrase: str
    """How it is written, with `{target}` and `{value}`: `set {target} brightness to {value}`."""
    intent: str
    """An intent (`HassTurnOn`) or a service (`climate.set_hvac_mode`)."""
    domains: frozenset[str]
    value: Callable[[Entity, House], Value | None] | None = None
    """What the verb takes for an entity; None from it when the entity cannot."""
    fits: Callable[[Entity], bool] = lambda entity: True
    slots: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Slots that are always sent with it."""
    group: bool = False
    """Whether it can be done to all entities of a domain in a place at once."""
    reads: bool = False
    """Whether it only looks."""
    hints: frozenset[str] = frozenset()
    """Words that speak for it, where Home Assistant's own sentences have none."""

    @property
    def is_service(self) -> bool:
        """Whether it is carried out by a service, for want of an intent."""
        return "." in self.intent


@dataclass(frozen=True, slots=True)
class Group:
    """All exposed entities of a domain (and device class) in an area, on a floor or anywhere."""

    domain: str
    area_id: str | None = None
    floor_id: str | None = None
    device_class: str | None = None

    def members(self, house: House) -> list[Entity]:
        """Return the exposed entities that the group stands for."""
        return [
            entity
            for entity in house.entities.values()
            if entity.domain == self.domain
            and (self.device_class is None or entity.device_class == self.device_class)
            and (self.area_id is None or entity.area_id == self.area_id)
            and (
                self.floor_id is None
                or ((area := house.area_of(entity)) and area.floor_id == self.floor_id)
            )
        ]


Target = Entity | Group


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do: an intent (or a service) and its slots.

    `name` holds an entity id; `area` and `floor` hold ids; without any of them the action is
    about all entities of `domain`. Everything after a strategy works on this.
    """

    intent: str
    slots: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def as_json(self) -> dict[str, Any]:
        """Return it as the events of a turn show it."""
        return {"name": self.intent, "arguments": dict(self.slots)}


def _bits(mask: int) -> Callable[[Entity], bool]:
    return lambda entity: bool(entity.supported_features & mask)


def _modes(entity: Entity) -> set[str]:
    return set(entity.capabilities.get("supported_color_modes") or ())


def _dimmable(entity: Entity) -> bool:
    return bool(_modes(entity) - {"onoff", "unknown"})


def _colorful(entity: Entity) -> bool:
    return bool(_modes(entity) & {"hs", "rgb", "rgbw", "rgbww", "xy"})


def _tunable(entity: Entity) -> bool:
    return bool(_modes(entity) & {"color_temp", "rgbww"})


def _percent(slot: str, low: float = 0) -> Callable[[Entity, House], Value]:
    return lambda entity, house: Number(slot, low, 100)


def _kelvin(entity: Entity, house: House) -> Value:
    low = entity.capabilities.get("min_color_temp_kelvin") or 2000
    high = entity.capabilities.get("max_color_temp_kelvin") or 6500
    return Number("temperature", low, high, 100)


def _degrees(entity: Entity, house: House) -> Value:
    fahrenheit = house.temperature_unit.endswith("F")
    low = entity.capabilities.get("min_temp") or (45 if fahrenheit else 7)
    high = entity.capabilities.get("max_temp") or (95 if fahrenheit else 35)
    return Number("temperature", low, high, entity.capabilities.get("target_temp_step") or 0.5)


def _humidity(entity: Entity, house: House) -> Value:
    low = entity.capabilities.get("min_humidity") or 0
    return Number("humidity", low, entity.capabilities.get("max_humidity") or 100)


def _number(entity: Entity, house: House) -> Value:
    capabilities = entity.capabilities
    return Number(
        "value",
        capabilities.get("min", 0),
        capabilities.get("max", 100),
        capabilities.get("step") or 1,
    )


def _one_of(slot: str, capability: str) -> Callable[[Entity, House], Value | None]:
    def choice(entity: Entity, house: House) -> Value | None:
        options = tuple(str(option) for option in entity.capabilities.get(capability) or ())
        return Choice(slot, options) if options else None

    return choice


def field_values(entity: Entity) -> dict[str, Number | Choice | Text]:
    """Return what a script takes, by field; fields of other kinds are left to the script."""
    found: dict[str, Number | Choice | Text] = {}
    for name, description in (entity.capabilities.get("fields") or {}).items():
        selector = (description or {}).get("selector") or {}
        if "number" in selector:
            number = selector["number"] or {}
            low, high = number.get("min", 0), number.get("max", 1_000_000)
            step = number.get("step") or 1
            found[name] = Number(name, low, high, step if isinstance(step, (int, float)) else 0.01)
        elif "select" in selector:
            options = (selector["select"] or {}).get("options") or ()
            words = [o["value"] if isinstance(o, Mapping) else o for o in options]
            if words:
                found[name] = Choice(name, tuple(str(word) for word in words))
        elif "text" in selector:
            found[name] = Text(name)
    return found


def _field(entity: Entity, house: House) -> Value | None:
    """Return the first thing that a script takes, which is what a sentence can say of it."""
    for name, value in field_values(entity).items():
        return replace(value, slot=f"{FIELD}{name}")
    return None


def _by(slot: str, low: float, high: float, sign: int = 1) -> Callable[[Entity, House], Value]:
    return lambda entity, house: Number(slot, low, high, 0.5 if slot == "step" else 1, sign)


def _areas(entity: Entity, house: House) -> Value | None:
    names = tuple(sorted({area.name for area in house.areas.values()}))
    return Choice("area", names) if names else None


def _text(slot: str) -> Callable[[Entity, House], Value]:
    return lambda entity, house: Text(slot)


def _verb(
    phrase: str,
    intent: str,
    domains: str,
    value: Callable[[Entity, House], Value | None] | None = None,
    fits: Callable[[Entity], bool] = lambda entity: True,
    *,
    group: bool = False,
    reads: bool = False,
    hints: str = "",
    **slots: Any,
) -> Verb:
    return Verb(
        phrase,
        intent,
        frozenset(domains.split()),
        value,
        fits,
        slots,
        group,
        reads,
        frozenset(hints.split()),
    )


SWITCHED = "light switch fan media_player humidifier input_boolean siren remote group water_heater"

_BRIGHTER = "brighter brighten heller eclaircis clair brillante feller"
_DIMMER = "dimmer dim darker dunkler dimme tamise atenua dimmen donkerder"
_WARMER = "warmer hotter chaud caliente"
_COOLER = "cooler colder kuhler kalter koeler kouder"
_LOUDER = "louder up lauter fort alto harder"
_QUIETER = "quieter down softer leiser moins bajo baja zachter"

# The bits are those of Home Assistant's …EntityFeature.
VERBS: tuple[Verb, ...] = (
    _verb("turn on {target}", "HassTurnOn", SWITCHED, group=True),
    _verb("turn off {target}", "HassTurnOff", SWITCHED, group=True),
    _verb("turn on {target}", "HassTurnOn", "climate", fits=_bits(256)),
    _verb("turn off {target}", "HassTurnOff", "climate", fits=_bits(128)),
    _verb("turn on {target}", "automation.turn_on", "automation"),
    _verb("turn off {target}", "automation.turn_off", "automation"),
    _verb("open {target}", "HassTurnOn", "cover valve", fits=_bits(1), group=True),
    _verb("close {target}", "HassTurnOff", "cover valve", fits=_bits(2), group=True),
    _verb("stop {target}", "HassStopMoving", "cover valve", fits=_bits(8), group=True),
    _verb(
        "set {target} position to {value}",
        "HassSetPosition",
        "cover valve",
        _percent("position"),
        _bits(4),
        group=True,
    ),
    _verb("lock {target}", "HassTurnOn", "lock", group=True),
    _verb("unlock {target}", "HassTurnOff", "lock", group=True),
    _verb("press {target}", "HassTurnOn", "button input_button"),
    _verb("activate {target}", "HassTurnOn", "scene"),
    _verb("run {target}", "HassTurnOn", "script"),
    _verb("run {target} with {value}", "script.turn_on", "script", _field),
    _verb(
        "set {target} brightness to {value}",
        "HassLightSet",
        "light",
        _percent("brightness"),
        _dimmable,
        group=True,
    ),
    _verb(
        "set {target} color to {value}",
        "HassLightSet",
        "light",
        lambda entity, house: Choice("color", tuple(COLORS)),
        _colorful,
        group=True,
    ),
    _verb(
        "set {target} white to {value} K",
        "HassLightSet",
        "light",
        _kelvin,
        _tunable,
        group=True,
    ),
    _verb(
        "brighten {target}",
        "light.turn_on",
        "light",
        fits=_dimmable,
        hints=f"{_BRIGHTER} dark dunkel sombre donker",
        brightness_step_pct=20,
    ),
    _verb(
        "dim {target}",
        "light.turn_on",
        "light",
        fits=_dimmable,
        hints=_DIMMER,
        brightness_step_pct=-20,
    ),
    _verb(
        "brighten {target} by {value}",
        "light.turn_on",
        "light",
        _by("brightness_step_pct", 1, 100),
        _dimmable,
        hints=_BRIGHTER,
    ),
    _verb(
        "dim {target} by {value}",
        "light.turn_on",
        "light",
        _by("brightness_step_pct", 1, 100, -1),
        _dimmable,
        hints=_DIMMER,
    ),
    _verb(
        "warmer {target}",
        "HassClimateSetTemperature",
        "climate",
        fits=_bits(1),
        hints=f"{_WARMER} cold freezing kalt froid frio koud",
        step=1,
    ),
    _verb(
        "cooler {target}",
        "HassClimateSetTemperature",
        "climate",
        fits=_bits(1),
        hints=f"{_COOLER} hot heiss",
        step=-1,
    ),
    _verb(
        "warmer {target} by {value}",
        "HassClimateSetTemperature",
        "climate",
        _by("step", 0.5, 10),
        _bits(1),
        hints=_WARMER,
    ),
    _verb(
        "cooler {target} by {value}",
        "HassClimateSetTemperature",
        "climate",
        _by("step", 0.5, 10, -1),
        _bits(1),
        hints=_COOLER,
    ),
    _verb(
        "set {target} to {value} degrees",
        "HassClimateSetTemperature",
        "climate",
        _degrees,
        _bits(1),
        group=True,
    ),
    _verb(
        "set {target} mode to {value}",
        "climate.set_hvac_mode",
        "climate",
        _one_of("hvac_mode", "hvac_modes"),
    ),
    _verb(
        "set {target} preset to {value}",
        "climate.set_preset_mode",
        "climate",
        _one_of("preset_mode", "preset_modes"),
        _bits(16),
    ),
    _verb(
        "set {target} fan to {value}",
        "climate.set_fan_mode",
        "climate",
        _one_of("fan_mode", "fan_modes"),
        _bits(8),
    ),
    _verb(
        "set {target} to {value} degrees",
        "water_heater.set_temperature",
        "water_heater",
        _degrees,
        _bits(1),
    ),
    _verb(
        "set {target} speed to {value}",
        "HassFanSetSpeed",
        "fan",
        _percent("percentage"),
        _bits(1),
        group=True,
    ),
    _verb("set {target} humidity to {value}", "HassHumidifierSetpoint", "humidifier", _humidity),
    _verb(
        "set {target} mode to {value}",
        "HassHumidifierMode",
        "humidifier",
        _one_of("mode", "available_modes"),
        _bits(1),
    ),
    _verb("pause {target}", "HassMediaPause", "media_player", fits=_bits(1), group=True),
    _verb("play {target}", "HassMediaUnpause", "media_player", fits=_bits(16384), group=True),
    _verb("next on {target}", "HassMediaNext", "media_player", fits=_bits(32)),
    _verb("previous on {target}", "HassMediaPrevious", "media_player", fits=_bits(16)),
    _verb(
        "set {target} volume to {value}",
        "HassSetVolume",
        "media_player",
        _percent("volume_level"),
        _bits(4),
        group=True,
    ),
    _verb(
        "louder {target}",
        "HassSetVolumeRelative",
        "media_player",
        fits=_bits(4 | 1024),
        hints=_LOUDER,
        volume_step="up",
    ),
    _verb(
        "quieter {target}",
        "HassSetVolumeRelative",
        "media_player",
        fits=_bits(4 | 1024),
        hints=_QUIETER,
        volume_step="down",
    ),
    _verb(
        "louder {target} by {value}",
        "HassSetVolumeRelative",
        "media_player",
        _by("volume_step", 1, 100),
        _bits(4),
        hints=_LOUDER,
    ),
    _verb(
        "quieter {target} by {value}",
        "HassSetVolumeRelative",
        "media_player",
        _by("volume_step", 1, 100, -1),
        _bits(4),
        hints=_QUIETER,
    ),
    _verb("mute {target}", "HassMediaPlayerMute", "media_player", fits=_bits(8)),
    _verb("unmute {target}", "HassMediaPlayerUnmute", "media_player", fits=_bits(8)),
    _verb(
        "set {target} source to {value}",
        "media_player.select_source",
        "media_player",
        _one_of("source", "source_list"),
        _bits(2048),
    ),
    _verb(
        "search on {target}: {value}",
        "HassMediaSearchAndPlay",
        "media_player",
        _text("search_query"),
        _bits(4194304),
    ),
    _verb("start {target}", "HassVacuumStart", "vacuum", fits=_bits(8192)),
    _verb("clean {value} with {target}", CLEAN_AREA, "vacuum", _areas, _bits(16384)),
    _verb("dock {target}", "HassVacuumReturnToBase", "vacuum", fits=_bits(16)),
    _verb("stop {target}", "vacuum.stop", "vacuum", fits=_bits(8)),
    _verb("pause {target}", "vacuum.pause", "vacuum", fits=_bits(4)),
    _verb("locate {target}", "vacuum.locate", "vacuum", fits=_bits(512)),
    _verb("pause {target}", "lawn_mower.pause", "lawn_mower", fits=_bits(2)),
    _verb("start {target}", "HassLawnMowerStartMowing", "lawn_mower", fits=_bits(1)),
    _verb("dock {target}", "HassLawnMowerDock", "lawn_mower", fits=_bits(4)),
    _verb("add to {target}: {value}", "HassListAddItem", "todo", _text("item"), _bits(1)),
    _verb("complete on {target}: {value}", "HassListCompleteItem", "todo", _text("item"), _bits(4)),
    _verb("remove from {target}: {value}", "HassListRemoveItem", "todo", _text("item"), _bits(2)),
    _verb("read {target}", "todo.get_items", "todo", reads=True),
    _verb("read {target}", "calendar.get_events", "calendar", reads=True),
    _verb("forecast {target}", "HassGetWeather", "weather", reads=True),
    _verb(
        "set {target} to {value}",
        "number.set_value",
        "number",
        _number,
    ),
    _verb("set {target} to {value}", "input_number.set_value", "input_number", _number),
    _verb(
        "set {target} to {value}", "select.select_option", "select", _one_of("option", "options")
    ),
    _verb(
        "set {target} to {value}",
        "input_select.select_option",
        "input_select",
        _one_of("option", "options"),
    ),
    _verb("arm {target} away", "alarm_control_panel.alarm_arm_away", "alarm_control_panel"),
    _verb("arm {target} home", "alarm_control_panel.alarm_arm_home", "alarm_control_panel"),
    _verb(
        "disarm {target}",
        "alarm_control_panel.alarm_disarm",
        "alarm_control_panel",
        hints="disarm deactivate off entscharfe entscharfen unscharf aus desarme desactive "
        "desactiva desarma uit disinserisci disattiva rozbroj",
    ),
    _verb(
        "check {target}",
        "HassGetState",
        "*",
        fits=lambda entity: entity.domain not in ("todo", "calendar"),
        group=True,
        reads=True,
    ),
)

TARGETLESS: tuple[Verb, ...] = (
    _verb("start timer {value}", "HassStartTimer", "timer"),
    _verb("cancel timer", "HassCancelTimer", "timer"),
    _verb("cancel all timers", "HassCancelAllTimers", "timer"),
    _verb("add time {value}", "HassIncreaseTimer", "timer"),
    _verb("take off time {value}", "HassDecreaseTimer", "timer"),
    _verb("pause timer", "HassPauseTimer", "timer"),
    _verb("resume timer", "HassUnpauseTimer", "timer"),
    _verb("timer status", "HassTimerStatus", "timer", reads=True),
    _verb("tell time", "HassGetCurrentTime", "clock", reads=True),
    _verb("tell date", "HassGetCurrentDate", "clock", reads=True),
    _verb("broadcast: {value}", "HassBroadcast", "assist_satellite"),
)
"""Verbs about the satellite itself rather than an entity."""

HINTS = frozenset(hint for verb in VERBS for hint in verb.hints)
"""All words that stand in for missing sentences."""

TIMER_VALUES = {"HassStartTimer", "HassIncreaseTimer", "HassDecreaseTimer"}


def verbs_for(entity: Entity) -> list[Verb]:
    """Return what can be done to an entity, its supported features considered."""
    return [verb for verb in _of_domain(entity.domain) if verb.fits(entity)]


def verbs_for_group(group: Group, members: Iterable[Entity]) -> list[Verb]:
    """Return what can be done to at least one member of a group."""
    members = list(members)
    return [
        verb
        for verb in _of_domain(group.domain)
        if verb.group and any(verb.fits(member) for member in members)
    ]


@cache
def _of_domain(domain: str) -> tuple[Verb, ...]:
    return tuple(verb for verb in VERBS if domain in verb.domains or "*" in verb.domains)


def value_of(verb: Verb, target: Target | None, house: House) -> Value | None:
    """Return what a verb takes for a target, None where it takes nothing."""
    if target is None:
        if verb.intent in TIMER_VALUES:
            return Duration()
        return Text("message") if verb.intent == "HassBroadcast" else None
    if verb.value is None:
        return None
    if isinstance(target, Entity):
        return verb.value(target, house)
    for member in target.members(house):
        if verb.fits(member):
            return verb.value(member, house)
    return None


def action(verb: Verb, target: Target | None, values: Mapping[str, Any]) -> Action:
    """Return the action of doing a verb to a target with values by slot."""
    slots: dict[str, Any] = {}
    if isinstance(target, Entity):
        slots["name"] = target.id
    elif target is not None:
        slots["domain"] = target.domain
        if target.device_class:
            slots["device_class"] = target.device_class
        if target.area_id:
            slots["area"] = target.area_id
        if target.floor_id:
            slots["floor"] = target.floor_id
    return Action(verb.intent, {**slots, **verb.slots, **values})
