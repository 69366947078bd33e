"""Which Ollama server the development stack runs on."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Engine:
    """How the sidecar comes to its server.

    `command` starts one (`OLLAMA_ADDON_ENGINE_COMMAND`), and is empty when there is none
    to start; `servers` goes into the option of that name.
    """

    description: str
    command: str = ""
    servers: tuple[dict[str, str], ...] = ()


def choose_engine() -> Engine:
    """Take the server that `OLLAMA_HOST` names, else a real `ollama`, else the embedded one."""
    if host := os.environ.get("OLLAMA_HOST"):
        url = _url(host)
        return Engine(f"the Ollama server at {url}", servers=({"url": url},))
    if ollama := shutil.which("ollama"):
        return Engine(f"{ollama}", f"{ollama} serve")
    return Engine(
        "the embedded one, with a very small model: for development only",
        f"{sys.executable} -m dev.engine serve",
    )


def _url(host: str) -> str:
    """Complete an address as the `ollama` command does."""
    if "://" in host:
        return host.rstrip("/")
    name, _, port = host.partition(":")
    return f"http://{name.replace('0.0.0.0', '') or '127.0.0.1'}:{port or 11434}"
