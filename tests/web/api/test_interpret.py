"""What a sentence means, over the API and on the command line, and commands without a model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from ollama_addon.app.interpret_command import interpret
from tests.home.scripted_home import TOKEN, ScriptedHome
from tests.home.scripted_house import ScriptedHouse
from tests.web.running import listening, settings


@dataclass
class Running:
    """The app with a house, whose agent has no model yet."""

    client: httpx.AsyncClient
    home: ScriptedHome
    port: int
    handled: list[dict[str, object]]

    async def says(self, text: str, **more: str) -> str:
        """Say a sentence to the agent; return the events of the turn."""
        turn = {"text": text, **more}
        return (await self.client.post("/api/agents/home/converse", json=turn)).text


@asynccontextmanager
async def running(folder: Path, model: str = "") -> AsyncIterator[Running]:
    home = ScriptedHome()
    house = ScriptedHouse(home)
    house.add("light.desk", original_name="Desk lamp", area_id="kitchen")
    house.add("light.hall", original_name="Hall light", area_id="hall", exposed=False)
    home.answers |= {
        "config_entries/get": [],
        "frontend/get_translations": {"resources": {}},
        "manifest/get": RuntimeError("Integration not found"),
    }
    handled: list[dict[str, object]] = []

    def handle(body: dict[str, object]) -> web.Response:
        handled.append(body)
        done = {"success": [{"id": "light.desk", "name": "Desk lamp", "type": "entity"}]}
        return web.json_response(
            {
                "speech": {},
                "response_type": "action_done",
                "data": {**done, "failed": [], "targets": []},
            }
        )

    home.posts["intent/handle"] = handle
    agent = {"name": "Home", "model": model}
    (folder / "options.json").write_text(json.dumps({"agents": [agent]}))
    async with (
        home,
        listening(folder, "", hass_url=home.url, hass_token=TOKEN) as (port, token),
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": f"Bearer {token}"},
            trust_env=False,
            timeout=30,
        ) as client,
    ):
        async with asyncio.timeout(20):
            while (await client.get("/api/home")).json()["entities"] != 1:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        yield Running(client, home, port, handled)


@pytest.mark.parametrize(
    ("text", "language", "instant", "phrase"),
    [
        ("could you switch the desk lamp on", "en", True, "turn on Desk lamp"),
        ("ne pas allumer desk lamp", "fr", False, ""),
        ("turn on the garden light", "en", False, ""),
        ("why is the sky blue", "en", False, ""),
    ],
)
async def test_a_sentence_is_explained_and_nothing_is_done(
    tmp_path: Path, text: str, language: str, instant: bool, phrase: str
) -> None:
    async with running(tmp_path) as app:
        asked = {"text": text, "language": language}
        answer = await app.client.post("/api/agents/home/interpret", json=asked)
        found = answer.json()
        assert app.handled == []
        assert not any(r.get("type") == "call_service" for r in app.home.requests)
    assert answer.status_code == 200
    assert (found["language"], found["text"]) == (language, text)
    if instant:
        assert found["instant"]
    said = [each["phrase"] for clause in found["clauses"] for each in clause["candidates"]]
    assert said == ([phrase] if phrase else [])
    words = " ".join(word["text"] for clause in found["clauses"] for word in clause["words"])
    assert words.split() == text.split()


async def test_the_command_prints_what_it_means(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running(tmp_path) as app:
        place = settings(tmp_path, port=app.port)
        turn = {"text": "turn the desk lamp on", "language": "en", "area_id": None}
        status = await asyncio.to_thread(interpret, place, turn, "", why=True)
        printed = capsys.readouterr().out
        unknown = await asyncio.to_thread(interpret, place, turn, "nobody", why=False)
        complaint = capsys.readouterr().err
    assert (status, unknown) == (0, 1)
    assert "turn on Desk lamp" in printed
    assert "light.desk" in printed
    assert "name" in printed
    assert complaint.strip()


async def test_the_command_says_when_the_app_is_away(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    turn = {"text": "x", "language": "en", "area_id": None}
    assert await asyncio.to_thread(interpret, settings(tmp_path, port=9), turn, "", why=False) == 1
    assert "does not answer" in capsys.readouterr().err


@pytest.mark.parametrize("model", ["", "qwen3:4b"])
async def test_clear_commands_work_without_a_model(tmp_path: Path, model: str) -> None:
    """There is no engine and no model, and the light is turned on all the same."""
    async with running(tmp_path, model) as app:
        said = await app.says("turn on the desk lamp", language="en")
        assert len(app.handled) == 1, said
        assert '"outcome": "done"' in said
        unclear = await app.says("tell me a story", language="en")
        assert len(app.handled) == 1
    assert "event: end" in unclear or "event: error" in unclear
