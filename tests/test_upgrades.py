"""What every version has left behind opens in this one.

`tests/upgrades/` has a folder for each version with what it kept in `/data`. The newest is what
this version writes; from its release on, it is not changed any more.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from ollama_addon.agent.trace import Trace
from ollama_addon.companion.own_integration import OwnIntegration
from ollama_addon.engine.servers import Servers
from ollama_addon.history import database as module
from ollama_addon.history.filter import Filter
from ollama_addon.history.store import HistoryStore
from ollama_addon.home.connection import Connection
from ollama_addon.options import check_options

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "tests" / "upgrades"
VERSIONS = sorted(folder.name for folder in KEPT.iterdir())
CURRENT = yaml.safe_load((ROOT / "config.yaml").read_text())
DAYS = 36_500


def build(version: str, folder: Path) -> Path:
    """Make the journal that a version left behind."""
    path = folder / "journal.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.executescript((KEPT / version / "journal.sql").read_text())
    return path


def tables(path: Path) -> set[tuple[str, str]]:
    """Return the form of a journal: what is in it, and how that was made."""
    with closing(sqlite3.connect(path)) as database:
        made = database.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {(name, " ".join(sql.split())) for name, sql in made}


def number(path: Path) -> int:
    with closing(sqlite3.connect(path)) as database:
        return int(database.execute("PRAGMA user_version").fetchone()[0])


def texts(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        return [row[0] for row in database.execute("SELECT text FROM turns ORDER BY number")]


def record(text: str) -> Trace:
    return Trace(turn_id=text, agent="home", model="m", text=text, language="en", source="panel")


def left(folder: Path, pattern: str = "*") -> list[Path]:
    return list(folder.glob(pattern))


async def opened(path: Path) -> str:
    """Open a journal and write into it; return what is said of it."""
    journal = HistoryStore(path, DAYS)
    await journal.start()
    journal.keep(record("new"))
    turns, _ = await journal.page(Filter(search="new"), 10)
    assert len(turns) == 1
    await journal.stop()
    return journal.message


def test_every_version_has_left_something() -> None:
    named = re.findall(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert set(named) == set(VERSIONS)
    assert CURRENT["version"] in VERSIONS


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_journal_opens_and_goes_on(version: str, tmp_path: Path) -> None:
    path = build(version, tmp_path)
    before = texts(path)
    journal = HistoryStore(path, DAYS)
    await journal.start()
    assert journal.message == ""
    turns, _ = await journal.page(Filter(), 100)
    assert [turn["text"] for turn in reversed(turns)] == before
    for turn in turns:
        assert (await journal.get(turn["id"]))["text"] == turn["text"]
    assert len([turn async for turn in journal.export(Filter())]) == len(before)
    await journal.stop()
    assert await opened(path) == ""
    assert texts(path) == [*before, "new"]
    assert number(path) == len(module._STEPS)
    assert [file.name for file in left(tmp_path)] == ["journal.sqlite"]


@pytest.mark.parametrize("version", VERSIONS)
def test_options_are_read_as_they_were_meant(version: str) -> None:
    kept = json.loads((KEPT / version / "options.json").read_text())
    options, problems = check_options(kept)
    assert problems == []
    read = options.model_dump(mode="json")
    assert read["agents"][0] == kept["agents"][0]
    assert [agent.id for agent in options.agents] == ["home", "kuche"]
    assert {key: read[key] for key in kept if key != "agents"} == {
        key: value for key, value in kept.items() if key != "agents"
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_what_was_made_in_home_assistant_is_still_known(version: str) -> None:
    kept = KEPT / version / "own_integration.json"
    nobody: Any = None
    own = OwnIntegration(
        cast(Connection, nobody), cast(Servers, nobody), nobody, lambda: "key", (), kept
    )
    assert own._read().entry_id == json.loads(kept.read_text())["entry_id"]


def test_the_newest_is_what_is_written_now(tmp_path: Path) -> None:
    """A schema that changes needs a step, and a new option its place here."""
    version = CURRENT["version"]
    fresh = tmp_path / "fresh.sqlite"
    with closing(sqlite3.connect(fresh)) as database:
        for step in module._STEPS:
            database.executescript(step)
    assert tables(build(version, tmp_path)) == {
        (name, sql.replace("IF NOT EXISTS ", "")) for name, sql in tables(fresh)
    }
    assert number(tmp_path / "journal.sqlite") == len(module._STEPS)
    kept = json.loads((KEPT / version / "options.json").read_text())
    schema = CURRENT["schema"]
    assert kept.keys() == schema.keys()
    assert kept["agents"][0].keys() == schema["agents"][0].keys()
    for group in ("gateway", "engine"):
        assert kept[group].keys() == schema[group].keys()


async def test_a_further_step_is_taken_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    path = build(CURRENT["version"], tmp_path)
    before = texts(path)
    more = "ALTER TABLE turns ADD COLUMN mood TEXT; UPDATE turns SET mood = 'calm';"
    monkeypatch.setattr(module, "_STEPS", (*module._STEPS, more))
    assert await opened(path) == ""
    journal = HistoryStore(path, DAYS)
    await journal.start()
    await journal.stop()
    assert journal.message == ""
    assert texts(path) == [*before, "new"]
    assert number(path) == len(module._STEPS)
    assert caplog.text.count("was brought to version") == 1


async def test_a_step_that_fails_keeps_the_old_file_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = build(CURRENT["version"], tmp_path)
    before = texts(path), tables(path), number(path)
    # A new file takes the step, and one with turns in it does not.
    broken = "ALTER TABLE turns ADD COLUMN mood TEXT; INSERT INTO turns (id) SELECT id FROM turns;"
    monkeypatch.setattr(module, "_STEPS", (*module._STEPS, broken))
    message = await opened(path)
    (old,) = left(tmp_path, "journal-kept-*.sqlite")
    assert (texts(old), tables(old), number(old)) == before
    assert old.name in message
    assert f"from version {before[2]} to {before[2] + 1}" in message
    assert "constraint failed" in message
    assert message in caplog.text


async def test_a_file_of_a_newer_version_is_kept_as_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = build(CURRENT["version"], tmp_path)
    before = texts(path)
    with closing(sqlite3.connect(path)) as database:
        database.executescript("ALTER TABLE turns ADD COLUMN mood TEXT; PRAGMA user_version = 9;")
    message = await opened(path)
    (old,) = left(tmp_path, "journal-kept-*.sqlite")
    assert (texts(old), number(old)) == (before, 9)
    assert "newer version" in message
    assert old.name in message
    assert message in caplog.text


async def test_a_full_disk_is_no_reason_to_begin_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = build(CURRENT["version"], tmp_path)
    before = texts(path), number(path)
    # The most pages that the file may have, as a full disk would let it have no more.
    fill = "PRAGMA max_page_count = 1; CREATE TABLE big AS SELECT randomblob(9999999) AS a;"
    monkeypatch.setattr(module, "_STEPS", (*module._STEPS, fill))
    journal = HistoryStore(path, DAYS)
    await journal.start()
    assert "full" in journal.message
    await journal.stop()
    assert (texts(path), number(path)) == before
    assert not left(tmp_path, "journal-kept-*")


async def test_what_was_set_aside_goes_with_its_age_and_with_the_journal(tmp_path: Path) -> None:
    old, young = tmp_path / "journal-broken-1.sqlite", tmp_path / "journal-kept-2.sqlite"
    for file in (old, young):
        file.write_text("what was said")
    long_ago = time.time() - 31 * 86_400
    os.utime(old, (long_ago, long_ago))
    journal = HistoryStore(tmp_path / "journal.sqlite", 30)
    await journal.start()
    await journal._tidy()
    assert not old.exists()
    assert young.exists()
    await journal.delete()
    assert not young.exists()
    await journal.stop()
    young.write_text("what was said")
    await HistoryStore(tmp_path / "journal.sqlite", 0).start()
    assert left(tmp_path) == []


async def test_a_clock_that_was_wrong_keeps_nothing_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    journal = HistoryStore(tmp_path / "journal.sqlite", 30)
    await journal.start()
    for began, text in ((now + 3650 * 86_400, "a far day"), (now, "today")):
        said = record(text)
        said.began = began
        journal.keep(said)
    await journal.page(Filter(), 10)
    await journal._tidy()
    assert len((await journal.page(Filter(), 10))[0]) == 2
    monkeypatch.setattr(time, "time", lambda: now + 31 * 86_400)
    await journal._tidy()
    assert (await journal.page(Filter(), 10))[0] == []
    await journal.stop()
    assert not any(b"a far day" in file.read_bytes() for file in left(tmp_path))
