"""Each background task of the whole sidecar fails once in the middle, and comes back."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from ollama_addon import background
from ollama_addon.app.wiring import make_app
from ollama_addon.background import Background
from ollama_addon.home import mirror
from ollama_addon.web.state import Parts
from tests.engine.scripted import until
from tests.engine.test_daemon import SERVER
from tests.home.scripted_home import TOKEN, ScriptedHome
from tests.home.scripted_house import ScriptedHouse
from tests.web.running import settings

LASTING = {
    "Ollama server",
    "Wyoming fallback",
    "checks of the servers",
    "companion monitor",
    "deletion of old turns",
    "download notifications",
    "downloads",
    "gateway",
    "history writer",
    "home connection",
    "home mirror",
    "own Ollama integration",
    "publisher of downloads",
    "satellites",
    "wanted models",
    "warm-up",
}
"""Tasks that run as long as the sidecar does, with an engine that has no models yet."""


class Saboteur:
    """Makes a kept task fail in the middle of what it does, wherever it waits."""

    def __init__(self) -> None:
        self.starts: dict[str, int] = {}
        self.running: dict[str, asyncio.Task[None]] = {}
        self._keep = Background.keep

    def keep(
        self, group: Background, name: str, run: Callable[[], Awaitable[None]]
    ) -> asyncio.Task[None]:
        async def watched() -> None:
            self.starts[name] = self.starts.get(name, 0) + 1
            # A task of its own, so that what it waits for can be seen.
            task = self.running[name] = asyncio.create_task(_as_coroutine(run))
            try:
                await asyncio.wait({task})
            finally:
                task.cancel()
                await asyncio.wait({task})
            task.result()

        return self._keep(group, name, watched)

    async def sabotage(self, name: str) -> None:
        """Make a task fail, and wait until it was started again."""
        before = self.starts[name]
        await self.fail(name)
        await until(lambda: self.starts[name] > before)

    async def fail(self, name: str) -> None:
        """Let what a task waits for go wrong; nothing public of asyncio does that."""

        def waiter() -> asyncio.Future[Any] | None:
            found: asyncio.Future[Any] | None = self.running[name]._fut_waiter  # type: ignore[attr-defined]
            return found

        await until(lambda: waiter() is not None)
        if (future := waiter()) is not None:
            future.set_exception(RuntimeError("sabotaged"))

    @property
    def names(self) -> set[str]:
        """The tasks that run now."""
        return {name for name, task in self.running.items() if not task.done()}

    def all_run(self) -> bool:
        """Tell whether all tasks run that last."""
        return {name for name, task in self.running.items() if not task.done()} >= LASTING


async def _as_coroutine(run: Callable[[], Awaitable[None]]) -> None:
    await run()


@pytest.fixture
def saboteur(monkeypatch: pytest.MonkeyPatch) -> Saboteur:
    saboteur = Saboteur()
    monkeypatch.setattr(background, "FIRST_DELAY", 0.05)
    monkeypatch.setattr(mirror, "RETRY", 0.3)
    monkeypatch.setattr(
        Background, "keep", lambda group, name, run: saboteur.keep(group, name, run)
    )
    return saboteur


@pytest.fixture
async def sidecar(
    tmp_path: Path, saboteur: Saboteur
) -> AsyncIterator[tuple[Parts, httpx.AsyncClient]]:
    async with ScriptedHome() as home:
        ScriptedHouse(home).add("light.kitchen", state="on")
        home.answers["manifest/get"] = {"version": "0"}
        home.answers["config_entries/get"] = []
        (tmp_path / "options.json").write_text(
            '{"agents": [{"name": "A", "model": "m"}], "models": ["m"], "own_integration": true}'
        )
        app = make_app(
            settings(
                tmp_path,
                hass_url=home.url,
                hass_token=TOKEN,
                engine_command=(sys.executable, "-c", SERVER, ""),
            )
        )
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://sidecar") as client,
        ):
            client.headers["Authorization"] = f"Bearer {app.state.parts.access.token}"
            yield app.state.parts, client


async def status(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.get("/api/status")
    return dict(answer.raise_for_status().json())


async def test_each_task_fails_and_comes_back(
    sidecar: tuple[Parts, httpx.AsyncClient],
    saboteur: Saboteur,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    parts, client = sidecar
    await until(lambda: parts.mirror.ready)
    await until(lambda: parts.daemon is not None and parts.daemon.state == "running")
    await until(lambda: {n for n, task in saboteur.running.items() if not task.done()} >= LASTING)
    async with asyncio.timeout(20):
        while (await status(client))["background"]["state"] != "ok":  # noqa: ASYNC110
            await asyncio.sleep(0.05)

    for name in sorted(saboteur.names - {"home mirror"}):
        if name not in saboteur.names:
            continue  # it has done its work meanwhile
        await saboteur.sabotage(name)
        part = (await status(client))["background"]
        assert part["state"] == "attention"
        assert name in part["message"]
        assert f"The task '{name}' failed" in caplog.text
        # The mirror starts with each connection.
        await until(lambda: parts.connection.connected and saboteur.all_run())

    # The mirror says itself what is wrong, and stays with its subscriptions.
    await saboteur.fail("home mirror")
    await until(lambda: bool(parts.mirror.trouble))
    assert (await status(client))["home"]["state"] == "attention"
    await until(lambda: not parts.mirror.trouble)

    # All are there again, and do what they are for.
    await until(lambda: parts.daemon is not None and parts.daemon.state == "running")
    async with httpx.AsyncClient(trust_env=False) as other:
        answer = await other.get(f"http://127.0.0.1:{parts.access.gateway_port}/api/version")
    assert answer.status_code == 401


async def test_they_are_well_again_after_a_while(
    sidecar: tuple[Parts, httpx.AsyncClient],
    saboteur: Saboteur,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, client = sidecar
    monkeypatch.setattr(background, "STABLE", 0.01)
    await until(saboteur.all_run)
    await saboteur.sabotage("satellites")
    await until(lambda: not background.failing())
    async with asyncio.timeout(20):
        while (await status(client))["background"]["state"] != "ok":  # noqa: ASYNC110
            await asyncio.sleep(0.05)
