"""A second port of this process, beside the sidecar's own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from ollama_addon.background import Background
from ollama_addon.web.serving import served

_LOGGER = logging.getLogger(__name__)

GRACE = 2
"""Seconds that answers under way are given when it stops."""


class Listener:
    """Serves `app` at `host` and `port`; port 0 takes a free one.

    A port that cannot be had stops nothing else: `message` tells of it.
    """

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        self.port = port
        self.running = False
        self.message = "It is not started."
        self._app = app
        self._host = host
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self._background = Background()

    async def start(self) -> None:
        """Listen, as far as that is possible."""
        try:
            bound = self._bind()
        except OSError as error:
            self.message = f"Port {self.port} cannot be used: {error.strerror or error}."
            _LOGGER.error("The gateway does not run. %s", self.message)
            return
        self.port = bound.getsockname()[1]
        self.running = True
        self.message = f"It listens on port {self.port}."
        first = [bound]
        self._serving = self._background.keep(
            "gateway", lambda: self._serve(first.pop() if first else self._bind())
        )

    def _bind(self) -> socket.socket:
        """Take the port. Raises OSError; uvicorn would end the process where it is taken."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        bound = socket.create_server((self._host, self.port), family=family, backlog=128)
        # asyncio does so only where it has made the socket itself; without, the first byte
        # of each answer waits 40 ms for an acknowledgement of its head.
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return bound

    async def _serve(self, bound: socket.socket) -> None:
        """Serve until `stop`. Raises RuntimeError when it ends before."""
        self._server = server = _Server(served(self._app, timeout_graceful_shutdown=GRACE))
        with bound:
            try:
                await server.serve([bound])
            except Exception:
                if server.started:  # it has not closed anything
                    await server.shutdown([bound])
                raise
        if self.running:
            raise RuntimeError("the server ended by itself")

    async def stop(self) -> None:
        """Answer what was asked, for a moment, and listen no more; may be called at any time."""
        self.running = False
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await asyncio.wait({self._serving})
        self._server = self._serving = None


class _Server(uvicorn.Server):
    """Leaves the signals to the sidecar's own server."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Have nothing changed."""
        yield
