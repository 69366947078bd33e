"""Orders for later as people say them: understood, kept and answered without a model."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ollama_addon.agent.agent import Agent
from ollama_addon.home.connection import Connection
from ollama_addon.scheduling.automator import Automator
from ollama_addon.scheduling.planner import Planner
from tests.agent.scripted_agent import Talk
from tests.scheduling.scripted import Home, running

NOON = datetime(2026, 11, 25, 12, tzinfo=ZoneInfo("UTC")).timestamp()
"""A Wednesday."""
ON, OFF = "HassTurnOn", "HassTurnOff"


@pytest.fixture
async def talk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Talk]:
    began, real = time.time(), time.time
    monkeypatch.setattr(time, "time", lambda: NOON + real() - began)
    home = Home()
    async with running(tmp_path / "orders.sqlite", home=home) as it:

        async def nothing(language: str = "") -> dict[str, str]:
            return {}

        agents: dict[str, Agent] = {}
        automator = Automator(
            it.store,
            Connection.from_url("http://127.0.0.1:1", ""),
            lambda: home.house,
            nothing,
            nothing,
        )
        planner = Planner(it.scheduler, automator, agents, lambda: home.house)
        # Without a script: whatever asks the model fails.
        talk = Talk(house=home.house)
        agents["home"] = talk.agent
        talk.agent._carrier.orders = planner
        yield talk


@pytest.mark.parametrize(
    ("language", "text", "reply"),
    [
        ("en", "turn off the TV in ten minutes", "I will turn off TV at 12:10."),
        ("en", "turn on the kitchen light at seven", "I will turn on Kitchen light at 19:00."),
        (
            "en",
            "turn on the kitchen light tomorrow at 7:30 pm",
            "I will turn on Kitchen light tomorrow at 19:30.",
        ),
        (
            "en",
            "turn off the kitchen light on friday",
            "I will turn off Kitchen light on Friday at 08:00.",
        ),
        ("de", "schalte den TV in zehn Minuten aus", "Ich werde um 12:10 TV ausschalten."),
        ("fr", "éteins la TV dans dix minutes", "Je vais éteindre TV à 12:10."),
        ("es", "apaga la TV en diez minutos", "Voy a apagar TV a las 12:10."),
        ("nl", "zet de TV over tien minuten uit", "Ik zal om 12:10 TV uitzetten."),
        ("it", "spegni la TV tra dieci minuti", "Provvederò a spegnere TV alle 12:10."),
    ],
)
async def test_kept_and_not_done_now(talk: Talk, language: str, text: str, reply: str) -> None:
    said = await talk.say(text, language=language)
    assert said.reply == reply
    assert said.end.outcome == "done"
    assert talk.hands.done == []


async def test_now_and_the_opposite_afterwards(talk: Talk) -> None:
    said = await talk.say("turn on the kitchen light for 15 minutes")
    assert said.reply == "Turned on the kitchen light. I will turn off Kitchen light at 12:15."
    assert talk.hands.done == [(ON, {"name": "light.kitchen"})]


async def test_what_failed_now_is_not_undone_later(talk: Talk) -> None:
    talk.hands.fails[ON] = "It is broken."
    said = await talk.say("turn on the kitchen light for 15 minutes")
    assert said.reply == ("That did not work: Kitchen light. Home Assistant's log says why.")
    assert (await talk.say("what is planned?")).reply == "Nothing is planned."


async def test_listed_and_cancelled(talk: Talk) -> None:
    await talk.say("turn off the TV in ten minutes")
    await talk.say("turn on the coffee machine at seven")
    assert (await talk.say("what is planned?")).reply == (
        "Planned: turn off TV at 12:10; turn on Coffee machine at 19:00."
    )
    assert (await talk.say("cancel the one for the TV")).reply == (
        "Cancelled: turn off TV at 12:10."
    )
    # Not the other one in its place.
    assert (await talk.say("cancel the one for the TV")).reply == "Nothing is planned."
    assert (await talk.say("cancel that")).reply == "Cancelled: turn on Coffee machine at 19:00."


@pytest.mark.parametrize(
    ("text", "question"),
    [
        (
            "turn on the kitchen light every morning at seven",
            "Every day at 07:00: turn on Kitchen light. Shall I set that up?",
        ),
        (
            "every weekday at 6:45 turn on the coffee machine",
            "On weekdays at 06:45: turn on Coffee machine. Shall I set that up?",
        ),
        (
            "when the kitchen window opens, turn on the kitchen light",
            "When Kitchen window is on: turn on Kitchen light. Shall I set that up?",
        ),
        (
            "tell me when the kitchen window is closed",
            "When Kitchen window is off, once: tell you. Shall I set that up?",
        ),
    ],
)
async def test_read_back_and_left_after_a_no(talk: Talk, text: str, question: str) -> None:
    said = await talk.say(text)
    assert said.reply == question
    assert said.end.continue_conversation
    assert (await talk.say("no")).reply == "All right, I left it as it is."
    assert (await talk.say("what is planned?")).reply == "Nothing is planned."
    assert talk.hands.done == []


async def test_a_yes_in_another_conversation_is_none(talk: Talk) -> None:
    await talk.say("turn on the kitchen light every morning at seven")
    elsewhere = await talk.say("yes", "two")
    # In its own it is heard; this Home Assistant cannot be reached.
    heard = await talk.say("yes")
    assert heard.reply.startswith("I cannot plan anything right now.")
    assert not elsewhere.reply.startswith("I cannot plan")


async def test_who_is_no_administrator_is_told_at_once(talk: Talk) -> None:
    said = await talk.say("turn on the kitchen light every morning at seven", user_id="ann")
    assert said.reply == "Only administrators of Home Assistant can set up automations."
    assert not said.end.continue_conversation


async def test_what_asks_first_is_asked_when_it_is_said(talk: Talk) -> None:
    said = await talk.say("unlock the front door in ten minutes")
    assert said.end.outcome == "asked"
    assert (await talk.say("what is planned?", "two")).reply == "Nothing is planned."
    assert (await talk.say("yes")).reply == "I will unlock Front door at 12:10."
    assert talk.hands.done == []


async def test_what_is_not_understood_is_said_and_not_done(talk: Talk) -> None:
    said = await talk.say("turn off the TV when the mood is right")
    assert "when the mood is right" in said.reply
    assert talk.hands.done == []


@pytest.mark.parametrize(
    ("language", "text", "time"),
    [
        ("es", "apaga la TV a las once y media", "23:30"),
        ("it", "spegni la TV alle undici meno un quarto", "22:45"),
        ("pt", "desliga a TV às onze e meia da noite", "23:30"),
        ("fr", "éteins la TV à onze heures et quart du soir", "23:15"),
        ("en", "turn the TV off at a quarter past nine", "21:15"),
    ],
)
async def test_halves_and_quarters_of_hours(
    talk: Talk, language: str, text: str, time: str
) -> None:
    assert time in (await talk.say(text, language=language)).reply
