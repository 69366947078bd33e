"""What the engine is told by its environment: the variables that Ollama reads, too."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from dev.engine.durations import parse_keep_alive

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class Launch:
    """What every model is loaded with. ``threads`` 0 is all cores, ``cache_ram`` is in MiB."""

    threads: int = 0
    cache_ram: int = 512
    flash_attention: bool | None = None
    kv_cache_type: str = "f16"


@dataclass(frozen=True)
class Environment:
    """Where to listen, where models are, and how they run. ``keep_alive`` is in seconds."""

    host: str = "127.0.0.1"
    port: int = 11434
    models: Path = Path("~/.ollama/models")
    keep_alive: float = 300.0
    context_length: int = 4096
    num_parallel: int = 1
    launch: Launch = Launch()

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> "Environment":
        """Read ``OLLAMA_*``; what cannot be understood is logged and left at its default."""
        host, port = _listen_address(environ.get("OLLAMA_HOST", ""))
        return cls(
            host=host,
            port=port,
            models=Path(environ.get("OLLAMA_MODELS") or cls.models).expanduser(),
            keep_alive=_keep_alive(environ.get("OLLAMA_KEEP_ALIVE", "")),
            context_length=_positive(environ, "OLLAMA_CONTEXT_LENGTH", cls.context_length),
            num_parallel=_positive(environ, "OLLAMA_NUM_PARALLEL", cls.num_parallel),
            launch=Launch(
                threads=_positive(environ, "LLAMA_ARG_THREADS", Launch.threads),
                cache_ram=_positive(environ, "LLAMA_ARG_CACHE_RAM", Launch.cache_ram),
                flash_attention=_switch(environ.get("OLLAMA_FLASH_ATTENTION", "")),
                kv_cache_type=environ.get("OLLAMA_KV_CACHE_TYPE") or Launch.kv_cache_type,
            ),
        )


def _listen_address(text: str) -> tuple[str, int]:
    """Understand ``host``, ``host:port``, ``:port`` and URLs, as Ollama does."""
    text = text.strip().strip("\"'")
    parts = urlsplit(text if "://" in text else f"http://{text}")
    default = {"http": 80, "https": 443}[parts.scheme] if "://" in text else Environment.port
    return parts.hostname or Environment.host, default if parts.port is None else parts.port


def _keep_alive(text: str) -> float:
    if not text:
        return Environment.keep_alive
    try:
        return parse_keep_alive(int(text) if text.removeprefix("-").isdigit() else text)
    except ValueError as err:
        _LOGGER.warning("OLLAMA_KEEP_ALIVE is ignored: %s", err)
        return Environment.keep_alive


def _positive(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name, "")
    if text.isdigit() and int(text) > 0:
        return int(text)
    if text and text != "0":
        _LOGGER.warning("%s is ignored: %r is not a positive whole number", name, text)
    return default


def _switch(text: str) -> bool | None:
    """Read a switch; None, which is left to llama.cpp, where nothing is said."""
    return {"1": True, "true": True, "0": False, "false": False}.get(text.lower())
