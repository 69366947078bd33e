"""The command line: serve, healthcheck, check-options, backup."""

from __future__ import annotations

import argparse
import logging
import signal
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import cast

import httpx
import uvicorn
from fastapi import FastAPI

from ollama_addon import backup
from ollama_addon.app import Settings, make_app
from ollama_addon.options import load_options
from ollama_addon.web.serving import served


def main() -> int:
    """Run the sidecar or one of its helpers; return the exit status."""
    parser = argparse.ArgumentParser(prog="ollama-addon", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="run the sidecar")
    commands.add_parser("healthcheck", help="exit with 0 when the sidecar answers")
    check = commands.add_parser("check-options", help="say what is wrong in an options.json")
    check.add_argument("file", type=Path, nargs="?")
    saving = commands.add_parser("backup", help="what the Supervisor calls around its backups")
    saving.add_argument("step", choices=["begin", "end"])
    arguments = parser.parse_args()
    settings = Settings.from_environment()
    if arguments.command == "healthcheck":
        return _healthcheck(settings)
    if arguments.command == "check-options":
        return _check_options(arguments.file or settings.data / "options.json")
    if arguments.command == "backup":
        return _backup(settings, arguments.step)
    return _serve(settings)


def _serve(settings: Settings) -> int:
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s [%(name)s] %(message)s"
    )
    # Every request of ours to the engine would be a line of its own.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    server = _Server(
        served(
            make_app(settings),
            host=settings.host,
            port=settings.port,
            timeout_graceful_shutdown=5,
        )
    )
    server.run()
    return 0 if server.started else 1


class _Server(uvicorn.Server):
    """Ends by itself on SIGTERM; uvicorn would raise the signal again, which is an error."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End what streams for ever, too: uvicorn would wait for it and then break it off."""
        parts = getattr(cast(FastAPI, self.config.app).state, "parts", None)
        if parts is not None:
            parts.events.closed = True
        super().handle_exit(sig, frame)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Have signals end the server, and nothing else."""
        signals = (signal.SIGTERM, signal.SIGINT)
        before = {number: signal.signal(number, self.handle_exit) for number in signals}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _healthcheck(settings: Settings) -> int:
    try:
        response = httpx.get(f"http://127.0.0.1:{settings.port}/health", timeout=5, trust_env=False)
    except httpx.HTTPError as error:
        print(f"The sidecar does not answer: {error}", file=sys.stderr)
        return 1
    return 0 if response.is_success else 1


def _check_options(path: Path) -> int:
    _, problems = load_options(path)
    for problem in problems:
        print(f"{problem.field}: {problem.message}")
    return 1 if problems else 0


def _backup(settings: Settings, step: str) -> int:
    try:
        (backup.begin if step == "begin" else backup.end)(settings.journal)
    except (OSError, sqlite3.Error) as error:
        # A backup without the journal is better than none, which a failure here would make of it.
        print(f"The journal is not in the backup: {error}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
