"""The shape of the Supervisor's answers: `{"result": "ok", "data": …}`, or an error."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from pydantic import ValidationError


class ApiError(Exception):
    """Answered as `{"result": "error", "message": …}`, with `more` beside."""

    def __init__(self, message: str, status: int = 400, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.more = more

    def answer(self) -> web.Response:
        """Return the answer that says so."""
        body = {"result": "error", "message": str(self), **self.more}
        return web.json_response(body, status=self.status)


def ok(data: dict[str, Any] | None = None) -> web.Response:
    """Return the answer that all is well."""
    return web.json_response({"result": "ok", "data": data or {}})


async def body_of(request: web.Request) -> dict[str, Any]:
    """Return the object that was sent, an empty one for nothing. Raises ApiError."""
    if not await request.read():
        return {}
    try:
        body = await request.json()
    except ValueError:
        raise ApiError("Invalid json") from None
    if not isinstance(body, dict):
        raise ApiError("expected a dictionary. Got " + type(body).__name__)
    return body


def first_error(error: ValidationError) -> str:
    """Word the first thing that is wrong."""
    first = error.errors()[0]
    return f"{first['msg']} @ data['{'.'.join(map(str, first['loc']))}']"
