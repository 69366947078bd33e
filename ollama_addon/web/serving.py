"""How the sidecar's ports are served: no connection may be held for nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from ollama_addon.errors import AddonError
from ollama_addon.web.access.auth import USER_HEADER
from ollama_addon.web.access.refusals import refusal

_HEAD_TIME = 10.0
"""Seconds in which a connection has to bring a request."""
_STUCK_TIME = 60.0
"""Seconds that an answer waits for somebody who does not read it."""
_LARGEST_HEAD = 64 * 1024
"""Bytes of a request before its body."""
_CONNECTIONS = 256
"""Beyond these, who comes is told 503."""

_SMALL = USER_HEADER.lower()

_STOPPING = AddonError("stopping", "The app is being stopped. Try again in a moment.", 503)


def served(app: ASGIApp, **more: Any) -> uvicorn.Config:
    """Return how uvicorn serves `app`; `more` are further settings of it."""
    return uvicorn.Config(
        _Interruptible(app),
        http=TimeLimitedProtocol,
        ws="none",
        # Who asks is who is connected: ingress is known by its address, which a header such as
        # X-Forwarded-For must not change.
        proxy_headers=False,
        server_header=False,
        log_config=None,
        access_log=False,
        limit_concurrency=_CONNECTIONS,
        **more,
    )


class _Interruptible:
    """Says why when it is broken off because the server ends; uvicorn would call it an error."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except asyncio.CancelledError:
            # Only uvicorn cancels, and only then; what streams is broken off, for all to see.
            if scope["type"] != "http":
                raise
            if not started:
                await refusal(_STOPPING)(scope, receive, send)


class _Exact(h11.Connection):
    """Takes the user of ingress from a header that is written as the Supervisor writes it.

    A browser may send one too. The Supervisor takes that away only where the case is its own;
    otherwise it takes the place of the Supervisor's. uvicorn hands on small letters, so that
    this is the last place where the two can be told apart: a forged one is left without a value.
    """

    def next_event(self) -> Any:
        """Return what has arrived."""
        event = super().next_event()
        if not isinstance(event, h11.Request):
            return event
        written = event.headers.raw_items()
        forged = {name for name, _ in written if name.lower() == _SMALL and name != USER_HEADER}
        if not forged:
            return event
        return h11.Request(
            method=event.method,
            target=event.target,
            headers=[(name, b"" if name in forged else value) for name, value in written],
            http_version=event.http_version,
        )


class TimeLimitedProtocol(H11Protocol):
    """Hangs up on who sends no request, or does not read the answer to it.

    uvicorn itself waits for ever for both; it limits the time between two requests only.
    """

    def __init__(self, config: uvicorn.Config, *others: Any, **more: Any) -> None:
        super().__init__(config, *others, **more)
        self.conn = _Exact(h11.SERVER, _LARGEST_HEAD)

    _looking: asyncio.TimerHandle | None = None
    _stuck: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._look_later(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        super().connection_lost(exc)
        for timer in (self._looking, self._stuck):
            if timer is not None:
                timer.cancel()

    def pause_writing(self) -> None:
        """Note that nobody reads."""
        super().pause_writing()
        self._stuck = self.loop.call_later(_STUCK_TIME, self.transport.abort)

    def resume_writing(self) -> None:
        """Note that somebody reads again."""
        super().resume_writing()
        if self._stuck is not None:
            self._stuck.cancel()

    def _look_later(self, waits_since: object) -> None:
        self._looking = self.loop.call_later(_HEAD_TIME, self._look, waits_since)

    def _look(self, waits_since: object) -> None:
        """Hang up when there was no request at the last look and is no new one now."""
        answering = self.cycle is not None and not self.cycle.response_complete
        waits = None if answering else self.cycle or self
        if waits is not None and waits is waits_since:
            self.transport.abort()
        else:
            self._look_later(waits)
