"""Background tasks: what becomes of one that fails, and that nothing starts one without a name."""

from __future__ import annotations

import ast
import asyncio
import logging
from pathlib import Path

import pytest

from ollama_addon import background
from ollama_addon.background import Background, child, failing

SOURCES = Path(background.__file__).parent


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "FIRST_DELAY", 0.001)
    monkeypatch.setattr(background, "LONGEST_DELAY", 0.004)
    monkeypatch.setattr(background, "STABLE", 60.0)


class Work:
    """Raises `errors` one after the other, then runs until it is released."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.well = asyncio.Event()
        self.released = asyncio.Event()
        self.cancelled = False

    async def __call__(self) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.well.set()
        try:
            await self.released.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise


def errors(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.levelno == logging.ERROR]


async def test_a_failure_is_logged_with_its_traceback_and_the_task_started_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    group, work = Background(), Work(KeyError("lamp"))
    group.keep("work", work)
    await work.well.wait()
    (record,) = errors(caplog)
    assert "'work'" in record.getMessage()
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], KeyError)
    await group.stop()


async def test_the_same_failure_is_logged_once_and_another_one_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    group = Background()
    work = Work(*(OSError("full") for _ in range(5)), ValueError("other"), OSError("full"))
    group.keep("work", work)
    await work.well.wait()
    raised = [type(record.exc_info[1]) for record in errors(caplog) if record.exc_info]
    assert raised == [OSError, ValueError, OSError]
    await group.stop()


async def test_it_counts_as_failing_until_it_has_run_well_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    group, work = Background(), Work(KeyError("lamp"))
    group.keep("work", work)
    await work.well.wait()
    assert [(failure.name, failure.error) for failure in failing()] == [
        ("work", "KeyError('lamp')")
    ]
    await group.stop()
    assert not failing()

    monkeypatch.setattr(background, "STABLE", 0.01)
    work = Work(KeyError("lamp"))
    task = group.keep("work", work)
    await work.well.wait()
    async with asyncio.timeout(30):
        while failing():  # noqa: ASYNC110 - there is no event of it
            await asyncio.sleep(0.01)
    assert not task.done()
    await group.stop()


async def test_what_returns_is_done_and_not_failing() -> None:
    group, work = Background(), Work(KeyError("lamp"))
    task = group.keep("work", work)
    await work.well.wait()
    work.released.set()
    await task
    assert not failing()
    assert group.running == 0


async def test_waiting_for_what_somebody_else_has_cancelled_is_a_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    group, work = Background(), Work(asyncio.CancelledError())
    group.keep("work", work)
    await work.well.wait()
    assert [failure.name for failure in failing()] == ["work"]
    assert len(errors(caplog)) == 1
    await group.stop()


async def test_stop_waits_until_all_have_ended() -> None:
    group, work = Background(), Work()
    order: list[str] = []

    async def slow() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            order.append("slow")

    group.keep("slow", slow)
    group.once("work", work())
    await work.well.wait()
    await group.stop()
    order.append("stopped")
    assert order == ["slow", "stopped"]
    assert work.cancelled
    await group.stop()


async def test_a_task_may_stop_its_own_group() -> None:
    group, other = Background(), Work()
    group.keep("other", other)
    await other.well.wait()
    await group.once("last", group.stop())
    assert other.cancelled


async def test_what_runs_once_fails_loudly_and_once(caplog: pytest.LogCaptureFixture) -> None:
    group = Background()
    task = group.once("errand", Work(KeyError("lamp"))())
    await asyncio.wait({task})
    (record,) = errors(caplog)
    assert "'errand'" in record.getMessage()
    assert record.exc_info is not None
    assert not failing()


async def test_a_child_hands_what_it_raises_to_who_waits(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(KeyError):
        await child("part", Work(KeyError("lamp"))())
    assert not errors(caplog)


def test_nothing_else_starts_a_task() -> None:
    """A ruff rule bans asyncio's functions; it does not see the methods of a loop or a group."""
    found = [
        f"{path.relative_to(SOURCES)}:{node.lineno}"
        for path in SOURCES.rglob("*.py")
        if path.name != "background.py"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in ("create_task", "ensure_future")
    ]
    assert not found
