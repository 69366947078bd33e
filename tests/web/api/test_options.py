"""The options over the API: two windows, refusals, ids, files, and what the Supervisor makes."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from dev.supervisor import Addon, Manifest, Supervisor as Simulated
from ollama_addon.app.wiring import make_app
from ollama_addon.supervisor import instruction_files
from ollama_addon.web.state import Parts
from tests.home.scripted_home import eventually
from tests.keeping import keep_options
from tests.web.running import settings

CONFIG = Path(__file__).parents[3] / "config.yaml"


@dataclass
class Installed:
    """The app as it was installed: with the Supervisor's options, and a client with its token."""

    simulated: Simulated
    client: httpx.AsyncClient
    parts: Parts
    data: Path

    async def options(self) -> dict[str, Any]:
        return dict((await self.client.get("/api/options")).json()["options"])

    def kept(self) -> dict[str, Any]:
        return self.simulated.addon.options


def write_options(folder: Path, options: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "options.json").write_text(json.dumps(options))


@asynccontextmanager
async def begin(folder: Path, **user_options: Any) -> AsyncIterator[Installed]:
    addon = Addon(
        Manifest.read(CONFIG),
        url="http://127.0.0.1:9",
        data=folder,
        log=folder / "log",
        command=[sys.executable, "-c", ""],
        options=user_options,
    )
    async with Simulated(addon) as simulated:
        addon.user_options = addon.valid(addon.options)
        write_options(folder, addon.user_options)
        more = {"supervisor_url": simulated.url, "supervisor_token": addon.token}
        app = make_app(settings(folder, **more))
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://sidecar") as client,
        ):
            parts: Parts = app.state.parts
            client.headers["Authorization"] = f"Bearer {parts.access.token}"
            yield Installed(simulated, client, parts, folder)


@pytest.fixture
async def installed(tmp_path: Path) -> AsyncIterator[Installed]:
    async with begin(tmp_path / "data") as each:
        yield each


async def test_the_second_of_two_windows_is_told_what_the_first_has_saved(
    installed: Installed,
) -> None:
    read = await installed.client.get("/api/options")
    version, options = {"If-Match": read.headers["ETag"]}, read.json()["options"]
    first, second = {**options, "journal_days": 7}, {**options, "journal_days": 14}

    async def put(body: dict[str, Any], headers: dict[str, str]) -> httpx.Response:
        return await installed.client.put("/api/options", json={"options": body}, headers=headers)

    saved = await put(first, version)
    assert saved.status_code == 200, saved.text
    refused = await put(second, version)
    assert refused.status_code == 412
    answer = refused.json()
    assert answer["error"]["code"] == "options_changed"
    assert answer["yours"]["journal_days"] == 14
    assert answer["theirs"]["journal_days"] == 7
    assert installed.kept()["journal_days"] == 7
    # Having seen both, it can be saved.
    assert refused.headers["ETag"] == saved.headers["ETag"]
    again = await put(second, {"If-Match": refused.headers["ETag"]})
    assert again.status_code == 200
    assert installed.kept()["journal_days"] == 14


async def test_what_the_configuration_page_saved_is_another_version(installed: Installed) -> None:
    read = await installed.client.get("/api/options")
    installed.simulated.addon.user_options["journal_days"] = 3
    body = {"options": read.json()["options"]}
    version = {"If-Match": read.headers["ETag"]}
    refused = await installed.client.put("/api/options", json=body, headers=version)
    assert refused.status_code == 412
    assert refused.json()["theirs"]["journal_days"] == 3


async def test_a_change_has_to_say_what_it_was_made_of(installed: Installed) -> None:
    answer = await installed.client.put("/api/options", json={"options": {}})
    assert answer.status_code == 428
    assert answer.json()["error"]["code"] == "no_version"


async def test_a_wrong_field_is_named_and_nothing_is_repeated(installed: Installed) -> None:
    options = await installed.options()
    wrong = {**options, "journal_days": -1, "gateway": {"key": "s3cret"}, "sevrers": []}
    answer = await keep_options(installed.client, wrong)
    assert answer.status_code == 422
    fields = [problem["field"] for problem in answer.json()["problems"]]
    assert sorted(fields) == ["journal_days", "sevrers"]
    assert "s3cret" not in answer.text
    assert await installed.options() == options


async def test_what_only_the_supervisor_refuses_is_short(installed: Installed) -> None:
    options = await installed.options()
    agents = [{**options["agents"][0], "instructions": "!secret nobody_knows"}]
    wrong = {**options, "agents": agents, "gateway": {"key": "s3cret"}}
    answer = await keep_options(installed.client, wrong)
    assert answer.status_code == 502
    message = answer.json()["error"]["message"]
    assert message == "The Supervisor refused: Unknown secret 'nobody_knows'."


async def test_secrets_are_looked_up(installed: Installed) -> None:
    installed.simulated.addon.secrets = {"key": "from secrets"}
    options = await installed.options()
    answer = await keep_options(
        installed.client, {**options, "gateway": {"key": "!secret key", "allow_pulls": False}}
    )
    assert answer.status_code == 200, answer.text
    assert installed.parts.options.gateway.key == "from secrets"


async def test_null_and_groups_that_are_missing(installed: Installed) -> None:
    answer = await keep_options(
        installed.client,
        {"agents": [{"name": "One", "model": None}, {"name": "Two", "temperature": None}]},
    )
    assert answer.status_code == 200, answer.text
    assert [agent["id"] for agent in installed.kept()["agents"]] == ["one", "two"]
    assert set(installed.parts.agents) == {"one", "two"}


async def test_an_agent_that_is_renamed_keeps_its_id(installed: Installed) -> None:
    options = await installed.options()
    (agent,) = options["agents"]
    renamed = {**options, "agents": [{**agent, "name": "Jarvis"}]}
    assert (await keep_options(installed.client, renamed)).status_code == 200
    assert set(installed.parts.agents) == {"ollama_assist"}
    assert installed.parts.agents["ollama_assist"].options.name == "Jarvis"


async def test_ids_are_written_back_once(tmp_path: Path) -> None:
    agents = [{"name": "Küche", "model": "m"}, {"name": "Kuche"}]
    async with begin(tmp_path, agents=agents) as installed:
        await eventually(lambda: "id" in installed.kept()["agents"][0])
        assert [each["id"] for each in installed.kept()["agents"]] == ["kuche", "kuche_2"]
        assert set(installed.parts.agents) == {"kuche", "kuche_2"}
    # Removed by hand, and the agents in another order.
    agents = [{"name": "Kuche"}, {"name": "Küche", "model": "m"}]
    async with begin(tmp_path, agents=agents) as installed:
        assert [each.options.id for each in installed.parts.agents.values()] == ["kuche_2", "kuche"]


async def test_an_older_installation_keeps_the_name_of_its_agent(tmp_path: Path) -> None:
    (tmp_path / "id").write_text("an older version has left it")
    async with begin(tmp_path) as installed:
        assert set(installed.parts.agents) == {"home"}
        await eventually(lambda: installed.kept()["agents"][0].get("id") == "home")
        assert installed.kept()["agents"][0]["name"] == "Home"


LINES = "Be kind.\n\n- Speak to children.\n- Two sentences at most."


async def test_line_breaks_that_the_configuration_page_lost_come_back(tmp_path: Path) -> None:
    agent = {"name": "Nanny", "id": "nanny", "instructions": LINES}
    async with begin(tmp_path, agents=[agent]) as installed:
        assert installed.parts.agents["nanny"].options.instructions == LINES
    one_line = " ".join(LINES.split())
    for spoiled in (one_line, LINES.replace("\n", "")):
        page = [{**agent, "instructions": spoiled}]
        same = spoiled.split() == LINES.split()
        async with begin(tmp_path, agents=page) as installed:
            known = installed.parts.agents["nanny"].options.instructions
            # Only white space may differ: everything else was meant.
            assert known == (LINES if same else spoiled)
            if same:
                await eventually(lambda: installed.kept()["agents"][0]["instructions"] == LINES)


async def test_one_line_that_the_panel_writes_stays(tmp_path: Path) -> None:
    agent = {"name": "Nanny", "id": "nanny", "instructions": LINES}
    one_line = " ".join(LINES.split())
    async with begin(tmp_path, agents=[agent]) as installed:
        options = await installed.options()
        changed = {**options, "agents": [{**options["agents"][0], "instructions": one_line}]}
        assert (await keep_options(installed.client, changed)).status_code == 200
        assert installed.parts.agents["nanny"].options.instructions == one_line
    async with begin(tmp_path, agents=[{**agent, "instructions": one_line}]) as installed:
        assert installed.parts.agents["nanny"].options.instructions == one_line


async def test_a_key_that_was_dropped_is_said(tmp_path: Path) -> None:
    agent = {"name": "Nanny", "id": "nanny", "context_window": 4096}
    async with begin(tmp_path, agents=[agent]) as installed:
        assert installed.parts.problems == ()
    # Misspelt in the YAML editor: the Supervisor drops it without a word.
    misspelt = {"name": "Nanny", "id": "nanny", "context_windw": 2048}
    async with begin(tmp_path, agents=[misspelt]) as installed:
        (problem,) = installed.parts.problems
        assert problem.field == "agents[0].context_window"
        assert problem.notice
        assert "4096" in problem.message
        shown = (await installed.client.get("/api/options")).json()["problems"]
        assert [each["field"] for each in shown] == ["agents[0].context_window"]
    async with begin(tmp_path, agents=[misspelt]) as installed:
        assert installed.parts.problems == ()  # said once


async def test_instructions_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instruction_files, "EVERY", 0.02)
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "nanny.md").write_text("﻿Be kind.\nSpeak slowly.\n", "utf-8")
    agent = {"name": "Nanny", "id": "nanny", "instructions": "file:nanny.md"}

    def now(installed: Installed) -> str:
        return installed.parts.agents["nanny"].options.instructions

    async with begin(tmp_path, agents=[agent]) as installed:
        assert now(installed) == "Be kind.\nSpeak slowly."
        assert installed.kept()["agents"][0]["instructions"] == "file:nanny.md"
        (folder / "nanny.md").write_text("Be very kind.")
        await eventually(lambda: now(installed) == "Be very kind.")
    (folder / "nanny.md").unlink()
    async with begin(tmp_path, agents=[agent]) as installed:
        assert now(installed) == "Be very kind."
        (problem,) = installed.parts.problems
        assert str(folder / "nanny.md") in problem.message
        assert "read last" in problem.message
        (folder / "nanny.md").write_text("Welcome back.")
        await eventually(lambda: now(installed) == "Welcome back.")
        await eventually(lambda: installed.parts.problems == ())


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("../options.json", None, "without a folder"),
        ("/etc/passwd", None, "without a folder"),
        ("", None, "without a folder"),
        (".hidden", None, "without a folder"),
        ("missing.md", None, "no such file"),
        ("large.md", b"a" * (64 * 1024 + 1), "more than 64 KiB"),
        ("latin.md", "Küche".encode("latin-1"), "no text in UTF-8"),
    ],
)
async def test_a_file_that_cannot_be_instructions(
    tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    (tmp_path / "config").mkdir()
    if content is not None:
        (tmp_path / "config" / name).write_bytes(content)
    agent = {"name": "Nanny", "id": "nanny", "instructions": f"file:{name}"}
    async with begin(tmp_path, agents=[agent]) as installed:
        (problem,) = installed.parts.problems
        assert problem.field == "agents[0].instructions"
        assert said in problem.message
        assert installed.parts.agents["nanny"].options.instructions == ""


async def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "secret").write_text("s3cret")
    (tmp_path / "config" / "link.md").symlink_to(tmp_path / "secret")
    agent = {"name": "Nanny", "id": "nanny", "instructions": "file:link.md"}
    async with begin(tmp_path, agents=[agent]) as installed:
        assert installed.parts.agents["nanny"].options.instructions == ""
        assert "no such file" in installed.parts.problems[0].message
