"""One Ollama server: its health, its models, and the talk with it."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import ollama

from ollama_addon.background import child
from ollama_addon.errors import AddonError
from ollama_addon.model_name import canonical
from ollama_addon.redaction import hide, without_credentials

_LOGGER = logging.getLogger(__name__)

_CHECK_TIMEOUT = 5.0
_MISSES = 3
"""Checks in a row without an answer after which nobody waits for it any more."""
_FIRST_BYTE = 300.0
"""Seconds for a cold model to be loaded and a long prompt to be read."""
_NEXT_BYTE = 60.0
_LONGEST_LINE = 2**22
"""Bytes of a line of an answer; what sends more is not Ollama, and would fill the memory."""
_LONGEST_ERROR = 2**16

_NUMBERS = (
    "load_duration",
    "prompt_eval_count",
    "prompt_eval_duration",
    "eval_count",
    "eval_duration",
)

_OVERFLOW = (
    "exceed_context_size",
    "exceeds the available context",
    "longer than the context length",
    "exceeds the context length",
)
"""How Ollama and llama.cpp say that a prompt does not fit, when they may not cut it."""

# `ollama` makes a failed connection a ConnectionError, which is an OSError; the last three
# are what it raises when an answer is not what the API documents.
TROUBLE = (ollama.ResponseError, httpx.HTTPError, OSError, ValueError, TypeError, AttributeError)
"""Everything that talking to a server may raise; `Server.said` makes sentences of it."""


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


class Server:
    """One Ollama server, as it was at the last check.

    `client` is for everything that is not streamed.
    """

    def __init__(self, url: str, api_key: str = "", *, bundled: bool = False) -> None:
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
        authorization = f"Bearer {api_key}" if api_key else credentials
        headers = {"Authorization": authorization} if authorization else {}
        self.client = ollama.AsyncClient(url, headers=headers, timeout=30, trust_env=False)
        self.http = httpx.AsyncClient(
            base_url=url,
            headers=headers,
            # A pool closes what it has too much of at its next use, which may be tomorrow.
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=2),
            trust_env=False,
        )
        self._details: dict[tuple[str, str | None], Details] = {}
        self._checking: asyncio.Task[None] | None = None
        self._misses = 0
        self._waiting: set[asyncio.Timeout] = set()

    @property
    def name(self) -> str:
        """How a sentence begins that is about it."""
        return "The built-in Ollama server" if self.bundled else f"The Ollama server at {self.url}"

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
        began = time.perf_counter()
        try:
            async with asyncio.timeout(_CHECK_TIMEOUT):
                models = await self.client.list()
                latency = time.perf_counter() - began
                loaded = await self.client.ps()
        except TROUBLE as error:
            if self.healthy:
                _LOGGER.warning("%s does not answer any more: %r", self.name, error)
            self.down((self._away() if _is_slow(error) else self.said(error, "")).message)
            self._misses += 1
            if self._misses >= _MISSES:
                # It would be waited for in vain, and much longer.
                for waiting in self._waiting:
                    if not waiting.expired():
                        waiting.reschedule(asyncio.get_running_loop().time())
            return
        if not self.healthy:
            _LOGGER.info("%s answers; models: %d", self.name, len(models.models))
        self.models = {canonical(model.model): model for model in models.models if model.model}
        self.loaded = {canonical(model.model): model for model in loaded.models if model.model}
        self.latency = latency
        self.healthy = True
        self._misses = 0
        self.message = f"{self.name} answers."

    def down(self, message: str) -> None:
        """Count it as not answering until the next check."""
        self.healthy = False
        self.latency = None
        self.message = message

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
                async with asyncio.timeout(_CHECK_TIMEOUT):
                    self._details[key] = _details(await self.client.show(model))
            except TROUBLE as error:
                raise self.said(error, model) from error
        return self._details[key]

    async def chat(self, request: Mapping[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """Send the body of an `/api/chat` request; yield what comes back, chunk by chunk.

        Raises what is in TROUBLE. Ollama stops working on it when the iteration is closed.
        """
        # Not through `client.chat`: that one reduces the schemas of tools to a few keywords.
        done = False
        # A chunk is a token: more of them than were allowed have no end.
        limit = (request.get("options") or {}).get("num_predict") or 0
        left = 2 * limit if limit > 0 else 10**6
        async with aclosing(self.lines("/api/chat", request, _FIRST_BYTE, _NEXT_BYTE)) as lines:
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
        """Post `request` and yield the lines of the answer, each a JSON object.

        `first` and `further` are the seconds that each line is waited for. Raises what is
        in TROUBLE.
        """
        timeout = httpx.Timeout(None, connect=_CHECK_TIMEOUT)
        stream = self.http.stream("POST", path, json=request, timeout=timeout)
        async with AsyncExitStack() as stack:
            async with self._at_most(first):
                response = await stack.enter_async_context(stream)
                if response.is_error:
                    text = (await _beginning(response)).decode(errors="replace")
                    raise ollama.ResponseError(text, response.status_code)
            lines = await stack.enter_async_context(aclosing(_lines(response)))
            patience = first
            while True:
                async with self._at_most(patience):
                    line = await anext(lines, None)
                if line is None:
                    return
                if line.strip():
                    chunk = json.loads(line)
                    if error := chunk.get("error"):
                        raise ollama.ResponseError(str(error))
                    yield chunk
                    patience = further

    @asynccontextmanager
    async def _at_most(self, seconds: float) -> AsyncIterator[None]:
        """Wait so many seconds, or until the checks show that it hangs. Raises TimeoutError."""
        async with asyncio.timeout(seconds) as waiting:
            self._waiting.add(waiting)
            try:
                yield
            finally:
                self._waiting.discard(waiting)

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
            f"{self.name} sent something that is not Ollama's. Check its address in the add-on's "
            "options, and that its version is recent.",
            502,
        )

    def _away(self) -> AddonError:
        if self.bundled:
            advice = "It is started again by itself; try again in a moment."
        else:
            advice = "Check that it is on, and its address in the add-on's options."
        return AddonError("engine_down", f"{self.name} does not answer. {advice}", 503)

    def _refused(self, error: ollama.ResponseError, model: str) -> AddonError:
        # What Ollama calls an error is a text; what something else there does may be anything.
        text = " ".join(str(error.error or f"status {error.status_code}").split())[:300]
        if error.status_code in (401, 403):
            return AddonError(
                "engine_down",
                f"{self.name} refuses the key. Check 'api_key' in the add-on's options.",
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
        advice = "The log of the add-on may say more."
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
        await self.client.close()  # type: ignore[no-untyped-call]
        await self.http.aclose()


def _is_slow(error: Exception) -> bool:
    return isinstance(error, httpx.TimeoutException | TimeoutError)


async def _beginning(response: httpx.Response) -> bytes:
    """Return what an error says, which may have no end."""
    text = b""
    async for part in response.aiter_bytes():
        text += part
        if len(text) > _LONGEST_ERROR:
            break
    return text[:_LONGEST_ERROR]


async def _lines(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    """Yield the lines of an answer. Raises ValueError for one that is too long."""
    # Not `aiter_lines`: it waits for the end of a line however much memory that takes.
    rest = b""
    async for part in response.aiter_bytes():
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            yield line
        if len(rest) > _LONGEST_LINE:
            raise ValueError("a line without an end")
    if rest:
        yield rest


def missing(model: str) -> AddonError:
    """Make the error for a model that is not there."""
    return AddonError(
        "model_missing",
        f"The model {model} is not installed. Download it on the add-on's Models page, or choose "
        "another one in the add-on's options.",
        503,
    )


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
