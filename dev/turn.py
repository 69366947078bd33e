"""One turn with an agent as its caller sees it, and what it changed in the house."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

_BY_THEMSELVES = {
    "assist_satellite",
    "conversation",
    "event",
    "stt",
    "sun",
    "tts",
    "update",
    "wake_word",
    "zone",
}
"""Domains whose states follow the clock or the talking itself, not what was asked for."""
_OF_TALKING = ("ai_task.", "sensor.ollama_")
"""Entities of the companion, which tell of the talking itself."""
_UNIMPORTANT = {"entity_picture", "friendly_name", "icon", "media_position_updated_at"}


@dataclass
class Turn:
    """What was said, answered and done. `error` is `{"code", "message"}` when it failed."""

    text: str
    reply: str = ""
    conversation_id: str = ""
    actions: list[dict[str, Any]] = field(default_factory=list)
    """Each `{"id", "name", "arguments", "mended", "ok", "result"}`, in order."""
    continue_conversation: bool = False
    usage: dict[str, int] = field(default_factory=dict)
    timings: dict[str, Any] = field(default_factory=dict)
    outcome: str = ""
    error: dict[str, str] | None = None

    @property
    def heard(self) -> str:
        """What the person hears."""
        return self.error["message"] if self.error else self.reply

    async def read(self, response: httpx.Response) -> None:
        """Take the turn from the answer of `converse`, as it streams in."""
        if response.is_error:
            await response.aread()
            self.error = response.json()["error"]
            return
        async for name, data in events(response):
            match name:
                case "start":
                    self.conversation_id = data["conversation_id"]
                case "tool_call":
                    call = {key: data[key] for key in ("id", "name", "arguments", "mended")}
                    self.actions.append({**call, "ok": None, "result": None})
                case "tool_result":
                    action = next(each for each in self.actions if each["id"] == data["id"])
                    action.update(ok=data["ok"], result=data["result"])
                case "delta":
                    self.reply += data["content"]
                case "end":
                    self.continue_conversation = data["continue_conversation"]
                    self.usage = data["usage"]
                    self.timings = data["timings"]
                    self.outcome = data["outcome"]
                case "error":
                    self.error = data


async def say(client: httpx.AsyncClient, text: str, agent: str = "home", **more: Any) -> Turn:
    """Say a sentence to an agent of the sidecar that `client` speaks to; return the whole turn.

    `more` are further fields of the request, such as `language` or `conversation_id`.
    """
    turn = Turn(text)
    path = f"/api/agents/{agent}/converse"
    async with client.stream("POST", path, json={"text": text, **more}) as response:
        await turn.read(response)
    return turn


async def events(response: httpx.Response) -> AsyncIterator[tuple[str, Any]]:
    """Yield server-sent events: name and data."""
    name, data = "", ""
    async for line in response.aiter_lines():
        key, _, value = line.partition(":")
        if key == "event":
            name = value.strip()
        elif key == "data":
            data += value.strip()
        elif not line and data:
            yield name, json.loads(data)
            name, data = "", ""


States = Mapping[str, Mapping[str, Any]]
"""States as Home Assistant reports them: `{"state", "attributes"}` by entity id."""


def changes(before: States, after: States) -> list[dict[str, Any]]:
    """List what differs between two moments, as `{"entity_id", "before", "after"}`.

    `before` and `after` hold the state, and those attributes that are no longer the same.
    Entities that change by themselves are left out.
    """
    found = []
    for entity_id in sorted(before.keys() | after.keys()):
        if entity_id.partition(".")[0] in _BY_THEMSELVES or entity_id.startswith(_OF_TALKING):
            continue
        old, new = _values(before.get(entity_id)), _values(after.get(entity_id))
        differing = {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}
        if differing:
            keys = ["state", *sorted(differing - {"state"})]
            found.append(
                {
                    "entity_id": entity_id,
                    "before": {key: old.get(key) for key in keys},
                    "after": {key: new.get(key) for key in keys},
                }
            )
    return found


def _values(state: Mapping[str, Any] | None) -> dict[str, Any]:
    if state is None:
        return {}
    kept = {key: value for key, value in state["attributes"].items() if key not in _UNIMPORTANT}
    return {**kept, "state": state["state"]}
