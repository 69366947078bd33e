"""Questions about the house: what is asked, and about which entities."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ollama_addon.home.model import Entity
from ollama_addon.understanding.draft import Draft
from ollama_addon.understanding.interpretation import QuestionKind, Role

STATED: dict[str, frozenset[str]] = {
    "on": frozenset(
        "light switch fan media_player climate humidifier input_boolean siren remote group "
        "water_heater automation".split()
    ),
    "off": frozenset(
        "light switch fan media_player climate humidifier input_boolean siren remote group "
        "water_heater automation".split()
    ),
    "open": frozenset({"cover", "binary_sensor", "valve"}),
    "closed": frozenset({"cover", "binary_sensor", "valve"}),
    "locked": frozenset({"lock"}),
    "unlocked": frozenset({"lock"}),
    "playing": frozenset({"media_player"}),
    "paused": frozenset({"media_player"}),
    "idle": frozenset({"media_player", "vacuum"}),
    "home": frozenset({"person", "device_tracker"}),
    "not_home": frozenset({"person", "device_tracker"}),
    "cleaning": frozenset({"vacuum"}),
    "docked": frozenset({"vacuum", "lawn_mower"}),
    "mowing": frozenset({"lawn_mower"}),
    "motion": frozenset({"binary_sensor"}),
    "wet": frozenset({"binary_sensor"}),
    "heat": frozenset({"climate"}),
    "cool": frozenset({"climate"}),
    "empty": frozenset({"sensor", "binary_sensor"}),
}
"""Domains whose entities can be in a state that is asked about."""
_OPENABLE = frozenset({"door", "window", "garage_door", "opening"})
_PARTICLES = {
    "on": "on",
    "off": "off",
    "open": "open",
    "close": "closed",
    "lock": "locked",
    "unlock": "unlocked",
}
_VALUED = frozenset(
    "sensor binary_sensor climate weather light cover fan humidifier media_player lock number "
    "vacuum lawn_mower person device_tracker switch select input_number input_select valve "
    "water_heater input_boolean alarm_control_panel device_tracker".split()
)
_TEMPERATURE = ("sensor", "climate", "weather", "water_heater")


def asked_state(draft: Draft) -> tuple[str, list[int]]:
    """Return the state that a question asks for, and the spans that say it."""
    for at in draft.all_free():
        span = draft.spans[at]
        if span.has("name", "area"):
            continue
        article = span.has("articles", "one_unit") and draft.has(at + 1, "nouns", "name", "word")
        if span.has("states") and not article:  # "ist ein Fenster offen": "ein" is "on" as well
            return span.meanings("states")[0], [at]
    for at in reversed(list(draft.all_free())):
        span = draft.spans[at]
        if span.has("particles") and not span.has("name", "area"):
            if span.has("in", "to") and at != draft.last():
                continue
            meaning = span.meanings("particles")[0]
            if meaning in _PARTICLES:
                return _PARTICLES[meaning], [at]
    for at in draft.all_free():
        for meaning in draft.spans[at].meanings("verbs"):
            state = {"lock": "locked", "unlock": "unlocked", "close": "closed", "open": "open"}.get(
                meaning, meaning if meaning in ("on", "off") else ""
            )
            if state and not draft.has(at, "nouns", "name"):
                return state, [at]
    return "", []


def can_be(state: str) -> Callable[[Entity], bool]:
    """Return what tells whether an entity can be in a state."""

    def fits(entity: Entity) -> bool:
        if entity.domain not in STATED.get(state, frozenset()):
            return False
        if entity.domain == "binary_sensor" and state in ("open", "closed"):
            return entity.device_class in _OPENABLE
        if entity.domain == "binary_sensor" and state == "motion":
            return entity.device_class in ("motion", "occupancy", "moving", "presence")
        if entity.domain == "binary_sensor" and state == "wet":
            return entity.device_class == "moisture"
        if state == "empty":
            return entity.device_class == "battery"
        return True

    return fits


def can_tell(attribute: str) -> Callable[[Entity], bool]:
    """Return what tells whether an entity has something to say about an attribute."""

    def fits(entity: Entity) -> bool:
        if attribute == "temperature":
            return entity.device_class == "temperature" or entity.domain in _TEMPERATURE[1:]
        if attribute == "humidity":
            return entity.device_class == "humidity" or entity.domain in ("humidifier", "weather")
        if attribute == "brightness":
            return entity.domain == "light" or entity.device_class == "illuminance"
        if attribute == "volume":
            return entity.domain == "media_player"
        if attribute == "position":
            return entity.domain in ("cover", "valve")
        if attribute == "speed":
            return entity.domain == "fan" or entity.device_class in ("wind_speed", "speed")
        if attribute == "color":
            return entity.domain == "light"
        if attribute in ("song", "source"):
            return entity.domain == "media_player"
        return entity.domain in _VALUED

    return fits


def openers(draft: Draft) -> list[str]:
    """Return the meanings of the words of asking that were taken, in order."""
    found: list[str] = []
    for at, span in enumerate(draft.spans):
        if draft.role(at) is Role.QUESTION:
            found.extend(span.meanings("questions")[:2])
    return found


def kind_of(
    asked: Sequence[str], state: str, *, several: bool, quantifier: str, counted: int
) -> QuestionKind:
    """Return the kind of a question by its words.

    `several` tells that many were named by a kind, `counted` how many entities it is about.
    """
    if "how_many" in asked:
        return "how_many"
    if "where" in asked:
        return "where"
    if "who" in asked and state in ("home", "not_home"):
        return "which"
    if state:
        if "which" in asked and not _yes_no_first(asked):
            return "which"
        if "all" in asked or (quantifier in ("all", "both", "everything") and counted != 1):
            return "all"
        if "any" in asked or quantifier == "any":
            return "any"
        if counted == 1:
            return "state"
        return "all" if several and quantifier != "any" else "any"
    if "which" in asked and counted > 1 and several:
        return "which"
    return "value"


def _yes_no_first(asked: Sequence[str]) -> bool:
    return bool(asked) and asked[0] in ("yes_no", "any", "all")
