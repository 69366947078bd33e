"""A second port of this process, beside the sidecar's own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

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
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen, as far as that is possible."""
        # Bound here: uvicorn would end the process where the port is taken.
        try:
            family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
            bound = socket.create_server((self._host, self.port), family=family, backlog=128)
            # asyncio does so only where it has made the socket itself; without, the first byte
            # of each answer waits 40 ms for an acknowledgement of its head.
            bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            self.message = f"Port {self.port} cannot be used: {error.strerror or error}."
            _LOGGER.error("The gateway does not run. %s", self.message)
            return
        self.port = bound.getsockname()[1]
        self._server = _Server(served(self._app, timeout_graceful_shutdown=GRACE))
        self._task = asyncio.create_task(self._server.serve([bound]), name="gateway")
        self.running = True
        self.message = f"It listens on port {self.port}."

    async def stop(self) -> None:
        """Answer what was asked, for a moment, and listen no more; may be called at any time."""
        self.running = False
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await asyncio.wait({self._task})
            self._server = self._task = None


class _Server(uvicorn.Server):
    """Leaves the signals to the sidecar's own server."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Have nothing changed."""
        yield
