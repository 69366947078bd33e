"""How each part of the app is: a state and a code with parameters, worded where they are read.

Only what was looked at is said: what was not asked, or did not answer, is `unknown`. What ends by
itself, such as a download, is `working` and no problem. `message` is for logs and programs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import psutil
from pydantic import BaseModel, Field

from ollama_addon.agent.agent import Agent
from ollama_addon.background import failing
from ollama_addon.engine.inventory import Model
from ollama_addon.home.pipelines import conversation_entities
from ollama_addon.model_name import canonical
from ollama_addon.web.state import Parts

_FULL = 3e9
"""Free bytes below which a disk is nearly full: the smallest useful models need as many."""

Health = Literal["ok", "working", "attention", "down", "unknown"]
CommandsCode = Literal["ok", "instant_only", "no_agent", "home_away", "no_entities", "model_needed"]

_WORST: tuple[Health, ...] = ("down", "attention", "unknown", "working", "ok")


class Part(BaseModel):
    """How one part is. The sentence of a `code` needs the `params`."""

    state: Health
    code: str
    params: dict[str, Any] = Field(default_factory=dict)
    message: str


class AgentState(Part):
    """How one agent is."""

    id: str
    name: str


def engine(all_parts: Parts) -> Part:
    """Return how the Ollama servers are."""
    found = all_parts.servers.state
    return _part(found.state, found.code, found.message, **found.params)


def models(all_parts: Parts) -> Part:
    """Return how the models are that agents and options want."""
    wanted = [model for model in all_parts.inventory.models if model.wanted]
    if not wanted:
        return _part("ok", "no_model_used", "No model is in use.")
    states = [_model(all_parts, model) for model in wanted]
    for health in _WORST[:-1]:
        if found := [each for each in states if each.state == health]:
            # One of several that is missing leaves the agents of the others working.
            partly = health == "down" and len(found) < len(states)
            names = [each.params["model"] for each in found]
            message = " ".join(each.message for each in found)
            params = found[0].params | {"models": names}
            return _part("attention" if partly else health, found[0].code, message, **params)
    loaded = [model.name for model in wanted if model.loaded]
    if not loaded:
        return _part("ok", "not_loaded", "All models are there; none is in memory.", models=[])
    return _part("ok", "loaded", "All models are there.", models=loaded)


def _model(all_parts: Parts, model: Model) -> Part:
    name = model.name
    pull = all_parts.inventory.progress(name)
    match model.state:
        case "downloading":
            params: dict[str, Any] = {"model": name, "percent": pull.percent if pull else None}
            if pull and pull.seconds_left is not None:
                params["minutes_left"] = max(1, round(pull.seconds_left / 60))
            message = pull.message if pull else f"The model {name} is being downloaded."
            return _part("working", "downloading", message, **params)
        case "failed":
            message = pull.message if pull else f"The download of {name} failed."
            cause = pull.cause if pull else ""
            return _part("down", "download_failed", message, model=name, cause=cause)
        case "missing":
            return _part("down", "missing", f"The model {name} is missing.", model=name)
        case "too_large":
            message = f"The model {name} does not fit into memory."
            return _part("down", "too_large", message, model=name)
        case "loading":
            return _part("working", "loading", f"{name} is being loaded.", model=name)
        case "unknown":
            message = f"It is not known whether {name} is there: Ollama does not answer."
            return _part("unknown", "not_answered", message, model=name)
    return _part("ok", "ready", f"{name} is there.", model=name)


def home(all_parts: Parts) -> Part:
    """Return how Home Assistant is, and what of the home is exposed."""
    connection, mirror = all_parts.connection, all_parts.mirror
    if connection.state == "refused":
        return _part("down", "home_refused", connection.message)
    if connection.state == "connecting":
        return _part("working", "connecting", connection.message)
    if not connection.connected:
        return _part("down", "home_away", connection.message)
    if mirror.trouble:
        return _part("attention", "not_read", mirror.trouble)
    if not mirror.ready:
        return _part("working", "reading", "The home is still being read.")
    house = mirror.house
    if not house.entities:
        return _part(
            "attention",
            "nothing_exposed",
            "No entity is exposed to Assist. Choose some in Home Assistant under "
            "Settings, Voice assistants, Expose.",
        )
    places = {entity.area_id for entity in house.entities.values()} & house.areas.keys()
    entities, areas = len(house.entities), len(places)
    message = f"{entities} exposed entities in {areas} areas."
    return _part("ok", "exposed", message, entities=entities, areas=areas)


def agent_states(all_parts: Parts) -> list[AgentState]:
    """Return how each agent is: its model first, then what is wrong with its settings."""
    known = {canonical(model.name): model for model in all_parts.inventory.models}
    found = []
    for agent in all_parts.agents.values():
        options = agent.options
        model = known.get(canonical(options.model)) if options.model else None
        if not options.model:
            message = f"{options.name} has no model: it only does what needs none."
            part = _part("attention", "no_model", message)
        elif model is None:
            message = f"It is not known whether {options.model} is there."
            part = _part("unknown", "not_answered", message, model=options.model)
        else:
            part = _model(all_parts, model)
            if part.state == "ok":
                part = _settings(all_parts, agent) or part
        found.append(AgentState(id=options.id, name=options.name, **part.model_dump()))
    return found


def _settings(all_parts: Parts, agent: Agent) -> Part | None:
    """Return what is wrong with an agent's settings, None if nothing is."""
    options, rendered = agent.options, agent.rendered
    if rendered.error:
        message = f"The instructions of {options.name} are no valid template: {rendered.error}"
        return _part("attention", "bad_instructions", message, detail=rendered.error)
    if rendered.changes_with_time or rendered.follows:
        what = "the time" if rendered.changes_with_time else ", ".join(rendered.follows[:5])
        return _part(
            "attention",
            "changing_instructions",
            f"The instructions of {options.name} change with {what}, so that the model reads "
            "everything again when they do and answers slowly. Time, place and states are given "
            "to it with each sentence: leave them out of the instructions.",
            time=rendered.changes_with_time,
            names=list(rendered.follows[:5]),
        )
    longest = all_parts.servers.longest_context(options.model)
    if longest is not None and options.context_window > longest:
        return _part(
            "attention",
            "context_too_long",
            f"The context window of {options.name} is {options.context_window:,} tokens, but its "
            f"model {options.model} was made for {longest:,} at most. Set it to that or less.",
            model=options.model,
            context_window=options.context_window,
            longest=longest,
        )
    if agent.left_out:
        return _part(
            "attention",
            "too_many_entities",
            f"Too many entities for the context window of {options.name}: "
            f"{agent.left_out} are left out.",
            left_out=agent.left_out,
            context_window=options.context_window,
        )
    return None


def agents(states: Sequence[AgentState]) -> Part:
    """Return how the agents are together: the worst of them speaks for all."""
    if not states:
        return _part("down", "no_agent", "No agent is configured. Add one in the options.")
    worst = min(states, key=lambda each: _WORST.index(each.state))
    if worst.state == "ok":
        names = [each.name for each in states]
        return _part("ok", "ready", f"Ready: {', '.join(names)}.", names=names)
    message = " ".join(each.message for each in states if each.state == worst.state)
    params = worst.params | {"agent": worst.id, "name": worst.name}
    return _part(worst.state, worst.code, message, **params)


def companion(all_parts: Parts) -> Part:
    """Return whether the agents are in Home Assistant, as its registry says."""
    if not all_parts.connection.connected or not all_parts.mirror.ready:
        return _part("unknown", "home_away", "Home Assistant does not answer.")
    found = all_parts.companion
    if found.restart_needed:
        return _part("attention", "restart_needed", "Home Assistant has to be restarted.")
    entries = all_parts.mirror.registries.entities
    there = conversation_entities(each for each in entries if not each.get("disabled_by"))
    ours = [agent for agent in all_parts.agents if agent in there]
    params = {"there": len(ours), "agents": len(all_parts.agents), "companion": found.state}
    if not all_parts.agents:
        return _part("ok", "no_agent", "There is no agent.", **params)
    message = f"{len(ours)} of {len(all_parts.agents)} agents are in Home Assistant."
    if found.runs and len(ours) == len(all_parts.agents):
        return _part("ok", "there", message, **params)
    if found.runs is None and found.looked and ours:
        return _part("working", "under_way", message, **params)
    if ours:
        return _part("attention", "some_missing", message, **params)
    return _part("attention", "not_added", message, **params)


def assistants(all_parts: Parts) -> Part:
    """Return whether a voice assistant of Home Assistant uses an agent."""
    seen = all_parts.pipelines.seen
    if not all_parts.connection.connected or seen is None:
        return _part("unknown", "home_away", "The voice assistants are not known.")
    names = [each.name for each in seen if each.agent_id in all_parts.agents]
    if names:
        return _part("ok", "used", f"Used by {', '.join(names)}.", names=names)
    if all_parts.stand_in is not None and all_parts.stand_in.serving:
        # It is reached under another integration's name, which the assistants do not tell apart.
        return _part("unknown", "stand_in", "The agent is reached over the Wyoming protocol.")
    return _part("attention", "not_used", "No voice assistant uses an agent.")


def disk(all_parts: Parts) -> Part:
    """Return whether there is room for models."""
    free = psutil.disk_usage(str(all_parts.data)).free
    # Whole gigabytes, so that the sentence does not change all the time.
    gigabytes = round(free / 1e9)
    sentence = f"{gigabytes} GB of the disk are free."
    if free > _FULL:
        return _part("ok", "free", sentence, gigabytes=gigabytes)
    advice = "Delete models that are not needed on the Models page, or other data."
    return _part("attention", "nearly_full", f"{sentence} {advice}", gigabytes=gigabytes)


def history(all_parts: Parts) -> Part:
    """Return whether turns are kept."""
    kept = all_parts.journal
    if kept.message:
        return _part("attention", "broken", kept.message, detail=kept.message)
    if not kept.days:
        return _part("ok", "off", "Nothing of what is said is kept.")
    message = f"What is said is kept for {kept.days} days."
    return _part("ok", "kept", message, days=kept.days)


def background() -> Part:
    """Return whether tasks in the background go on."""
    names = [failure.name for failure in failing()]
    if not names:
        return _part("ok", "running", "All background tasks run.")
    message = (
        f"Background tasks failed and are started again: {', '.join(names)}. The log says why."
    )
    return _part("attention", "failing", message, names=names)


def commands(all_parts: Parts) -> tuple[bool, CommandsCode]:
    """Return whether commands are carried out now; those that need no model often are."""
    able = [agent for agent in all_parts.agents.values() if agent.options.control_home]
    if not able:
        return False, "no_agent"
    if not all_parts.connection.connected or not all_parts.mirror.ready:
        return False, "home_away"
    if not all_parts.mirror.house.entities:
        return False, "no_entities"
    present = {canonical(each.name) for each in all_parts.inventory.models if each.present}
    if any(agent.options.model and canonical(agent.options.model) in present for agent in able):
        return True, "ok"
    if any(agent.options.instant_commands for agent in able):
        return True, "instant_only"
    return False, "model_needed"


def _part(state: Health, code: str, message: str, **params: Any) -> Part:
    return Part(state=state, code=code, message=message, params=params)
