"""Actions as the service calls of an automation: one table, intent to service.

An automation holds plain calls on the entity ids that were read back, so that a person can
read and change it in Home Assistant's editor, and nothing is understood anew when it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ollama_addon.agent.actions.opposites import members_of
from ollama_addon.agent.orders import RefusalCode
from ollama_addon.home.model import House
from ollama_addon.understanding.verb_table import TARGETLESS, VERBS
from ollama_addon.understanding.vocabulary import FIELD, Action

ServiceCall = dict[str, Any]
"""One action of an automation: `action`, `target` and `data`."""


class AutomationError(Exception):
    """Something that cannot be in an automation, and why."""

    def __init__(self, code: RefusalCode, **values: object) -> None:
        super().__init__(code)
        self.code: RefusalCode = code
        self.values = values


_Slots = Mapping[str, Any]
_Call = tuple[str, dict[str, Any]]
_READS = frozenset(verb.intent for verb in (*VERBS, *TARGETLESS) if verb.reads)
_TARGETS = frozenset({"name", "area", "floor", "domain", "device_class"})
_TURNED_ON = {
    "cover": "cover.open_cover",
    "valve": "valve.open_valve",
    "lock": "lock.lock",
    "button": "button.press",
    "input_button": "input_button.press",
    "group": "homeassistant.turn_on",
}
_TURNED_OFF = {
    "cover": "cover.close_cover",
    "valve": "valve.close_valve",
    "lock": "lock.unlock",
    "group": "homeassistant.turn_off",
}
_STOPPED = {"cover": "cover.stop_cover", "valve": "valve.stop_valve"}
_POSITIONED = {"cover": "cover.set_cover_position", "valve": "valve.set_valve_position"}


def _plain(service: str, **renamed: str) -> Callable[[str, _Slots], _Call | None]:
    """Return the call of a service with these slots, by the names that it has for them."""

    def call(domain: str, slots: _Slots) -> _Call | None:
        data = {renamed[slot]: value for slot, value in slots.items() if slot in renamed}
        return (service, data) if set(slots) - _TARGETS <= set(renamed) else None

    return call


def _volume(domain: str, slots: _Slots) -> _Call | None:
    level = slots.get("volume_level")
    if not isinstance(level, int | float):
        return None
    return "media_player.volume_set", {"volume_level": round(level / 100, 2)}


def _volume_step(domain: str, slots: _Slots) -> _Call | None:
    # By how much is up to the player: an automation cannot count on what was there.
    service = {"up": "volume_up", "down": "volume_down"}.get(str(slots.get("volume_step")))
    return (f"media_player.{service}", {}) if service else None


def _muted(muted: bool) -> Callable[[str, _Slots], _Call | None]:
    return lambda domain, slots: ("media_player.volume_mute", {"is_volume_muted": muted})


def _by_domain(services: Mapping[str, str], other: str = "", **renamed: str) -> Any:
    def call(domain: str, slots: _Slots) -> _Call | None:
        service = services.get(domain) or (f"{domain}.{other}" if other else "")
        return _plain(service, **renamed)(domain, slots) if service else None

    return call


SERVICES: Mapping[str, Callable[[str, _Slots], _Call | None]] = {
    "HassTurnOn": _by_domain(_TURNED_ON, "turn_on"),
    "HassTurnOff": _by_domain(_TURNED_OFF, "turn_off"),
    "HassStopMoving": _by_domain(_STOPPED),
    "HassSetPosition": _by_domain(_POSITIONED, position="position"),
    "HassLightSet": _plain(
        "light.turn_on",
        brightness="brightness_pct",
        color="color_name",
        temperature="color_temp_kelvin",
    ),
    "HassClimateSetTemperature": _plain("climate.set_temperature", temperature="temperature"),
    "HassFanSetSpeed": _plain("fan.set_percentage", percentage="percentage"),
    "HassHumidifierSetpoint": _plain("humidifier.set_humidity", humidity="humidity"),
    "HassHumidifierMode": _plain("humidifier.set_mode", mode="mode"),
    "HassMediaPause": _plain("media_player.media_pause"),
    "HassMediaUnpause": _plain("media_player.media_play"),
    "HassMediaNext": _plain("media_player.media_next_track"),
    "HassMediaPrevious": _plain("media_player.media_previous_track"),
    "HassMediaPlayerMute": _muted(True),
    "HassMediaPlayerUnmute": _muted(False),
    "HassSetVolume": _volume,
    "HassSetVolumeRelative": _volume_step,
    "HassVacuumStart": _plain("vacuum.start"),
    "HassVacuumReturnToBase": _plain("vacuum.return_to_base"),
    "HassLawnMowerStartMowing": _plain("lawn_mower.start_mowing"),
    "HassLawnMowerDock": _plain("lawn_mower.dock"),
    "HassListAddItem": _plain("todo.add_item", item="item"),
    "HassListRemoveItem": _plain("todo.remove_item", item="item"),
    "HassListCompleteItem": lambda domain, slots: (
        "todo.update_item",
        {"item": slots.get("item"), "status": "completed"},
    ),
}
"""What an intent is as a service; a call is None where an automation cannot do it."""


def service_calls(
    actions: Sequence[Action], house: House, *, satellite_id: str | None, title: str
) -> list[ServiceCall]:
    """Return the calls that do these actions. Raises AutomationError.

    What is announced is said on the satellite, or shown as a notification under `title`.
    """
    return [_call(action, house, satellite_id, title) for action in actions]


def _call(action: Action, house: House, satellite_id: str | None, title: str) -> ServiceCall:
    if action.intent == "HassBroadcast":
        return _told(str(action.slots.get("message", "")), satellite_id, title)
    if action.intent in _READS or "Timer" in action.intent:
        raise AutomationError("cannot")
    members = members_of(action, house)
    if not members:
        raise AutomationError("not_exposed")
    call = _service(action, members[0].domain)
    if call is None:
        raise AutomationError("cannot")
    service, data = call
    found: ServiceCall = {
        "action": service,
        "target": {"entity_id": [member.id for member in members]},
    }
    if data:
        found["data"] = data
    return found


def _service(action: Action, domain: str) -> _Call | None:
    if action.intent in SERVICES:
        return SERVICES[action.intent](domain, action.slots)
    if "." not in action.intent:
        return None
    data = {slot: value for slot, value in action.slots.items() if slot not in _TARGETS}
    fields = {key.removeprefix(FIELD): data.pop(key) for key in list(data) if key.startswith(FIELD)}
    if fields:
        data["variables"] = fields
    return action.intent, data


def _told(message: str, satellite_id: str | None, title: str) -> ServiceCall:
    if satellite_id:
        return {
            "action": "assist_satellite.announce",
            "target": {"entity_id": [satellite_id]},
            "data": {"message": message},
        }
    return {
        "action": "persistent_notification.create",
        "data": {"title": title, "message": message},
    }
