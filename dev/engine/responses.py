"""How answers leave: as lines of JSON, or gathered into one object; never for nobody."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing
from typing import Any, TypeVar

from fastapi import Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from dev.engine.errors import EngineError

_Result = TypeVar("_Result")
Lines = AsyncGenerator[dict[str, Any], None]


class LinesResponse(StreamingResponse):
    """Newline-delimited JSON. The lines' source is closed when the client goes."""

    def __init__(self, first: dict[str, Any], rest: Lines) -> None:
        self._lines = rest
        super().__init__(_encoded(first, rest), media_type="application/x-ndjson")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the lines, as ASGI."""
        async with aclosing(self._lines):
            await super().__call__(scope, receive, send)


async def respond(request: Request, lines: Lines, *, stream: bool | None) -> Response:
    """Answer with these lines, or with one object when ``stream`` is False.

    An error before the first line keeps its HTTP status: it is raised, as EngineError.
    """
    if stream is False:
        return JSONResponse(await while_connected(request, _gathered(lines)))
    return LinesResponse(await while_connected(request, anext(lines)), lines)


async def while_connected(request: Request, work: Awaitable[_Result]) -> _Result:
    """Return what the work returns; cancel it, and raise EngineError 499, when the client goes."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise EngineError(499, "request canceled")
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.wait((working, leaving))


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _encoded(first: dict[str, Any], rest: Lines) -> AsyncGenerator[str, None]:
    yield _line(first)
    try:
        async for line in rest:
            yield _line(line)
    except EngineError as err:
        yield _line({"error": err.message})


def _line(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"


async def _gathered(lines: Lines) -> dict[str, Any]:
    """Join the text and the tool calls of all lines into the last one."""
    text, calls, last = "", [], {}
    async with aclosing(lines):
        async for last in lines:
            message = last.get("message", {})
            text += message.get("content") or last.get("response", "")
            calls += message.get("tool_calls", [])
    if "message" in last:
        last["message"] |= {"content": text} | ({"tool_calls": calls} if calls else {})
    elif "response" in last:
        last["response"] = text
    return last
