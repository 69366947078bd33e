"""The door of the sidecar's app: who comes in, and how much they carry."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ollama_addon.errors import AddonError
from ollama_addon.web.access import bodies
from ollama_addon.web.access.auth import Guard, Visitor
from ollama_addon.web.access.hosts import Hosts
from ollama_addon.web.access.refusals import refusal, refusal_page

MAX_BODY = 2 * 1024 * 1024
"""Bytes of a request."""
MAX_TASK = 16 * 1024 * 1024
"""The same for an AI task, which may have images in it."""
MAX_PARTS = 50_000
"""Objects, lists and values of its JSON."""
_ASK_FOR_PASSWORD = 'Basic realm="Ollama Assist", charset="UTF-8"'
_OPEN = re.compile(r"/health|/static/.+")
"""Nothing secret is behind these; the container's health check has no token."""


def is_open(path: str) -> bool:
    """Tell whether anybody may ask for a path."""
    return _OPEN.fullmatch(path) is not None


class Door:
    """Passes on only what may come in. What is refused is said as JSON, to a person as a page.

    `guard` says who may, and `hosts` under which names; they are asked before anything of a body
    is read. Routes find who has come in by `visitor_of`.
    """

    def __init__(self, app: ASGIApp, guard: Guard, hosts: Hosts) -> None:
        self._app = app
        self._guard = guard
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http":
            send = _guarded(send)
            try:
                receive, visitor = await self._enter(scope, receive)
            except AddonError as error:
                request = HTTPConnection(scope)
                response = refusal_page(request, error) or refusal(error)
                if error.code == "unauthorized" and self._guard.has_password:
                    response.headers["WWW-Authenticate"] = _ASK_FOR_PASSWORD
                await response(scope, receive, send)
                return
            if visitor is not None:
                scope.setdefault("state", {})["visitor"] = visitor
                send = self._while_in(visitor, send)
        elif scope["type"] != "lifespan":
            return
        await self._app(scope, receive, send)

    async def _enter(self, scope: Scope, receive: Receive) -> tuple[Receive, Visitor | None]:
        """Return where to read the request's body, and who asks; None where anybody may.

        Raises AddonError.
        """
        request = HTTPConnection(scope)
        name = request.headers.get("host", "")
        if not self._guard.by_any_name(request) and not self._hosts.answers(name):
            # A page of the internet whose name was made to lead here sends that name.
            raise AddonError(
                "wrong_host",
                "The app does not answer under this name. Use its address, or its name in the "
                "home network, or add the name to 'allowed_hosts' in the app's options.",
                421,
            )
        visitor = None
        if not is_open(scope["path"]):
            visitor = await self._guard(request)
        if not _has_body(request.headers):
            return receive, visitor
        limit = MAX_TASK if scope["path"].endswith("/generate") else MAX_BODY
        body = await bodies.read(request.headers, _parts(receive), limit, MAX_PARTS)
        return _once(body, receive), visitor

    def _while_in(self, visitor: Visitor, send: Send) -> Send:
        """Pass an answer on for as long as its visitor may read; then it ends.

        Streams have no end of their own, and whoever reads one may be demoted meanwhile.
        """
        streams = ended = False

        async def write(message: Message) -> None:
            nonlocal streams, ended
            if ended:
                return
            if message["type"] == "http.response.start":
                streams = "content-length" not in Headers(raw=message["headers"])
            elif streams and not self._guard.still_in(visitor):
                ended = True
                message = {"type": "http.response.body", "body": b"", "more_body": False}
            await send(message)

        return write


def _guarded(send: Send) -> Send:
    """Have browsers take every answer for what it says it is, and tell no other site of it."""

    async def write(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.setdefault("X-Content-Type-Options", "nosniff")
            # The path of ingress is a secret that no other site has to know.
            headers.setdefault("Referrer-Policy", "no-referrer")
        await send(message)

    return write


def _has_body(headers: Headers) -> bool:
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


async def _parts(receive: Receive) -> AsyncIterator[bytes]:
    """Yield a body as it comes. Raises AddonError when it breaks off."""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise AddonError("gone", "The request broke off.", 400)
        yield message.get("body", b"")
        more = message.get("more_body", False)


def _once(body: bytes, receive: Receive) -> Receive:
    """Hand on a body that was read, and then what comes after it."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def read() -> Message:
        return messages.pop() if messages else await receive()

    return read
