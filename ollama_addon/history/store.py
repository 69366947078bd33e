"""What was said and done, kept for some days so that a person can see why."""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import aiosqlite

from ollama_addon.agent.trace import Trace
from ollama_addon.background import Background
from ollama_addon.errors import AddonError
from ollama_addon.history.database import HistoryDatabase, is_broken
from ollama_addon.history.filter import EVERYTHING, Filter
from ollama_addon.history.verdict import used

_LOGGER = logging.getLogger(__name__)

_DAY = 86_400
_TIDY_EVERY = 3600.0
"""Seconds between two looks for turns that are too old."""
_SUMMARY = (
    "number, id, began, agent, model, source, area, text, reply, outcome, "
    "first_word, total, load, prompt_tokens, completion_tokens, model_calls, rating"
)


class HistoryStore:
    """Keeps turns in the SQLite file at `path` for so many `days`; 0 keeps nothing.

    It never stands in a turn's way: what cannot be written is said in `message`.
    """

    def __init__(self, path: Path, days: int) -> None:
        self.days = days
        self._trouble = ""
        self.on_kept: Callable[[str], None] = lambda turn_id: None
        """Called with the id of each turn that was written."""
        self._database = HistoryDatabase(path)
        self._queue: asyncio.Queue[Trace] = asyncio.Queue()
        self._writing = False
        self._background = Background()

    @property
    def message(self) -> str:
        """What is wrong, in sentences; empty when all is well."""
        return " ".join(filter(None, (self._trouble, self._database.aside)))

    async def start(self) -> None:
        """Open the file; a broken one is set aside. Never raises."""
        if not self.days:
            for file in (*self._database.files(), *self._database.set_aside()):
                file.unlink(missing_ok=True)
            return
        await self._open()
        self._writing = True
        self._background.keep("history writer", self._write)
        self._background.keep("deletion of old turns", self._tidy_often)

    async def stop(self) -> None:
        """Write what waits, and close the file."""
        if self._writing:
            await self._queue.join()
        await self._background.stop()
        await self._database.close()

    def keep(self, record: Trace) -> None:
        """Have a turn written, soon."""
        if self._writing:
            self._queue.put_nowait(record)

    async def page(
        self, which: Filter, limit: int, before: int | None = None
    ) -> tuple[list[dict[str, Any]], int | None]:
        """Return turns, the newest first, and where the next page begins.

        `before` is where this page begins; None is the first. Raises AddonError.
        """
        where, values = which.where()
        if before is not None:
            where, values = f"{where} AND number < ?", [*values, before]
        query = f"SELECT {_SUMMARY} FROM turns WHERE {where} ORDER BY number DESC LIMIT ?"
        rows = [dict(row) for row in await self._read(query, [*values, limit + 1])]
        more = rows[limit - 1]["number"] if len(rows) > limit else None
        return rows[:limit], more

    async def get(self, turn_id: str) -> dict[str, Any]:
        """Return everything about one turn. Raises AddonError (`unknown_turn`)."""
        rows = await self._read("SELECT whole, rating, expected FROM turns WHERE id = ?", [turn_id])
        if not rows:
            raise AddonError(
                "unknown_turn",
                "This turn is not in the journal: it was deleted, or is older than "
                f"{self.days} days."
                if self.days
                else "The journal is switched off: 'journal_days' is 0 in the app's options.",
                404,
            )
        return _whole(rows[0])

    async def series(self, which: Filter, limit: int) -> list[dict[str, Any]]:
        """Return when turns were, how long they took and what became of them, oldest first.

        At most `limit`, the newest. Raises AddonError.
        """
        where, values = which.where()
        rows = await self._read(
            "SELECT id, began, agent, model, first_word, total, load, outcome, rating FROM turns "
            f"WHERE {where} ORDER BY number DESC LIMIT ?",
            [*values, limit],
        )
        return [dict(row) for row in reversed(rows)]

    async def export(self, which: Filter) -> AsyncGenerator[dict[str, Any], None]:
        """Yield everything about turns, the oldest first. Raises AddonError."""
        where, values = which.where()
        after = 0
        while True:
            rows = await self._read(
                f"SELECT number, whole, rating, expected FROM turns WHERE {where} AND number > ? "
                "ORDER BY number LIMIT 50",
                [*values, after],
            )
            for row in rows:
                yield _whole(row)
            if not rows:
                return
            after = rows[-1]["number"]

    async def rate(self, turn_id: str, rating: str, expected: Any = None) -> None:
        """Keep that a person finds a turn `right` or `wrong`, and what should have happened.

        An empty rating takes it back. Raises AddonError (`unknown_turn`).
        """
        await self.get(turn_id)
        kept = "" if expected is None else json.dumps(expected, ensure_ascii=False)
        database = self._there()
        try:
            query = "UPDATE turns SET rating = ?, expected = ? WHERE id = ?"
            await database.execute(query, [rating, kept, turn_id])
            await database.commit()
        except sqlite3.Error as error:
            raise self._unreadable(error) from error

    async def people(self) -> list[str]:
        """Return the names of those who said something. Raises AddonError."""
        rows = await self._read(
            "SELECT DISTINCT json_extract(whole, '$.user') AS user FROM turns", []
        )
        return [row["user"] for row in rows if row["user"]]

    async def uses(self, since: float) -> dict[str, tuple[float, int]]:
        """Return when each entity was last used, and in how many turns since then.

        Times are in seconds since the epoch. Raises AddonError.
        """
        rows = await self._read(
            "SELECT entity, max(began) AS last, count(*) AS times FROM uses "
            "WHERE began >= ? GROUP BY entity",
            [since],
        )
        return {row["entity"]: (row["last"], row["times"]) for row in rows}

    async def delete(self, turn_id: str | None = None, which: Filter = EVERYTHING) -> int:
        """Delete a turn, or those that are meant; return how many were deleted. Raises AddonError.

        What is deleted is overwritten: nobody finds it in the file. With all of them goes what
        was set aside.
        """
        await self._queue.join()
        database = self._there()
        where, values = ("id = ?", [turn_id]) if turn_id else which.where()
        try:
            cursor = await database.execute(f"DELETE FROM turns WHERE {where}", values)
            await database.commit()
            await database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            if not turn_id and which == EVERYTHING:
                for file in self._database.set_aside():
                    file.unlink(missing_ok=True)
                self._database.aside = ""
        except sqlite3.Error as error:
            raise self._unreadable(error) from error
        except OSError as error:
            message = f"What was set aside of the journal cannot be deleted: {error}."
            raise AddonError("journal_away", message, 503) from error
        return cursor.rowcount

    async def _read(self, query: str, values: list[Any]) -> list[sqlite3.Row]:
        if not self.days:
            return []
        await self._queue.join()
        try:
            async with self._there().execute(query, values) as cursor:
                return list(await cursor.fetchall())
        except sqlite3.Error as error:
            raise self._unreadable(error) from error

    def _there(self) -> aiosqlite.Connection:
        if self._database.connection is None:
            reason = self.message or "The journal is switched off."
            raise AddonError("journal_away", reason, 503)
        return self._database.connection

    def _unreadable(self, error: sqlite3.Error) -> AddonError:
        return AddonError("journal_away", f"The journal cannot be read: {error}.", 503)

    async def _write(self) -> None:
        while True:
            record = await self._queue.get()
            try:
                await self._insert(record)
            except Exception as error:
                # A turn that was said is more than one that was written down.
                self._tell(f"The journal cannot be written: {error}.")
            finally:
                self._queue.task_done()

    async def _insert(self, record: Trace) -> None:
        if self._database.connection is None:
            await self._open()
        try:
            await self._insert_into(self._there(), record)
        except sqlite3.DatabaseError as error:
            if not is_broken(error):
                raise
            await self._database.close()
            await self._open()
            await self._insert_into(self._there(), record)
        self._trouble = ""
        self.on_kept(record.turn_id)

    async def _insert_into(self, database: aiosqlite.Connection, record: Trace) -> None:
        row = {
            "id": record.turn_id,
            "began": record.began,
            "agent": record.agent,
            "model": record.model,
            "conversation": record.conversation_id,
            "source": record.source,
            "area": record.area,
            "text": record.text,
            "reply": record.reply,
            "words": f"{record.text}\n{record.reply}".casefold(),
            "outcome": record.outcome,
            "first_word": record.timings.get("first_word"),
            "total": record.timings.get("total"),
            "prompt_tokens": record.usage.get("prompt_tokens", 0),
            "completion_tokens": record.usage.get("completion_tokens", 0),
            "model_calls": record.usage.get("model_calls", 0),
            "load": record.timings.get("load"),
            "whole": json.dumps(record.as_json(), ensure_ascii=False, default=str),
        }
        names = ", ".join(row)
        marks = ", ".join("?" * len(row))
        await database.execute(f"INSERT INTO turns ({names}) VALUES ({marks})", list(row.values()))
        await database.executemany(
            "INSERT INTO uses (turn, entity, began) VALUES (?, ?, ?)",
            [
                (record.turn_id, entity_id, record.began)
                for entity_id in used(record.actions, record.clauses)
            ],
        )
        await database.commit()

    async def _tidy_often(self) -> None:
        while True:
            try:
                await self._tidy()
            except (sqlite3.Error, OSError) as error:
                self._tell(f"The journal's old turns cannot be deleted: {error}.")
            await asyncio.sleep(_TIDY_EVERY)

    async def _tidy(self) -> None:
        now = time.time()
        oldest = now - self.days * _DAY
        for file in self._database.set_aside():
            if file.stat().st_mtime < oldest:
                file.unlink(missing_ok=True)
        if (database := self._database.connection) is None:
            return
        # What a clock that was wrong has dated in the future would be kept for as long.
        await database.execute("UPDATE turns SET began = ? WHERE began > ?", [now, now + _DAY])
        cursor = await database.execute("DELETE FROM turns WHERE began < ?", [oldest])
        await database.commit()
        if cursor.rowcount:
            await database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    async def _open(self) -> None:
        await self._database.open()
        if self._database.trouble:
            self._tell(self._database.trouble)

    def _tell(self, message: str) -> None:
        if message != self._trouble:
            _LOGGER.error("%s", message)
        self._trouble = message


def _whole(row: sqlite3.Row) -> dict[str, Any]:
    """Return a turn as it was written, with what a person said of it afterwards."""
    whole: dict[str, Any] = json.loads(row["whole"])
    whole["rating"] = row["rating"]
    whole["expected"] = json.loads(row["expected"]) if row["expected"] else None
    return whole
