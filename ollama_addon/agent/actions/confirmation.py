"""Which actions ask first."""

from __future__ import annotations

from collections.abc import Collection

from ollama_addon.home.model import Entity, House
from ollama_addon.understanding.vocabulary import Action, Target

_DEEP = 8
"""Groups in groups that are looked through."""
_KIND_OF = {"lock": "unlock", "alarm_control_panel": "alarm"}


def asks_first(action: Action, target: Target | None, house: House, kinds: Collection[str]) -> bool:
    """Tell whether an action is of one of the kinds that need a yes.

    `unlock` is opening a lock, `garage_door` opening a garage door or a gate, `alarm`
    disarming an alarm. A group of covers counts as what is in it, and a scene as all that it
    is about; what a script does cannot be seen.
    """
    if target is None:
        return False
    members = [target] if isinstance(target, Entity) else target.members(house)
    domain = target.domain
    if domain == "scene":
        return any(_in_scene(member, house, kinds) for member in members)
    if domain == "lock":
        return "unlock" in kinds and action.intent == "HassTurnOff"
    if domain == "cover":
        opening = action.intent == "HassTurnOn" or (
            action.intent == "HassSetPosition" and action.slots.get("position") != 0
        )
        return (
            "garage_door" in kinds
            and opening
            and any(_opens_way(member.id, house) for member in members)
        )
    if domain == "alarm_control_panel":
        return "alarm" in kinds and "disarm" in action.intent
    return False


def _opens_way(entity_id: str, house: House, depth: int = 0) -> bool:
    """Whether a cover is a garage door or a gate, or a group with one, or with what is not seen."""
    entity = house.entities.get(entity_id)
    if entity is None or depth > _DEEP:
        return True
    if entity.device_class in ("garage", "gate"):
        return True
    return any(_opens_way(each, house, depth + 1) for each in _members(entity_id, house))


def _in_scene(scene: Entity, house: House, kinds: Collection[str]) -> bool:
    """Whether a scene is about something of a kind: what it does to that is not known."""
    for each in _members(scene.id, house):
        domain = each.partition(".")[0]
        if domain == "cover" and "garage_door" in kinds and _opens_way(each, house):
            return True
        if _KIND_OF.get(domain) in kinds:
            return True
    return False


def _members(entity_id: str, house: House) -> list[str]:
    """Return what a group or a scene says that it is made of."""
    state = house.states.get(entity_id)
    found = state.attributes.get("entity_id") if state else None
    return [str(each) for each in found] if isinstance(found, list | tuple) else []
