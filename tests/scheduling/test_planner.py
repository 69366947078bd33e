"""What the agent asks for, and what it is told."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from ollama_addon.agent.agent import Agent
from ollama_addon.agent.orders import Answer, Kept, Refused
from ollama_addon.home.connection import Connection
from ollama_addon.options import AgentOptions
from ollama_addon.scheduling import planner as module
from ollama_addon.scheduling.automator import Automator
from ollama_addon.scheduling.planner import Planner
from ollama_addon.understanding.interpretation import Moment, When
from ollama_addon.understanding.vocabulary import Action
from tests.scheduling.scripted import SPEAKER, TV_OFF, Home, Running, running

NOON = datetime(2026, 11, 25, 12, tzinfo=ZoneInfo("UTC")).timestamp()
LAMP_ON = Action("HassTurnOn", {"name": "light.kitchen"})
UNLOCK = Action("HassTurnOff", {"name": "lock.front"})
AGENT = AgentOptions(id="home", name="Home", model="m", confirm=("unlock", "garage_door"))


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    began, real = time.time(), time.time
    monkeypatch.setattr(time, "time", lambda: NOON + real() - began)


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path / "orders.sqlite", home=Home()) as it:
        yield it


def no_automations(it: Running) -> Automator:
    """An automator without a Home Assistant."""

    async def nothing(language: str = "") -> dict[str, str]:
        return {}

    connection = Connection.from_url("http://127.0.0.1:1", "")
    return Automator(it.store, connection, lambda: it.home.house, nothing, nothing)


@pytest.fixture
def planner(it: Running) -> Planner:
    agent = cast("Agent", SimpleNamespace(options=AGENT))
    return Planner(it.scheduler, no_automations(it), {"home": agent}, lambda: it.home.house)


def when(**parts: Any) -> When:
    return When(parts.pop("words", "then"), **parts)


async def kept(planner: Planner, *actions: Action, language: str = "en", **parts: Any) -> Kept:
    speaker = replace(SPEAKER, language=language, user_name="Ann")
    answer = await planner.keep(actions or (TV_OFF,), when(**parts), "said", speaker)
    assert isinstance(answer, Kept), answer
    return answer


async def test_in_ten_minutes(it: Running, planner: Planner) -> None:
    answer = await kept(planner, delay=600.0)
    assert answer.sentence == "I will turn off TV at 12:10."
    assert answer.now == ()
    (planned,) = planner.planned()
    assert planned == answer.order
    assert (planned.entities, planned.speaker, planned.area_id) == (
        ("media_player.tv",),
        "Ann",
        "bedroom",
    )
    (order,) = it.scheduler.open_orders
    assert order.due == pytest.approx(NOON + 600, abs=5)
    assert order.elapsed


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("de", "Ich werde morgen um 07:00 TV ausschalten."),
        ("fr", "Je vais éteindre TV demain à 07:00."),
        ("ja", "明日7:00にTVをオフにする予定です。"),
        ("pl-PL", "Zaplanowane jutro o 07:00: wyłączyć: TV."),
    ],
)
async def test_in_the_persons_language(planner: Planner, language: str, sentence: str) -> None:
    answer = await kept(planner, language=language, at=Moment(7, half_day=True, days=1))
    assert answer.sentence == sentence


async def test_for_a_length_of_time(it: Running, planner: Planner) -> None:
    answer = await kept(planner, LAMP_ON, length=900.0)
    assert answer.now == (LAMP_ON,)
    assert answer.sentence == "I will turn off Kitchen light at 12:15."
    (order,) = it.scheduler.open_orders
    assert order.restoring
    assert order.length is None
    assert order.elapsed


async def test_from_a_time_to_another(it: Running, planner: Planner) -> None:
    answer = await kept(planner, LAMP_ON, at=Moment(18), until=Moment(20))
    assert answer.sentence == (
        "I will turn on Kitchen light at 18:00. I will turn off Kitchen light at 20:00."
    )
    (order,) = it.scheduler.open_orders
    assert order.ends == NOON + 8 * 3600
    assert not order.restoring


async def test_nothing_to_undo(it: Running, planner: Planner) -> None:
    off = Action("HassTurnOff", {"name": "light.kitchen"})  # it is off already
    answer = await kept(planner, off, length=900.0)
    assert answer.order is None
    assert answer.now == (off,)
    assert it.scheduler.open_orders == []


@pytest.mark.parametrize(
    ("actions", "parts", "code"),
    [
        ((TV_OFF,), {"understood": False, "words": "when the mood is right"}, "unclear"),
        ((TV_OFF,), {}, "unclear"),
        ((TV_OFF,), {"at": Moment(9, days=0)}, "past"),
        ((TV_OFF,), {"delay": 400 * 86_400.0}, "too_far"),
        ((Action("HassTurnOn", {"name": "scene.movie"}),), {"length": 60.0}, "no_opposite"),
        ((UNLOCK,), {"delay": 60.0}, "asks_first"),
        # It would open the garage by itself.
        ((Action("HassTurnOff", {"name": "cover.blinds"}), UNLOCK), {"delay": 60.0}, "asks_first"),
    ],
)
async def test_refused(
    it: Running, planner: Planner, actions: tuple[Action, ...], parts: dict[str, Any], code: str
) -> None:
    answer = await planner.keep(actions, when(**parts), "said", SPEAKER)
    assert isinstance(answer, Refused)
    assert answer.code == code
    assert "{" not in answer.sentence
    if parts.get("words"):
        assert parts["words"] in answer.sentence
    assert it.scheduler.open_orders == []


async def test_what_was_confirmed_is_kept(it: Running, planner: Planner) -> None:
    answer = await planner.keep((UNLOCK,), when(delay=60.0), "said", SPEAKER, confirmed=True)
    assert isinstance(answer, Kept)
    assert it.scheduler.open_orders[0].confirmed


async def test_as_many_as_can_be_kept(planner: Planner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    for _ in range(2):
        await kept(planner, delay=600.0)
    answer = await planner.keep((TV_OFF,), when(delay=60.0), "said", SPEAKER)
    assert isinstance(answer, Refused)
    assert answer.code == "too_many"
    assert "2" in answer.sentence


async def test_what_is_planned_and_cancelled(planner: Planner) -> None:
    assert planner.listing(planner.planned(), "en") == "Nothing is planned."
    lamp = await kept(planner, LAMP_ON, at=Moment(7, half_day=True, days=1))
    await kept(planner, delay=600.0)
    assert planner.listing(planner.planned(), "en") == (
        "Planned: turn off TV at 12:10; turn on Kitchen light tomorrow at 07:00."
    )
    assert planner.listing(planner.planned(), "de") == (
        "Geplant: um 12:10 TV ausschalten; morgen um 07:00 Kitchen light einschalten."
    )
    (found,) = planner.planned(["light.kitchen"])
    assert found == lamp.order
    gone = await planner.cancel([found.id], "en")
    assert gone == Answer("Cancelled: turn on Kitchen light tomorrow at 07:00.")
    again = await planner.cancel([found.id], "en")
    assert isinstance(again, Refused)
    assert again.code == "unknown"
    assert len(planner.planned()) == 1


async def test_at_another_time(planner: Planner) -> None:
    first = await kept(planner, LAMP_ON, at=Moment(7, half_day=True, days=1))
    assert first.order is not None
    # "make it eight instead": the same day, the same half of it
    moved = await planner.move(first.order.id, when(at=Moment(8, half_day=True)), "en")
    assert isinstance(moved, Kept)
    assert moved.sentence == "I will turn on Kitchen light tomorrow at 08:00."
    moved = await planner.move(first.order.id, when(delay=1800.0), "en")
    assert isinstance(moved, Kept)
    assert moved.sentence == "I will turn on Kitchen light at 12:30."
    assert len(planner.planned()) == 1
    for wrong, code in ((when(at=Moment(9, days=0)), "past"), (when(), "unclear")):
        refused = await planner.move(first.order.id, wrong, "en")
        assert isinstance(refused, Refused)
        assert refused.code == code
    unknown = await planner.move("none", when(delay=60.0), "en")
    assert isinstance(unknown, Refused)
    assert unknown.code == "unknown"


async def test_a_longer_time(planner: Planner) -> None:
    first = await kept(planner, LAMP_ON, length=900.0)
    assert first.order is not None
    moved = await planner.move(first.order.id, when(length=1800.0), "en")
    assert isinstance(moved, Kept)
    assert moved.sentence == "I will turn off Kitchen light at 12:30."


async def test_the_file_cannot_be_written(
    it: Running, planner: Planner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(it.scheduler, "trouble", "The disk is full.")
    answer = await planner.keep((TV_OFF,), when(delay=60.0), "said", SPEAKER)
    assert isinstance(answer, Refused)
    assert answer.code == "broken"
    assert "The disk is full." in answer.sentence
