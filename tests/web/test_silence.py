"""Nothing that is secret or was said is in the log at its default level."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from tests.engine.scripted import Scripted
from tests.web.running import listening

SAID = "where did grandmother hide the jewels"
INSTRUCTIONS = "Never speak of the marzipan"
SERVER_KEY = "key-of-the-other-server"
GATEWAY_KEY = "key-of-the-gateway"


async def test_turns_pulls_and_errors_leave_no_secret_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # as `serve` does
    async with Scripted("m:1") as engine:
        agent = {"name": "Home", "model": "m:1", "instructions": INSTRUCTIONS}
        options = {
            "servers": [{"url": engine.url, "api_key": SERVER_KEY}],
            "gateway": {"key": GATEWAY_KEY},
            "agents": [{**agent, "control_home": False}, {**agent, "name": "Actor"}],
        }
        (tmp_path / "options.json").write_text(json.dumps(options))
        async with listening(tmp_path) as (port, token):
            headers = {"Authorization": f"Bearer {token}"}
            base = f"http://127.0.0.1:{port}"
            async with httpx.AsyncClient(
                base_url=base, headers=headers, trust_env=False, timeout=30
            ) as client:
                turn = {"text": SAID, "turn_token": "token-of-a-turn"}
                said = await client.post("/api/agents/home/converse", json=turn)
                assert "event: end" in said.text
                await client.post("/api/agents/actor/converse", json=turn)  # no home: an error

                async def fail(_: web.Request) -> web.Response:
                    return web.json_response({"error": "out of memory"}, status=500)

                engine.on["/api/chat"] = fail
                failed = await client.post("/api/agents/home/converse", json=turn)
                assert "event: error" in failed.text
                task = {"instructions": SAID, "structure": {"type": "object"}}
                await client.post("/api/agents/home/generate", json=task)
                await client.post("/api/agents/home/converse", content=f'{{"text": "{SAID}')
                await client.post("/api/models/pull", json={"name": "no-such:1"})
                await client.get(f"/api/history?search={SAID}")
                await client.get(f"/api/nowhere/{SAID}")
                access = (await client.get("/api/home-assistant/access")).json()
                gateway = f"http://127.0.0.1:{access['gateway_port']}/api/chat"
                body = {"model": "m:1", "messages": [{"role": "user", "content": SAID}]}
                for key in (GATEWAY_KEY, "a wrong key"):
                    asked = {"Authorization": f"Bearer {key}"}
                    await client.post(gateway, json=body, headers=asked)
                await client.post("/api/home-assistant/access/gateway-key")
                made = (await client.post("/api/home-assistant/access/token")).json()
    log = caplog.text
    assert "failed" in log
    for secret in (
        *(token, made["token"], made["gateway_key"]),
        *(SERVER_KEY, GATEWAY_KEY, "a wrong key", "token-of-a-turn"),
        *(SAID, "jewels", "marzipan"),
    ):
        assert secret not in log, secret
