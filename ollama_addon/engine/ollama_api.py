"""Ollama's own API."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import httpx
import ollama

from ollama_addon.model_name import canonical

from . import wire as wires
from .api import Details, Kind
from .wire import Wire

_NUMBERS = (
    "load_duration",
    "prompt_eval_count",
    "prompt_eval_duration",
    "eval_count",
    "eval_duration",
)


class OllamaApi:
    """Speaks Ollama's API over a wire. `client` is for everything that is not streamed."""

    kind: Kind = "ollama"
    manages = True

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.client = ollama.AsyncClient(
            wire.url, headers=wire.headers, timeout=30, trust_env=False
        )

    async def models(self) -> Mapping[str, ollama.ListResponse.Model]:
        """Return the models that are there, by canonical name."""
        listed = await self.client.list()
        return {canonical(model.model): model for model in listed.models if model.model}

    async def loaded(self) -> Mapping[str, ollama.ProcessResponse.Model]:
        """Return those in memory, by canonical name."""
        listed = await self.client.ps()
        return {canonical(model.model): model for model in listed.models if model.model}

    async def details(self, model: str) -> Details:
        """Tell what a model is and can do."""
        return _details(await self.client.show(model))

    async def chat(self, request: Mapping[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """Send the body of an `/api/chat` request; yield what comes back, chunk by chunk."""
        # Not through `client.chat`: that one reduces the schemas of tools to a few keywords.
        done = False
        # A chunk is a token: more of them than were allowed have no end.
        limit = (request.get("options") or {}).get("num_predict") or 0
        left = 2 * limit if limit > 0 else 10**6
        first, further = wires.FIRST_LINE, wires.NEXT_LINE
        async with aclosing(self.lines("/api/chat", request, first, further)) as lines:
            async for chunk in lines:
                _check(chunk)
                left -= 1
                if left < 0:
                    raise ValueError("an answer without an end")
                done = bool(chunk.get("done"))
                yield chunk
        if not done:
            raise httpx.RemoteProtocolError("the answer stopped in the middle")

    async def lines(
        self, path: str, request: Mapping[str, Any], first: float, further: float
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Post `request` and yield the lines of the answer, each a JSON object."""
        async with aclosing(self._wire.lines(path, request, first, further)) as lines:
            async for line in lines:
                chunk = json.loads(line)
                if error := chunk.get("error"):
                    raise ollama.ResponseError(str(error))
                yield chunk

    async def close(self) -> None:
        """Close the connections."""
        await self.client.close()  # type: ignore[no-untyped-call]


def _check(chunk: Mapping[str, Any]) -> None:
    """Raise ValueError for a chunk of a chat that is not as the API documents it."""
    message = chunk.get("message")
    if not isinstance(message, dict):
        raise ValueError("a chunk without a message")
    if not isinstance(message.get("content", ""), str):
        raise ValueError("a message whose content is no text")
    if not isinstance(message.get("tool_calls") or [], list):
        raise ValueError("calls of tools that are no list")
    for name in _NUMBERS:
        if not isinstance(chunk.get(name) or 0, int | float):
            raise ValueError(f"a {name} that is no number")


def _details(shown: ollama.ShowResponse) -> Details:
    info = shown.modelinfo or {}
    architecture = info.get("general.architecture", "")
    return Details(
        capabilities=frozenset(shown.capabilities or ()),
        parameters=info.get("general.parameter_count"),
        parameter_size=(shown.details and shown.details.parameter_size) or "",
        context_length=info.get(f"{architecture}.context_length"),
        family=(shown.details and shown.details.family) or "",
        quantization=(shown.details and shown.details.quantization_level) or "",
        kv_bytes=_kv_bytes({key.removeprefix(f"{architecture}."): info[key] for key in info}),
    )


def _kv_bytes(info: Mapping[str, Any]) -> int:
    """Return what a token of the context takes: a key and a value in each layer, at 16 bits.

    Layers with a sliding window or without attention take less, of which the API does not tell
    enough: the answer is at most too large.
    """
    try:
        heads = info["attention.head_count_kv"]
        # Hybrid models give a list, with 0 for the layers that have none.
        heads = sum(heads) if isinstance(heads, list) else heads * info["block_count"]
        size = info["embedding_length"] / info["attention.head_count"]
        key = info.get("attention.key_length", size)
        return int(heads * (key + info.get("attention.value_length", key)) * 2)
    except (KeyError, TypeError, ZeroDivisionError):
        return 0
