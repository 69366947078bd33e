"""How the engine is, in each of the ways that a person can meet it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ollama_addon.engine import daemon as daemon_module
from ollama_addon.engine.daemon import Daemon
from ollama_addon.engine.servers import Servers
from ollama_addon.options import EngineOptions, ServerOptions

from .scripted import Scripted

NOWHERE = "http://127.0.0.1:9"


def bundled(scripted: Scripted, tmp_path: Path) -> Daemon:
    return Daemon(["unused"], int(scripted.url.rsplit(":", 1)[1]), tmp_path, EngineOptions())


@pytest.mark.parametrize(
    ("state", "cause", "restarts", "expected"),
    [
        ("starting", "", 0, ("working", "starting")),
        # Once is no problem yet, again and again is one.
        ("restarting", "ended", 1, ("working", "restarting")),
        ("restarting", "ended", 2, ("down", "ended")),
        ("restarting", "port_taken", 3, ("down", "port_taken")),
        ("failed", "not_started", 0, ("down", "not_started")),
        ("stopped", "", 0, ("down", "stopped")),
    ],
)
async def test_the_bundled_server(
    scripted: Scripted,
    tmp_path: Path,
    state: daemon_module.State,
    cause: daemon_module.Cause,
    restarts: int,
    expected: tuple[str, str],
) -> None:
    daemon = bundled(scripted, tmp_path)
    servers = Servers([], daemon)
    daemon.state, daemon.cause, daemon.in_a_row = state, cause, restarts
    assert (servers.state.state, servers.state.code) == expected
    assert servers.state.message
    await servers.stop()


async def test_others(scripted: Scripted, tmp_path: Path) -> None:
    none = Servers([], None)
    assert (none.state.state, none.state.code) == ("down", "no_server")

    away = Servers([ServerOptions(url=NOWHERE)], None)
    assert (away.state.state, away.state.code) == ("unknown", "not_checked")
    await away.refresh()
    assert (away.state.state, away.state.code) == ("down", "servers_away")
    await away.stop()

    some = Servers([ServerOptions(url=scripted.url), ServerOptions(url=NOWHERE)], None)
    await some.refresh()
    assert (some.state.state, some.state.code) == ("attention", "some_away")
    assert some.state.params == {"servers": NOWHERE}
    await some.stop()

    daemon = bundled(scripted, tmp_path)
    daemon.state = "running"
    well = Servers([], daemon)
    await well.refresh()
    assert (well.state.state, well.state.code) == ("ok", "ok")
    well.fitting.tight = "It is tight."
    assert (well.state.state, well.state.code) == ("attention", "memory_tight")
    await well.stop()
