"""The newest message: when and where it is said, the states that matter, the sentence itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime

from ollama_addon.agent.strategies.labels import Labels, plain
from ollama_addon.agent.strategies.prompt import state_text
from ollama_addon.agent.turn import Step
from ollama_addon.home.model import Entity, House, Satellite
from ollama_addon.understanding.interpretation import Interpretation

_MEANT = 12
"""Things that may be meant whose states are shown in full."""
_NEAR = 12
"""Things of the speaker's area that are shown besides."""
_ACTIVE = 24
"""Things elsewhere that play, are open or are on, of which names are shown."""
_LOOKED = 60
"""Things whose states are shown after a look."""
_ACTING = {"on", "open", "opening", "unlocked", "playing", "cleaning", "mowing", "heat", "cool"}
_QUIET = ("sensor", "binary_sensor", "automation", "script", "scene", "button", "input_button",
          "person", "device_tracker", "weather", "update", "event")  # fmt: skip
"""Kinds of things that are not told to be on: of sensors only what is open is."""


def newest(step: Step, labels: Labels) -> str:
    """Return the newest message of a turn, see `message`."""
    return message(
        step.turn.text,
        labels,
        step.interpretation,
        now=step.now,
        satellite=step.satellite,
        user_name=step.turn.user_name,
        extra=step.turn.extra_system_prompt,
        previous=step.conversation.entities,
    )


def message(
    text: str,
    labels: Labels,
    interpretation: Interpretation | None,
    *,
    now: datetime,
    satellite: Satellite,
    user_name: str | None = None,
    extra: str | None = None,
    previous: Iterable[Entity] = (),
) -> str:
    """Return the newest message.

    `extra` is what a pipeline adds to the prompt; `previous` is what was spoken of last.
    """
    house = labels.house
    facts = [now.strftime("%A %Y-%m-%d %H:%M")]
    if satellite.area_id and (area := house.areas.get(satellite.area_id)):
        facts.append(f"in {plain(area.name)}")
    if user_name:
        facts.append(f"by {plain(user_name)}")
    lines = [f"[{', '.join(facts)}]"]
    if extra and extra.strip():
        lines.append(f"[{extra.strip()}]")
    shown = list(dict.fromkeys([*meant(interpretation), *previous]))[:_MEANT]
    near = [entity for entity in _near(house, satellite) if entity not in shown][:_NEAR]
    if states := [line(labels, entity) for entity in (*shown, *near)]:
        lines.append(f"[{'; '.join(states)}]")
    if active := _active(labels, {*shown, *near}):
        lines.append(f"[Now {active}]")
    return "\n".join([*lines, text])


def looked_at(labels: Labels, seen: list[Entity], text: str) -> str:
    """Return the message that shows what a model asked to see, and asks again."""
    lines = [line(labels, entity) for entity in seen[:_LOOKED]]
    if len(seen) > _LOOKED:
        lines.append(f"and {', '.join(labels[entity] for entity in seen[_LOOKED:])}")
    return f"[{'; '.join(lines)}]\n{text}"


def meant(interpretation: Interpretation | None) -> list[Entity]:
    """Return what a sentence may be about, the likeliest first."""
    if interpretation is None:
        return []
    found: dict[Entity, None] = {}
    for clause in interpretation.clauses:
        asked = clause.question.entities if clause.question else ()
        found |= dict.fromkeys((*clause.named, *asked, *clause.same_name))
        for candidate in clause.candidates:
            found |= dict.fromkeys(candidate.entities)
    return list(found)


def line(labels: Labels, entity: Entity) -> str:
    """Return a thing with its state: `TV: on, volume 40 %`."""
    return f"{labels[entity]}: {state_text(entity, labels.house)}"


def _near(house: House, satellite: Satellite) -> Iterator[Entity]:
    """Yield what can be acted on in the speaker's area."""
    if satellite.area_id is None:
        return
    for entity in sorted(house.entities.values(), key=lambda each: each.id):
        if entity.area_id == satellite.area_id and entity.domain not in _QUIET:
            yield entity


def _active(labels: Labels, shown: set[Entity]) -> str:
    """Return what plays, is open or is on elsewhere: `on: TV, Lamp; open: Window`."""
    house = labels.house
    found: dict[str, list[str]] = defaultdict(list)
    count = 0
    for entity in sorted(house.entities.values(), key=lambda each: each.id):
        state = house.states.get(entity.id)
        if state is None or state.state not in _ACTING or entity in shown:
            continue
        word = state.state
        if entity.domain == "binary_sensor":
            if entity.device_class not in ("door", "window", "garage_door", "opening", "lock"):
                continue
            word = "open"
        elif entity.domain in _QUIET:
            continue
        count += 1
        if count <= _ACTIVE:
            found[word].append(labels[entity])
    return "; ".join(f"{word}: {', '.join(names)}" for word, names in sorted(found.items()))
