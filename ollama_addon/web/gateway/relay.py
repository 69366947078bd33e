"""Passes on what a server answers, as it comes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, aclosing

import httpx
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ollama_addon.background import child
from ollama_addon.engine.queue import GivenUpError, Place, Priority

_HOP_BY_HOP = frozenset(
    "connection keep-alive proxy-authenticate proxy-authorization te trailer transfer-encoding "
    "upgrade date server".split()
)


class Relay(Response):
    """What a server answers, passed on as it comes. A caller who hangs up ends it there, too.

    `ask` gets a stack of what is to be kept until the answer is over.
    """

    def __init__(
        self,
        ask: Callable[[AsyncExitStack], Awaitable[httpx.Response]],
        then: Callable[[], Awaitable[None]] | None = None,
        *,
        watch: bool = True,
        place: Place | None = None,
    ) -> None:
        super().__init__()
        self._place = place or Place(Priority.GATEWAY)
        self._ask = ask
        self._then = then
        self._watch = watch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ask, and send the answer. Raises what `ask` raises."""
        relay = child("gateway relay", self._relay(send))
        tasks = {relay}
        if self._watch:
            tasks.add(child("gateway caller", _hung_up(receive)))
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended = relay.done()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if ended:
            await relay  # raises what went wrong

    async def _relay(self, send: Send) -> None:
        async with AsyncExitStack() as stack:
            try:
                answer = await stack.enter_async_context(aclosing(await self._ask(stack)))
            except ClientDisconnect:
                return
            headers = [
                (name.lower(), value)
                for name, value in answer.headers.raw
                if name.lower().decode() not in _HOP_BY_HOP
            ]
            start = {"type": "http.response.start", "status": answer.status_code}
            await send({**start, "headers": headers})
            kind = answer.headers.get("content-type", "")
            last, message = b"\n", ""
            try:
                async with self._place.interruptible():
                    async for part in answer.aiter_raw():
                        last = part[-1:]
                        await send({"type": "http.response.body", "body": part, "more_body": True})
            except httpx.HTTPError:
                if "ndjson" not in kind:
                    return  # without an end, which the caller sees
                message = "Ollama broke off in the middle of its answer. Try again in a moment."
            except GivenUpError:
                message = "Somebody in the house needs the model now. Try again in a moment."
            if message:
                line = _broken_off(kind, message)
                line = line if last == b"\n" else b"\n" + line
                await send({"type": "http.response.body", "body": line, "more_body": True})
        if self._then is not None:
            await self._then()
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _broken_off(kind: str, message: str) -> bytes:
    """Return how a streamed answer of this content type tells that it broke off."""
    if "event-stream" in kind:
        error = {"message": message, "type": "engine_busy", "code": "engine_busy"}
        return b"data: " + json.dumps({"error": error}).encode() + b"\n\n"
    return json.dumps({"error": message}).encode() + b"\n"


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
