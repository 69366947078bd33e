"""What became of a download is said in Home Assistant, once it is there to be told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from ollama_addon.companion import download_notifications
from ollama_addon.engine.pull import Pull
from ollama_addon.errors import AddonError
from ollama_addon.home.notifications import Notifications

GB = 10**9


class Shown(Notifications):
    def __init__(self) -> None:
        self.away = False
        self.tries = 0
        self.shown: list[tuple[str, str]] = []

    async def create(self, notification_id: str, title: str, message: str) -> None:
        self.tries += 1
        if self.away:
            raise AddonError("home_away", "Home Assistant is away.", 503)
        self.shown.append((notification_id, message))


async def until(condition: object) -> None:
    async with asyncio.timeout(30):
        while not condition():  # type: ignore[operator]  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_downloads_are_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download_notifications, "_RETRY", 0.01)
    queue: asyncio.Queue[Pull] = asyncio.Queue()

    async def pulls() -> AsyncGenerator[Pull, None]:
        while True:
            yield await queue.get()

    shown = Shown()
    task = asyncio.create_task(download_notifications.tell_of_pulls(pulls(), shown))
    for news in (
        Pull("m:1", "pulling", GB, 2 * GB),
        Pull("m:1", "done", 2 * GB, 2 * GB),
        Pull("same:1", "done"),  # nothing had to be downloaded
        Pull("off:1", "cancelled", GB, 2 * GB),
    ):
        queue.put_nowait(news)
    await until(lambda: shown.shown)
    assert shown.shown == [("ollama_addon_pull_m:1", "The model m:1 is ready.")]
    shown.away = True
    queue.put_nowait(Pull("n:1", "failed", problem="The disk is full."))
    await until(lambda: shown.tries >= 3)
    queue.put_nowait(Pull("n:1", "done", 1, 1))
    await until(queue.empty)
    shown.away = False
    await until(lambda: len(shown.shown) == 2)
    assert shown.shown[1] == ("ollama_addon_pull_n:1", "The model n:1 is ready.")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
