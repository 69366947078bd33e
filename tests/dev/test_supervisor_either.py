"""What holds for the simulated Supervisor and for a real one.

A real one is named by `REAL_SUPERVISOR_URL` and `REAL_SUPERVISOR_TOKEN`, the app's own token (in
its container: `http://supervisor` and `$SUPERVISOR_TOKEN`). The app has to be this one, and its
options are as they were afterwards.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from dev.supervisor import Addon, Manifest, Supervisor
from ollama_addon.errors import AddonError
from ollama_addon.supervisor.client import Supervisor as Client
from tests.dev.test_supervisor_contract import data

CONFIG = Path(__file__).parents[2] / "config.yaml"
URL, TOKEN = (os.environ.get(f"REAL_SUPERVISOR_{name}", "") for name in ("URL", "TOKEN"))


@pytest.fixture(
    params=["simulated", pytest.param("real", marks=pytest.mark.skipif(not URL, reason="none"))]
)
async def either(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[str, str]]:
    """Give the address and the token of a Supervisor whose app is started."""
    if request.param == "real":
        yield URL, TOKEN
        return
    addon = Addon(
        Manifest.read(CONFIG),
        url="http://127.0.0.1:9",
        data=tmp_path / "data",
        log=tmp_path / "log",
        command=[sys.executable, "-c", "import time; time.sleep(600)"],
    )
    async with Supervisor(addon) as supervisor:
        await addon.start()
        yield supervisor.url, addon.token
        await addon.stop()


@pytest.fixture
async def client(either: tuple[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    url, token = either
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as client:
        before = data(await client.get("/addons/self/info"))
        yield client
        kept = {key: before[key] for key in ("options", "ingress_panel", "watchdog")}
        data(await client.post("/addons/self/options", json=kept))


async def info(client: httpx.AsyncClient) -> dict[str, Any]:
    found = data(await client.get("/addons/self/info"))
    assert isinstance(found, dict)
    return found


async def test_a_refusal_repeats_what_was_sent(client: httpx.AsyncClient) -> None:
    options = (await info(client))["options"]
    wrong = {**options, "journal_days": -1, "gateway": {"key": "s3cret", "allow_pulls": False}}
    reply = await client.post("/addons/self/options", json={"options": wrong})
    assert reply.status_code == 400
    message = reply.json()["message"]
    assert " has invalid options: value must be at least 0" in message
    assert ". Got {" in message
    assert (await info(client))["options"] == options


async def test_our_client_repeats_nothing(
    either: tuple[str, str], client: httpx.AsyncClient
) -> None:
    options = (await info(client))["options"]
    ours = Client(*either)
    with pytest.raises(AddonError) as raised:
        await ours.set_options({**options, "agents": [{"model": "s3cret"}]})
    assert raised.value.message == "The Supervisor refused: Missing option 'name' in agents."
    await ours.close()


async def test_keys_that_it_does_not_know_are_dropped(client: httpx.AsyncClient) -> None:
    options = (await info(client))["options"]
    sent = {**options, "jurnal_days": 3, "engine": {**options["engine"], "thraeds": 1}}
    data(await client.post("/addons/self/options", json={"options": sent}))
    assert (await info(client))["options"] == options


async def test_values_are_made_what_the_schema_says(client: httpx.AsyncClient) -> None:
    options = (await info(client))["options"]
    data(await client.post("/addons/self/options", json={"options": {**options, "wyoming": "on"}}))
    assert (await info(client))["options"]["wyoming"] is True


async def test_the_sidebar_and_the_watchdog(client: httpx.AsyncClient) -> None:
    for key in ("ingress_panel", "watchdog"):
        for wanted in (True, False):
            data(await client.post("/addons/self/options", json={key: wanted}))
            assert (await info(client))[key] is wanted


async def test_only_home_assistant_lists_messages(client: httpx.AsyncClient) -> None:
    assert (await client.get("/discovery")).status_code == 401


async def test_another_message_of_a_service_keeps_its_uuid(client: httpx.AsyncClient) -> None:
    # Of Wyoming: the companion's own message is what Home Assistant needs.
    first = {"service": "wyoming", "config": {"uri": "tcp://127.0.0.1:9"}}
    uuid = data(await client.post("/discovery", json=first))["uuid"]
    assert data(await client.post("/discovery", json=first))["uuid"] == uuid
    second = {"service": "wyoming", "config": {"uri": "tcp://127.0.0.1:10"}}
    assert data(await client.post("/discovery", json=second))["uuid"] == uuid
    data(await client.delete(f"/discovery/{uuid}"))
    assert (await client.delete(f"/discovery/{uuid}")).status_code == 404
    assert data(await client.post("/discovery", json=first))["uuid"] != uuid


async def test_the_machine_is_out_of_reach(client: httpx.AsyncClient) -> None:
    for path in ("/host/info", "/addons/self/options/validate", "/addons", "/backups"):
        assert (await client.get(path)).status_code in (403, 404, 405)
