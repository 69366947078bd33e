from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from dev.supervisor import Addon, Core, Manifest, Supervisor as Simulated
from ollama_addon.errors import AddonError
from ollama_addon.supervisor.client import Supervisor

CONFIG = Path(__file__).parents[2] / "config.yaml"
MESSAGE = {"host": "local-ollama-addon", "port": 8099, "token": "t"}


@pytest_asyncio.fixture
async def simulated(tmp_path: Path) -> AsyncIterator[Simulated]:
    """The simulated Supervisor with this app, whose process only waits."""
    addon = Addon(
        Manifest.read(CONFIG),
        url="http://127.0.0.1:9",
        data=tmp_path,
        log=tmp_path / "log",
        command=[sys.executable, "-c", "import time; time.sleep(600)"],
    )
    async with Simulated(addon, core=Core("http://127.0.0.1:9", "", "2026.11.0")) as simulated:
        yield simulated
        await addon.stop()


@pytest_asyncio.fixture
async def supervisor(simulated: Simulated) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(simulated.url, simulated.addon.token)
    yield supervisor
    await supervisor.close()


async def test_what_it_knows(supervisor: Supervisor) -> None:
    assert (await supervisor.info())["homeassistant"] == "2026.11.0"
    info = await supervisor.self_info()
    assert info["slug"] == "local_ollama_addon"
    assert info["options"]["agents"][0]["name"] == "Ollama Assist"


async def test_an_announcement_is_made_changed_and_taken_back(
    simulated: Simulated, supervisor: Supervisor
) -> None:
    uuid = await supervisor.announce("ollama_addon", MESSAGE)
    assert await supervisor.announce("ollama_addon", MESSAGE | {"token": "new"}) == uuid
    assert [each.config for each in simulated.discovery] == [MESSAGE | {"token": "new"}]
    await supervisor.withdraw(uuid)
    assert simulated.discovery == []
    with pytest.raises(AddonError, match="refused") as raised:
        await supervisor.withdraw(uuid)
    assert (raised.value.code, raised.value.status) == ("supervisor_refused", 404)


async def test_a_service_that_the_add_on_does_not_list(supervisor: Supervisor) -> None:
    with pytest.raises(AddonError, match="must list services"):
        await supervisor.announce("mqtt", MESSAGE)


async def test_options_are_set_and_wrong_ones_refused(
    simulated: Simulated, supervisor: Supervisor
) -> None:
    options = (await supervisor.self_info())["options"]
    await supervisor.set_options({**options, "journal_days": 7})
    assert (await supervisor.self_info())["options"]["journal_days"] == 7
    wrong = {**options, "journal_days": -1, "gateway": {"key": "s3cret"}}
    with pytest.raises(AddonError) as raised:
        await supervisor.set_options(wrong)
    assert raised.value.code == "supervisor_refused"
    # Its own sentence ends with all options, keys included.
    assert raised.value.message == "The Supervisor refused: value must be at least 0.0."
    assert simulated.addon.options["journal_days"] == 7


async def test_the_add_on_is_restarted(simulated: Simulated, supervisor: Supervisor) -> None:
    await supervisor.restart()
    assert (simulated.addon.data / "options.json").exists()


async def test_a_wrong_token(simulated: Simulated) -> None:
    stranger = Supervisor(simulated.url, "wrong")
    with pytest.raises(AddonError, match="status 40") as raised:
        await stranger.self_info()
    assert raised.value.code == "supervisor_refused"
    await stranger.close()


async def test_a_fault_of_its_own(simulated: Simulated, supervisor: Supervisor) -> None:
    simulated.fail("/info")
    with pytest.raises(AddonError, match="see Supervisor logs") as raised:
        await supervisor.info()
    assert (raised.value.code, raised.value.status) == ("supervisor_refused", 502)


async def test_it_is_away() -> None:
    away = Supervisor("http://127.0.0.1:9", "t")
    with pytest.raises(AddonError, match="does not answer") as raised:
        await away.info()
    assert (raised.value.code, raised.value.status) == ("supervisor_down", 503)
    await away.close()


@pytest.mark.parametrize("text", ["<html>", "[]", "null", '{"result": "ok", "data": 5}', "{}"])
async def test_an_answer_that_is_none(text: str) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text=text)

    app = web.Application()
    app.router.add_get("/info", answer)
    async with TestServer(app) as server:
        supervisor = Supervisor(str(server.make_url("")), "t")
        with pytest.raises(AddonError) as raised:
            await supervisor.info()
        assert raised.value.code == "supervisor_refused"
        await supervisor.close()
