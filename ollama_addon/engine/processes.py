"""The processes of the bundled server: how they are started, found again, and ended for certain."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from ollama_addon.options import EngineOptions

from .profile import spare_threads

_LOGGER = logging.getLogger(__name__)

_MARK = "OLLAMA_ADDON_ENGINE"
"""Set in the environment of the server, and so in that of its runners."""
_FAREWELL = 2.0
"""Seconds for killed processes to be gone."""


def environment(data: Path, address: str, settings: dict[str, str]) -> dict[str, str]:
    """Return the environment of a server that keeps everything below `data`."""
    models = data / "models"
    env = {
        key: value
        for key, value in os.environ.items()
        # Nothing of an Ollama elsewhere, and no keys to Home Assistant.
        if key in ("OLLAMA_ADDON_CACHE", "OLLAMA_LIBRARY_PATH")
        or not key.startswith(("OLLAMA_", "SUPERVISOR_", "HASSIO_", "HASS_", "LLAMA_ARG_"))
    }
    env |= {"HOME": str(data), "OLLAMA_HOST": address, "OLLAMA_MODELS": str(models)}
    if any(models.glob("blobs/*-partial*")):
        # Ollama's clean-up at start would throw away a download that can be resumed.
        env["OLLAMA_NOPRUNE"] = "1"
    return env | settings | {_MARK: str(data)}


def settings(options: EngineOptions, context_length: int) -> dict[str, str]:
    """Return what the options set in the server's environment."""
    found = {
        "OLLAMA_NO_CLOUD": "1",
        "OLLAMA_KEEP_ALIVE": str(options.keep_alive),
        "OLLAMA_NUM_PARALLEL": str(options.num_parallel),
        "OLLAMA_MAX_LOADED_MODELS": str(options.max_loaded_models),
        "OLLAMA_CONTEXT_LENGTH": str(context_length),
        "OLLAMA_FLASH_ATTENTION": str(int(options.uses_flash_attention)),
        "OLLAMA_KV_CACHE_TYPE": options.kv_cache_type,
        "OLLAMA_VULKAN": str(int(options.vulkan)),
        "OLLAMA_IGPU_ENABLE": str(int(options.vulkan)),
        "LLAMA_ARG_CACHE_RAM": str(options.cache_ram),
    }
    if threads := spare_threads(options.threads):
        # Not in each request, as the routes of other APIs could not name them.
        found["LLAMA_ARG_THREADS"] = str(threads)
    return found


def guarded(command: Sequence[str]) -> list[str]:
    """Let `command` yield to Home Assistant and end when this process dies.

    `setpriv` and `nice` replace themselves by what they start, so the process id stays.
    """
    guards: list[str] = []
    if setpriv := shutil.which("setpriv"):
        guards += [setpriv, "--pdeathsig", "TERM"]
    if nice := shutil.which("nice"):
        guards += [nice, "-n", "5"]
    return [*guards, *command]


async def end(process: asyncio.subprocess.Process, data: Path, patience: float) -> None:
    """End a server and its runners: it is asked to, and after `patience` seconds killed."""
    if process.returncode is None and patience:
        with suppress(ProcessLookupError):
            process.terminate()
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), patience)
    # The server is asked, its runners are not: whatever is left of them goes now.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
    await asyncio.to_thread(end_leftovers, data)


def end_leftovers(data: Path) -> int:
    """Kill what an earlier server below `data` left behind; return how many processes that were.

    A sidecar that is killed cannot end its server, and a server that hangs not its runners.
    """
    found = [each for each in psutil.process_iter() if _mark_of(each) == str(data)]
    for process in found:
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            _LOGGER.info("Ended process %d, left behind by an earlier server", process.pid)
            process.kill()
    psutil.wait_procs(found, timeout=_FAREWELL)
    return len(found)


def private_memory(pid: int) -> int:
    """Return the bytes that a process and its children have for themselves.

    Weights that are read from the disk are not among them: the system takes them back at need.
    """
    found = 0
    with suppress(psutil.Error):
        server = psutil.Process(pid)
        for process in (server, *server.children(recursive=True)):
            with suppress(psutil.Error):
                memory = process.memory_info()
                found += memory.rss - memory.shared
    return found


def _mark_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(_MARK) if process.pid != os.getpid() else None
    except (psutil.Error, OSError):
        return None


def listener(port: int) -> str:
    """Say which process listens on a port of this machine; empty when none does."""
    with socket.socket() as probe:
        probe.settimeout(1)
        if probe.connect_ex(("127.0.0.1", port)):
            return ""
    for connection in psutil.net_connections("tcp"):
        local = connection.laddr
        if connection.status == psutil.CONN_LISTEN and local and local.port == port:
            with suppress(psutil.Error, TypeError):
                return f"'{psutil.Process(connection.pid).name()}' (process {connection.pid})"
    return "another program"


def free_port() -> int:
    """Find a port on loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
