"""What a person does in the panel, done in a real browser with the whole stack behind it."""

from __future__ import annotations

import asyncio
import contextlib
import re

import httpx
import psutil
import pytest
from playwright.async_api import expect

from dev.stack import Stack
from tests.browser.conftest import OpenPanel

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]


def engines() -> set[int]:
    """Return the processes of the development engine that the stack's sidecar runs."""
    found = set()
    for each in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):  # It has ended meanwhile.
            if "dev.engine" in each.cmdline():
                found.add(each.pid)
    return found


LOOKS = [
    (1280, "light"),
    (360, "dark"),
    pytest.param(1280, "dark", marks=pytest.mark.all),
    pytest.param(360, "light", marks=pytest.mark.all),
]
LANGUAGES = [
    "de",
    *(pytest.param(each, marks=pytest.mark.all) for each in ("es", "fr", "it", "nl", "pl", "pt")),
]


async def without_the_app(stack: Stack) -> None:
    """Delete the model in the engine itself: the app refuses to, as an agent uses it."""
    (server,) = (await stack.client.get("/api/servers")).json()
    async with httpx.AsyncClient(base_url=server["url"], trust_env=False) as engine:
        answer = await engine.request("DELETE", "/api/delete", json={"model": stack.model})
        answer.raise_for_status()


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
async def test_every_page_can_be_used_by_everybody(
    panel: OpenPanel, width: int, scheme: str
) -> None:
    async with await panel(width, scheme) as tab:
        await tab.open("chat")
        await tab.say("#say", "turn on the kitchen light")
        assert await tab.accessible() == []
        assert await tab.too_wide() <= 0
        await tab.page.get_by_role("link", name="Details").click()
        await expect(tab.page.locator(".explained")).to_be_visible()
        assert await tab.accessible() == []
        assert await tab.too_wide() <= 0
        for name in ("", "happened", "models", "agents", "log"):
            await tab.open(name)
            assert await tab.accessible() == [], name
            assert await tab.too_wide() <= 0, name
        await tab.open("agents")
        await tab.page.get_by_role("button", name="Edit: Home").click()
        await tab.page.fill("#field-instructions", "It is {{ now() }}.")
        await expect(tab.page.locator(".preview .warning")).to_contain_text("with the time")
        await tab.page.get_by_text("More settings").click()
        assert await tab.accessible() == []
        assert await tab.too_wide() <= 0
        await tab.page.get_by_role("button", name="Cancel").click()
        await tab.page.get_by_role("button", name="Delete: Home").click()
        await expect(tab.page.get_by_role("dialog")).to_be_visible()
        assert await tab.accessible() == []


async def test_from_the_first_run_to_the_first_sentence(panel: OpenPanel, stack: Stack) -> None:
    async with await panel() as tab:
        page = tab.page
        await tab.open("models")
        await page.get_by_role("button", name=f"Delete: {stack.model}").click()
        question = page.get_by_role("dialog")
        await question.get_by_role("button", name="Delete").click()
        await expect(page.locator("#said")).to_contain_text("used by 1")
        await without_the_app(stack)
        # As a browser that has never been here, and a home in which nothing was said.
        await stack.client.delete("/api/history")
        await tab.open()
        await page.evaluate("() => localStorage.clear()")
        await tab.open()
        await expect(page.locator("#step-model")).to_have_attribute("aria-current", "step")
        await expect(page.locator("#summary")).to_contain_text("problem")
        await page.select_option("#guide-choice", stack.model)
        await expect(page.locator("#guide-why")).to_contain_text(" s (")
        await page.get_by_role("button", name="Use this model").click()
        await expect(page.locator("#step-download")).to_have_attribute("data-done", "true")
        await expect(page.locator("#step-say")).to_have_attribute("aria-current", "step")
        await expect(page.locator("#summary")).to_contain_text("problem")
        await tab.say("#first-form", "turn on the kitchen light")
        await expect(page.locator("#first .action")).to_contain_text("✓ Kitchen light: off → on")
        await expect(page.locator("#step-say")).to_have_attribute("data-done", "true")
        assert (await stack.home.states())["light.kitchen_light"]["state"] == "on"
        await page.get_by_role("button", name="Hide").click()
        await expect(page.locator("#guide")).to_be_hidden()
        await tab.open()
        await expect(page.locator("#guide")).to_be_hidden()


async def test_a_pull_that_cannot_begin_says_why(panel: OpenPanel) -> None:
    async with await panel(360) as tab:
        page = tab.page
        await tab.open("models")
        await page.get_by_role("button", name="Download", exact=True).click()
        await expect(page.locator("#name-wrong")).to_contain_text("Type the name")
        await page.fill("#name", "not a model!")
        await page.press("#name", "Enter")
        await expect(page.locator("#name-wrong")).to_contain_text("name of a model")
        await expect(page.locator("#name")).to_have_value("not a model!")
        await page.fill("#name", "no-such-model:1b")
        await page.press("#name", "Enter")
        card = page.locator("#present li", has_text="no-such-model:1b")
        await expect(card).to_contain_text("There is no such model in Ollama's library")


async def test_an_agent_is_made_tried_changed_and_deleted(panel: OpenPanel, stack: Stack) -> None:
    async with await panel() as tab:
        page = tab.page
        await tab.open("agents")
        await page.get_by_role("button", name="Add conversation agent").click()
        await page.fill("#field-name", "Butler")
        await page.fill("#field-instructions", "You serve {{ ha_name }}.")
        await expect(page.locator(".preview pre")).to_contain_text("You serve")
        await page.get_by_text("More settings").click()
        await page.fill("#field-context_window", "5")
        await page.get_by_role("button", name="Save").click()
        wrong = page.locator("#field-context_window-wrong")
        await expect(wrong).to_contain_text("2048")
        await expect(page.locator("#field-context_window")).to_be_focused()
        # A page that is loaded again has what was typed.
        await page.reload()
        await expect(page.locator("#field-name")).to_have_value("Butler")
        await page.get_by_text("More settings").click()
        await page.fill("#field-context_window", "4096")
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator("#said")).to_contain_text("Saved")
        agents = {each["id"] for each in (await stack.client.get("/api/agents")).json()}
        assert agents == {"home", "butler"}
        assert stack.supervisor.addon.options["agents"][1]["context_window"] == 4096

        await page.get_by_role("button", name="Edit: Butler").click()
        await tab.say("#try-form", "turn on the desk lamp")
        await expect(page.locator("#try-talk .action")).to_contain_text("Desk lamp: off → on")
        await page.fill("#prompt-text", "turn on the desk lamp")
        await page.get_by_role("button", name="Show the prompt").click()
        await expect(page.locator("#prompt-tokens")).to_contain_text("tokens of the 4,096")
        await expect(page.locator("#prompt")).to_contain_text("You serve")
        await page.fill("#field-name", "James")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("heading", name="James")).to_be_visible()

        await page.get_by_role("button", name="Copy: James").click()
        await expect(page.locator("#field-name")).to_have_value("James (copy)")
        await page.get_by_role("button", name="Cancel").click()
        await page.get_by_role("button", name="Delete: James").click()
        await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        await expect(page.get_by_role("heading", name="James")).to_be_hidden()
        assert [each["name"] for each in stack.supervisor.addon.options["agents"]] == ["Home"]


async def test_the_engines_settings_are_changed(panel: OpenPanel, stack: Stack) -> None:
    async with await panel(360) as tab:
        page = tab.page
        await tab.open("models")
        await page.get_by_text("Settings of the built-in").click()
        await expect(page.locator("#engine-cache_ram")).to_have_value("512")
        await page.fill("#engine-num_parallel", "99")
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator("#engine-num_parallel")).to_be_focused()
        await expect(page.locator("#engine-num_parallel-wrong")).to_contain_text("16")
        await page.fill("#engine-num_parallel", "1")
        await page.fill("#engine-cache_ram", "256")
        assert await tab.accessible() == []
        before = engines()
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator("#engine-said")).to_contain_text("Saved")
        while not engines() - before:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.1)
        assert stack.supervisor.addon.options["engine"]["cache_ram"] == 256
        await tab.open()
        engine = page.locator("#cards .card").first
        await expect(engine).to_have_attribute("data-state", "ok", timeout=60_000)
    await stack.until_ready()


async def test_a_turn_is_explained_found_and_deleted(panel: OpenPanel, stack: Stack) -> None:
    await stack.client.delete("/api/history")
    await stack.say("bedroom fan zap on")  # Which a model has to be asked about.
    await stack.say("tell me a joke")  # Which no plot counts.
    await stack.say("turn on the kitchen light")
    async with await panel() as tab:
        page = tab.page
        await tab.open("happened")
        turns = page.locator("#turns > li")
        await expect(turns).to_have_count(3)
        await expect(page.locator("#plots figure")).to_have_count(2)
        await page.fill("#search", "FAN")
        await expect(turns).to_have_count(1)
        await turns.locator("summary").first.click()
        told = page.locator(".explained")
        for heading in ("Matching entities", "Reply", "Total"):
            await expect(told.get_by_role("heading", name=heading)).to_be_visible()
        await expect(told.locator(".chips").first).to_contain_text("bedroom fan")
        await expect(told.locator(".legend")).to_contain_text("Prompt")
        # What is said meanwhile comes by itself, and leaves what is read as it is.
        await stack.say("turn off the bedroom fan")
        await expect(turns).to_have_count(2)
        await expect(told).to_be_visible()
        async with page.expect_download() as download:
            await page.get_by_role("link", name="Export").click()
        assert (await download.value).suggested_filename == "history.json"
        await told.locator("xpath=..").get_by_role("button", name="Delete this request").click()
        await page.keyboard.press("Escape")
        await expect(turns).to_have_count(2)
        await told.locator("xpath=..").get_by_role("button", name="Delete this request").click()
        await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        await expect(turns).to_have_count(1)
        await page.get_by_role("button", name="Delete all").click()
        await page.get_by_role("dialog").get_by_role("button", name="Delete all").click()
        await expect(page.locator("#found")).to_contain_text("No matching requests")


async def test_a_place_is_where_one_is(panel: OpenPanel, stack: Stack) -> None:
    async with await panel(360, "dark") as tab:
        page = tab.page
        await tab.open("chat")
        await page.select_option("#place", label="Kitchen")
        await tab.say("#say", "turn on the lights")
        await expect(page.locator("#talk .action").first).to_contain_text("✓")
        states = await stack.home.states()
        assert states["light.kitchen_light"]["state"] == "on"
        assert states["light.hallway_light"]["state"] == "on"  # As it was at first.
        # The conversation is still there when the page is opened again.
        await tab.open("chat")
        await expect(page.locator("#talk .mine")).to_have_text("turn on the lights")
        await page.get_by_role("button", name="New conversation").click()
        await expect(page.locator("#talk p")).to_have_count(0)


async def test_a_turn_is_stopped(panel: OpenPanel) -> None:
    async with await panel() as tab:
        page = tab.page
        await tab.open("chat")
        await page.route("**/converse", lambda route: None)  # It is never answered.
        await page.fill("#text", "tell me a long story")
        await page.press("#text", "Enter")
        await page.get_by_role("button", name="Stop").click()
        await expect(page.locator("#talk")).to_contain_text("Stopped.")
        await page.unroute_all(behavior="ignoreErrors")


async def test_the_engine_is_killed_and_comes_back(panel: OpenPanel, stack: Stack) -> None:
    async with await panel() as tab:
        page = tab.page
        await tab.open()
        engine = page.locator("#cards .card").first
        await expect(engine).to_have_attribute("data-state", "ok")
        for process in engines():
            psutil.Process(process).kill()
        await expect(engine).not_to_have_attribute("data-state", "ok", timeout=60_000)
        await expect(engine).to_have_attribute("data-state", "ok", timeout=60_000)
        await tab.open("log")
        await expect(page.locator("#lines")).to_contain_text("Ollama")
    await stack.until_ready()


async def test_nothing_typed_is_lost_when_the_app_restarts(panel: OpenPanel, stack: Stack) -> None:
    async with await panel() as tab:
        page = tab.page
        await tab.open("chat")
        await page.fill("#text", "turn on the kitchen light")
        await stack.supervisor.addon.stop()
        await expect(page.locator("#connection")).to_be_visible()
        await page.press("#text", "Enter")
        await expect(page.locator("#talk .error")).to_contain_text("still in the text field")
        await expect(page.locator("#text")).to_have_value("turn on the kitchen light")
        await stack.supervisor.addon.start()
        await stack.until_ready()
        await expect(page.locator("#connection")).to_be_hidden()
        await page.press("#text", "Enter")
        await expect(page.locator("#talk .theirs")).to_contain_text(re.compile("Turned on", re.I))


async def test_with_the_keyboard_alone(panel: OpenPanel, stack: Stack) -> None:
    async with await panel() as tab:
        page = tab.page
        await tab.open()
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Home", exact=True)).to_be_focused()
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/chat")
        await expect(page.locator("#text")).to_be_focused()
        await page.keyboard.type("turn on the kitchen light")
        await page.keyboard.press("Enter")
        await expect(page.locator("#talk .why")).to_be_visible()
        await expect(page.locator("#text")).to_be_focused()
        for _ in range(40):
            await page.keyboard.press("Shift+Tab")
            if await page.evaluate("() => document.activeElement.matches('.why a')"):
                break
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/happened#*")
        await expect(page.locator("#turns summary:focus")).to_contain_text("kitchen light")
        await expect(page.locator(".explained")).to_be_visible()
        for _ in range(40):
            await page.keyboard.press("Tab")
            if await page.evaluate("() => document.activeElement.textContent") == (
                "Delete this request"
            ):
                break
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("dialog")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_be_hidden()
        await expect(page.get_by_role("button", name="Delete this request")).to_be_focused()


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_panel_speaks_other_languages(panel: OpenPanel, language: str) -> None:
    async with await panel(360, language=language) as tab:
        for name in ("", "chat", "happened", "models", "agents", "log"):
            await tab.open(name)
            assert await tab.page.evaluate("() => document.documentElement.lang") == language
            assert await tab.too_wide() <= 0, name


async def test_an_order_is_shown_and_deleted(panel: OpenPanel, stack: Stack) -> None:
    for order in (await stack.client.get("/api/orders")).json()["orders"]:
        await stack.client.delete(f"/api/orders/{order['id']}")
    await stack.say("turn off the bedroom fan in ten minutes")
    async with await panel(360) as tab:
        page = tab.page
        await tab.open()
        planned = page.locator("#planned")
        await expect(planned).to_contain_text("turn off the bedroom fan in ten minutes")
        await planned.get_by_role("button", name="Delete").click()
        await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        await expect(planned).to_be_hidden()
    assert (await stack.client.get("/api/orders")).json()["orders"] == []


async def test_what_went_wrong_is_put_right_where_it_is_shown(
    panel: OpenPanel, stack: Stack
) -> None:
    await stack.client.delete("/api/history")
    await stack.say("turn on the glow worm")
    async with await panel(360) as tab:
        page = tab.page
        await tab.open("happened")
        await page.locator("#turns summary").first.click()
        told = page.locator(".explained")
        await expect(told.locator(".lead")).to_contain_text("No exposed entity matches")
        await told.get_by_role("button", name="Wrong").click()
        await expect(told.get_by_role("button", name="Wrong")).to_have_attribute(
            "aria-pressed", "true"
        )
        await told.get_by_label("What should have happened?").fill("The floor lamp turns on.")
        await told.get_by_role("button", name="Save").click()
        await expect(told.get_by_role("status")).to_have_text("Saved")
        await told.get_by_label("Entity").select_option(label="Floor lamp")
        await told.get_by_role("button", name="Add alias").click()
        await expect(told.get_by_role("button", name="Undo")).to_be_visible()
        assert (await stack.say("turn on the glow worm")).outcome == "done"
        await told.get_by_role("button", name="Undo").click()
        await expect(told.get_by_role("status")).to_have_text("Undone")
        assert (await stack.say("turn on the glow worm")).outcome != "done"


async def test_a_library_that_is_away_says_nothing_of_versions(
    panel: OpenPanel, stack: Stack
) -> None:
    async with await panel() as tab:
        page = tab.page
        listed = (await stack.client.get("/api/models")).json()
        unknown = [{**model, "update": "unknown"} for model in listed]
        await page.route("**/api/models/check", lambda route: route.fulfill(json=unknown))
        await tab.open("models")
        await page.get_by_role("button", name="Check for updates").click()
        await expect(page.locator("#said")).to_contain_text("Couldn’t check")
        await expect(page.locator("#present")).to_contain_text("Not checked")
        await expect(page.locator("#present")).not_to_contain_text("Up to date")
