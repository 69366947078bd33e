"""The sidecar as a process: served until it is told to end."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType

import uvicorn
from fastapi import FastAPI

from ollama_addon.app.settings import Settings
from ollama_addon.app.wiring import make_app
from ollama_addon.redaction import RedactingFormatter
from ollama_addon.web.serving import served


def serve(settings: Settings, told_to_end: Event) -> int:
    """Serve until SIGTERM, which may have come already; return the exit status."""
    output = logging.StreamHandler()
    output.setFormatter(RedactingFormatter("%(asctime)s %(levelname)s [%(name)s] %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[output])
    # Each request to the engine would be a line, and each start of one of our two ports four.
    for name in ("hass_client", "httpx", "uvicorn.error"):
        logging.getLogger(name).setLevel(logging.WARNING)
    if told_to_end.is_set():
        return 0
    app = make_app(settings)
    server = _Server(
        app,
        told_to_end,
        served(app, host=settings.host, port=settings.port, timeout_graceful_shutdown=5),
    )
    server.run()
    return 0 if server.started or told_to_end.is_set() else 1


class _Server(uvicorn.Server):
    """Ends by itself on SIGTERM; uvicorn would raise the signal again, which is an error."""

    def __init__(self, app: FastAPI, told_to_end: Event, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._app = app
        self._told_to_end = told_to_end

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End what streams for ever, too: uvicorn would wait for it and then break it off."""
        parts = getattr(self._app.state, "parts", None)
        if parts is not None:
            parts.events.closed = True
        super().handle_exit(sig, frame)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Have signals end the server, and nothing else."""
        signals = (signal.SIGTERM, signal.SIGINT)
        before = {number: signal.signal(number, self.handle_exit) for number in signals}
        if self._told_to_end.is_set():
            self.should_exit = True
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
