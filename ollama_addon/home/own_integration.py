"""Home Assistant's own `ollama` integration, made to use this add-on, and undone again.

Its config entry gets the gateway's address and key, and a conversation subentry for each
agent. What was made is kept in a file, so that nothing else is ever touched.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from ollama_addon.errors import AddonError
from ollama_addon.home.connection import Connection
from ollama_addon.options import AgentOptions

_LOGGER = logging.getLogger(__name__)
_DOMAIN = "ollama"
_FLOW = "config/config_entries/flow"
_SUBENTRY_FLOW = "config/config_entries/subentries/flow"


@dataclass(slots=True)
class _Made:
    """What was made in Home Assistant: an entry, and a subentry by agent."""

    entry_id: str = ""
    address: str = ""
    """A digest of the address and the key that the entry was given."""
    subentries: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    """What each subentry was made of, by agent."""


@dataclass(frozen=True, slots=True)
class OwnState:
    """Whether the integration uses this add-on: not, for all agents, or for some."""

    state: Literal["off", "on", "partly"]
    message: str


class OwnIntegration:
    """Sets up and removes the entry. `url` and `key` are the gateway's, as Core reaches it."""

    def __init__(
        self, connection: Connection, url: str, key: str, agents: Sequence[AgentOptions], kept: Path
    ) -> None:
        self._connection = connection
        self._url = url
        self._key = key
        self._agents = {agent.id: agent for agent in agents}
        self._kept = kept
        self._address = hashlib.sha256(f"{url} {key}".encode()).hexdigest()

    async def state(self) -> OwnState:
        """Return how it is now. Raises AddonError when Home Assistant does not answer."""
        made = await self._still_there()
        if not made.entry_id:
            return OwnState("off", "Home Assistant's own Ollama integration does not use this.")
        missing = [
            agent.name
            for agent_id, agent in self._agents.items()
            if made.settings.get(agent_id) != _settings(agent)
        ]
        if made.address != self._address:
            return OwnState("partly", "It has an old address or key of this add-on.")
        if missing:
            return OwnState("partly", f"These agents are not as configured: {', '.join(missing)}.")
        return OwnState("on", "Home Assistant's own Ollama integration has all agents.")

    async def apply(self) -> OwnState:
        """Make the entry and its subentries what the options say; what is right is left alone.

        Raises AddonError (`not_set_up`) with Home Assistant's reason when it refuses.
        """
        made = await self._still_there()
        if made.entry_id and made.address != self._address:
            # Its flows change neither address nor key of an entry that works.
            await self.remove()
            made = _Made()
        if not made.entry_id:
            made = _Made(await self._make_entry(), self._address)
            self._keep(made)
        for agent_id in [each for each in made.subentries if each not in self._agents]:
            await self._remove_subentry(made, agent_id)
        for agent_id, agent in self._agents.items():
            if made.settings.get(agent_id) == _settings(agent):
                continue
            await self._make_subentry(made, agent_id, agent)
            self._keep(made)
        return await self.state()

    async def remove(self) -> OwnState:
        """Remove what was made, and nothing else. Raises AddonError."""
        made = await self._still_there()
        if made.entry_id:
            await self._connection.delete(f"config/config_entries/entry/{made.entry_id}")
        self._kept.unlink(missing_ok=True)
        return await self.state()

    async def _still_there(self) -> _Made:
        """Return what was made and is still in Home Assistant."""
        made = self._read()
        if not made.entry_id:
            return made
        entries = await self._connection.command("config_entries/get", domain=_DOMAIN)
        if made.entry_id not in {entry["entry_id"] for entry in entries}:
            return _Made()
        listed = await self._connection.command(
            "config_entries/subentries/list", entry_id=made.entry_id
        )
        there = {subentry["subentry_id"] for subentry in listed}
        made.subentries = {key: value for key, value in made.subentries.items() if value in there}
        made.settings = {key: made.settings.get(key) for key in made.subentries}
        return made

    async def _make_entry(self) -> str:
        flow = await self._connection.post(_FLOW, {"handler": _DOMAIN})
        answer = await self._connection.post(
            f"{_FLOW}/{flow['flow_id']}", {"url": self._url, "api_key": self._key}
        )
        if answer.get("type") != "create_entry":
            await self._give_up(f"{_FLOW}/{flow['flow_id']}", answer)
            raise _refused("the address of the gateway", answer)
        _LOGGER.info("Home Assistant's own Ollama integration was given the gateway's address")
        return str(answer["result"]["entry_id"])

    async def _make_subentry(self, made: _Made, agent_id: str, agent: AgentOptions) -> None:
        request: dict[str, Any] = {"handler": [made.entry_id, "conversation"]}
        values = _settings(agent)
        known = made.subentries.get(agent_id)
        if known and made.settings[agent_id] and made.settings[agent_id]["name"] != agent.name:
            # A subentry keeps its name: another name is another subentry.
            await self._remove_subentry(made, agent_id)
            known = None
        if known:
            request["subentry_id"] = known
            values.pop("name")
        flow = await self._connection.post(_SUBENTRY_FLOW, request)
        if flow.get("type") != "form":
            raise _refused(agent.name, flow)
        answer = await self._connection.post(f"{_SUBENTRY_FLOW}/{flow['flow_id']}", values)
        done = answer.get("type") == "create_entry" or (
            known and answer.get("reason") == "reconfigure_successful"
        )
        if not done:
            await self._give_up(f"{_SUBENTRY_FLOW}/{flow['flow_id']}", answer)
            raise _refused(agent.name, answer)
        if not known:
            listed = await self._connection.command(
                "config_entries/subentries/list", entry_id=made.entry_id
            )
            (new,) = [
                subentry["subentry_id"]
                for subentry in listed
                if subentry["title"] == agent.name
                and subentry["subentry_id"] not in made.subentries.values()
            ]
            made.subentries[agent_id] = new
        made.settings[agent_id] = _settings(agent)

    async def _remove_subentry(self, made: _Made, agent_id: str) -> None:
        await self._connection.command(
            "config_entries/subentries/delete",
            entry_id=made.entry_id,
            subentry_id=made.subentries.pop(agent_id),
        )
        made.settings.pop(agent_id, None)
        self._keep(made)

    async def _give_up(self, flow: str, answer: Mapping[str, Any]) -> None:
        if answer.get("type") in ("form", "progress"):
            await self._connection.delete(flow)

    def _read(self) -> _Made:
        try:
            kept = json.loads(self._kept.read_text())
            return _Made(
                kept["entry_id"],
                kept["address"],
                dict(kept["subentries"]),
                dict(kept["settings"]),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return _Made()

    def _keep(self, made: _Made) -> None:
        temporary = self._kept.with_suffix(".new")
        temporary.write_text(json.dumps(asdict(made)))
        temporary.replace(self._kept)


def _settings(agent: AgentOptions) -> dict[str, Any]:
    """Return the fields of a conversation subentry for an agent."""
    return {
        "name": agent.name,
        "model": agent.model,
        "prompt": agent.instructions,
        "llm_hass_api": ["assist"] if agent.control_home else [],
        "num_ctx": agent.context_window,
        "max_history": agent.max_history,
        "keep_alive": agent.keep_alive,
        "think": agent.think,
    }


def _refused(what: str, answer: Mapping[str, Any]) -> AddonError:
    reasons = [*(answer.get("errors") or {}).values(), answer.get("reason")]
    reason = ", ".join(str(each) for each in reasons if each) or str(answer.get("type"))
    advice = {
        "download": "The model is still being downloaded: try again when it is there.",
        "download_failed": "The model is still being downloaded: try again when it is there.",
        "cannot_connect": "Home Assistant cannot reach the gateway.",
        "progress": "The model is still being downloaded: try again when it is there.",
    }.get(reason, "")
    return AddonError(
        "not_set_up", f"Home Assistant did not take {what} ({reason}). {advice}".strip(), 502
    )
