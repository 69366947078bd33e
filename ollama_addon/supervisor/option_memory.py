"""What is remembered of the options between two starts, and what that says of the present ones.

The configuration page is not the only place where options come from, and it loses things: it
writes instructions on one line, and the Supervisor drops keys that it does not know, misspelt ones
too. What was there before tells.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ollama_addon import files
from ollama_addon.errors import AddonError
from ollama_addon.options import (
    DEFAULT_MODEL,
    AgentOptions,
    OptionProblem,
    Options,
    ServerOptions,
    with_ids,
)

_LOGGER = logging.getLogger(__name__)

_NAMES = 200
"""Names of agents whose ids are remembered, the newest ones."""
_OLD_DEFAULT = {"name": "Home", "id": "home"}
_NEW_DEFAULT = {"name": "Ollama Assist", "id": "ollama_assist"}
"""What the agent of `config.yaml` was called before, and is called now."""


@dataclass
class OptionMemory:
    """What is remembered, in the file `path`.

    With `older`, a version that remembered nothing ran before, and the options that are kept
    have not been completed yet.
    """

    path: Path
    older: bool = False
    ids: dict[str, str] = field(default_factory=dict)
    """Ids of agents by name, also of those that are no longer there."""
    instructions: dict[str, str] = field(default_factory=dict)
    """Instructions of more than one line, by agent."""
    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Options that were not at their defaults, by agent and by server (its URL)."""
    texts: dict[str, str] = field(default_factory=dict)
    """Files of instructions as they were last read, by name."""

    @classmethod
    def read(cls, path: Path, *, older: bool) -> OptionMemory:
        """Read what is remembered; nothing where the file is missing or cannot be used."""
        try:
            kept = json.loads(path.read_text("utf-8"))
            ids, instructions, values, texts = (
                dict(kept[key]) for key in ("ids", "instructions", "values", "texts")
            )
        except FileNotFoundError:
            return cls(path, older)
        except (OSError, ValueError, KeyError, TypeError) as error:
            _LOGGER.warning("What was remembered of the options cannot be read: %s", error)
            return cls(path)
        return cls(path, bool(kept.get("older")), ids, instructions, values, texts)

    def settled(self, raw: Mapping[str, Any]) -> tuple[dict[str, Any], list[OptionProblem]]:
        """Return options with every agent's id and with the line breaks that were lost.

        The problems say which ids were made anew, and what may have been dropped.
        """
        settled = dict(raw)
        problems: list[OptionProblem] = []
        if self.older and "agents" not in raw:
            settled["agents"] = [_OLD_DEFAULT | {"model": DEFAULT_MODEL}]
        if isinstance(settled.get("agents"), list):
            agents: list[Any] = [self._renamed(agent) for agent in settled["agents"]]
            agents = with_ids(agents, self.ids, problems)
            settled["agents"] = [self._with_lines(agent) for agent in agents]
            problems += self._missing("agents", settled["agents"])
        if isinstance(raw.get("servers"), list):
            problems += self._missing("servers", raw["servers"])
        return settled, problems

    def identified(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """Return options with every agent's id."""
        if not isinstance(raw.get("agents"), list):
            return dict(raw)
        return {**raw, "agents": with_ids(raw["agents"], self.ids, [])}

    def learn(self, options: Options) -> None:
        """Remember options that are taken over; one that cannot be kept is only logged."""
        for agent in options.agents:
            self.ids.pop(agent.name, None)
            self.ids[agent.name] = agent.id
        self.ids = dict(list(self.ids.items())[-_NAMES:])
        self.instructions = {
            agent.id: agent.instructions
            for agent in options.agents
            if "\n" in agent.instructions.strip()
        }
        self.values = {agent.id: _changed(agent) for agent in options.agents} | {
            server.url: _changed(server) for server in options.servers
        }
        self.keep()

    def settle(self) -> None:
        """Remember that the options that are kept have been completed."""
        if self.older:
            self.older = False
            self.keep()

    def keep(self) -> None:
        """Write what is remembered; a failure is only logged."""
        kept = {key: value for key, value in asdict(self).items() if key != "path"}
        try:
            files.keep(self.path, json.dumps(kept, ensure_ascii=False), "What is remembered")
        except AddonError as error:
            _LOGGER.warning("%s", error.logged)

    def _renamed(self, agent: Any) -> Any:
        """Give the agent of `config.yaml` the name that it had when the app was installed."""
        is_default = isinstance(agent, Mapping) and _NEW_DEFAULT.items() <= agent.items()
        return {**agent, **_OLD_DEFAULT} if self.older and is_default else agent

    def _with_lines(self, agent: Any) -> Any:
        """Undo what the configuration page does to instructions: it has one line for them."""
        if not isinstance(agent, Mapping) or not isinstance(agent.get("instructions"), str):
            return agent
        now, before = agent["instructions"], self.instructions.get(agent.get("id", ""), "")
        same = before and now != before and now.split() == before.split()
        return {**agent, "instructions": before} if same and "\n" not in now.strip() else agent

    def _missing(self, where: str, items: list[Any]) -> list[OptionProblem]:
        """Say which options of agents or servers are no longer set."""
        key = "id" if where == "agents" else "url"
        found = []
        for at, item in enumerate(items):
            if not isinstance(item, Mapping):
                continue
            for name, before in self.values.get(str(item.get(key)), {}).items():
                if name not in item:
                    field_ = f"{where}[{at}].{name}"
                    # Values of servers may be keys.
                    was = (
                        f" It was {json.dumps(before, ensure_ascii=False)}." if key == "id" else ""
                    )
                    message = (
                        f"'{field_}' is no longer set, its default is used.{was} If you meant to "
                        "change it, check how it is spelled: Home Assistant drops options that it "
                        "does not know."
                    )
                    found.append(OptionProblem(field_, message, notice=True))
        return found


def _changed(item: AgentOptions | ServerOptions) -> dict[str, Any]:
    """Return which options are not at their defaults; what is long or secret without its value."""
    found = item.model_dump(mode="json", exclude_defaults=True, exclude_unset=True)
    hidden = {"instructions": "…", "api_key": "…"}
    kept = {key: hidden.get(key, value) for key, value in found.items()}
    return {key: value for key, value in kept.items() if key not in ("id", "name", "url")}
