"""The connection to a server: what is asked, and how long is waited for each line of the answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any

import httpx
import ollama

CONNECT = 5.0
"""Seconds within which a server is reached, and a short question answered."""
FIRST_LINE = 300.0
"""Seconds for a cold model to be loaded and a long prompt to be read."""
NEXT_LINE = 60.0
_LONGEST_LINE = 2**22
"""Bytes of a line of an answer; what sends more is no server of models, and fills the memory."""
_LONGEST_ERROR = 2**16

# `ollama` makes a failed connection a ConnectionError, which is an OSError; the last three
# are what it raises when an answer is not what the API documents.
TROUBLE = (ollama.ResponseError, httpx.HTTPError, OSError, ValueError, TypeError, AttributeError)
"""Everything that talking to a server may raise; `Server.said` makes sentences of it."""


class Wire:
    """One server's address, and the requests that wait for it."""

    def __init__(self, url: str, authorization: str = "") -> None:
        self.url = url
        self.headers = {"Authorization": authorization} if authorization else {}
        self.http = httpx.AsyncClient(
            base_url=url,
            headers=self.headers,
            # A pool closes what it has too much of at its next use, which may be tomorrow.
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=2),
            trust_env=False,
        )
        self._waiting: set[asyncio.Timeout] = set()

    async def get(self, path: str) -> Any:
        """Return the JSON of a short answer. Raises what is in TROUBLE."""
        response = await self.http.get(path, timeout=CONNECT)
        if response.is_error:
            raise ollama.ResponseError(response.text[:_LONGEST_ERROR], response.status_code)
        return response.json()

    async def lines(
        self, path: str, request: Mapping[str, Any], first: float, further: float
    ) -> AsyncGenerator[bytes, None]:
        """Post `request` and yield the lines of the answer, without those that are empty.

        `first` and `further` are the seconds that each line is waited for. Raises what is
        in TROUBLE.
        """
        timeout = httpx.Timeout(None, connect=CONNECT)
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
                    yield line
                    patience = further

    def wait_no_longer(self) -> None:
        """End the waiting of all requests: what they wait for hangs."""
        for waiting in self._waiting:
            if not waiting.expired():
                waiting.reschedule(asyncio.get_running_loop().time())

    async def close(self) -> None:
        """Close the connections."""
        await self.http.aclose()

    @asynccontextmanager
    async def _at_most(self, seconds: float) -> AsyncIterator[None]:
        """Wait so many seconds, or until the checks show that it hangs. Raises TimeoutError."""
        async with asyncio.timeout(seconds) as waiting:
            self._waiting.add(waiting)
            try:
                yield
            finally:
                self._waiting.discard(waiting)


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
