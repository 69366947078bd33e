"""What the actions of an interpretation would do to a house, without Home Assistant.

A `Simulation` holds a home of the evaluation and does actions to it as Home Assistant and the
entities of `dev_house` do, so that the house can be looked at before and after.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, NamedTuple

from eval.home import Home
from eval.house import Raw, begun, house_of, read_inventory, state_of
from eval.values import COLORS, HAPPENINGS, Values, observe
from ollama_addon.home.model import House
from ollama_addon.understanding.vocabulary import Action

_READS = (
    "HassGetState HassGetWeather HassGetCurrentTime HassGetCurrentDate HassTimerStatus "
    "todo.get_items calendar.get_events"
).split()
_CLOCK = {"hours": 3600, "minutes": 60, "seconds": 1}
_OPENS = {"cover", "valve"}
_VOLUME_STEP = 0.1


class UnsimulatedError(LookupError):
    """An action that this simulation does not know, or one without any target."""


class Timer(NamedTuple):
    """A timer that runs: its length, and its name if it has one."""

    seconds: int
    name: str


def _length(slots: Mapping[str, Any], prefix: str = "") -> float:
    return sum(float(slots.get(prefix + part) or 0) * each for part, each in _CLOCK.items())


class Simulation:
    """A home that obeys at once. `house` is what the interpreter sees; its states are live."""

    def __init__(self, home: Home) -> None:
        self._home = home
        inventory = read_inventory(home.path)
        self._raw: dict[str, Raw] = {each["id"]: begun(each) for each in inventory["entities"]}
        self._states = {entity_id: state_of(raw) for entity_id, raw in self._raw.items()}
        house = house_of(inventory)
        self.house: House = house
        self.timers: list[Timer] = []
        self.acted: set[str] = set()
        """The entities to which something was done, whether or not it changed them."""
        self._number = 0

    def reset(self) -> None:
        """Bring back the first states."""
        for entity_id, entity in self._home.entities.items():
            self._raw[entity_id] = begun(entity)
            self._tell(entity_id)
        self.timers, self._number = [], 0
        self.acted.clear()

    def snapshot(self) -> tuple[dict[str, Raw], list[Timer]]:
        """Return all that can change, for `restore`."""
        return deepcopy(self._raw), list(self.timers)

    def restore(self, snapshot: tuple[dict[str, Raw], list[Timer]]) -> None:
        """Bring back what was."""
        raw, self.timers = deepcopy(snapshot[0]), list(snapshot[1])
        changed = [each for each in raw if raw[each] != self._raw[each]]
        self._raw = raw
        for entity_id in changed:
            self._tell(entity_id)

    def values(self) -> dict[str, Values]:
        """Return what the evaluation looks at of each entity."""
        found = {}
        for entity_id, state in self._states.items():
            items = dict(self._raw[entity_id].get("listed", {}))
            told = {"state": state.state, "attributes": state.attributes}
            found[entity_id] = observe(entity_id, told, items)
        return found

    def do(self, action: Action) -> bool:
        """Do one action, and return whether it does more than look.

        Raises `UnsimulatedError` for one that is unknown or has no target.
        """
        if action.intent in _READS:
            return False
        slots = dict(action.slots)
        if "Timer" in action.intent:
            self._do_timer(action.intent, slots)
        elif action.intent not in ("HassBroadcast", "HassNevermind"):
            targets = self.targets(action)
            if not targets:
                raise UnsimulatedError(f"{action.intent} has no target: {slots}")
            self.acted.update(targets)
            for entity_id in targets:
                self._do(action.intent, entity_id, slots)
                self._tell(entity_id)
        return True

    def targets(self, action: Action) -> list[str]:
        """Return the exposed entities that an action is about."""
        slots = action.slots
        if name := slots.get("name"):
            names = name if isinstance(name, list | tuple) else [name]
            return [each for each in names if each in self.house.entities]
        return [
            entity.id
            for entity in self.house.entities.values()
            if _is_in(slots.get("domain"), entity.domain)
            and _is_in(slots.get("device_class"), entity.device_class)
            and _is_in(slots.get("area"), entity.area_id)
            and _is_in(slots.get("floor"), self._floor(entity.area_id))
        ]

    def _floor(self, area_id: str | None) -> str | None:
        return self._home.floor_of.get(area_id) if area_id else None

    def _tell(self, entity_id: str) -> None:
        state = state_of(self._raw[entity_id])
        self._states[entity_id] = state
        if entity_id in self.house.entities:
            self.house.states[entity_id] = state  # type: ignore[index]

    def _do_timer(self, intent: str, slots: Mapping[str, Any]) -> None:
        length = round(_length(slots))
        if intent == "HassStartTimer":
            self.timers.append(Timer(length, str(slots.get("name") or "")))
            return
        if intent == "HassCancelAllTimers":
            self.timers.clear()
            return
        meant = self._timer(
            slots, by_length=intent not in ("HassIncreaseTimer", "HassDecreaseTimer")
        )
        match intent:
            case "HassIncreaseTimer":
                self.timers[meant] = self.timers[meant]._replace(
                    seconds=self.timers[meant].seconds + length
                )
            case "HassDecreaseTimer":
                self.timers[meant] = self.timers[meant]._replace(
                    seconds=self.timers[meant].seconds - length
                )
            case "HassCancelTimer":
                del self.timers[meant]
            case "HassPauseTimer" | "HassUnpauseTimer":
                pass
            case _:
                raise UnsimulatedError(f"{intent} is not known to the simulation")

    def _timer(self, slots: Mapping[str, Any], *, by_length: bool) -> int:
        """Return which timer is meant by its name or its length, else the last one."""
        name = str(slots.get("name") or "")
        length = round(_length(slots, "start_") or (_length(slots) if by_length else 0))
        for number, timer in enumerate(self.timers):
            if (name and timer.name == name) or (not name and length and timer.seconds == length):
                return number
        if name or not self.timers:
            raise UnsimulatedError(f"no timer is meant by {dict(slots)}")
        return len(self.timers) - 1

    def _do(self, intent: str, entity_id: str, slots: Mapping[str, Any]) -> None:
        raw, domain = self._raw[entity_id], entity_id.partition(".")[0]
        if domain in HAPPENINGS and intent in ("HassTurnOn", "script.turn_on"):
            self._number += 1
            raw["happened"] = str(self._number)
            for other, state in raw.get("sets", {}).items():
                _put(self._raw[other], state)
                self._tell(other)
            return
        effect = _EFFECTS.get(intent)
        if effect is None:
            raise UnsimulatedError(f"{intent} is not known to the simulation")
        effect(raw, domain, slots)


def _is_in(wanted: Any, value: str | None) -> bool:
    return wanted is None or value in (wanted if isinstance(wanted, list | tuple) else [wanted])


def _put(raw: Raw, state: str) -> None:
    """Take over a state as scenes and scripts set it."""
    domain = raw["id"].partition(".")[0]
    if domain in _OPENS:
        raw["moved_to"] = 100 if state == "open" else 0
    elif domain == "fan":
        raw["percentage"] = 100 if state == "on" else 0
    else:
        raw["state"] = state


def _turn_on(raw: Raw, domain: str, slots: Mapping[str, Any]) -> None:
    match domain:
        case "lock":
            raw["state"] = "locked"
        case "climate":
            modes = [mode for mode in raw.get("hvac_modes", ["off", "heat"]) if mode != "off"]
            raw["state"] = modes[0]
        case _:
            _put(raw, "open" if domain in _OPENS else "on")


def _turn_off(raw: Raw, domain: str, slots: Mapping[str, Any]) -> None:
    _put(raw, {"lock": "unlocked"}.get(domain, "closed" if domain in _OPENS else "off"))


def _toggle(raw: Raw, domain: str, slots: Mapping[str, Any]) -> None:
    on = state_of(raw).state in ("on", "open", "locked")
    (_turn_off if on else _turn_on)(raw, domain, slots)


def _light(raw: Raw, domain: str, slots: Mapping[str, Any]) -> None:
    level = raw["brightness"] / 2.55 if raw["state"] == "on" else 0
    if (step := slots.get("brightness_step_pct")) is not None:
        level = min(100, max(0, level + step))
    elif (wanted := slots.get("brightness", slots.get("brightness_pct"))) is not None:
        level = float(wanted)
    else:
        level = raw["brightness"] / 2.55
    raw["state"] = "on" if level > 0 else "off"
    if level > 0:
        raw["brightness"] = max(1, round(level * 2.55))
    if color := slots.get("color"):
        raw["hs"], raw["kelvin"] = list(COLORS.get(str(color), (0, 0))), None
    if kelvin := slots.get("temperature", slots.get("color_temp_kelvin")):
        raw["hs"], raw["kelvin"] = None, kelvin


def _temperature(raw: Raw, domain: str, slots: Mapping[str, Any]) -> None:
    if (step := slots.get("step")) is not None:
        raw["temperature"] = (raw.get("temperature") or 20) + step
    else:
        raw["temperature"] = slots["temperature"]


def _volume(raw: Raw, domain: str, slots: Mapping[str, Any]) -> None:
    raw["volume"] = float(slots["volume_level"]) / 100


def _volume_step(raw: Raw, domain: str, slots: Mapping[str, Any]) -> None:
    step = slots["volume_step"]
    by = {"up": _VOLUME_STEP, "down": -_VOLUME_STEP}.get(str(step))
    moved = raw["volume"] + (float(step) / 100 if by is None else by)
    raw["volume"] = round(min(1.0, max(0.0, moved)), 3)


def _fan(raw: Raw, domain: str, slots: Mapping[str, Any]) -> None:
    raw["percentage"] = slots["percentage"]


def _position(raw: Raw, domain: str, slots: Mapping[str, Any]) -> None:
    raw["moved_to"] = slots["position"]


def _search(raw: Raw, domain: str, slots: Mapping[str, Any]) -> None:
    raw |= {"state": "playing", "media_title": slots["search_query"]}


def _add(raw: Raw, domain: str, slots: Mapping[str, Any]) -> None:
    raw["listed"][str(slots["item"])] = "needs_action"


def _complete(raw: Raw, domain: str, slots: Mapping[str, Any]) -> None:
    if (found := _item(raw, slots)) is not None:
        raw["listed"][found] = "completed"


def _remove(raw: Raw, domain: str, slots: Mapping[str, Any]) -> None:
    if (found := _item(raw, slots)) is not None:
        del raw["listed"][found]


def _item(raw: Raw, slots: Mapping[str, Any]) -> str | None:
    wanted = str(slots["item"]).casefold()
    return next((item for item in raw["listed"] if item.casefold() == wanted), None)


def _nothing(raw: Raw, domain: str, slots: Mapping[str, Any]) -> None:
    """What leaves no trace in these entities: a cover that never moves for long."""


def _becomes(state: str) -> Callable[[Raw, str, Mapping[str, Any]], None]:
    def effect(raw: Raw, domain: str, slots: Mapping[str, Any]) -> None:
        raw["state"] = state

    return effect


def _takes(key: str, slot: str) -> Callable[[Raw, str, Mapping[str, Any]], None]:
    def effect(raw: Raw, domain: str, slots: Mapping[str, Any]) -> None:
        raw[key] = slots[slot]

    return effect


def _track(by: int) -> Callable[[Raw, str, Mapping[str, Any]], None]:
    def effect(raw: Raw, domain: str, slots: Mapping[str, Any]) -> None:
        raw["track"] += by

    return effect


def _muted(muted: bool) -> Callable[[Raw, str, Mapping[str, Any]], None]:
    def effect(raw: Raw, domain: str, slots: Mapping[str, Any]) -> None:
        raw["muted"] = muted

    return effect


_EFFECTS: Mapping[str, Callable[[Raw, str, Mapping[str, Any]], None]] = {
    "HassTurnOn": _turn_on,
    "HassTurnOff": _turn_off,
    "HassToggle": _toggle,
    "HassLightSet": _light,
    "light.turn_on": _light,
    "HassStopMoving": _nothing,
    "HassSetPosition": _position,
    "HassFanSetSpeed": _fan,
    "HassClimateSetTemperature": _temperature,
    "water_heater.set_temperature": _temperature,
    "climate.set_hvac_mode": _takes("state", "hvac_mode"),
    "climate.set_preset_mode": _takes("preset_mode", "preset_mode"),
    "climate.set_fan_mode": _takes("fan_mode", "fan_mode"),
    "HassHumidifierSetpoint": _takes("humidity", "humidity"),
    "HassHumidifierMode": _takes("mode", "mode"),
    "HassMediaPause": _becomes("paused"),
    "HassMediaUnpause": _becomes("playing"),
    "HassMediaNext": _track(1),
    "HassMediaPrevious": _track(-1),
    "HassSetVolume": _volume,
    "HassSetVolumeRelative": _volume_step,
    "HassMediaPlayerMute": _muted(True),
    "HassMediaPlayerUnmute": _muted(False),
    "media_player.select_source": _takes("source", "source"),
    "HassMediaSearchAndPlay": _search,
    "HassVacuumStart": _becomes("cleaning"),
    "HassVacuumReturnToBase": _becomes("returning"),
    "vacuum.pause": _becomes("paused"),
    "vacuum.stop": _becomes("idle"),
    "vacuum.locate": _nothing,
    "HassLawnMowerStartMowing": _becomes("mowing"),
    "HassLawnMowerDock": _becomes("docked"),
    "HassListAddItem": _add,
    "HassListCompleteItem": _complete,
    "HassListRemoveItem": _remove,
    "number.set_value": _takes("state", "value"),
    "select.select_option": _takes("state", "option"),
    "HassVacuumCleanArea": _becomes("cleaning"),
}
"""What each intent or service does to one entity."""
