"""Which actions ask first."""

from __future__ import annotations

from collections.abc import Collection

from ollama_addon.agent.vocabulary import Action, Target
from ollama_addon.home.model import Entity, House


def asks_first(action: Action, target: Target | None, house: House, kinds: Collection[str]) -> bool:
    """Tell whether an action is of one of the kinds that need a yes.

    `unlock` is opening a lock, `garage_door` opening a garage door or a gate, `alarm`
    disarming an alarm.
    """
    if target is None:
        return False
    members = [target] if isinstance(target, Entity) else target.members(house)
    domain = target.domain
    if domain == "lock":
        return "unlock" in kinds and action.intent == "HassTurnOff"
    if domain == "cover":
        opening = action.intent == "HassTurnOn" or (
            action.intent == "HassSetPosition" and action.slots.get("position") != 0
        )
        return (
            "garage_door" in kinds
            and opening
            and any(member.device_class in ("garage", "gate") for member in members)
        )
    if domain == "alarm_control_panel":
        return "alarm" in kinds and "disarm" in action.intent
    return False
