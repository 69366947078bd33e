"""Stopping, health, the watchdog and backups, as with the real Supervisor."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from dev.supervisor import Addon
from dev.supervisor.backup import BackupError, back_up, restore
from dev.supervisor.watchdog import Watchdog
from tests.dev.test_supervisor_contract import make_addon

HEALTHY = [sys.executable, "-c", ""]
UNHEALTHY = [sys.executable, "-c", "raise SystemExit(1)"]


@pytest.fixture
async def addon(tmp_path: Path) -> AsyncIterator[Addon]:
    addon = make_addon(tmp_path, timeout=1)
    yield addon
    await addon.stop()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - other processes
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def watched(addon: Addon, check: list[str]) -> AsyncIterator[Watchdog]:
    watchdog = Watchdog(addon, check, interval=0.02)
    task = asyncio.create_task(watchdog.run())
    yield watchdog
    task.cancel()
    await asyncio.wait({task})


async def test_what_does_not_end_is_killed(tmp_path: Path) -> None:
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); "
    addon = make_addon(tmp_path, timeout=0)
    addon._command = [sys.executable, "-c", deaf + "time.sleep(600)"]
    await addon.start()
    await until(lambda: "up" in addon.log.read_text())
    assert await addon.stop() == -9


async def test_states(addon: Addon) -> None:
    states = [addon.state]
    await addon.start()
    states.append(addon.state)
    await addon.stop()
    states.append(addon.state)
    addon._command = UNHEALTHY
    await addon.start()
    await until(lambda: addon.exit_status is not None)
    assert [*states, addon.state] == ["stopped", "started", "stopped", "error"]


async def test_the_watchdog_restarts_what_ended(addon: Addon) -> None:
    addon._command = UNHEALTHY
    addon.watchdog = True
    await addon.start()
    async with watched(addon, HEALTHY) as watchdog:
        await until(lambda: watchdog.restarts > 1)


async def test_the_watchdog_restarts_what_is_unhealthy(addon: Addon) -> None:
    await addon.start()
    async with watched(addon, UNHEALTHY) as watchdog:
        await until(lambda: watchdog.healthy is False)
        assert watchdog.restarts == 0  # It is off after an installation.
        addon.watchdog = True
        await until(lambda: watchdog.restarts)


async def test_a_backup_holds_the_data_but_what_is_left_out(tmp_path: Path) -> None:
    mark = f"from pathlib import Path; Path({str(tmp_path / 'data')!r}, 'NAME').write_text('x')"
    addon = make_addon(
        tmp_path,
        timeout=1,
        backup_pre=f'python3 -c "{mark.replace("NAME", "before")}"',
        backup_post=f'python3 -c "{mark.replace("NAME", "after")}"',
        backup_exclude=["*/models", "journal.sqlite*"],
    )
    await addon.start()
    for name in ("token", "journal.sqlite", "journal.sqlite-wal", "models/big", "other/models.txt"):
        path = addon.data / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
    await back_up(addon, tmp_path / "backup.tar")
    assert (addon.data / "after").exists()
    (addon.data / "token").write_text("another")
    await restore(addon, tmp_path / "backup.tar")
    assert addon.state == "started"
    found = {str(path.relative_to(addon.data)) for path in addon.data.rglob("*") if path.is_file()}
    assert found == {"options.json", "token", "other/models.txt", "before"}
    assert (addon.data / "token").read_text() == "token"
    await addon.stop()


async def test_a_backup_whose_command_fails_is_none(tmp_path: Path) -> None:
    addon = make_addon(tmp_path, timeout=1, backup_pre='python3 -c "raise SystemExit(3)"')
    await addon.start()
    with pytest.raises(BackupError, match="status 3"):
        await back_up(addon, tmp_path / "backup.tar")
    assert not (tmp_path / "backup.tar").exists()
    await addon.stop()
