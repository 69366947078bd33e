"""Home Assistant's own `ollama` integration, made to use this app, and undone again.

Its config entry gets the gateway's address and key, and a conversation subentry for each
agent. What was made is kept in a file, so that nothing else is ever touched.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from ollama_addon.engine.servers import Servers
from ollama_addon.errors import AddonError
from ollama_addon.files import keep
from ollama_addon.home.connection import Connection
from ollama_addon.model_name import canonical
from ollama_addon.options import AgentOptions

_LOGGER = logging.getLogger(__name__)
_DOMAIN = "ollama"
_TITLE = "Ollama Assist"
_FLOW = "config/config_entries/flow"
_SUBENTRY_FLOW = "config/config_entries/subentries/flow"

PATIENCE = 20.0
"""Seconds that Home Assistant may take to load the entry anew, as it does after each change."""
_LOOK_EVERY = 0.2


@dataclass(slots=True)
class _Made:
    """What was made in Home Assistant: an entry, and a subentry by agent."""

    entry_id: str = ""
    address: str = ""
    """A digest of the address and the key that the entry was given."""
    subentries: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    """What each subentry was made of, by agent."""
    notes: dict[str, str] = field(default_factory=dict)
    """What could not be had for an agent, as a sentence."""
    by_option: bool = False
    """Whether it is there because an option says so, and goes when that does."""


@dataclass(frozen=True, slots=True)
class OwnState:
    """Whether the integration uses this app: not, for all agents, or for some."""

    state: Literal["off", "on", "partly"]
    message: str


class OwnIntegration:
    """Sets up and removes the entry.

    `url` tells where Core reaches the gateway, `key` with which key.
    """

    def __init__(
        self,
        connection: Connection,
        servers: Servers,
        url: Callable[[], Awaitable[str]],
        key: Callable[[], str],
        agents: Sequence[AgentOptions],
        kept: Path,
    ) -> None:
        self._connection = connection
        self._servers = servers
        self._url = url
        self._key = key
        self._agents = {agent.id: agent for agent in agents}
        self._kept = kept
        self._refusals: dict[str, str] = {}
        """Why an agent could not be made, by its id."""
        self._one_at_a_time = asyncio.Lock()

    def configure(self, agents: Sequence[AgentOptions]) -> None:
        """Take over other agents; `follow` brings them to Home Assistant."""
        self._agents = {agent.id: agent for agent in agents}

    async def state(self) -> OwnState:
        """Return how it is now. Raises AddonError when Home Assistant does not answer."""
        made, entry = await self._still_there()
        if entry is None:
            return OwnState("off", "Home Assistant's own Ollama integration does not use this.")
        wrong = []
        if entry["disabled_by"] is not None:
            wrong.append("It is disabled in Home Assistant.")
        elif entry["state"] in ("setup_error", "setup_retry", "migration_error"):
            wrong.append(f"Home Assistant could not start it ({entry['reason'] or 'no reason'}).")
        if made.address != self._digest(await self._url()):
            wrong.append("It has an old address or key of this app.")
        wrong += [
            self._refusals.get(agent_id) or f"{agent.name} is not as configured."
            for agent_id, agent in self._agents.items()
            if made.settings.get(agent_id) != _settings(agent)
        ]
        if made.subentries.keys() - self._agents.keys():
            wrong.append("It still has an agent that is not configured any more.")
        if wrong:
            return OwnState("partly", " ".join(wrong))
        return OwnState(
            "on",
            " ".join(
                ["Home Assistant's own Ollama integration has all agents.", *made.notes.values()]
            ),
        )

    async def follow(self, wanted: bool) -> OwnState:
        """Set up what the option says at a start. Raises AddonError.

        Without the option, what a person has set up by a click stays and follows the agents.
        """
        made, entry = await self._still_there()
        if wanted:
            return await self.apply(by_option=entry is None or made.by_option)
        if entry is None:
            return await self.state()
        return await (self.remove() if made.by_option else self.apply())

    async def apply(self, *, by_option: bool = False) -> OwnState:
        """Make the entry and its subentries what the options say; what is right is left alone.

        An agent that Home Assistant does not take is left out, and the state says why. Raises
        AddonError (`not_set_up`) with Home Assistant's reason when it refuses the entry.
        """
        async with self._one_at_a_time:
            url = await self._url()
            made, entry = await self._still_there()
            if entry is not None and made.address != self._digest(url):
                # Its flows change neither address nor key of an entry that works.
                await self._remove()
                entry = None
            if entry is None:
                made = await self._make_entry(url)
            made.by_option = by_option
            self._keep(made)
            await self._make_agents(made)
        return await self.state()

    async def remove(self) -> OwnState:
        """Remove what was made, and nothing else. Raises AddonError."""
        async with self._one_at_a_time:
            await self._remove()
        return await self.state()

    async def subentries(self) -> dict[str, str]:
        """Return the ids of the subentries that stand for agents, by agent. Raises AddonError."""
        made, _ = await self._still_there()
        return dict(made.subentries)

    async def _still_there(self) -> tuple[_Made, Mapping[str, Any] | None]:
        """Return what was made and is still in Home Assistant, and its entry."""
        made = self._read()
        entries = await self._connection.command("config_entries/get", domain=_DOMAIN)
        entry = next((each for each in entries if each["entry_id"] == made.entry_id), None)
        if entry is None:
            return _Made(), None
        there = {subentry["subentry_id"] for subentry in await self._subentries(made)}
        made.subentries = {key: value for key, value in made.subentries.items() if value in there}
        made.settings = {key: made.settings.get(key) for key in made.subentries}
        made.notes = {key: note for key, note in made.notes.items() if key in made.subentries}
        return made, entry

    async def _make_entry(self, url: str) -> _Made:
        flow = await self._connection.post(_FLOW, {"handler": _DOMAIN})
        answer = await self._answer(
            f"{_FLOW}/{flow['flow_id']}", {"url": url, "api_key": self._key()}
        )
        if answer.get("type") != "create_entry":
            raise _refused("the address of the gateway", answer)
        made = _Made(str(answer["result"]["entry_id"]), self._digest(url))
        self._keep(made)
        await self._connection.command(
            "config_entries/update", entry_id=made.entry_id, title=_TITLE
        )
        _LOGGER.info("Home Assistant's own Ollama integration was given the gateway's address")
        return made

    async def _remove(self) -> None:
        made, entry = await self._still_there()
        if entry is not None:
            await self._connection.delete(f"config/config_entries/entry/{made.entry_id}")
        self._kept.unlink(missing_ok=True)
        self._refusals.clear()

    async def _make_agents(self, made: _Made) -> None:
        for agent_id in [each for each in made.subentries if each not in self._agents]:
            await self._connection.command(
                "config_entries/subentries/delete",
                entry_id=made.entry_id,
                subentry_id=made.subentries.pop(agent_id),
            )
            made.settings.pop(agent_id, None)
            made.notes.pop(agent_id, None)
            self._keep(made)
        self._refusals.clear()
        for agent_id, agent in self._agents.items():
            if made.settings.get(agent_id) == _settings(agent):
                continue
            try:
                await self._make_agent(made, agent)
            except AddonError as error:
                if error.code not in ("not_set_up", "model_missing"):
                    raise
                self._refusals[agent_id] = f"{agent.name} is not there: {error.message}"
                _LOGGER.info("%s", self._refusals[agent_id])
            else:
                self._keep(made)

    async def _make_agent(self, made: _Made, agent: AgentOptions) -> None:
        """Make an agent's subentry, or what it is made of. Raises AddonError."""
        values, note = await self._values(agent)
        known = made.subentries.get(agent.id)
        if known:
            await self._connection.command(
                "config_entries/subentries/update",
                entry_id=made.entry_id,
                subentry_id=known,
                title=values.pop("name"),
            )
        answer = await self._run_flow(made, known, values)
        if known and answer.get("reason") != "reconfigure_successful":
            raise _refused(agent.name, answer)
        if not known:
            if answer.get("type") != "create_entry":
                raise _refused(agent.name, answer)
            # The answer does not tell its id.
            (made.subentries[agent.id],) = [
                subentry["subentry_id"]
                for subentry in await self._subentries(made)
                if subentry["title"] == agent.name
                and subentry["subentry_id"] not in made.subentries.values()
            ]
        made.settings[agent.id] = _settings(agent)
        made.notes.pop(agent.id, None)
        if note:
            made.notes[agent.id] = note

    async def _values(self, agent: AgentOptions) -> tuple[dict[str, Any], str]:
        """Return the fields of the form for an agent, and what cannot be had. Raises AddonError.

        The integration has what its model cannot do refused by Ollama at every sentence, and
        would download a model that it knows by another spelling.
        """
        server = await self._servers.for_model(agent.model)
        able = await self._servers.capabilities(agent.model)
        values = _settings(agent)
        values["model"] = server.models[canonical(agent.model)].model
        values["think"] = agent.think and "thinking" in able
        if agent.control_home and "tools" not in able:
            values["llm_hass_api"] = []
            return values, f"{agent.name} cannot control the home there: its model calls no tools."
        return values, ""

    async def _run_flow(
        self, made: _Made, subentry_id: str | None, values: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Go through the form of a subentry, a new one or `subentry_id`."""
        request: dict[str, Any] = {"handler": [made.entry_id, "conversation"]}
        if subentry_id:
            request["subentry_id"] = subentry_id
        loop = asyncio.get_running_loop()
        until = loop.time() + PATIENCE
        while True:
            answer = await self._connection.post(_SUBENTRY_FLOW, request)
            if answer.get("type") == "form":
                answer = await self._answer(f"{_SUBENTRY_FLOW}/{answer['flow_id']}", values)
            if answer.get("reason") != "entry_not_loaded" or loop.time() > until:
                return answer
            await asyncio.sleep(_LOOK_EVERY)

    async def _answer(self, flow: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Fill in the form of a flow; one that does not end with that is given up."""
        try:
            answer = await self._connection.post(flow, values)
        except AddonError as error:
            if error.code != "home_failed":
                raise
            answer = {"type": "form", "errors": {"base": error.message}}
        if answer.get("type") in ("form", "progress"):
            with contextlib.suppress(AddonError):
                await self._connection.delete(flow)
        return answer

    async def _subentries(self, made: _Made) -> list[dict[str, Any]]:
        return list(
            await self._connection.command("config_entries/subentries/list", entry_id=made.entry_id)
        )

    def _digest(self, url: str) -> str:
        return hashlib.sha256(f"{url} {self._key()}".encode()).hexdigest()

    def _read(self) -> _Made:
        try:
            kept = json.loads(self._kept.read_text())
            return _Made(
                kept["entry_id"],
                kept["address"],
                dict(kept["subentries"]),
                dict(kept["settings"]),
                dict(kept["notes"]),
                bool(kept["by_option"]),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return _Made()

    def _keep(self, made: _Made) -> None:
        keep(self._kept, json.dumps(asdict(made)), "What was set up in Home Assistant")


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


_ADVICE = {
    "already_configured": "Another entry there has this address already. Remove that one first.",
    "cannot_connect": "Home Assistant cannot reach the gateway.",
    "download_failed": "Its model could not be downloaded.",
    "entry_not_loaded": "Home Assistant has not loaded the integration. Its log may say why.",
    "invalid_auth": "The gateway did not take its own key. Restart the app.",
    "progress": "Its model is still being downloaded: try again when it is there.",
}


def _refused(what: str, answer: Mapping[str, Any]) -> AddonError:
    reasons = [*(answer.get("errors") or {}).values(), answer.get("reason")]
    reason = ", ".join(str(each) for each in reasons if each) or str(answer.get("type"))
    return AddonError(
        "not_set_up",
        f"Home Assistant did not take {what}. {_ADVICE.get(reason, reason)}",
        502,
    )
