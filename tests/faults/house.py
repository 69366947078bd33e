"""A house to break: the sidecar as a process of its own, and what is looked at afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import yaml
from aiohttp import web

from dev.turn import Turn
from ollama_addon.engine.daemon import free_port
from tests.engine.scripted import MODEL
from tests.home.scripted_home import TOKEN, Message, ScriptedHome
from tests.home.scripted_house import ScriptedHouse

ROOT = Path(__file__).parents[2]
ORDER = "turn on the kitchen light"
PATIENCE = 150.0
"""Seconds that anything is waited for; how long it took is told, and never judged."""
GRACE: float = yaml.safe_load((ROOT / "config.yaml").read_text())["timeout"]
"""Seconds that the Supervisor gives the app between SIGTERM and SIGKILL."""


@dataclass(frozen=True)
class Held:
    """What a process has in its hands."""

    descriptors: int
    children: int

    def fits(self, before: Held) -> bool:
        # Two connections to the engine and two to Home Assistant may be kept for the next request.
        return self.descriptors <= before.descriptors + 4 and self.children <= before.children


class Sidecar:
    """`ollama-addon serve` with the folder `data`; further options are those of `options.json`."""

    def __init__(
        self, data: Path, *, environment: Mapping[str, str] | None = None, **options: Any
    ) -> None:
        self.data = data
        self.log_file = data.with_name(f"{data.name}.log")
        self.port = free_port()
        self.token = "faults-token"
        self.options = {
            "agents": [{"name": "Home", "model": MODEL}],
            "install_integration": False,
            "wyoming": False,
            **options,
        }
        inherited = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("OLLAMA_", "HASS_", "SUPERVISOR_"))
        }
        self.environment = {
            **inherited,
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "OLLAMA_ADDON_DATA": str(data),
            "OLLAMA_ADDON_HOMEASSISTANT_CONFIG": str(data / "homeassistant"),
            "OLLAMA_ADDON_HOST": "127.0.0.1",
            "OLLAMA_ADDON_PORT": str(self.port),
            "OLLAMA_ADDON_ENGINE_COMMAND": "",
            "OLLAMA_ADDON_ENGINE_PORT": str(free_port()),
            "OLLAMA_ADDON_WYOMING_PORT": "0",
            "OLLAMA_ADDON_GATEWAY_PORT": str(free_port()),
            "HASS_URL": "http://127.0.0.1:9",
            "HASS_TOKEN": TOKEN,
            **(environment or {}),
        }
        self.client = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{self.port}",
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=PATIENCE,
            trust_env=False,
        )
        self._process: subprocess.Popen[bytes] | None = None

    # Started and stopped

    def prepare(self) -> None:
        """Put into the folder what stands there before the start."""
        self.data.mkdir(parents=True, exist_ok=True)
        for name, text in (
            ("options.json", json.dumps(self.options)),
            ("token", self.token),
            ("gateway_key", "faults-key"),
        ):
            if not (self.data / name).exists():
                (self.data / name).write_text(text)

    def spawn(self) -> psutil.Process:
        """Start the process, without waiting for it."""
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ollama_addon", "serve"],
                env=self.environment,
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )
        return self.process

    async def start(self, *parts: str) -> None:
        """Start it and wait until it answers, and these parts of the status are `ok`."""
        self.prepare()
        self.spawn()
        await self.answering()
        for part in parts:
            await self.until(part, "ok")

    async def answering(self) -> None:
        """Wait until it answers."""
        async with asyncio.timeout(PATIENCE):
            while True:
                assert self.exit_status is None, self.log
                with contextlib.suppress(httpx.TransportError):
                    (await self.client.get("/health")).raise_for_status()
                    return
                await asyncio.sleep(0.05)

    @property
    def process(self) -> psutil.Process:
        assert self._process is not None
        return psutil.Process(self._process.pid)

    @property
    def exit_status(self) -> int | None:
        """The exit status when it has ended, negative for a signal."""
        return self._process.poll() if self._process else None

    def kill(self) -> None:
        """End it as a power cut does."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    async def stop(self) -> float:
        """Stop it as the Supervisor does; return how many seconds that took.

        It ends by itself with status 0, and leaves no process behind.
        """
        assert self._process is not None
        family = self.process.children(recursive=True)
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        try:
            status = await asyncio.to_thread(self._process.wait, GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise AssertionError(f"It does not stop:\n{self.log[-4000:]}") from None
        took = time.monotonic() - began
        assert status == 0, f"exit status {status}:\n{self.log[-4000:]}"
        assert not [each for each in family if _runs(each)], family
        return took

    # Spoken to

    async def say(self, text: str = ORDER, **more: Any) -> Turn:
        """Say a sentence and return the whole turn."""
        turn = Turn(text)
        request = {"text": text, **more}
        async with self.client.stream(
            "POST", "/api/agents/home/converse", json=request
        ) as response:
            await turn.read(response)
        return turn

    async def ask(self, path: str) -> Any:
        return (await self.client.get(path)).raise_for_status().json()

    async def until(self, part: str, state: str, words: str = "") -> str:
        """Wait until a part of the status is so and says so; return its sentence."""
        last = None
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    last = (await self.ask("/api/status"))[part]
                    if last["state"] == state and words in last["message"]:
                        return str(last["message"])
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"{part} stays {last}\n{self.log[-4000:]}") from None

    async def recovered(self) -> float:
        """Wait until an order is carried out; return the seconds that took."""
        began = time.monotonic()
        turn = None
        while time.monotonic() < began + PATIENCE:
            turn = await self.say()
            if turn.outcome == "done":
                return time.monotonic() - began
            await asyncio.sleep(0.2)
        raise AssertionError(f"It does not recover: {turn}\n{self.log[-4000:]}")

    # Looked at

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    @property
    def held(self) -> Held:
        process = self.process
        # Threads are those of asyncio's pool: as many as it once needed, and no more than that.
        assert process.num_threads() <= (os.cpu_count() or 1) + 8
        return Held(process.num_fds(), len(process.children(recursive=True)))

    async def at_rest(self) -> Held:
        """Wait until it holds the same for some seconds; return what that is."""
        since, held = time.monotonic(), self.held
        while time.monotonic() < since + 3:
            await asyncio.sleep(0.1)
            if (now := self.held) != held:
                since, held = time.monotonic(), now
        return held

    async def lets_go(self, before: Held) -> None:
        """Wait until it holds no more than before: connections may be kept for seconds."""
        deadline = time.monotonic() + 60
        while not (now := self.held).fits(before):
            assert time.monotonic() < deadline, (before, now, self.process.net_connections())
            await asyncio.sleep(0.1)


def _runs(process: psutil.Process) -> bool:
    # Whose parent has gone is a zombie for as long as the first process takes to notice.
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@asynccontextmanager
async def sidecar(data: Path, *ready: str, **more: Any) -> AsyncIterator[Sidecar]:
    """Run a sidecar whose parts `ready` are; it ends well, and without any traceback."""
    it = Sidecar(data, **more)
    try:
        await it.start(*ready)
        yield it
        await it.stop()
        assert "Traceback" not in it.log, it.log
    finally:
        if it.exit_status is None:
            it.kill()
        await it.client.aclose()


def furnished(home: ScriptedHome) -> ScriptedHouse:
    """Give a scripted home a kitchen with a light, and let what is asked be done."""
    house = ScriptedHouse(home)
    house.add("light.kitchen", original_name="Kitchen light", area_id="kitchen")
    house.add("switch.coffee", original_name="Coffee machine", area_id="kitchen")
    home.posts["intent/handle"] = done
    home.answers["config_entries/get"] = []
    home.answers["frontend/get_translations"] = {"resources": {}}
    return house


def done(request: Message) -> web.Response:
    """Say that an intent was carried out."""
    light = {"type": "entity", "name": "Kitchen light", "id": "light.kitchen"}
    data = {"targets": [], "success": [light], "failed": []}
    return web.json_response({"response_type": "action_done", "data": data})
