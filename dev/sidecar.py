"""The sidecar as a process of its own, without a Supervisor: for benches and for faults."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil

from dev.stack import ROOT, StackError
from ollama_addon.engine.daemon import free_port

TOKEN = "dev-token"
GATEWAY_KEY = "dev-key"
_PATIENCE = 60.0
_PARTS = ("engine", "models", "home", "agents")


class Sidecar:
    """One sidecar with its data in `data`; it can be started, ended, killed and started again.

    `environment` is added to this process's own, `options` are the add-on's.
    """

    def __init__(self, data: Path, options: dict[str, Any], environment: Mapping[str, str]) -> None:
        self.data = data
        self._port, self._gateway = free_port(), free_port()
        self._log = data.with_name(f"{data.name}.log")
        data.mkdir(parents=True, exist_ok=True)
        options = {"install_integration": False, "wyoming": False, **options}
        (data / "options.json").write_text(json.dumps(options))
        (data / "token").write_text(TOKEN)
        (data / "gateway_key").write_text(GATEWAY_KEY)
        self._environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "OLLAMA_ADDON_DATA": str(data),
            "OLLAMA_ADDON_HOST": "127.0.0.1",
            "OLLAMA_ADDON_PORT": str(self._port),
            "OLLAMA_ADDON_GATEWAY_PORT": str(self._gateway),
            "OLLAMA_ADDON_WYOMING_PORT": str(free_port()),
            "OLLAMA_ADDON_ENGINE_COMMAND": "",
            **environment,
        }
        self.client = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{self._port}",
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=120,
            trust_env=False,
        )
        self._process: asyncio.subprocess.Process | None = None

    @property
    def gateway(self) -> str:
        """Where its gateway listens."""
        return f"http://127.0.0.1:{self._gateway}"

    @property
    def process(self) -> psutil.Process:
        """The process, to be looked at."""
        assert self._process is not None
        return psutil.Process(self._process.pid)

    @property
    def log(self) -> str:
        """What it has written, over all its starts."""
        return self._log.read_text(errors="replace")

    async def start(self) -> None:
        """Start it, without waiting for anything."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "ollama_addon", "serve"),
                cwd=ROOT,
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    async def until(self, **states: str) -> dict[str, Any]:
        """Wait until parts are in these states, all `ok` when none is named; return the status.

        Raises StackError when that takes more than a minute.
        """
        wanted = states or dict.fromkeys(_PARTS, "ok")
        deadline = time.monotonic() + _PATIENCE
        status: dict[str, Any] = {}
        while time.monotonic() < deadline:
            with suppress(httpx.TransportError):
                status = (await self.client.get("/api/status")).json()
                if all(status[part]["state"] == state for part, state in wanted.items()):
                    return status
            await asyncio.sleep(0.02)
        raise StackError(f"The sidecar does not get there: {status}\n{self.log[-3000:]}")

    async def end(self) -> int:
        """Ask it to end, as the Supervisor does; return its exit status."""
        assert self._process is not None
        with suppress(ProcessLookupError):
            self._process.terminate()
        return await self._process.wait()

    async def kill(self) -> None:
        """Kill it."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def close(self) -> None:
        """End it where it runs, and the connections to it."""
        await self.client.aclose()
        if self._process is not None and self._process.returncode is None:
            await self.end()
