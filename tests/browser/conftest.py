"""Chromium, started once, and tabs in it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from dev.browser import BrowserError, chromium
from dev.stack import Stack
from tests.browser.panel import Panel

OpenPanel = Callable[..., Awaitable[Panel]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    try:
        program = chromium()
    except BrowserError as error:
        # Where they can be installed, script/test has done so.
        (pytest.fail if os.geteuid() == 0 else pytest.skip)(str(error))
    async with async_playwright() as playwright:
        # Chromium's own sandbox does not run as root, which CI is.
        browser = await playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        await browser.close()


@pytest.fixture
def panel(browser: Browser, stack: Stack) -> OpenPanel:
    """Return what makes a tab with the panel: its width in pixels, its color scheme."""

    async def make(width: int = 1280, scheme: str = "light", language: str = "en-GB") -> Panel:
        context = await browser.new_context(
            viewport={"width": width, "height": 800},
            color_scheme="dark" if scheme == "dark" else "light",
            reduced_motion="reduce",
            locale=language,
        )
        return Panel(await context.new_page(), stack.ingress_url)

    return make
