"""What of a state the evaluation looks at, and whether a value is the expected one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Values = Mapping[str, Any]
"""What is looked at of one entity: its `state`, and attributes in the terms of the cases."""
House = Mapping[str, Values]
"""The values of every entity that is watched, by entity id."""

HAPPENINGS = {"button": "pressed", "scene": "activated", "script": "ran"}
"""Domains whose entities have no lasting state: that it happened is all there is to see."""

COLORS = {
    "red": (0, 100),
    "orange": (39, 100),
    "yellow": (60, 100),
    "green": (120, 100),
    "turquoise": (174, 71),
    "cyan": (180, 100),
    "blue": (240, 100),
    "violet": (300, 45),
    "purple": (300, 100),
    "pink": (350, 25),
}
"""Hue in degrees and saturation in percent."""
_HUE_TOLERANCE = 25
_SATURATION_TOLERANCE = 40

_SAME = (
    "current_position",
    "current_tilt_position",
    "fan_mode",
    "fan_speed",
    "humidity",
    "is_volume_muted",
    "media_title",
    "media_track",
    "mode",
    "oscillating",
    "percentage",
    "preset_mode",
    "source",
    "target_temp_high",
    "target_temp_low",
    "temperature",
    "volume_level",
)
_TOLERANCE = {"brightness_pct": 1.0, "color_temp_kelvin": 30.0, "percentage": 1.0}


def observe(
    entity_id: str, state: Mapping[str, Any], items: Mapping[str, str] | None = None
) -> Values:
    """Return what is looked at of a state as Home Assistant reports it.

    `items` are a to-do list's own: their status by their text.
    """
    domain = entity_id.partition(".")[0]
    attributes = state["attributes"]
    if domain == "script":
        return {"happened": attributes.get("last_triggered")}
    if domain in HAPPENINGS:
        return {"happened": state["state"]}
    if domain == "todo":
        return {"items": dict(items or {})}
    values = {"state": state["state"], **_kept(attributes)}
    if attributes.get("brightness") is not None:
        values["brightness_pct"] = round(attributes["brightness"] / 2.55)
    match attributes.get("color_mode"):
        case "color_temp":
            values["color_temp_kelvin"] = attributes.get("color_temp_kelvin")
        case "hs" | "rgb" | "rgbw" | "rgbww" | "xy":
            values["color"] = attributes.get("hs_color")
    return values


def _kept(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {key: attributes[key] for key in _SAME if attributes.get(key) is not None}


def meets(key: str, wanted: Any, value: Any) -> bool:
    """Whether a value is the wanted one: itself, within two numbers, or one of several words."""
    if key == "color":
        known = isinstance(wanted, str) and value is not None
        return _is_color(wanted, value) if known else bool(value == wanted)
    tolerance = _TOLERANCE.get(key, 0.011)
    match wanted:
        case [int() | float() as low, int() | float() as high]:
            return _is_number(value) and low - tolerance <= value <= high + tolerance
        case list():
            return value in wanted
        case bool() | str():
            return bool(value == wanted)
        case int() | float():
            return _is_number(value) and abs(value - wanted) <= tolerance
    return bool(value == wanted)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_color(name: str, hs: tuple[float, float]) -> bool:
    hue, saturation = COLORS[name]
    apart = abs(hs[0] - hue) % 360
    return (
        min(apart, 360 - apart) <= _HUE_TOLERANCE
        and abs(hs[1] - saturation) <= _SATURATION_TOLERANCE
    )
