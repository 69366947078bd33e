"""The one installed app: its options, and the sidecar process that stands for its container."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from secrets import token_hex, token_urlsafe
from typing import IO, Any, Literal, TypeAlias

import psutil

from dev.supervisor.manifest import Manifest
from dev.supervisor.options import merge, validate

_PR_SET_PDEATHSIG = 1


State: TypeAlias = Literal["startup", "started", "stopped", "error"]


class Addon:
    """An installed app.

    `url` is where the sidecar listens, `data` the folder that it knows as `/data`,
    `command` what starts it, `log` the file that its output goes to. `environment` is all that
    the process gets, with `SUPERVISOR_TOKEN` added; the one of this process when left out.
    `secrets` are those of Home Assistant's `secrets.yaml`.
    """

    def __init__(
        self,
        manifest: Manifest,
        *,
        url: str,
        data: Path,
        log: Path,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        options: dict[str, Any] | None = None,
    ) -> None:
        self.manifest = manifest
        self.url = url
        self.data = data
        self.log = log
        self.token = token_hex(28)
        self.ingress_token = token_urlsafe(32)
        self.environment = dict(os.environ if environment is None else environment)
        self.user_options: dict[str, Any] = options or {}
        self.secrets: dict[str, str] = {}
        self.installed = True
        self.ready = True
        """Whether its first health check was passed: until then it is starting up."""
        self.ingress_panel = False
        """Whether it stands in the sidebar; off after an installation, like the watchdog."""
        self.watchdog = False
        self._command = command
        self._process: asyncio.subprocess.Process | None = None

    @property
    def slug(self) -> str:
        """The slug that the Supervisor knows it by: with the repository's, here `local`."""
        return f"local_{self.manifest.slug}"

    @property
    def options(self) -> dict[str, Any]:
        """The user's options over the defaults, not yet checked."""
        return merge(deepcopy(self.manifest.options), deepcopy(self.user_options))

    @property
    def ingress_path(self) -> str:
        """The path of the panel, without the last slash."""
        return f"/api/hassio_ingress/{self.ingress_token}"

    @property
    def state(self) -> State:
        """What the Supervisor says of it: an exit status other than 0 is an error."""
        if self._process is None:
            return "stopped"
        if self._process.returncode is None:
            return "started" if self.ready else "startup"
        return "error" if self._process.returncode else "stopped"

    @property
    def exit_status(self) -> int | None:
        """The exit status of the sidecar when it has ended by itself, negative for a signal."""
        return self._process.returncode if self._process else None

    def valid(self, options: Any) -> dict[str, Any]:
        """Return options as the schema makes them, or raise `InvalidOptions`."""
        manifest = self.manifest
        return validate(manifest.schema_ or {}, options, manifest.name, self.slug, self.secrets)

    async def start(self) -> None:
        """Write `options.json` and start the sidecar; raises `InvalidOptions`.

        As with the real Supervisor, changed options are written now and not when they are set.
        """
        self.data.mkdir(parents=True, exist_ok=True)
        options = self.valid(self.options)
        (self.data / "options.json").write_text(json.dumps(options, indent=2, ensure_ascii=False))
        with self.log.open("ab") as log:
            self._process = await self._spawn(log)

    async def stop(self) -> int | None:
        """Stop the sidecar as a container is stopped; return its exit status."""
        process, self._process = self._process, None
        if process is None:
            return None
        if process.returncode is None:
            process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), self.manifest.timeout)
        # What it started must not outlive it, as nothing outlives a container.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        return await process.wait()

    async def uninstall(self) -> None:
        """Stop the sidecar and remove its data; it may be installed again, as a new one."""
        await self.stop()
        self.installed = False
        await asyncio.to_thread(shutil.rmtree, self.data)
        self.user_options, self.ingress_panel, self.watchdog = {}, False, False

    async def restart(self) -> None:
        """Stop the sidecar, and start it with the options as they are now."""
        await self.stop()
        await self.start()

    async def run(self, command: Sequence[str]) -> int:
        """Run a command as inside its container, such as the health check; return its status."""
        with self.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *command, stdout=log, stderr=log, env=self._environment()
            )
            return await process.wait()

    def stats(self) -> dict[str, float]:
        """Return the processor (percent) and memory (bytes) that the sidecar takes."""
        process = self._process
        if process is None or process.returncode is not None:
            return {"cpu_percent": 0.0, "memory_usage": 0}
        root = psutil.Process(process.pid)
        tree = [root, *root.children(recursive=True)]
        return {
            "cpu_percent": round(sum(each.cpu_percent() for each in tree), 2),
            "memory_usage": sum(each.memory_info().rss for each in tree),
        }

    async def _spawn(self, log: IO[bytes]) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=self._environment(),
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )

    def _environment(self) -> dict[str, str]:
        return {**self.environment, "SUPERVISOR_TOKEN": self.token}


def _end_with_parent() -> None:
    # Also when this process is killed and cannot clean up.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
