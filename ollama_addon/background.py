"""Background tasks: each has a name, none fails in silence, and all are awaited at the end.

Nothing else in the sidecar starts a task of asyncio: the lint rules see to it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

_LOGGER = logging.getLogger(__name__)
_T = TypeVar("_T")

FIRST_DELAY = 1.0
"""Seconds before the first restart; doubled each time up to `LONGEST_DELAY`."""
LONGEST_DELAY = 60.0
STABLE = 30.0
"""Seconds after which a task that was started again counts as well."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A task that failed and has not run well since."""

    name: str
    error: str
    """What it raised, for a log."""


_FAILING: WeakKeyDictionary[asyncio.Task[Any], Failure] = WeakKeyDictionary()


def failing() -> list[Failure]:
    """Return the tasks of the running event loop that are failing, by name."""
    loop = asyncio.get_running_loop()
    found = [failure for task, failure in _FAILING.items() if task.get_loop() is loop]
    return sorted(found, key=lambda failure: failure.name)


class Background:
    """The background tasks of one owner, who ends them with `stop`."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def keep(self, name: str, run: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        """Run `run` until it returns, and start it again whenever it raises.

        The delay between two starts grows. An error is logged with its traceback, and again
        only when another one takes its place; `failing` tells of it meanwhile.
        """
        return self._start(name, _kept(name, run))

    def once(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run `work` once. What it raises is logged with its traceback."""
        task = self._start(name, work)
        task.add_done_callback(_log_failure)
        return task

    @property
    def running(self) -> int:
        """How many tasks there are."""
        return len(self._tasks)

    async def stop(self) -> None:
        """End all tasks and wait until they have; may be called at any time, also twice."""
        tasks = self._tasks - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _start(self, name: str, work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def child(name: str, work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
    """Start a part of what the caller does; the caller awaits it and gets what it raises."""
    return asyncio.create_task(work, name=name)


async def _kept(name: str, run: Callable[[], Awaitable[None]]) -> None:
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    delay, logged = FIRST_DELAY, ""
    try:
        while True:
            began = loop.time()
            recovery = loop.call_later(STABLE, _FAILING.pop, task, None)
            try:
                await run()
                return
            except (Exception, asyncio.CancelledError) as error:
                # Awaiting what somebody else has cancelled raises CancelledError, too.
                if isinstance(error, asyncio.CancelledError) and task.cancelling():
                    raise
                if loop.time() - began >= STABLE:
                    delay, logged = FIRST_DELAY, ""
                _FAILING[task] = Failure(name, repr(error))
                known, logged = logged == repr(error), repr(error)
                _LOGGER.log(
                    logging.DEBUG if known else logging.ERROR,
                    "The task '%s' failed. It is started again in %g s.",
                    name,
                    delay,
                    exc_info=error,
                )
            finally:
                recovery.cancel()
            await asyncio.sleep(delay)
            delay = min(delay * 2, LONGEST_DELAY)
    finally:
        _FAILING.pop(task, None)


def _log_failure(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _LOGGER.error("The task '%s' failed.", task.get_name(), exc_info=error)
