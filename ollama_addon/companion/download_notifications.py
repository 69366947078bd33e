"""Says in Home Assistant what became of a model's download."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator

from ollama_addon.background import child
from ollama_addon.engine.pull import Pull
from ollama_addon.errors import AddonError
from ollama_addon.home.notifications import Notifications
from ollama_addon.model_name import canonical

_LOGGER = logging.getLogger(__name__)

_RETRY = 10.0
_TITLE = "Ollama Assist"


async def tell_of_pulls(pulls: AsyncGenerator[Pull, None], notifications: Notifications) -> None:
    """Notify when a download has failed or is ready, for as long as this runs.

    What happens while Home Assistant is away is said when it is back.
    """
    waiting: dict[str, Pull] = {}
    changed = asyncio.Event()

    async def gather() -> None:
        async for pull in pulls:
            if pull.state == "failed" or (pull.state == "done" and pull.total):
                waiting[canonical(pull.name)] = pull
                changed.set()

    async def tell() -> None:
        while True:
            await changed.wait()
            for name, pull in list(waiting.items()):
                notification = f"ollama_addon_pull_{name}"
                try:
                    await notifications.create(notification, _TITLE, pull.message)
                except AddonError as error:
                    _LOGGER.debug("Not yet notified: %s", error.logged)
                    await asyncio.sleep(_RETRY)
                    break
                if waiting[name] is pull:
                    del waiting[name]
            if not waiting:
                changed.clear()

    tasks = [child("news of downloads", gather()), child("notifications", tell())]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()  # raises what went wrong
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
