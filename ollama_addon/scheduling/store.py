"""Orders and automations in an SQLite file, so that a restart neither loses nor repeats one.

The file stands next to the history and is not part of it: that can be switched off, deleted
and set aside. A row is an order in one of three states. `open` waits for its time; `claimed`
is written before anything is done, so that what was begun is never begun twice; `untold` is
over, and its sentence has not reached anybody yet.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiosqlite

from ollama_addon.errors import AddonError
from ollama_addon.scheduling.order import Order

_LOGGER = logging.getLogger(__name__)
_VERSION = 1
_SCHEMA = """
CREATE TABLE orders (
    id TEXT PRIMARY KEY,
    due REAL NOT NULL,
    state TEXT NOT NULL,
    body TEXT NOT NULL,
    told TEXT NOT NULL DEFAULT ''
);
CREATE TABLE automations (
    id TEXT PRIMARY KEY,
    hash TEXT NOT NULL,
    body TEXT NOT NULL
);
"""


@dataclass(frozen=True, slots=True)
class Untold:
    """An order that is over, and what is still to be said of it."""

    order: Order
    sentence: str


class OrderStore:
    """Keeps rows in the file at `path`. All methods raise AddonError (`orders_away`)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._database: aiosqlite.Connection | None = None
        self._lock = asyncio.Lock()
        """One transaction at a time: they share the connection."""

    async def open(self) -> None:
        """Open the file, or make it; one that is broken is set aside."""
        try:
            await self._open()
        except sqlite3.DatabaseError as error:
            await self.close()
            if isinstance(error, sqlite3.OperationalError):  # a full or locked disk, say
                raise _away(error) from error
            kept = self._path.with_name(f"orders-broken-{int(time.time())}.sqlite")
            _LOGGER.error("The orders were broken (%s) and set aside as %s", error, kept.name)
            try:
                self._path.replace(kept)
                await self._open()
            except (sqlite3.Error, OSError) as again:
                await self.close()
                raise _away(again) from again
        except OSError as error:
            await self.close()
            raise _away(error) from error

    async def _open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.touch(mode=0o600)
        self._database = database = await aiosqlite.connect(self._path)
        # What was answered with "I will" is on the disk by then. No write-ahead log: one file,
        # which a backup can copy.
        await database.execute("PRAGMA synchronous = FULL")
        await database.execute("PRAGMA secure_delete = ON")
        async with database.execute("PRAGMA user_version") as cursor:
            row = await cursor.fetchone()
        version = int(row[0]) if row else 0
        if version > _VERSION:
            raise sqlite3.DatabaseError(f"made by a newer version of the app ({version})")
        if not version:
            await database.executescript(
                f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;"
            )

    async def close(self) -> None:
        """Close the file."""
        database, self._database = self._database, None
        if database is not None:
            await database.close()

    # Orders

    async def orders(self, state: str) -> list[Order]:
        """Return the orders in a state, the next first; rows that cannot be read are left out."""
        return [each.order for each in await self._rows(state)]

    async def untold(self) -> list[Untold]:
        """Return what is over and was not told yet."""
        return await self._rows("untold")

    async def add(self, order: Order) -> None:
        """Keep an order."""
        await self._write([_insert(order)])

    async def move(self, order: Order) -> bool:
        """Write an open order anew; False when it is not open any more."""
        return await self._write(
            [
                (
                    "UPDATE orders SET due = ?, body = ? WHERE id = ? AND state = 'open'",
                    [order.due, order.as_json(), order.id],
                )
            ]
        )

    async def claim(self, order: Order, following: Order | None = None) -> bool:
        """Take an open order, so that nobody else does it; False when it is not open any more.

        `following` is kept in the same moment: what was switched on is switched off again,
        whatever happens to us in between.
        """
        claim = ("UPDATE orders SET state = 'claimed' WHERE id = ? AND state = 'open'", [order.id])
        return await self._write([claim, *([_insert(following)] if following else [])])

    async def finish(self, order_id: str, sentence: str = "") -> None:
        """Have an order be over; with a sentence it is kept until that was told."""
        if sentence:
            update = "UPDATE orders SET state = 'untold', told = ? WHERE id = ?"
            await self._write([(update, [sentence, order_id])])
        else:
            await self._write([("DELETE FROM orders WHERE id = ?", [order_id])])

    async def cancel(self, order_id: str) -> bool:
        """Remove an open order; False when it is not open any more."""
        query = "DELETE FROM orders WHERE id = ? AND state = 'open'"
        return await self._write([(query, [order_id])])

    async def _rows(self, state: str) -> list[Untold]:
        query = "SELECT id, due, body, told FROM orders WHERE state = ? ORDER BY due, rowid"
        found = []
        for order_id, due, body, told in await self._read(query, [state]):
            try:
                found.append(Untold(Order.read(order_id, due, body), told))
            except (ValueError, TypeError, LookupError, AttributeError) as error:
                _LOGGER.error("The order %s cannot be read: %s", order_id, type(error).__name__)
        return found

    # Automations

    async def automations(self) -> list[tuple[str, str, str]]:
        """Return id, hash and body of each automation that was made here."""
        return await self._read("SELECT id, hash, body FROM automations ORDER BY rowid", [])

    async def add_automation(self, automation_id: str, digest: str, body: str) -> None:
        """Keep what was written into Home Assistant."""
        query = "INSERT OR REPLACE INTO automations VALUES (?, ?, ?)"
        await self._write([(query, [automation_id, digest, body])])

    async def forget_automation(self, automation_id: str) -> None:
        """Forget an automation."""
        await self._write([("DELETE FROM automations WHERE id = ?", [automation_id])])

    # The file

    async def _read(self, query: str, values: list[Any]) -> list[Any]:
        async with self._lock:
            try:
                async with self._there().execute(query, values) as cursor:
                    return list(await cursor.fetchall())
            except sqlite3.Error as error:
                raise _away(error) from error

    async def _write(self, statements: Iterable[tuple[str, list[Any]]]) -> bool:
        """Carry out statements, all or none; False, and none, when the first changes nothing."""
        async with self._lock:
            database = self._there()
            try:
                for number, (query, values) in enumerate(statements):
                    cursor = await database.execute(query, values)
                    if not number and not cursor.rowcount:
                        await database.rollback()
                        return False
                await database.commit()
            except sqlite3.Error as error:
                await database.rollback()
                raise _away(error) from error
            except asyncio.CancelledError:
                await database.rollback()
                raise
            return True

    def _there(self) -> aiosqlite.Connection:
        if self._database is None:
            raise _away("it is closed")
        return self._database


def _insert(order: Order) -> tuple[str, list[Any]]:
    query = "INSERT INTO orders (id, due, state, body) VALUES (?, ?, 'open', ?)"
    return query, [order.id, order.due, order.as_json()]


def _away(reason: object) -> AddonError:
    return AddonError("orders_away", f"The file of orders cannot be used: {reason}.", 503)
