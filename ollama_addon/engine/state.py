"""How the engine is, as a state with a code: what is said of it is worded elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from .daemon import Daemon
from .server import Server

State = Literal["ok", "working", "attention", "down", "unknown"]

Code = Literal[
    "ok",
    "starting",
    "restarting",
    "not_checked",
    "some_away",
    "memory_tight",
    "no_server",
    "ended",
    "hangs",
    "silent",
    "port_taken",
    "not_started",
    "stopped",
    "servers_away",
]


@dataclass(frozen=True, slots=True)
class EngineState:
    """How the servers together are. `message` is a sentence for logs and for who has no words."""

    state: State
    code: Code
    message: str
    params: Mapping[str, str] = field(default_factory=dict)


def engine_state(
    servers: list[Server], daemon: Daemon | None, why_down: str, tight: str
) -> EngineState:
    """Say how `servers` are, of which `daemon` runs the bundled one.

    `working` is what ends by itself and is no problem: it starts, or starts anew.
    """
    if not servers:
        return EngineState("down", "no_server", why_down)
    runs = daemon is None or daemon.state == "running"
    # The daemon knows of its end before the next check of its health does.
    healthy = [each for each in servers if each.healthy and not (each.bundled and not runs)]
    if not healthy:
        return _nobody(servers, daemon, why_down)
    away = [each for each in servers if each not in healthy]
    if daemon is not None and daemon.state == "starting":
        # The others answer meanwhile.
        return EngineState("working", "starting", daemon.message)
    if away:
        messages = [daemon.message if daemon and each.bundled else each.message for each in away]
        names = ", ".join(each.url for each in away)
        return EngineState("attention", "some_away", " ".join(messages), {"servers": names})
    if tight:
        return EngineState("attention", "memory_tight", tight)
    return EngineState("ok", "ok", f"Ollama answers at {healthy[0].url}.", {"url": healthy[0].url})


def _nobody(servers: list[Server], daemon: Daemon | None, why_down: str) -> EngineState:
    if daemon is not None and daemon.state != "running":
        if daemon.state == "starting":
            return EngineState("working", "starting", why_down)
        if daemon.state == "restarting" and daemon.in_a_row <= 1:
            return EngineState("working", "restarting", why_down, {"cause": daemon.cause})
        if daemon.state == "stopped":
            return EngineState("down", "stopped", why_down)
        return EngineState("down", daemon.cause or "ended", why_down)
    if not any(each.checked for each in servers):
        return EngineState("unknown", "not_checked", why_down)
    return EngineState("down", "servers_away", why_down)
