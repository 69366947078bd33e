"""All verbs, with the entities that each fits and the value that it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from ollama_addon.home.model import Entity, House
from ollama_addon.understanding.verb_values import (
    can_dim,
    has_color,
    has_color_temperature,
    has_features,
    takes_areas,
    takes_degrees,
    takes_field,
    takes_humidity,
    takes_kelvin,
    takes_number,
    takes_one_of,
    takes_percent,
    takes_step,
    takes_text,
)
from ollama_addon.understanding.vocabulary import (
    CLEAN_AREA,
    COLORS,
    Choice,
    Group,
    Value,
    Verb,
)


def _verb(
    phrase: str,
    intent: str,
    domains: str,
    value: Callable[[Entity, House], Value | None] | None = None,
    fits: Callable[[Entity], bool] = lambda entity: True,
    *,
    group: bool = False,
    reads: bool = False,
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
    )


SWITCHED = "light switch fan media_player humidifier input_boolean siren remote group water_heater"


# The bits are those of Home Assistant's …EntityFeature.
VERBS: tuple[Verb, ...] = (
    _verb("turn on {target}", "HassTurnOn", SWITCHED, group=True),
    _verb("turn off {target}", "HassTurnOff", SWITCHED, group=True),
    _verb("turn on {target}", "HassTurnOn", "climate", fits=has_features(256)),
    _verb("turn off {target}", "HassTurnOff", "climate", fits=has_features(128)),
    _verb("turn on {target}", "automation.turn_on", "automation"),
    _verb("turn off {target}", "automation.turn_off", "automation"),
    _verb("open {target}", "HassTurnOn", "cover valve", fits=has_features(1), group=True),
    _verb("close {target}", "HassTurnOff", "cover valve", fits=has_features(2), group=True),
    _verb("stop {target}", "HassStopMoving", "cover valve", fits=has_features(8), group=True),
    _verb(
        "set {target} position to {value}",
        "HassSetPosition",
        "cover valve",
        takes_percent("position"),
        has_features(4),
        group=True,
    ),
    _verb("lock {target}", "HassTurnOn", "lock", group=True),
    _verb("unlock {target}", "HassTurnOff", "lock", group=True),
    _verb("press {target}", "HassTurnOn", "button input_button"),
    _verb("activate {target}", "HassTurnOn", "scene"),
    _verb("run {target}", "HassTurnOn", "script"),
    _verb("run {target} with {value}", "script.turn_on", "script", takes_field),
    _verb(
        "set {target} brightness to {value}",
        "HassLightSet",
        "light",
        takes_percent("brightness"),
        can_dim,
        group=True,
    ),
    _verb(
        "set {target} color to {value}",
        "HassLightSet",
        "light",
        lambda entity, house: Choice("color", tuple(COLORS)),
        has_color,
        group=True,
    ),
    _verb(
        "set {target} white to {value} K",
        "HassLightSet",
        "light",
        takes_kelvin,
        has_color_temperature,
        group=True,
    ),
    _verb(
        "brighten {target}",
        "light.turn_on",
        "light",
        fits=can_dim,
        brightness_step_pct=20,
    ),
    _verb(
        "dim {target}",
        "light.turn_on",
        "light",
        fits=can_dim,
        brightness_step_pct=-20,
    ),
    _verb(
        "brighten {target} by {value}",
        "light.turn_on",
        "light",
        takes_step("brightness_step_pct", 1, 100),
        can_dim,
    ),
    _verb(
        "dim {target} by {value}",
        "light.turn_on",
        "light",
        takes_step("brightness_step_pct", 1, 100, -1),
        can_dim,
    ),
    _verb(
        "warmer {target}",
        "HassClimateSetTemperature",
        "climate",
        fits=has_features(1),
        step=1,
    ),
    _verb(
        "cooler {target}",
        "HassClimateSetTemperature",
        "climate",
        fits=has_features(1),
        step=-1,
    ),
    _verb(
        "warmer {target} by {value}",
        "HassClimateSetTemperature",
        "climate",
        takes_step("step", 0.5, 10),
        has_features(1),
    ),
    _verb(
        "cooler {target} by {value}",
        "HassClimateSetTemperature",
        "climate",
        takes_step("step", 0.5, 10, -1),
        has_features(1),
    ),
    _verb(
        "set {target} to {value} degrees",
        "HassClimateSetTemperature",
        "climate",
        takes_degrees,
        has_features(1),
        group=True,
    ),
    _verb(
        "set {target} mode to {value}",
        "climate.set_hvac_mode",
        "climate",
        takes_one_of("hvac_mode", "hvac_modes"),
    ),
    _verb(
        "set {target} preset to {value}",
        "climate.set_preset_mode",
        "climate",
        takes_one_of("preset_mode", "preset_modes"),
        has_features(16),
    ),
    _verb(
        "set {target} fan to {value}",
        "climate.set_fan_mode",
        "climate",
        takes_one_of("fan_mode", "fan_modes"),
        has_features(8),
    ),
    _verb(
        "set {target} to {value} degrees",
        "water_heater.set_temperature",
        "water_heater",
        takes_degrees,
        has_features(1),
    ),
    _verb(
        "set {target} speed to {value}",
        "HassFanSetSpeed",
        "fan",
        takes_percent("percentage"),
        has_features(1),
        group=True,
    ),
    _verb(
        "set {target} humidity to {value}", "HassHumidifierSetpoint", "humidifier", takes_humidity
    ),
    _verb(
        "set {target} mode to {value}",
        "HassHumidifierMode",
        "humidifier",
        takes_one_of("mode", "available_modes"),
        has_features(1),
    ),
    _verb("pause {target}", "HassMediaPause", "media_player", fits=has_features(1), group=True),
    _verb(
        "play {target}", "HassMediaUnpause", "media_player", fits=has_features(16384), group=True
    ),
    _verb("next on {target}", "HassMediaNext", "media_player", fits=has_features(32)),
    _verb("previous on {target}", "HassMediaPrevious", "media_player", fits=has_features(16)),
    _verb(
        "set {target} volume to {value}",
        "HassSetVolume",
        "media_player",
        takes_percent("volume_level"),
        has_features(4),
        group=True,
    ),
    _verb(
        "louder {target}",
        "HassSetVolumeRelative",
        "media_player",
        fits=has_features(4 | 1024),
        volume_step="up",
    ),
    _verb(
        "quieter {target}",
        "HassSetVolumeRelative",
        "media_player",
        fits=has_features(4 | 1024),
        volume_step="down",
    ),
    _verb(
        "louder {target} by {value}",
        "HassSetVolumeRelative",
        "media_player",
        takes_step("volume_step", 1, 100),
        has_features(4),
    ),
    _verb(
        "quieter {target} by {value}",
        "HassSetVolumeRelative",
        "media_player",
        takes_step("volume_step", 1, 100, -1),
        has_features(4),
    ),
    _verb("mute {target}", "HassMediaPlayerMute", "media_player", fits=has_features(8)),
    _verb("unmute {target}", "HassMediaPlayerUnmute", "media_player", fits=has_features(8)),
    _verb(
        "set {target} source to {value}",
        "media_player.select_source",
        "media_player",
        takes_one_of("source", "source_list"),
        has_features(2048),
    ),
    _verb(
        "search on {target}: {value}",
        "HassMediaSearchAndPlay",
        "media_player",
        takes_text("search_query"),
        has_features(4194304),
    ),
    _verb("start {target}", "HassVacuumStart", "vacuum", fits=has_features(8192)),
    _verb("clean {value} with {target}", CLEAN_AREA, "vacuum", takes_areas, has_features(16384)),
    _verb("dock {target}", "HassVacuumReturnToBase", "vacuum", fits=has_features(16)),
    _verb("stop {target}", "vacuum.stop", "vacuum", fits=has_features(8)),
    _verb("pause {target}", "vacuum.pause", "vacuum", fits=has_features(4)),
    _verb("locate {target}", "vacuum.locate", "vacuum", fits=has_features(512)),
    _verb("pause {target}", "lawn_mower.pause", "lawn_mower", fits=has_features(2)),
    _verb("start {target}", "HassLawnMowerStartMowing", "lawn_mower", fits=has_features(1)),
    _verb("dock {target}", "HassLawnMowerDock", "lawn_mower", fits=has_features(4)),
    _verb(
        "add to {target}: {value}", "HassListAddItem", "todo", takes_text("item"), has_features(1)
    ),
    _verb(
        "complete on {target}: {value}",
        "HassListCompleteItem",
        "todo",
        takes_text("item"),
        has_features(4),
    ),
    _verb(
        "remove from {target}: {value}",
        "HassListRemoveItem",
        "todo",
        takes_text("item"),
        has_features(2),
    ),
    _verb("read {target}", "todo.get_items", "todo", reads=True),
    _verb("read {target}", "calendar.get_events", "calendar", reads=True),
    _verb("forecast {target}", "HassGetWeather", "weather", reads=True),
    _verb(
        "set {target} to {value}",
        "number.set_value",
        "number",
        takes_number,
    ),
    _verb("set {target} to {value}", "input_number.set_value", "input_number", takes_number),
    _verb(
        "set {target} to {value}",
        "select.select_option",
        "select",
        takes_one_of("option", "options"),
    ),
    _verb(
        "set {target} to {value}",
        "input_select.select_option",
        "input_select",
        takes_one_of("option", "options"),
    ),
    _verb("arm {target} away", "alarm_control_panel.alarm_arm_away", "alarm_control_panel"),
    _verb("arm {target} home", "alarm_control_panel.alarm_arm_home", "alarm_control_panel"),
    _verb(
        "disarm {target}",
        "alarm_control_panel.alarm_disarm",
        "alarm_control_panel",
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
