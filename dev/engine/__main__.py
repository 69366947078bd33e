"""The command line: ``python -m dev.engine serve``."""

import argparse
import asyncio
import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from dev.engine.api import create_app
from dev.engine.environment import Environment
from dev.engine.scheduler import Scheduler


class _Server(uvicorn.Server):
    """Ends on SIGTERM and SIGINT with status 0, where uvicorn would raise them again."""

    def __init__(self, config: uvicorn.Config, scheduler: Scheduler) -> None:
        super().__init__(config)
        self._scheduler = scheduler
        self._closing: asyncio.Task[None] | None = None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        yield

    def _stop(self) -> None:
        # The model goes first, so that running requests end and need not be waited for.
        self._closing = asyncio.create_task(self._scheduler.close())
        self.should_exit = True


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m dev.engine", description=__doc__)
    parser.add_argument("command", choices=["serve"])
    parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    environment = Environment.read(os.environ)
    scheduler = Scheduler(environment.keep_alive, environment.num_parallel, environment.launch)
    config = uvicorn.Config(
        create_app(environment, scheduler),
        host=environment.host,
        port=environment.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    _Server(config, scheduler).run()


if __name__ == "__main__":
    main()
