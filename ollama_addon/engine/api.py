"""What this project needs of a server's API, and what a server says of its models."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import ollama


@dataclass(frozen=True, slots=True)
class Details:
    """What a model is and can do."""

    capabilities: frozenset[str]
    """`completion`, `tools`, `thinking`, `vision`, `embedding` …"""
    parameters: int | None
    """How many weights it has."""
    parameter_size: str
    """The same for people: `4.0B`."""
    context_length: int | None
    """The longest context, in tokens, that it was made for."""
    family: str
    quantization: str
    kv_bytes: int
    """Bytes of memory for each token of the context window at 16 bits, 0 when unknown."""


Kind = Literal["ollama", "openai"]


class Api(Protocol):
    """One of the APIs that servers speak; all raise what is in `wire.TROUBLE`.

    Requests and chunks are those of Ollama's `/api/chat`, whatever is spoken on the wire.
    """

    kind: Kind
    manages: bool
    """Whether models can be downloaded, deleted, unloaded and kept in memory by it, and be given
    a context window."""

    async def models(self) -> Mapping[str, ollama.ListResponse.Model]:
        """Return the models that are there, by canonical name."""

    async def loaded(self) -> Mapping[str, ollama.ProcessResponse.Model]:
        """Return those in memory, as far as that is told, by canonical name."""

    async def details(self, model: str) -> Details:
        """Tell what a model is and can do."""

    def chat(self, request: Mapping[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """Yield the answer, chunk by chunk; closed before its end, the server stops working."""
