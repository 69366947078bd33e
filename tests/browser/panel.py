"""The panel in a real browser, through the simulated ingress."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Any

import pytest
from playwright.async_api import Page, expect

from dev.browser import BrowserError, axe

SETTLED = 20_000
"""Milliseconds in which a page shows what it has to; a busy machine takes its time."""


class Panel:
    """One tab with the panel. Leaving it fails for anything that went wrong in its scripts."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.problems: list[str] = []
        self._url = url
        page.set_default_timeout(SETTLED)
        expect.set_options(timeout=SETTLED)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", self._said)

    def _said(self, message: Any) -> None:
        # A policy that is violated is said nowhere else.
        if "Content Security Policy" in message.text:
            self.problems.append(message.text)

    async def __aenter__(self) -> Panel:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None and (folder := os.environ.get("PANEL_SHOTS")):
            await self.page.screenshot(path=f"{folder}/failed.png", full_page=True)
        await self.page.context.close()
        if error is None:
            assert self.problems == []

    async def open(self, name: str = "") -> None:
        """Open a page and wait until it has shown what it had to fetch."""
        await self.page.goto(f"{self._url}{name}")
        ready = {
            "": "#cards .card",
            "chat": "#agent option",
            "happened": "#found:not(:empty)",
            "models": "#recommended li",
            "agents": "#agents li",
            "log": "#lines li",
        }
        await expect(self.page.locator(ready[name.partition("#")[0]]).first).to_be_attached()

    async def say(self, form: str, sentence: str) -> None:
        """Say a sentence with a form and wait for the end of the turn."""
        await self.page.fill(f"{form} input", sentence)
        await self.page.press(f"{form} input", "Enter")
        await expect(self.page.locator(f"{form} .stop")).to_be_hidden()

    async def accessible(self) -> list[str]:
        """Return what axe finds wrong with what is shown."""
        try:
            source = axe()
        except BrowserError as error:
            (pytest.fail if os.geteuid() == 0 else pytest.skip)(str(error))
        await self.page.evaluate(source)
        found = await self.page.evaluate("() => axe.run()")
        return [
            f"{each['id']}: {each['help']}: {node['html'][:160]}"
            for each in found["violations"]
            for node in each["nodes"]
        ]

    async def too_wide(self) -> int:
        """Return by how many pixels the page is wider than the window."""
        return int(await self.page.evaluate("document.documentElement.scrollWidth - innerWidth"))
