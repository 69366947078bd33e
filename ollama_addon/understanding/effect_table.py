"""Which actions, directions and attributes go with which domain."""

from __future__ import annotations

ON, OFF = "turn on {target}", "turn off {target}"


SWITCHING = {"on": ON, "off": OFF, "start": ON, "activate": ON, "stop": OFF}


COVERING = {
    "open": "open {target}",
    "close": "close {target}",
    "up": "open {target}",
    "down": "close {target}",
    "stop": "stop {target}",
}


PLAIN: dict[str, dict[str, str]] = {
    "light": SWITCHING,
    "switch": SWITCHING,
    "input_boolean": SWITCHING,
    "siren": SWITCHING,
    "remote": SWITCHING,
    "group": SWITCHING,
    "fan": SWITCHING,
    "humidifier": SWITCHING,
    "water_heater": SWITCHING,
    "climate": SWITCHING,
    "automation": {"on": ON, "off": OFF, "activate": ON, "stop": OFF},
    "cover": COVERING,
    "valve": {
        **COVERING,
        "on": "open {target}",
        "off": "close {target}",
        "start": "open {target}",
        "activate": "open {target}",
    },
    "lock": {
        "lock": "lock {target}",
        "unlock": "unlock {target}",
        "close": "lock {target}",
        "open": "unlock {target}",
    },
    "media_player": {
        "on": ON,
        "off": OFF,
        "pause": "pause {target}",
        "stop": "pause {target}",
        "play": "play {target}",
        "resume": "play {target}",
        "start": "play {target}",
        "next": "next on {target}",
        "previous": "previous on {target}",
        "mute": "mute {target}",
        "unmute": "unmute {target}",
        "louder": "louder {target}",
        "quieter": "quieter {target}",
        "up": "louder {target}",
        "down": "quieter {target}",
    },
    "vacuum": {
        "on": "start {target}",
        "start": "start {target}",
        "activate": "start {target}",
        "clean": "start {target}",
        "resume": "start {target}",
        "dock": "dock {target}",
        "off": "dock {target}",
        "stop": "stop {target}",
        "pause": "pause {target}",
        "locate": "locate {target}",
    },
    "lawn_mower": {
        "on": "start {target}",
        "start": "start {target}",
        "mow": "start {target}",
        "resume": "start {target}",
        "dock": "dock {target}",
        "off": "dock {target}",
        "stop": "pause {target}",
        "pause": "pause {target}",
    },
    "scene": dict.fromkeys(("on", "activate", "start", "set"), "activate {target}"),
    "script": dict.fromkeys(("on", "activate", "start"), "run {target}"),
    "button": dict.fromkeys(("on", "press", "activate", "start"), "press {target}"),
    "input_button": dict.fromkeys(("on", "press", "activate", "start"), "press {target}"),
    "alarm_control_panel": {
        "arm": "arm {target} away",
        "on": "arm {target} away",
        "disarm": "disarm {target}",
        "off": "disarm {target}",
    },
}
"""Actions without a value, by domain, and the phrase of the vocabulary that does them."""


DIRECTIONS = {
    "louder": "up",
    "quieter": "down",
    "brighter": "up",
    "dimmer": "down",
    "warmer": "up",
    "cooler": "down",
    "up": "up",
    "down": "down",
    "open": "up",
    "close": "down",
}


FITTING = {
    "light": {"brighter", "dimmer", "up", "down"},
    "climate": {"warmer", "cooler", "up", "down"},
    "media_player": {"louder", "quieter", "up", "down"},
    "fan": {"up", "down"},
    "humidifier": {"up", "down"},
    "number": {"up", "down"},
    "input_number": {"up", "down"},
    "cover": {"up", "down", "open", "close"},
    "valve": {"up", "down", "open", "close"},
}
"""Directions that make sense for a domain."""


ATTRIBUTES = {
    "brightness": ("light",),
    "color": ("light",),
    "color_temperature": ("light",),
    "volume": ("media_player",),
    "temperature": ("climate", "water_heater"),
    "position": ("cover", "valve"),
    "humidity": ("humidifier",),
    "speed": ("fan",),
    "song": ("media_player",),
    "source": ("media_player",),
    "mode": ("climate", "humidifier", "select", "input_select"),
}
"""Domains that have what an attribute's word names."""
