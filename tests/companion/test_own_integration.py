"""Home Assistant's own Ollama integration on the gateway, in a real Home Assistant."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from dev.homeassistant.core import HomeAssistant
from ollama_addon.errors import AddonError
from tests.engine.scripted import Scripted
from tests.home.linked import HOME, POET, Linked, linked

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]

FLOW = "config/config_entries/flow"


@pytest_asyncio.fixture(loop_scope="session")
async def link(lone_core: HomeAssistant, tmp_path: Path) -> AsyncIterator[Linked]:
    async with linked(lone_core, tmp_path) as link:
        yield link


async def add_by_hand(link: Linked, url: str, key: str | None = None) -> str:
    """Add an entry as a person does; return its id."""
    flow = await link.core.post(FLOW, {"handler": "ollama"})
    data = {"url": url} | ({"api_key": key} if key else {})
    done = await link.core.post(f"{FLOW}/{flow['flow_id']}", data)
    assert done["type"] == "create_entry", done
    return str(done["result"]["entry_id"])


async def test_every_agent_answers_through_the_gateway(link: Linked) -> None:
    own = link.own()
    assert (await own.state()).state == "off"
    done = await own.apply()
    assert (done.state, list((await link.entries()).values())) == ("on", ["loaded"])
    assert set(await link.subentries()) == {"Home", "Poet"}

    said, asked = await link.say("Home")
    assert said == "Hello"
    assert asked["model"] == "m:1"
    assert asked["messages"][0]["content"].startswith("Be brief.")
    assert {tool["function"]["name"] for tool in asked["tools"]} > {"intent__HassTurnOn"}
    assert asked["options"]["num_ctx"] == 8192
    assert (asked["keep_alive"], asked["think"]) == (-1, False)

    said, asked = await link.say("Poet")
    assert said == "Hello"
    assert "Rhyme." in asked["messages"][0]["content"]
    assert not asked.get("tools")
    assert asked["options"]["num_ctx"] == 4096
    assert asked["keep_alive"] == "60s"


async def test_what_is_right_is_left_alone(link: Linked) -> None:
    await link.own().apply()
    entries, subentries = await link.entries(), await link.subentries()
    assert (await link.own().state()).state == "on"  # after a restart, too
    assert (await link.own().apply()).state == "on"
    assert (await link.entries(), await link.subentries()) == (entries, subentries)


async def test_it_follows_the_agents(link: Linked) -> None:
    await link.own((HOME, POET)).apply()
    before = await link.subentries()
    changed = HOME.model_copy(update={"instructions": "Be long.", "context_window": 2048})
    cook = POET.model_copy(update={"id": "cook", "name": "Cook"})
    own = link.own((changed, cook))
    part = await own.state()
    assert part.state == "partly"
    assert "Home" in part.message
    assert "Cook" in part.message
    assert (await own.apply()).state == "on"
    after = await link.subentries()
    assert set(after) == {"Home", "Cook"}
    assert after["Home"] == before["Home"]  # so that pipelines keep it
    _, asked = await link.say("Home")
    assert asked["messages"][0]["content"].startswith("Be long.")
    assert asked["options"]["num_ctx"] == 2048


async def test_an_agent_that_was_taken_out_is_not_yet_done(link: Linked) -> None:
    await link.own((HOME, POET)).apply()
    own = link.own((HOME,))
    assert (await own.state()).state == "partly"
    assert (await own.apply()).state == "on"
    assert set(await link.subentries()) == {"Home"}


async def test_a_renamed_agent(link: Linked) -> None:
    await link.own((HOME,)).apply()
    renamed = HOME.model_copy(update={"name": "HOME"})  # of the same id
    assert (await link.own((renamed,)).apply()).state == "on"
    assert set(await link.subentries()) == {"HOME"}


async def test_it_is_undone_and_what_people_made_stays(link: Linked) -> None:
    async with Scripted("m:1") as theirs:
        entry = await add_by_hand(link, theirs.url)
        await link.own().apply()
        assert len(await link.entries()) == 2
        undone = await link.own().remove()
        assert undone.state == "off"
        assert await link.entries() == {entry: "loaded"}
        assert not link.kept.exists()
        assert (await link.own().remove()).state == "off"  # again
        assert await link.entries() == {entry: "loaded"}


async def test_an_entry_of_theirs_with_our_address_is_not_taken_over(link: Linked) -> None:
    entry = await add_by_hand(link, link.url, link.key)
    with pytest.raises(AddonError, match="already"):
        await link.own().apply()
    assert (await link.own().state()).state == "off"
    assert (await link.own().remove()).state == "off"
    assert await link.entries() == {entry: "loaded"}
    assert await link.subentries() == {}


async def test_what_was_removed_by_hand_is_off_and_can_be_made_again(link: Linked) -> None:
    await link.own().apply()
    await link.forget()
    assert (await link.own().state()).state == "off"
    assert (await link.own().apply()).state == "on"
    (poet,) = [link.subentries()]
    entry_id = next(iter(await link.entries()))
    await link.connection.command(
        "config_entries/subentries/delete",
        entry_id=entry_id,
        subentry_id=(await poet)["Poet"],
    )
    part = await link.own().state()
    assert part.state == "partly"
    assert "Poet" in part.message
    assert (await link.own().apply()).state == "on"
    assert set(await link.subentries()) == {"Home", "Poet"}


async def test_another_key(link: Linked) -> None:
    await link.own().apply()
    await link.change_key("the second key")
    assert (await link.own().state()).state == "partly"
    assert (await link.own().apply()).state == "on"
    assert (await link.say("Home"))[0] == "Hello"
    assert len(await link.entries()) == 1
    flows = await link.connection.command("config_entries/flow/progress")
    assert [flow for flow in flows if flow["handler"] == "ollama"] == []


async def test_another_address(link: Linked) -> None:
    await link.own().apply()
    await link.listener.stop()
    await link.open()
    assert (await link.own().apply()).state == "on"
    assert (await link.say("Home"))[0] == "Hello"
    assert len(await link.entries()) == 1


async def test_a_disabled_entry_is_not_on(link: Linked) -> None:
    await link.own().apply()
    entry_id = next(iter(await link.entries()))
    for by, state in (("user", "partly"), (None, "on")):
        await link.connection.command("config_entries/disable", entry_id=entry_id, disabled_by=by)
        assert (await link.own().state()).state == state


async def test_an_agent_whose_model_is_missing_waits_for_it(link: Linked) -> None:
    later = POET.model_copy(update={"model": "later:1"})
    part = await link.own((later, HOME)).apply()
    assert part.state == "partly"
    assert "later:1" in part.message
    assert set(await link.subentries()) == {"Home"}
    assert link.engine.asked("/api/pull") == []
    link.engine.models["later:1"] = "sha256:1"
    assert (await link.own((later, HOME)).apply()).state == "on"
    assert (await link.say("Poet"))[1]["model"] == "later:1"


async def test_a_model_is_called_as_ollama_calls_it(link: Linked) -> None:
    link.engine.models["llama:latest"] = "sha256:1"
    await link.servers.refresh()
    short = HOME.model_copy(update={"model": "Llama"})
    assert (await link.own((short,)).apply()).state == "on"
    assert (await link.say("Home"))[1]["model"] == "llama:latest"


async def test_instructions_that_home_assistant_refuses(link: Linked) -> None:
    wrong = HOME.model_copy(update={"instructions": "{{ wrong"})
    part = await link.own((wrong, POET)).apply()
    assert part.state == "partly"
    assert "Home" in part.message
    assert set(await link.subentries()) == {"Poet"}


async def test_without_the_gateway_nothing_is_made(link: Linked) -> None:
    await link.listener.stop()
    with pytest.raises(AddonError, match="cannot reach"):
        await link.own().apply()
    assert await link.entries() == {}
    assert (await link.own().state()).state == "off"
    await link.open(link.listener.port)
    assert (await link.own().apply()).state == "on"


async def test_the_option_undoes_what_it_did(link: Linked) -> None:
    assert (await link.own().follow(wanted=False)).state == "off"
    assert (await link.own().follow(wanted=True)).state == "on"
    assert (await link.own((HOME,)).follow(wanted=True)).state == "on"
    assert set(await link.subentries()) == {"Home"}
    assert (await link.own().follow(wanted=False)).state == "off"
    assert await link.entries() == {}


async def test_what_a_click_did_stays_without_the_option(link: Linked) -> None:
    await link.own().apply()
    await link.own().follow(wanted=True)
    assert (await link.own((HOME,)).follow(wanted=False)).state == "on"
    assert set(await link.subentries()) == {"Home"}
    await link.forget()
    assert (await link.own().follow(wanted=False)).state == "off"
    assert await link.entries() == {}


async def test_a_model_that_can_do_less(link: Linked) -> None:
    link.engine.capabilities = ["completion"]
    thinker = HOME.model_copy(update={"think": True})
    done = await link.own((thinker,)).apply()
    assert done.state == "on"
    assert "Home cannot control" in done.message
    said, asked = await link.say("Home")
    assert said == "Hello"
    assert not asked.get("tools")
    assert asked["think"] is False
