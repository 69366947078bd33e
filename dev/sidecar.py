"""The sidecar as a process of its own, without a Supervisor: for benches and for faults."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import psutil
import yaml

from dev.stack import ROOT
from ollama_addon.engine.processes import free_port

TOKEN = "dev-token"
GATEWAY_KEY = "dev-key"
PATIENCE = 150.0
"""Seconds that anything is waited for; how long it took is told, and never judged."""
GRACE: float = yaml.safe_load((ROOT / "config.yaml").read_text())["timeout"]
"""Seconds that the Supervisor gives the app between SIGTERM and SIGKILL."""


class Sidecar:
    """`ollama-addon serve` with the folder `data`; it can be ended, killed and started again.

    `environment` is added to this process's own, without what that says of other servers;
    further options are those of `options.json`.
    """

    def __init__(self, data: Path, *, environment: Mapping[str, str], **options: Any) -> None:
        self.data = data
        self.log_file = data.with_name(f"{data.name}.log")
        self.options = {"install_integration": False, "wyoming": False, **options}
        inherited = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("OLLAMA_", "HASS_", "SUPERVISOR_"))
        }
        port, gateway = free_port(), free_port()
        self.gateway = f"http://127.0.0.1:{gateway}"
        self.environment = {
            **inherited,
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "OLLAMA_ADDON_DATA": str(data),
            "OLLAMA_ADDON_HOMEASSISTANT_CONFIG": str(data / "homeassistant"),
            "OLLAMA_ADDON_HOST": "127.0.0.1",
            "OLLAMA_ADDON_PORT": str(port),
            "OLLAMA_ADDON_ENGINE_COMMAND": "",
            "OLLAMA_ADDON_ENGINE_PORT": str(free_port()),
            "OLLAMA_ADDON_WYOMING_PORT": "0",
            "OLLAMA_ADDON_GATEWAY_PORT": str(gateway),
            **environment,
        }
        self.client = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=PATIENCE,
            trust_env=False,
        )
        self._process: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Put into the folder what stands there before the start."""
        self.data.mkdir(parents=True, exist_ok=True)
        for name, text in (
            ("options.json", json.dumps(self.options)),
            ("token", TOKEN),
            ("gateway_key", GATEWAY_KEY),
        ):
            if not (self.data / name).exists():
                (self.data / name).write_text(text)

    def spawn(self) -> None:
        """Start the process, without waiting for it."""
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ollama_addon", "serve"],
                env=self.environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

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
                await asyncio.sleep(0.02)

    @property
    def process(self) -> psutil.Process:
        """The process, to be looked at."""
        assert self._process is not None
        return psutil.Process(self._process.pid)

    @property
    def exit_status(self) -> int | None:
        """The exit status when it has ended, negative for a signal."""
        return self._process.poll() if self._process else None

    @property
    def log(self) -> str:
        """What it has written, over all its starts."""
        return self.log_file.read_text(errors="replace")

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

    async def close(self) -> None:
        """End it where it still runs, and the connections to it."""
        if self._process is not None and self.exit_status is None:
            self.kill()
        await self.client.aclose()

    async def ask(self, path: str) -> Any:
        """Return what it answers to a GET."""
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
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"{part} stays {last}\n{self.log[-4000:]}") from None


def _runs(process: psutil.Process) -> bool:
    # Whose parent has gone is a zombie for as long as the first process takes to notice.
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
