"""Takes the pictures of the panel that the documentation shows: every page, light and dark."""

from __future__ import annotations

import asyncio
import sys

from playwright.async_api import Browser, FloatRect, Page, async_playwright

from dev.browser import chromium
from dev.stack import ROOT, Stack

_FOLDER = ROOT / "docs"
_SIZE = (820, 540)
_HEIGHTS = {"happened": 450, "log": 300}
_SAID = (
    "turn on the kitchen light",
    "set the bedroom blinds to 30 percent",
    "is the garage door open?",
    "open the bedroom fan",
)


async def main() -> int:
    """Bring up the whole stack, use the panel as a person would, and take the pictures."""
    async with Stack("pictures", log=print) as stack, async_playwright() as playwright:
        await stack.client.delete("/api/history")
        browser = await playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox"]
        )
        for scheme in ("light", "dark"):
            await stack.home.reset()
            await _take(browser, stack, scheme)
        await browser.close()
    return 0


async def _take(browser: Browser, stack: Stack, scheme: str) -> None:
    width, height = _SIZE
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
        locale="en-GB",
        reduced_motion="reduce",
    )
    page = await context.new_page()
    await page.goto(f"{stack.ingress_url}chat")
    for sentence in _SAID:
        await page.fill("#text", sentence)
        await page.press("#text", "Enter")
        await page.locator(".stop").wait_for(state="hidden")
    await _save(page, "chat", scheme)
    await page.locator(".why a").last.click()
    await page.locator(".explained").wait_for()
    await _save(page, "happened", scheme)
    for name in ("overview", "models", "agents", "log"):
        await page.goto(f"{stack.ingress_url}{'' if name == 'overview' else name}")
        await page.wait_for_load_state("load")
        await page.wait_for_timeout(1500)
        if name == "overview" and scheme == "dark":
            await page.click("#guide-hide")
            await page.evaluate("() => scrollTo(0, 0)")
        await _save(page, name, scheme)
    await context.close()


async def _save(page: Page, name: str, scheme: str) -> None:
    path = _FOLDER / f"panel-{name}-{scheme}.png"
    # The picture of a long page shows enough of it, and stays small.
    clip: FloatRect = {"x": 0, "y": 0, "width": _SIZE[0], "height": _HEIGHTS.get(name, _SIZE[1])}
    await page.screenshot(path=path, clip=clip)
    print(path.name, path.stat().st_size)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
