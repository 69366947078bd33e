"""One server: its health, its models, and what is said when something goes wrong with it."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Literal

import httpx
import ollama

from ollama_addon.background import child
from ollama_addon.errors import AddonError
from ollama_addon.model_name import canonical
from ollama_addon.redaction import hide, without_credentials

from .api import Api, Details
from .ollama_api import OllamaApi
from .openai_api import OpenAiApi
from .wire import CONNECT, TROUBLE, Wire

__all__ = ["TROUBLE", "Details", "Server", "missing"]

_LOGGER = logging.getLogger(__name__)

_MISSES = 3
"""Checks in a row without an answer after which nobody waits for it any more."""
_SUFFIX = re.compile(r"/(?:v1|api)$")
"""What people write at the end of an address, and Ollama's has not."""
_OVERFLOW = (
    "exceed_context_size",
    "exceeds the available context",
    "longer than the context length",
    "exceeds the context length",
    "maximum context length",
)
"""How Ollama and llama.cpp say that a prompt does not fit, when they may not cut it."""


class Server:
    """One server, as it was at the last check: Ollama's, or one that speaks OpenAI's API.

    `api` is the one that it speaks; `auto` finds that out when it first answers.
    """

    def __init__(
        self,
        url: str,
        api_key: str = "",
        *,
        bundled: bool = False,
        api: Literal["auto", "ollama", "openai"] = "ollama",
    ) -> None:
        url, credentials = without_credentials(url)
        self.url = url
        """Without a user and a password: it is shown."""
        self.bundled = bundled
        self.healthy = False
        self.checked = False
        """Whether it was looked at yet."""
        self.message = "It has not been checked yet."
        self.latency: float | None = None
        """Seconds that the last check took."""
        self.models: Mapping[str, ollama.ListResponse.Model] = {}
        """By canonical name."""
        self.loaded: Mapping[str, ollama.ProcessResponse.Model] = {}
        """Those in memory, by canonical name."""
        hide(api_key)
        self.authorization = f"Bearer {api_key}" if api_key else credentials
        """What is sent with each request; empty is nothing."""
        self._wire = Wire(url, self.authorization)
        self._ollama = OllamaApi(self._wire)
        self.api: Api = OpenAiApi(self._wire) if api == "openai" else self._ollama
        self._unknown = api == "auto"
        self._details: dict[tuple[str, str | None], Details] = {}
        self._checking: asyncio.Task[None] | None = None
        self._misses = 0

    @property
    def client(self) -> ollama.AsyncClient:
        """What Ollama's API can do besides chatting; only where `manages` says so."""
        return self._ollama.client

    @property
    def manages(self) -> bool:
        """Whether models are downloaded, deleted, unloaded and kept in memory through it."""
        return self.api.manages

    @property
    def name(self) -> str:
        """How a sentence begins that is about it."""
        if self.bundled:
            return "The built-in Ollama server"
        return f"The {'Ollama ' if self.manages else ''}server at {self.url}"

    def address(self, path: str) -> str:
        """Return where a route of Ollama's (`/api/…`, `/v1/…`) is found on this server."""
        return self.url + (path if self.manages else path.removeprefix("/v1"))

    async def check(self) -> None:
        """Look whether it answers and what it has. Checks at the same time share one look."""
        if self._checking is None or self._checking.done():
            self._checking = child(f"check of {self.url}", self._check())
        await asyncio.shield(self._checking)

    async def _check(self) -> None:
        try:
            await self._look()
        finally:
            self.checked = True

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(CONNECT):
                if self._unknown:
                    await self._find_out()
                began = time.perf_counter()
                models = await self.api.models()
                latency = time.perf_counter() - began
                loaded = await self.api.loaded()
        except TROUBLE as error:
            if self.healthy:
                _LOGGER.warning("%s does not answer any more: %r", self.name, error)
            self.down((self._away() if _is_slow(error) else self.said(error, "")).message)
            self._misses += 1
            if self._misses >= _MISSES:
                # It would be waited for in vain, and much longer.
                self._wire.wait_no_longer()
            return
        if not self.healthy:
            _LOGGER.info("%s answers; models: %d", self.name, len(models))
        self.models, self.loaded = models, loaded
        self.latency = latency
        self.healthy = True
        self._misses = 0
        self.message = f"{self.name} answers."

    def down(self, message: str) -> None:
        """Count it as not answering until the next check."""
        self.healthy = False
        self.latency = None
        self.message = message

    def has_loaded(self, model: str) -> bool:
        """Tell whether `model` is in memory; where nobody tells, it always is."""
        return not self.manages or canonical(model) in self.loaded

    def known(self, model: str) -> Details | None:
        """Return what `model` is and can do, when that was asked before."""
        return self._details.get(self._version(model))

    def _version(self, model: str) -> tuple[str, str | None]:
        listed = self.models.get(canonical(model))
        return canonical(model), listed.digest if listed else None

    async def details(self, model: str) -> Details:
        """Tell what `model` is and can do; asked once for each version of it.

        Raises AddonError.
        """
        key = self._version(model)
        if key not in self._details:
            try:
                async with asyncio.timeout(CONNECT):
                    self._details[key] = await self.api.details(model)
            except TROUBLE as error:
                raise self.said(error, model) from error
        return self._details[key]

    def chat(self, request: Mapping[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """Send the body of an `/api/chat` request; yield what comes back, chunk by chunk.

        Raises what is in TROUBLE. The server stops working on it when the iteration is closed.
        """
        return self.api.chat(request)

    def lines(
        self, path: str, request: Mapping[str, Any], first: float, further: float
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Post `request` to Ollama's API and yield the lines of the answer, each a JSON object.

        `first` and `further` are the seconds that each line is waited for. Raises what is
        in TROUBLE.
        """
        return self._ollama.lines(path, request, first, further)

    async def _find_out(self) -> None:
        """Ask which API it speaks. Raises what is in TROUBLE when it speaks none.

        Only an Ollama server's address is cut: the ones of others may well end in `/v1`.
        """
        plain = _SUFFIX.sub("", self.url)
        for url, path in (
            (plain, "/api/version"),
            (self.url, "/models"),
            (f"{self.url}/v1", "/models"),
        ):
            wire = Wire(url, self.authorization)
            try:
                answer = await wire.get(path)
            except (ollama.ResponseError, ValueError):
                await wire.close()
                continue
            except BaseException:
                await wire.close()
                raise
            found = "version" if path == "/api/version" else "data"
            if isinstance(answer, dict) and found in answer:
                await self._speak(wire, ollama_api=found == "version")
                return
            await wire.close()
        raise ValueError("it speaks neither Ollama's API nor OpenAI's")

    async def _speak(self, wire: Wire, *, ollama_api: bool) -> None:
        if wire.url != self.url:
            _LOGGER.info("The server at %s is reached at %s", self.url, wire.url)
        await self._ollama.close()
        await self._wire.close()
        self.url, self._wire, self._unknown = wire.url, wire, False
        self._ollama = OllamaApi(wire)
        self.api = self._ollama if ollama_api else OpenAiApi(wire)
        if not ollama_api:
            _LOGGER.info(
                "%s speaks OpenAI's API: models are downloaded, unloaded and given a context "
                "window there",
                self.name,
            )

    def said(self, error: Exception, model: str) -> AddonError:
        """Turn what went wrong in talking to it about `model` into a sentence for a person."""
        if isinstance(error, ollama.ResponseError):
            return self._refused(error, model)
        connected = not isinstance(error, httpx.ConnectTimeout)
        if _is_slow(error) and connected and self._misses < _MISSES:
            return AddonError(
                "engine_busy",
                f"{self.name} takes too long to answer. Try again in a moment; if this happens "
                "often, choose a smaller model.",
                503,
            )
        if isinstance(error, httpx.HTTPError | OSError):
            return self._away()
        return AddonError(
            "bad_answer",
            f"{self.name} sent something that is not {'Ollama' if self.manages else 'OpenAI'}'s. "
            "Check its address in the app's options, and that its version is recent.",
            502,
        )

    def _away(self) -> AddonError:
        if self.bundled:
            advice = "It is started again by itself; try again in a moment."
        else:
            advice = "Check that it is on, and its address in the app's options."
        return AddonError("engine_down", f"{self.name} does not answer. {advice}", 503)

    def _refused(self, error: ollama.ResponseError, model: str) -> AddonError:
        # What Ollama calls an error is a text; what something else there does may be anything.
        text = " ".join(str(error.error or f"status {error.status_code}").split())[:300]
        if error.status_code in (401, 403):
            return AddonError(
                "engine_down",
                f"{self.name} refuses the key. Check 'api_key' in the app's options.",
                503,
            )
        if error.status_code == 404 and model:
            return missing(model)
        if any(sign in text for sign in _OVERFLOW):
            return AddonError(
                "context_overflow",
                f"What {model or 'the model'} is to read is longer than its context window. Make "
                "the context window larger, or expose fewer entities.",
                413,
            )
        if error.status_code == 503:
            return AddonError(
                "engine_busy", f"{self.name} has too much to do ({text}). Try again shortly.", 503
            )
        if error.status_code in (404, 502, 504):
            return AddonError(
                "engine_down", f"{self.name} does not answer as Ollama does ({text}).", 503
            )
        advice = "The log of the app may say more."
        if any(sign in text for sign in ("memory", "allocate", "signal: killed")):
            advice = "Choose a smaller model or a smaller context window."
        return AddonError(
            "model_failed", f"{self.name} could not run {model or 'it'}: {text}. {advice}", 502
        )

    async def close(self) -> None:
        """Close the connections."""
        if self._checking is not None:
            self._checking.cancel()
            await asyncio.gather(self._checking, return_exceptions=True)
        await self._ollama.close()
        await self._wire.close()


def _is_slow(error: Exception) -> bool:
    return isinstance(error, httpx.TimeoutException | TimeoutError)


def missing(model: str) -> AddonError:
    """Make the error for a model that is not there."""
    return AddonError(
        "model_missing",
        f"The model {model} is not installed. Download it on the app's Models page, or choose "
        "another one in the app's options.",
        503,
    )
