"""Nothing leaves the house: what the sidecar and its engine connect to and look up."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from ollama_addon.engine.processes import free_port
from tests.faults.engine import COMMAND, capable
from tests.faults.house import Sidecar, furnished, sidecar
from tests.home.scripted_home import ScriptedHome

# Read by every Python process of the stack at its start. It notes what is connected to, sent to or
# looked up, whoever does it and by whatever library.
WATCH = """
import json, os, sys

def note(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        target = arguments[1]
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        target = arguments[0]
    else:
        return
    if isinstance(target, tuple):
        target = target[0]
    if isinstance(target, bytes):
        target = target.decode(errors="replace")
    with open(os.environ["WATCHED_SOCKETS"], "a") as file:
        file.write(json.dumps([event, target]) + "\\n")

sys.addaudithook(note)
"""


@pytest.fixture
async def watched(
    tmp_path: Path,
) -> AsyncIterator[tuple[Sidecar, Path, set[str]]]:
    """The stack with a server on the network and its own, and the file of what it reaches."""
    (tmp_path / "watch").mkdir()
    (tmp_path / "watch" / "sitecustomize.py").write_text(WATCH)
    seen = tmp_path / "sockets"
    seen.touch()
    engine = capable()
    async with ScriptedHome() as home, engine:
        furnished(home)
        environment = {
            "PYTHONPATH": f"{tmp_path / 'watch'}:{Path(__file__).parents[2]}",
            "WATCHED_SOCKETS": str(seen),
            "HASS_URL": home.url,
            "OLLAMA_ADDON_ENGINE_COMMAND": COMMAND,
            "OLLAMA_ADDON_ENGINE_PORT": str(free_port()),
        }
        async with sidecar(
            tmp_path / "data",
            "engine",
            "home",
            environment=environment,
            servers=[{"url": engine.url}],
        ) as it:
            yield it, seen, {urlsplit(engine.url).hostname or ""}


async def test_only_what_is_configured_is_reached(
    watched: tuple[Sidecar, Path, set[str]],
) -> None:
    it, seen, configured = watched
    for number in range(30):
        turn = await it.say("tell me something" if number % 3 else "turn on the kitchen light")
        assert turn.reply or turn.outcome
    for path in (
        *("status", "agents", "models", "models/details", "models/recommended", "servers"),
        *("entities", "options", "log"),
    ):
        answer = await it.client.get(f"/api/{path}")
        assert answer.status_code < 500, path
    found = [json.loads(line) for line in seen.read_text().splitlines()]
    assert found, "nothing was watched"
    targets = {str(target) for _, target in found if target}
    at_home = {"127.0.0.1", "::1", "localhost", "0.0.0.0", *configured}
    assert {target for target in targets if not target.startswith("/")} <= at_home


async def test_the_watch_sees_what_leaves(
    watched: tuple[Sidecar, Path, set[str]],
) -> None:
    it, seen, _ = watched
    # Asking for newer versions is a person's wish, and the only way out that the sidecar has.
    await it.client.post("/api/models/check", headers={"X-Requested-With": "test"}, timeout=60)
    targets = {str(json.loads(line)[1]) for line in seen.read_text().splitlines()}
    assert "registry.ollama.ai" in targets
    assert isinstance(it.client, httpx.AsyncClient)
