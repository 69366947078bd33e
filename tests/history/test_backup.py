"""The journal in the Supervisor's backups."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from ollama_addon.agent.trace import Trace
from ollama_addon.history import backup
from ollama_addon.history.filter import Filter
from ollama_addon.history.store import HistoryStore
from tests.web.running import sidecar

ROOT = Path(__file__).parents[2]
CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text())


def in_backup(folder: Path) -> set[str]:
    """Return the files that the Supervisor takes, by its own rule."""
    taken = set()
    for path in folder.rglob("*"):
        parts = (path, *(each for each in path.parents if each != folder))
        below = [each for each in parts if folder in each.parents]
        if path.is_file() and not any(
            each.match(pattern) for each in below for pattern in CONFIG["backup_exclude"]
        ):
            taken.add(str(path.relative_to(folder)))
    return taken


def names(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


def supervisor_calls(key: str, data: Path) -> subprocess.CompletedProcess[str]:
    """Run what stands in `config.yaml`, in the running container as it were."""
    program, *arguments = CONFIG[key].split()
    assert program == "python3"
    return subprocess.run(
        [sys.executable, *arguments],
        env={"OLLAMA_ADDON_DATA": str(data), "PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
        text=True,
    )


def turn(number: int) -> Trace:
    return Trace(f"sentence {number}", "en", "assist", "home", turn_id=f"turn-{number}")


async def said(path: Path, count: int) -> HistoryStore:
    journal = HistoryStore(path, 30)
    await journal.start()
    for number in range(count):
        journal.keep(turn(number))
    await journal.page(Filter(), 1)
    return journal


async def texts(path: Path) -> set[str]:
    journal = HistoryStore(path, 30)
    await journal.start()
    turns, _ = await journal.page(Filter(), 1000)
    await journal.stop()
    assert journal.message == ""
    return {each["text"] for each in turns}


async def test_a_backup_while_it_is_written(tmp_path: Path) -> None:
    data, restored = tmp_path / "data", tmp_path / "restored"
    path = data / "journal.sqlite"
    data.mkdir()
    (data / "options.json").write_text("{}")
    (data / "models" / "blobs").mkdir(parents=True)
    (data / "models" / "blobs" / "sha256-1").write_text("weights")
    journal = await said(path, 40)
    assert path.with_name("journal.sqlite-wal").exists()

    supervisor_calls("backup_pre", data)
    journal.keep(turn(40))
    await journal.page(Filter(), 1)
    assert in_backup(data) == {"options.json", "journal-saved.sqlite"}
    restored.mkdir()
    for name in in_backup(data):
        (restored / name).write_bytes((data / name).read_bytes())
    supervisor_calls("backup_post", data)
    assert in_backup(data) == {"options.json"}
    await journal.stop()

    backup.restore(restored / "journal.sqlite")
    assert await texts(restored / "journal.sqlite") == {f"sentence {n}" for n in range(40)}
    assert await texts(path) == {f"sentence {n}" for n in range(41)}


async def test_a_backup_while_the_add_on_is_stopped(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    await (await said(path, 3)).stop()
    backup.save(path)
    assert in_backup(tmp_path) == {"journal-saved.sqlite"}
    backup.restore(path)
    assert await texts(path) == {"sentence 0", "sentence 1", "sentence 2"}


async def test_the_app_does_so(tmp_path: Path) -> None:
    for _ in range(2):
        async with sidecar(tmp_path):
            assert "journal.sqlite" in names(tmp_path)
        assert "journal-saved.sqlite" in in_backup(tmp_path)
        assert "journal.sqlite" not in names(tmp_path)


async def test_nothing_deleted_lives_on_in_a_backup_that_was_broken_off(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    journal = await said(path, 2)
    backup.begin(path)
    await journal.delete()
    await journal.stop()
    backup.restore(path)
    assert not backup.saved(path).exists()
    assert await texts(path) == set()


async def test_a_journal_that_was_not_closed_stays_in_place(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    journal = await said(path, 1)
    backup.save(path)
    assert path.exists()
    await journal.stop()


@pytest.mark.parametrize("content", [None, b"not a database, but long enough to look at" * 50])
def test_a_backup_never_fails_for_the_journal(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "journal.sqlite").write_bytes(content)
    told = supervisor_calls("backup_pre", tmp_path).stderr
    assert ("The journal is not in the backup: " in told) == (content is not None)
    supervisor_calls("backup_post", tmp_path)
    assert not backup.saved(tmp_path / "journal.sqlite").exists()


def test_what_is_saved_is_for_nobody_else(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE turns (began REAL)")
        database.execute("INSERT INTO turns VALUES (?)", [time.time()])
    backup.begin(path)
    assert backup.saved(path).stat().st_mode & 0o077 == 0
