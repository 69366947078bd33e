"""Orders done at their time, once, whatever happens."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from ollama_addon.errors import AddonError
from ollama_addon.home.model import State
from ollama_addon.scheduling import scheduler as module
from ollama_addon.scheduling.order import Order
from ollama_addon.scheduling.store import OrderStore
from ollama_addon.understanding.vocabulary import Action
from tests.scheduling.scripted import Hands, Home, Mouth, eventually, order, running

LAMP_ON = Action("HassTurnOn", {"name": "light.kitchen"})


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_NAP", 0.05)
    monkeypatch.setattr(module, "_SOON", 0.02)
    monkeypatch.setattr(module, "_LAST_WORDS", 0.2)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "orders.sqlite"


def rows(path: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as database:
        return list(database.execute("SELECT id, state FROM orders"))


async def test_done_at_its_time_and_once(path: Path) -> None:
    async with running(path) as it:
        first, second = order(0.3), order(3600)
        await it.scheduler.add(second)
        await it.scheduler.add(first)
        assert [each.id for each in it.scheduler.open_orders] == [first.id, second.id]
        await asyncio.sleep(0.15)
        assert not it.hands.done
        await eventually(lambda: it.mouth.told)
        assert time.time() >= first.due
        await asyncio.sleep(0.2)
        assert it.hands.done == [first]
        assert it.mouth.told == [(True, "Done.", first)]
    assert rows(path) == [(second.id, "open")]


async def test_what_is_kept_comes_back_as_it_was(path: Path) -> None:
    kept = order(3600, LAMP_ON, length=900.0, elapsed=True, confirmed=True, made=1.5)
    async with running(path) as it:
        await it.scheduler.add(kept)
    async with running(path) as it:
        assert it.scheduler.open_orders == [kept]


async def test_missed_by_little_is_done_by_more_is_told(path: Path) -> None:
    little, more = order(-200), order(-400)
    store = OrderStore(path)
    await store.open()
    await store.add(little)
    await store.add(more)
    await store.close()
    async with running(path) as it:
        await eventually(lambda: len(it.mouth.told) == 2)
        assert it.hands.done == [little]
        assert it.hands.missed == [more]
        assert (False, "missed", more) in it.mouth.told
    assert rows(path) == []


async def test_interrupted_is_told_and_not_done_again(path: Path) -> None:
    hands = Hands(takes=30)
    async with running(path, hands) as it:
        await it.scheduler.add(begun := order())
        await eventually(lambda: it.scheduler.open_orders == [])
    assert rows(path) == [(begun.id, "claimed")]
    async with running(path) as it:
        await eventually(lambda: it.mouth.told)
        assert it.hands.done == []
        assert it.mouth.told == [(False, "interrupted", begun)]
    async with running(path) as it:
        await asyncio.sleep(0.2)
        assert it.mouth.told == []


async def test_home_assistant_is_away_at_the_time(path: Path) -> None:
    home = Home(runs=False)
    async with running(path, home=home) as it:
        await it.scheduler.add(waiting := order())
        await asyncio.sleep(0.2)
        assert not it.hands.done
        home.runs = True
        await eventually(lambda: it.hands.done == [waiting])


async def test_home_assistant_stays_away(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GRACE", 0.3)
    home, mouth = Home(runs=False), Mouth(away=True)
    async with running(path, mouth=mouth, home=home) as it:
        await it.scheduler.add(late := order())
        await eventually(lambda: it.hands.missed == [late])
        home.runs, mouth.away = True, False
        await eventually(lambda: mouth.told)
        assert mouth.told == [(False, "missed", late)]
        assert not it.hands.done
    assert rows(path) == []


async def test_lost_while_it_is_done(path: Path) -> None:
    async with running(path, Hands(away=True)) as it:
        await it.scheduler.add(lost := order())
        await eventually(lambda: it.mouth.told)
        assert it.mouth.told == [(False, "interrupted", lost)]
        assert len(it.hands.done) == 1


async def test_a_failure_is_told_even_after_a_restart(path: Path) -> None:
    async with running(path, Hands(ok=False), Mouth(away=True)) as it:
        await it.scheduler.add(failed := order())
        await eventually(lambda: rows(path) == [(failed.id, "untold")])
    async with running(path) as it:
        await eventually(lambda: it.mouth.told)
        assert it.mouth.told == [(False, "It did not respond.", failed)]


async def test_a_hundred_at_the_same_second(path: Path) -> None:
    async with running(path, Hands(takes=0.01)) as it:
        same = order(0.5)
        for number in range(100):
            await it.scheduler.add(replace(same, id=f"order{number}"))
        await eventually(lambda: len(it.mouth.told) == 100)
        await asyncio.sleep(0.1)
        assert len({each.id for each in it.hands.done}) == len(it.hands.done) == 100
    assert rows(path) == []


async def test_cancelled_and_moved(path: Path) -> None:
    async with running(path) as it:
        gone, moved = order(0.3), order(0.3)
        await it.scheduler.add(gone)
        await it.scheduler.add(moved)
        assert await it.scheduler.cancel(gone.id) == gone
        assert await it.scheduler.cancel(gone.id) is None
        later = replace(moved, due=moved.due + 3600)
        assert await it.scheduler.move(later)
        assert not await it.scheduler.move(gone)
        await asyncio.sleep(0.6)
        assert it.hands.done == []
        assert it.scheduler.open_orders == [later]


async def test_for_a_length_of_time(path: Path) -> None:
    async with running(path) as it:
        await it.scheduler.add(order(0.0, LAMP_ON, length=0.4, made=5.0))
        await eventually(lambda: it.hands.done)
        (undoing,) = it.scheduler.open_orders
        assert undoing.actions == (Action("HassTurnOff", {"name": "light.kitchen"}),)
        assert undoing.restoring
        await eventually(lambda: len(it.hands.done) == 2)
        assert it.hands.done[1] == undoing
        assert not it.scheduler.open_orders


async def test_nothing_is_undone_of_what_failed(path: Path) -> None:
    async with running(path, Hands(ok=False)) as it:
        await it.scheduler.add(order(0.0, LAMP_ON, length=3600.0))
        await eventually(lambda: it.mouth.told)
        assert not it.scheduler.open_orders
    assert rows(path) == []


async def test_the_state_before_is_that_of_the_time(path: Path) -> None:
    home = Home()
    dim = Action("HassLightSet", {"name": "light.kitchen", "brightness": 10})
    async with running(path, home=home) as it:
        await it.scheduler.add(order(0.3, dim, length=3600.0))
        states = home.house.states
        assert isinstance(states, dict)
        states["light.kitchen"] = State("on", {"brightness": 204})
        await eventually(lambda: it.hands.done)
        (undoing,) = it.scheduler.open_orders
        assert undoing.actions == (
            Action("HassLightSet", {"name": "light.kitchen", "brightness": 80}),
        )


class Clock:
    """A clock that a test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shift = 0.0
        real = time.time
        monkeypatch.setattr(time, "time", lambda: real() + self.shift)


async def test_the_clock_is_set_forward_a_day(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    async with running(path) as it:
        at_a_time, in_a_while = order(3600), order(0.6, elapsed=True)
        await it.scheduler.add(at_a_time)
        await it.scheduler.add(in_a_while)
        clock.shift = 86_400
        await eventually(lambda: it.hands.missed)
        assert it.hands.missed == [at_a_time]
        # Half a second is half a second, whatever the clock shows.
        await eventually(lambda: it.hands.done)
        assert [each.id for each in it.hands.done] == [in_a_while.id]
        await eventually(lambda: len(it.mouth.told) == 2)


async def test_the_clock_is_set_back_an_hour(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    async with running(path) as it:
        done, in_a_while, at_a_time = order(), order(0.6, elapsed=True), order(600)
        for each in (done, in_a_while, at_a_time):
            await it.scheduler.add(each)
        await eventually(lambda: len(it.mouth.told) == 1)
        clock.shift = -3600
        await eventually(lambda: len(it.mouth.told) == 2)
        await asyncio.sleep(0.2)
        # What was done is not done again when its time comes a second time.
        assert [each.id for each in it.hands.done] == [done.id, in_a_while.id]
        assert it.scheduler.open_orders == [at_a_time]


@pytest.fixture
def broken(path: Path) -> Path:
    path.write_bytes(b"this is no database, and never was one" * 100)
    return path


async def test_a_broken_file_is_set_aside(broken: Path) -> None:
    path = broken
    async with running(path) as it:
        assert not it.scheduler.trouble
        await it.scheduler.add(order())
        await eventually(lambda: it.mouth.told)
    assert list(path.parent.glob("orders-broken-*"))


async def test_a_row_that_cannot_be_read_harms_no_other(path: Path) -> None:
    async with running(path) as it:
        await it.scheduler.add(good := order(3600))
        await it.scheduler.add(bad := order(3600))
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE orders SET body = '{}' WHERE id = ?", [bad.id])
        database.commit()
    async with running(path) as it:
        assert it.scheduler.open_orders == [good]


@pytest.fixture
def taken(path: Path) -> Path:
    """A place where no file can be made."""
    path.mkdir()
    return path


async def test_a_disk_that_cannot_be_written_is_said_and_comes_back(taken: Path) -> None:
    path = taken
    async with running(path) as it:
        assert "orders" in it.scheduler.trouble
        with pytest.raises(AddonError):
            await it.scheduler.add(order())
        await asyncio.to_thread(path.rmdir)
        await eventually(lambda: not it.scheduler.trouble)
        await it.scheduler.add(order())
        await eventually(lambda: it.mouth.told)


def test_rows_of_other_kinds_are_refused() -> None:
    for text in ("[]", "{}", '{"actions": 1}', "null"):
        with pytest.raises((ValueError, TypeError, LookupError, AttributeError)):
            Order.read("x", 0.0, text)
