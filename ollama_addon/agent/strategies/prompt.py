"""Prompts of talk and of tasks, and states as models read them."""

from __future__ import annotations

from ollama_addon.home.model import Entity, House

_TALK_RULES = (
    "Talk briefly and in the language of the person, in plain words that can be read aloud."
)


def talk_prefix(instructions: str) -> str:
    """Return the system prompt of an agent that neither sees nor touches the house."""
    return "\n\n".join(filter(None, (instructions.strip(), _TALK_RULES)))


def task_prefix(instructions: str, *, structured: bool) -> str:
    """Return the system prompt of an AI task."""
    rule = "Answer with JSON only, in the form that is given." if structured else ""
    return "\n\n".join(filter(None, (instructions.strip(), rule))) or "Do what is asked."


def state_text(entity: Entity, house: House) -> str:
    """Return an entity's live state in a few words: `on, brightness 40 %`."""
    state = house.states.get(entity.id)
    if state is None:
        return "unknown"
    words = [state.state]
    attributes = state.attributes
    if unit := attributes.get("unit_of_measurement"):
        words[0] += f" {unit}"
    if (brightness := attributes.get("brightness")) is not None:
        words.append(f"brightness {round(float(brightness) / 2.55)} %")
    if entity.domain == "climate":
        if (target := attributes.get("temperature")) is not None:
            words.append(f"set to {target}")
        if (current := attributes.get("current_temperature")) is not None:
            words.append(f"now {current}")
    for key, name, factor in (
        ("current_position", "position", 1),
        ("percentage", "speed", 1),
        ("volume_level", "volume", 100),
        ("humidity", "set to", 1),
    ):
        if (value := attributes.get(key)) is not None:
            words.append(f"{name} {round(float(value) * factor)} %")
    if title := attributes.get("media_title"):
        words.append(str(title)[:40])
    return ", ".join(words)
