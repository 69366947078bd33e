"""What doing something to an entity means: action × domain × capability → a change, or why not.

The one table of effects. Actions are those of the language files (`on`, `open`, `brighter` …);
what comes out is an intent (or service) of the vocabulary with its slots.
"""

from __future__ import annotations

from typing import Any

from ollama_addon.home.model import Entity, House
from ollama_addon.understanding.effect_table import (
    ATTRIBUTES,
    DIRECTIONS,
    FITTING,
    OFF,
    PLAIN,
    SWITCHING,
)
from ollama_addon.understanding.effect_types import Effect, Impossible, Values
from ollama_addon.understanding.verb_table import VERBS
from ollama_addon.understanding.vocabulary import Choice, Number, Verb, value_of

STEP = 20
"""Percent by which a light becomes brighter or dimmer when no amount is said."""


LITTLE = 10
"""The same for "a bit"."""


_FAN_STEP = 20


_COVER_STEP = 20


_HUMIDITY_STEP = 5


_DEGREES = 1.0


_LITTLE_DEGREES = 0.5


_VOLUME_STEP = 10


_SCALE = {"min": 1.0, "low": 33.0, "medium": 66.0, "high": 100.0}
"""Percent that a word of a scale stands for, where no list of choices has it."""


_BY_PHRASE: dict[tuple[str, str], list[Verb]] = {}


for _verb in VERBS:
    for _domain in _verb.domains:
        _BY_PHRASE.setdefault((_domain, _verb.phrase), []).append(_verb)


def domains_of(attribute: str) -> tuple[str, ...]:
    """Return the domains that have an attribute."""
    return ATTRIBUTES.get(attribute, ())


def effect(action: str, entity: Entity, values: Values, house: House) -> Effect | Impossible | None:
    """Return what an action with values does to an entity.

    None where the two have nothing to do with each other ("lock the lamp"), so that something
    else must be meant; `Impossible` where it is clear what is meant and cannot be.
    """
    domain = entity.domain
    if values.attribute and domain not in ATTRIBUTES.get(values.attribute, (domain,)):
        return None
    if values.text and domain in ("todo", "media_player"):
        return _with_text(action, entity, values)
    if values.area and domain == "vacuum" and action in ("clean", "start", "on", "activate"):
        verb = _verb_of(entity, "clean {value} with {target}")
        if verb is not None:
            return Effect(verb, {"area": values.area}, "clean", frozenset({"area"}))
    direction = DIRECTIONS.get(action, "") if action in FITTING.get(domain, ()) else ""
    if values.any:
        found = _with_value(action, direction, entity, values, house)
        if found is not None:
            return found
        if action == "set":
            return None
    if direction and (domain not in ("cover", "valve") or values.little):
        return _relative(direction, entity, values, house)
    if action == "set" and values.attribute:
        return None
    phrase = PLAIN.get(domain, {}).get(action)
    if phrase is None:
        return None
    verb = _verb_of(entity, phrase)
    if verb is None and domain == "media_player" and action == "stop":
        verb = _verb_of(entity, OFF)
    if verb is None:
        return Impossible("cannot")
    return Effect(verb, dict(verb.slots), _said(domain, action))


def _said(domain: str, action: str) -> str:
    """Return a plain action as the change that it makes."""
    if domain == "lock":
        return {"close": "lock", "open": "unlock"}.get(action, action)
    if domain in ("cover", "valve"):
        return {"up": "open", "down": "close", "on": "open", "off": "close"}.get(action, action)
    if domain == "media_player":
        return {"up": "louder", "down": "quieter", "stop": "pause", "start": "resume"}.get(
            action, action
        )
    if action in ("start", "activate") and PLAIN.get(domain) is SWITCHING:
        return "on"
    if action == "stop" and PLAIN.get(domain) is SWITCHING:
        return "off"
    return action


def _verb_of(entity: Entity, phrase: str) -> Verb | None:
    return next(
        (verb for verb in _BY_PHRASE.get((entity.domain, phrase), ()) if verb.fits(entity)), None
    )


def _with_text(action: str, entity: Entity, values: Values) -> Effect | Impossible | None:
    phrase = {
        ("todo", "add"): "add to {target}: {value}",
        ("todo", "remove"): "remove from {target}: {value}",
        ("todo", "complete"): "complete on {target}: {value}",
        ("media_player", "play"): "search on {target}: {value}",
    }.get((entity.domain, action))
    if phrase is None:
        return None
    verb = _verb_of(entity, phrase)
    if verb is None:
        return Impossible("cannot")
    slot = "item" if entity.domain == "todo" else "search_query"
    return Effect(verb, {slot: values.text}, action, frozenset({"text"}))


_SETTING = {"set", "on", "up", "down", "brighter", "dimmer", "warmer", "cooler", "louder",
            "quieter", "open", "close", "start", "activate", "play"}  # fmt: skip
"""Actions that a value may stand beside."""


def _with_value(
    action: str, direction: str, entity: Entity, values: Values, house: House
) -> Effect | Impossible | None:
    """Return what setting an entity to the values does."""
    if action not in _SETTING:
        return None
    domain = entity.domain
    if values.relative and values.number is not None:
        return _relative(direction, entity, values, house) if direction else None
    if domain == "light":
        return _light(entity, values, house)
    number = _numbered(entity, values, house)
    if number is not None:
        return number
    return _chosen(entity, values, house)


def _light(entity: Entity, values: Values, house: House) -> Effect | Impossible | None:
    """Return the settings of a light: brightness, color and white may be said together."""
    slots: dict[str, Any] = {}
    used: set[str] = set()
    found: Verb | None = None
    percent, said = _share(values)
    wanted: list[tuple[str, Any, str, set[str]]] = []
    if percent is not None:
        wanted.append(("set {target} brightness to {value}", percent, "brightness", said))
    if values.color:
        wanted.append(("set {target} color to {value}", values.color, "color", {"color"}))
    if values.kelvin is not None:
        wanted.append(("set {target} white to {value} K", values.kelvin, "temperature", {"kelvin"}))
    for phrase, value, slot, fields in wanted:
        verb = _verb_of(entity, phrase)
        if verb is None:
            if slot == "temperature" and not values.color:
                # A lamp in colors has no white of its own; it has the color.
                verb = _verb_of(entity, "set {target} color to {value}")
                slot, value = "color", "white"
            if verb is None:
                return Impossible("cannot")
        if slot == "temperature":
            kind = value_of(verb, entity, house)
            assert isinstance(kind, Number)
            value = min(max(value, kind.low), kind.high)
        elif slot == "brightness" and not 0 <= value <= 100:
            return Impossible("range", {"low": "0", "high": "100"})
        slots[slot] = _whole(value) if isinstance(value, float) else value
        used |= fields
        found = verb
    if found is None:
        return None
    return Effect(found, slots, "set", frozenset(used))


def _share(values: Values) -> tuple[float | None, set[str]]:
    """Return the share in percent that was said, and the fields it stands in."""
    if values.percent is not None:
        return values.percent, {"percent"}
    if values.bare is not None and not values.kelvin:
        return values.bare, {"bare"}
    if values.level:
        return _SCALE.get(values.level), {"level"}
    return None, set()


_NUMBERED = {
    "cover": ("set {target} position to {value}",),
    "valve": ("set {target} position to {value}",),
    "fan": ("set {target} speed to {value}",),
    "humidifier": ("set {target} humidity to {value}",),
    "media_player": ("set {target} volume to {value}",),
    "climate": ("set {target} to {value} degrees",),
    "water_heater": ("set {target} to {value} degrees",),
    "number": ("set {target} to {value}",),
    "input_number": ("set {target} to {value}",),
}


def _numbered(entity: Entity, values: Values, house: House) -> Effect | Impossible | None:
    domain = entity.domain
    phrases = _NUMBERED.get(domain)
    if phrases is None:
        return None
    if domain in ("climate", "water_heater"):
        number = values.degrees if values.degrees is not None else values.bare
        used = {"degrees"} if values.degrees is not None else {"bare"}
    elif domain in ("number", "input_number"):
        number = values.number
        used = {"percent", "degrees", "bare"}
    else:
        number, used = _share(values)
        if number is None and values.level:
            return None
    if number is None:
        return None
    verb = _verb_of(entity, phrases[0])
    if verb is None:
        ends = {0.0: "close", 100.0: "open"}
        if domain in ("cover", "valve") and number in ends:
            done = effect(ends[number], entity, Values(), house)
            if isinstance(done, Effect):
                return Effect(done.verb, done.slots, done.direction, frozenset(used))
        return Impossible("cannot")
    kind = value_of(verb, entity, house)
    if not isinstance(kind, Number):
        return Impossible("cannot")
    if domain == "fan" and number == 0:
        off = _verb_of(entity, OFF)
        if off is not None:
            return Effect(off, {}, "off", frozenset(used))
    if not kind.low <= number <= kind.high:
        return Impossible("range", {"low": f"{kind.low:g}", "high": f"{kind.high:g}"})
    return Effect(verb, {kind.slot: _whole(number)}, "set", frozenset(used))


_CHOSEN = (
    "set {target} mode to {value}",
    "set {target} preset to {value}",
    "set {target} fan to {value}",
    "set {target} source to {value}",
    "set {target} to {value}",
)


def _chosen(entity: Entity, values: Values, house: House) -> Effect | Impossible | None:
    """Return the choice of an entity's list that a word stands for."""
    wanted = [
        (word, name)
        for word, name in (
            (values.option, "option"),
            (values.mode, "mode"),
            (values.level, "level"),
        )
        if word
    ]
    for phrase in _CHOSEN:
        verb = _verb_of(entity, phrase)
        kind = value_of(verb, entity, house) if verb is not None else None
        if verb is None or not isinstance(kind, Choice):
            continue
        for word, name in wanted:
            for option in kind.options:
                if option.casefold().replace("_", " ") == word.casefold().replace("_", " "):
                    return Effect(verb, {kind.slot: option}, "set", frozenset({name}))
    if wanted and entity.domain in ("climate", "humidifier", "select", "input_select"):
        return Impossible("cannot")
    return None


def _relative(direction: str, entity: Entity, values: Values, house: House) -> Effect | Impossible:
    """Return a change by an amount: one that was said, or the usual step."""
    domain = entity.domain
    sign = 1 if direction == "up" else -1
    number = values.number
    used = frozenset(
        name for name in ("percent", "degrees", "bare") if getattr(values, name) is not None
    ) | {"relative", "little", "much"}
    if domain == "light":
        verb = _verb_of(entity, "brighten {target}" if sign > 0 else "dim {target}")
        amount = number if number is not None else LITTLE if values.little else STEP
        if verb is None:
            return Impossible("cannot")
        return Effect(
            verb,
            {"brightness_step_pct": _whole(sign * amount)},
            "brighter" if sign > 0 else "dimmer",
            used,
        )
    if domain == "media_player":
        by = _verb_of(entity, f"{'louder' if sign > 0 else 'quieter'} {{target}} by {{value}}")
        plain = _verb_of(entity, f"{'louder' if sign > 0 else 'quieter'} {{target}}")
        name = "louder" if sign > 0 else "quieter"
        if number is not None and by is not None:
            return Effect(by, {"volume_step": _whole(sign * number)}, name, used)
        if values.little and by is not None:
            return Effect(by, {"volume_step": sign * _VOLUME_STEP // 2}, name, used)
        if plain is not None:
            return Effect(plain, dict(plain.slots), name, used)
        return Impossible("cannot")
    current, low, high, step, phrase, slot = _present(entity, values, house)
    if current is None or phrase is None:
        return Impossible("cannot")
    verb = _verb_of(entity, phrase)
    if verb is None:
        return Impossible("cannot")
    wanted = current + sign * (number if number is not None else step)
    names = {
        "climate": ("warmer", "cooler"),
        "cover": ("open", "close"),
        "valve": ("open", "close"),
    }.get(domain, ("up", "down"))
    if number is None:
        wanted = min(max(wanted, low), high)
    if not low <= wanted <= high or wanted == current:
        return Impossible("range", {"low": f"{low:g}", "high": f"{high:g}"})
    return Effect(verb, {slot: _whole(wanted)}, names[0] if sign > 0 else names[1], used)


def _present(
    entity: Entity, values: Values, house: House
) -> tuple[float | None, float, float, float, str | None, str]:
    """Return the present value of what can be more or less, its bounds, step, phrase and slot."""
    state = house.states.get(entity.id)
    attributes = state.attributes if state else {}
    domain = entity.domain
    if domain == "climate":
        verb = _verb_of(entity, "set {target} to {value} degrees")
        kind = value_of(verb, entity, house) if verb else None
        if not isinstance(kind, Number):
            return None, 0, 0, 0, None, ""
        step = _LITTLE_DEGREES if values.little and kind.step <= _LITTLE_DEGREES else _DEGREES
        return (
            _float(attributes.get("temperature")),
            kind.low,
            kind.high,
            step,
            "set {target} to {value} degrees",
            "temperature",
        )
    if domain == "fan":
        step = LITTLE if values.little else _FAN_STEP
        now = _float(attributes.get("percentage"))
        return now, 0, 100, step, "set {target} speed to {value}", "percentage"
    if domain == "humidifier":
        kind = _humidity(entity, house)
        now = _float(attributes.get("humidity"))
        return (
            now,
            kind.low,
            kind.high,
            _HUMIDITY_STEP,
            "set {target} humidity to {value}",
            "humidity",
        )
    if domain in ("cover", "valve"):
        now = _float(attributes.get("current_position"))
        step = LITTLE if values.little else _COVER_STEP
        return now, 0, 100, step, "set {target} position to {value}", "position"
    if domain in ("number", "input_number"):
        verb = _verb_of(entity, "set {target} to {value}")
        kind_ = value_of(verb, entity, house) if verb else None
        now = _float(state.state if state else None)
        if not isinstance(kind_, Number):
            return None, 0, 0, 0, None, ""
        return now, kind_.low, kind_.high, kind_.step, "set {target} to {value}", kind_.slot
    return None, 0, 0, 0, None, ""


def _humidity(entity: Entity, house: House) -> Number:
    verb = _verb_of(entity, "set {target} humidity to {value}")
    kind = value_of(verb, entity, house) if verb else None
    return kind if isinstance(kind, Number) else Number("humidity", 0, 100)


def _float(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _whole(number: float) -> float | int:
    rounded = round(float(number), 2)
    return int(rounded) if rounded.is_integer() else rounded
