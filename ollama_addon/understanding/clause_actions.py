"""What a clause says to do: by its verbs, its directions, its values, or as before."""

from __future__ import annotations

from ollama_addon.understanding.interpretation import (
    Role,
)
from ollama_addon.understanding.lexicon import OPPOSITE
from ollama_addon.understanding.reading import Reading
from ollama_addon.understanding.values import Found
from ollama_addon.understanding.verbs import Said

DIRECTIONS = frozenset("up down brighter dimmer warmer cooler louder quieter open close".split())
"""Actions that say which way something goes."""


def actions_of(reading: Reading, said: Said, found: Found) -> dict[str, None]:
    """Return what the clause says to do: by verbs, directions, values, or as before."""
    actions = dict(said.actions)
    if found.directions:
        plain = not actions or said.weak or set(actions) <= {"on", "activate", "play"}
        if plain and not (said.particle and not set(actions) <= {"up", "down"}):
            actions = dict(found.directions)
        elif any(OPPOSITE.get(d) in actions for d in found.directions):
            reading.draft.doubt("opposite")
        else:
            actions = {**found.directions, **actions}
    if not actions and found.values.any:
        actions = {"set": None}
    if (
        not actions
        and (said.weak or not said.verbs)
        and reading.carry.actions
        and (not reading.first or reading.piece.but)
    ):
        actions = dict(reading.carry.actions)
    if not actions:
        actions = _as_before(reading)
    if said.weak and found.values.any and not said.particle and not found.directions:
        actions = {"set": None, **actions}
    if found.values.any and not {"set", *DIRECTIONS}.intersection(actions):
        actions = {**actions, "set": None}
    for one in actions:
        other = OPPOSITE.get(one)
        if other in actions and one in said.actions and other in said.actions:
            reading.draft.doubt("opposite")
    return actions


def _as_before(reading: Reading) -> dict[str, None]:
    """Return the action of the turn before, for "and the hall light" and "a bit more"."""
    draft = reading.draft
    previous = reading.context.previous
    if not previous:
        return {}
    more = [at for at in draft.all_free() if draft.has(at, "more_of_it")]
    same = [at for at in draft.all_free() if draft.has(at, "same")]
    direction = previous[0].direction
    if more and direction in DIRECTIONS:
        for at in more:
            draft.take(at, Role.DIRECTION, direction)
        return {direction: None}
    linked = same or (
        reading.first
        and (
            reading.piece.spans[0].has("and", "openers", "then", "corrections")
            or reading.corrects
            or any(span.has("other") for span in reading.piece.spans)
        )
    )
    if linked and direction:
        for at in same:
            draft.take(at, Role.PRONOUN, "same")
        return {direction: None}
    return {}
