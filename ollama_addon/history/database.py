"""The history's SQLite file: opened, brought to this version, and set aside when it is broken."""

from __future__ import annotations

import logging
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiosqlite

_LOGGER = logging.getLogger(__name__)

_STEPS = (
    """
CREATE TABLE IF NOT EXISTS turns (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    began REAL NOT NULL,
    agent TEXT NOT NULL,
    model TEXT NOT NULL,
    conversation TEXT NOT NULL,
    source TEXT NOT NULL,
    area TEXT NOT NULL,
    text TEXT NOT NULL,
    reply TEXT NOT NULL,
    words TEXT NOT NULL,
    outcome TEXT NOT NULL,
    first_word REAL,
    total REAL,
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    model_calls INTEGER NOT NULL,
    whole TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS turns_began ON turns (began);
""",
    """
ALTER TABLE turns ADD COLUMN rating TEXT NOT NULL DEFAULT '';
ALTER TABLE turns ADD COLUMN expected TEXT NOT NULL DEFAULT '';
ALTER TABLE turns ADD COLUMN load REAL;
UPDATE turns SET load = json_extract(whole, '$.timings.load') WHERE json_valid(whole);
CREATE TABLE uses (turn TEXT NOT NULL, entity TEXT NOT NULL, began REAL NOT NULL);
CREATE INDEX uses_entity ON uses (entity, began);
CREATE INDEX uses_turn ON uses (turn);
CREATE TRIGGER turns_gone AFTER DELETE ON turns BEGIN DELETE FROM uses WHERE turn = OLD.id; END;
""",
)
"""What makes a file of each version one of the next. Those of released versions never change."""


class _ForeignError(sqlite3.DatabaseError):
    """A file that is in order, and still cannot be used by this version."""


class HistoryDatabase:
    """The file at `path`, and those that were set aside beside it."""

    def __init__(self, path: Path) -> None:
        self.connection: aiosqlite.Connection | None = None
        """None while the file is not open."""
        self.trouble = ""
        """Why the file could not be opened, as a sentence; empty when it could."""
        self.aside = ""
        """What was set aside and why, as a sentence; empty when nothing was."""
        self._path = path

    async def open(self) -> None:
        """Open the file; a broken one is set aside. Never raises: `trouble` tells of it."""
        self.trouble = ""
        for last in (False, True):
            try:
                self.connection = await self._opened()
                return
            except (sqlite3.Error, OSError) as error:
                await self.close()
                if last or not is_broken(error):
                    self.trouble = f"The journal cannot be opened: {error}."
                    return
                self._set_aside(error)

    async def _opened(self) -> aiosqlite.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.touch(mode=0o600)
        self.connection = database = await aiosqlite.connect(self._path)
        database.row_factory = sqlite3.Row
        await database.execute("PRAGMA journal_mode = WAL")
        await database.execute("PRAGMA secure_delete = ON")
        if (found := await _pragma(database, "quick_check")) != "ok":
            raise sqlite3.DatabaseError(f"malformed: {found}")
        await self._upgrade(database)
        return database

    async def _upgrade(self, database: aiosqlite.Connection) -> None:
        """Make a file of an older version one of this: the whole way, or not at all."""
        version = int(await _pragma(database, "user_version"))
        if version > len(_STEPS):
            raise _ForeignError(f"it was made by a newer version of the app ({version})")
        if version == len(_STEPS):
            await database.execute("SELECT 1 FROM turns LIMIT 1")
            return
        steps = ";".join(_STEPS[version:])
        try:
            await database.executescript(
                f"BEGIN IMMEDIATE; {steps}; PRAGMA user_version = {len(_STEPS)}; COMMIT;"
            )
        except sqlite3.Error as error:
            await database.rollback()
            if not version or not _is_schema(error):
                raise
            reason = f"it could not be brought from version {version} to {len(_STEPS)}: {error}"
            raise _ForeignError(reason) from error
        if version:
            _LOGGER.info("The journal was brought to version %d", len(_STEPS))

    async def close(self) -> None:
        """Close the file, if it is open."""
        database, self.connection = self.connection, None
        if database is not None:
            await database.close()

    def _set_aside(self, error: Exception) -> None:
        when = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        how = "kept" if isinstance(error, _ForeignError) else "broken"
        kept = self._path.with_name(f"{self._path.stem}-{how}-{when}{self._path.suffix}")
        for file in self.files():
            if file.exists():
                file.replace(kept.with_name(kept.name + file.name.removeprefix(self._path.name)))
        what = "could not be used" if isinstance(error, _ForeignError) else "was broken"
        self.aside = (
            f"The journal {what} ({error}) and was set aside as {kept.name}. A new one was begun."
        )
        _LOGGER.error("%s", self.aside)

    def files(self) -> list[Path]:
        """Return the file and those that SQLite keeps beside it."""
        name = self._path.name
        return [self._path.with_name(name + end) for end in ("", "-wal", "-shm")]

    def set_aside(self) -> list[Path]:
        """Return what was set aside, which is as private as the history itself."""
        return [
            file
            for how in ("broken", "kept")
            for file in self._path.parent.glob(f"{self._path.stem}-{how}-*")
        ]


async def _pragma(database: aiosqlite.Connection, name: str) -> Any:
    async with database.execute(f"PRAGMA {name}") as cursor:
        row = await cursor.fetchone()
    return row and row[0]


def is_broken(error: Exception) -> bool:
    """Whether a file cannot be used any more, as opposed to a disk that is full or locked."""
    return isinstance(error, _ForeignError) or (
        isinstance(error, sqlite3.DatabaseError)
        and any(
            sign in str(error)
            for sign in ("malformed", "not a database", "no such table", "corrupt")
        )
    )


def _is_schema(error: sqlite3.Error) -> bool:
    """Whether a file is not of the form that its version says, as opposed to a full disk."""
    return "disk" not in str(error) and "locked" not in str(error)
