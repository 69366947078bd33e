"""Words that must not come out, put in wherever anything comes in, and looked for in all that does.

Secrets come out nowhere. What is said and what the home is called is for the panel and the one who
asks: it is not in the log, at whatever level, nor in status and metrics.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
from base64 import b64encode
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web

from ollama_addon.agent.agent import Agent
from ollama_addon.redaction import RedactingFormatter
from tests.engine.scripted import Scripted
from tests.home.scripted_home import TOKEN, ScriptedHome
from tests.home.scripted_house import ScriptedHouse
from tests.web.running import PASSWORD, listening

SECRETS = {
    "password of a server": "canary-server-password",
    "user of a server": "canary-server-user",
    "password of a server that is away": "canary@away/password",
    "key of a server": "canary-server-key",
    "key of the gateway": "canary-gateway-key",
    "password of the panel": PASSWORD,
    "a wrong token": "canary-wrong-token",
    "a token of a turn": "canary-turn-token",
}
SAID = "canarysaid"
NAMES = ("canarylamp", "canaryattic", "canaryhouse", "canaryfloor", "canarystate")
PRIVATE = (SAID, *NAMES, "canaryinstructions", "canarytask")


def house(home: ScriptedHome) -> None:
    there = ScriptedHouse(home)
    there.config["location_name"] = "Canaryhouse"
    there.floors[0]["name"] = "Canaryfloor"
    there.areas.append({"area_id": "a", "name": "Canaryattic", "floor_id": "ground", "aliases": []})
    there.add("light.canarylamp", original_name="Canarylamp", area_id="a")
    there.add("sensor.canary", "canarystate", original_name="Canarylamp sensor", area_id="a")


class Collected:
    """All that came out, by where it came from."""

    def __init__(self) -> None:
        self.texts: list[tuple[str, str]] = []

    def add(self, where: str, answer: httpx.Response) -> httpx.Response:
        heads = " ".join(f"{name}: {value}" for name, value in answer.headers.items())
        self.texts.append((where, f"{heads}\n{answer.text}"))
        return answer

    def having(self, word: str, *places: str) -> list[str]:
        """Where a word came out, of the places whose name begins so."""
        return [
            where
            for where, text in self.texts
            if word.casefold() in text.casefold() and where.startswith(places or "")
        ]


@pytest.fixture
def log() -> Any:
    """All that the app's output gets, at the lowest level."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(RedactingFormatter("%(asctime)s %(levelname)s [%(name)s] %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    yield out
    root.removeHandler(handler)


async def test_no_canary_comes_out(
    tmp_path: Path, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    got = Collected()
    home = ScriptedHome()
    house(home)
    home.answers |= {
        "config_entries/get": [],
        "frontend/get_translations": {"resources": {}},
        "render_template": [{"result": "canaryinstructions canarystate", "listeners": {}}],
        "manifest/get": RuntimeError("Integration not found"),
        "ollama_addon/act": RuntimeError("Unknown command."),
        "ollama_addon/close": RuntimeError("Unknown command."),
    }
    home.posts["intent/handle"] = lambda body: web.json_response(
        {"message": f"cannot handle {json.dumps(body)} of Canarylamp"}, status=500
    )
    seen: set[str] = set()

    async def tags(request: web.Request) -> web.Response:
        seen.add(request.headers.get("Authorization", ""))
        return web.json_response({"models": [{"name": "m:1", "model": "m:1", "digest": "x"}]})

    async with Scripted("m:1") as engine, home:
        engine.on["/api/tags"] = tags
        port = engine.url.rsplit(":", 1)[1]
        user, password = SECRETS["user of a server"], SECRETS["password of a server"]
        away = SECRETS["password of a server that is away"].replace("/", "%2F")
        agent = {"model": "m:1", "instructions": "canaryinstructions {{ states('sensor.canary') }}"}
        options = {
            "log_level": "debug",
            "servers": [
                {"url": f"http://{user}:{password}@127.0.0.1:{port}"},
                {"url": f"http://{user}:{away}@127.0.0.1:9"},
                {"url": "http://127.0.0.1:10", "api_key": SECRETS["key of a server"]},
            ],
            "gateway": {"key": SECRETS["key of the gateway"]},
            "agents": [
                {**agent, "name": "Home"},
                {**agent, "name": "Talker", "control_home": False},
            ],
        }
        (tmp_path / "options.json").write_text(json.dumps(options))
        more = {"hass_url": home.url, "hass_token": TOKEN, "password": PASSWORD}
        async with (
            listening(tmp_path, "", **more) as (sidecar, token),
            httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{sidecar}",
                headers={"Authorization": f"Bearer {token}"},
                trust_env=False,
                timeout=30,
            ) as client,
        ):
            await _until_read(client)
            assert seen == {"Basic " + b64encode(f"{user}:{password}".encode()).decode()}
            key = await _ask_everything(client, got, engine, monkeypatch)
            for level in ("debug", "info"):
                got.add("log", await client.get("/api/log", params={"level": level}))
            for path in ("/api/status", "/api/servers", "/metrics", "/api/models", "/health"):
                got.add(f"state {path}", await client.get(path))
            async with client.stream("GET", "/api/events") as stream:
                lines = stream.aiter_lines()
                events = [await anext(lines) for _ in range(6)]
            got.texts.append(("state events", "\n".join(events)))
    got.texts.append(("log of the output", log.getvalue()))
    assert "failed" in log.getvalue()
    assert "ValueError" in log.getvalue()
    for what, secret in {**SECRETS, "token": token, "key": key}.items():
        assert not got.having(secret), what
    for word in PRIVATE:
        assert not got.having(word, "log", "state"), word


async def _until_read(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(20):
        while (await client.get("/api/home")).json()["entities"] != 2:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def _ask_everything(
    client: httpx.AsyncClient,
    got: Collected,
    engine: Scripted,
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    """Have turns, tasks, downloads and requests fail in every way; return the gateway's new key."""
    turn = {"text": f"turn on the canarylamp {SAID}", "turn_token": SECRETS["a token of a turn"]}
    agents = [agent["id"] for agent in (await client.get("/api/agents")).json()]
    for agent in agents:
        await client.post(f"/api/agents/{agent}/converse", json=turn)
        await client.post(
            f"/api/agents/{agent}/converse", json=turn | {"text": "turn on the Canarylamp"}
        )

    async def fail(_: web.Request) -> web.Response:
        return web.json_response({"error": "out of memory"}, status=500)

    async def break_off(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(f'{{"message": {{"content": "{SAID}'.encode())
        assert request.transport is not None
        request.transport.abort()
        return response

    for agent, handler in zip(agents, (fail, break_off), strict=True):
        engine.on["/api/chat"] = handler
        await client.post(f"/api/agents/{agent}/converse", json=turn)
    del engine.on["/api/chat"]
    task = {
        "instructions": f"canarytask {SAID}",
        "structure": {"type": "object", "required": [SAID]},
    }
    await client.post(f"/api/agents/{agents[0]}/generate", json=task)
    with monkeypatch.context() as broken:

        def unreadable(self: Agent, turn: Any) -> Any:
            raise ValueError(f"cannot read {turn.text}") from KeyError(NAMES[0])

        broken.setattr(Agent, "converse", unreadable)
        await client.post(f"/api/agents/{agents[0]}/converse", json=turn)
    requests: list[tuple[str, str, Any]] = [
        ("POST", "/api/models/pull", {"name": "unknown:1"}),
        ("POST", "/api/models/pull", {"name": "../x"}),
        ("POST", "/api/models/pull", SECRETS),
        ("DELETE", "/api/models/none:1", None),
        ("POST", "/api/options/check", {"options": {"servers": [{"url": 1, "api_key": 2}]}}),
        ("PUT", "/api/options", {"options": {"servers": [{"url": "http://a:b@"}], "x": 1}}),
        ("GET", "/api/nowhere", None),
        ("POST", "/api/restart", None),
        ("POST", "/api/home-assistant/pipelines", {"pipeline_id": "x", "agent_id": "y"}),
        ("GET", "/api/home-assistant/own-integration", None),
    ]
    for method, path, body in requests:
        got.add(f"error {method} {path}", await client.request(method, path, json=body))
    wrong = {"Authorization": f"Bearer {SECRETS['a wrong token']}"}
    got.add("error token", await client.get("/api/status", headers=wrong))
    access = (await client.get("/api/home-assistant/access")).json()
    gateway = f"http://127.0.0.1:{access['gateway_port']}"
    for given in (SECRETS["key of the gateway"], SECRETS["a wrong token"]):
        asked = {"Authorization": f"Bearer {given}"}
        for path in ("/api/chat", "/v1/chat/completions", "/api/show", "/api/pull"):
            for model in ("m:1", "none:1", "../x"):
                body = {"model": model, "messages": [{"role": "user", "content": SAID}]}
                got.add(
                    f"gateway {path}", await client.post(gateway + path, json=body, headers=asked)
                )
    made = await client.post("/api/home-assistant/access/gateway-key")
    return str(made.json()["gateway_key"])
