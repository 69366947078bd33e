"""What people, models and names say is shown as it is written, and never run; keys made anew."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, HttpCredentials, expect

from ollama_addon.app.wiring import make_app
from ollama_addon.web.listener import Listener
from tests.browser.panel import Panel
from tests.test_upgrades import record
from tests.web.running import PASSWORD, settings

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]

CREDENTIALS: HttpCredentials = {"username": "anyone", "password": PASSWORD}
EVIL = "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>"


@pytest.mark.parametrize("page", ["happened", "agents", "chat", "log"])
async def test_markup_is_shown_and_not_run(browser: Browser, tmp_path: Path, page: str) -> None:
    agent = {"name": EVIL[:60], "model": "m:1", "instructions": EVIL, "control_home": False}
    options = {"agents": [agent], "servers": [{"url": "http://127.0.0.1:9"}]}
    (tmp_path / "options.json").write_text(json.dumps(options))
    app = make_app(settings(tmp_path, ingress_peer="", password=PASSWORD))
    listener = Listener(app, "127.0.0.1", 0)
    await listener.start()
    async with httpx.AsyncClient(trust_env=False) as client:
        await client.get(f"http://127.0.0.1:{listener.port}/health")  # when it has started
    parts = app.state.parts
    said = record(EVIL)
    said.reply = said.area = said.model = EVIL
    said.reasons = [EVIL]
    said.actions = [{"name": EVIL, "arguments": {"name": EVIL}, "ok": True, "result": {}}]
    parts.journal.keep(said)
    await parts.journal.get(said.turn_id)
    logging.getLogger("ollama_addon.engine").warning("%s", EVIL)
    context = await browser.new_context(locale="en-GB", http_credentials=CREDENTIALS)
    async with Panel(await context.new_page(), f"http://127.0.0.1:{listener.port}/") as tab:
        await tab.open(page)
        if page == "happened":
            await tab.page.locator("#turns summary").first.click()
            await expect(tab.page.locator("#turns details div").first).to_contain_text("onerror")
        await expect(tab.page.locator("main")).to_contain_text("<img src=x")
        assert await tab.page.locator("main img").count() == 0
        assert await tab.page.title() != "run"
    await listener.stop()


async def test_token_and_key_are_made_anew_with_the_keyboard(
    browser: Browser, tmp_path: Path
) -> None:
    app = make_app(settings(tmp_path, ingress_peer="", password=PASSWORD))
    listener = Listener(app, "127.0.0.1", 0)
    await listener.start()
    context = await browser.new_context(locale="en-GB", http_credentials=CREDENTIALS)
    async with Panel(await context.new_page(), f"http://127.0.0.1:{listener.port}/") as tab:
        page = tab.page
        await tab.open("agents")
        for name, button in (("token", "New token"), ("gateway_key", "New key")):
            before = (tmp_path / name).read_text()
            await page.get_by_role("button", name=button).focus()
            await page.keyboard.press("Enter")
            question = page.get_by_role("dialog")
            await expect(question).to_contain_text("stops working immediately")
            await page.keyboard.press("Escape")
            await expect(question).to_have_count(0)
            assert (tmp_path / name).read_text() == before
            await page.keyboard.press("Enter")
            await page.keyboard.press("Tab")
            await page.keyboard.press("Enter")
            await expect(page.locator("#access")).not_to_contain_text(before)
            await expect(page.locator("#access-said")).to_contain_text("is in use")
            after = (tmp_path / name).read_text()
            assert after != before
            await expect(page.locator("#access")).to_contain_text(after)
    await listener.stop()
