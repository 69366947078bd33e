"""What a turn costs, counted instead of timed: who makes it dearer has to say so here."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import httpx
import pytest

from dev.stack import Stack
from tests.agent.homes import family_home
from tests.agent.scripted_agent import Talk, do, say

WIDE_PREFIX = 2_300
"""Characters of the unchanging part for a home of some twenty entities: rules, verbs, examples."""
WIDE_SUFFIX = 220
"""Characters of the newest message: the time, what was named, what is not as usual."""
NARROW_PROMPT = 215
NARROW_ANSWER = 20
"""Tokens of SmolLM2."""

stack_test = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]
CLEAR: tuple[tuple[str, dict[str, Any]], ...] = (
    ("turn on the kitchen light", {}),
    ("turn off the kitchen light", {"satellite_id": "assist_satellite.kitchen_satellite"}),
    ("close the bedroom blinds", {"language": "en", "user_name": "Ada"}),
)
UNCLEAR: tuple[tuple[str, dict[str, Any]], ...] = (
    ("the kitchen light thingy on", {}),
    ("kitchen light zap on", {"user_name": "Ada"}),
)


async def asked_of(*turns: tuple[str, str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Have a capable model asked; return the requests."""
    talk = Talk(*(answer for _, answer, _ in turns), house=family_home())
    for text, _, more in turns:
        await talk.say(text, **more)
    return talk.model.asked


async def test_a_capable_model_is_asked_once_with_an_unchanging_prefix() -> None:
    asked = await asked_of(
        ("turn on the kitchen light", do("turn on Kitchen light"), {}),
        ("hello", say("Hi."), {"conversation": "two", "user_name": "Ada"}),
        ("turn on the kitchen light", do("turn on Kitchen light"), {"conversation": "three"}),
    )
    assert len(asked) == 3
    prefixes = {json.dumps(request["messages"][0]) for request in asked}
    assert len(prefixes) == 1, "the prefix depends on the conversation, the person or the time"
    assert len(asked[0]["messages"][0]["content"]) <= WIDE_PREFIX
    assert len(asked[0]["messages"][-1]["content"]) <= WIDE_SUFFIX


async def test_of_what_is_named_in_full_nothing_else_is_shown() -> None:
    named, group = await asked_of(
        ("turn on the kitchen light", say("a"), {"conversation": "one"}),
        ("turn off all the lights in the kitchen", say("c"), {"conversation": "three"}),
    )
    shown = [asked["messages"][-1]["content"].splitlines()[1] for asked in (named, group)]
    assert shown[0] == "[Kitchen light: off]"
    assert shown[1] == "[Counter light: on; Kitchen light: off]"


async def test_a_clear_order_costs_no_call() -> None:
    talk = Talk(house=family_home())
    for text in ("turn on the kitchen light", "turn off all the lights in the kitchen"):
        said = await talk.say(text)
        assert said.end.usage.model_calls == 0
        assert said.end.outcome == "done"
    assert len(talk.hands.done) == 2


async def test_of_two_things_of_one_name_the_person_is_asked() -> None:
    talk = Talk(house=family_home())
    said = await talk.say("turn on the ceiling light")
    assert said.end.usage.model_calls == 0
    assert said.end.outcome == "asked"
    assert not talk.hands.done


async def test_what_was_said_stays_in_history_as_it_was_sent() -> None:
    asked = await asked_of(
        ("turn on the kitchen light", do("turn on Kitchen light"), {}),
        ("turn it off", do("turn off Kitchen light"), {}),
        ("and on again", do("turn on Kitchen light"), {}),
    )
    for before, after in pairwise(asked):
        sent = before["messages"]
        assert after["messages"][: len(sent)] == sent, "what was read before has to be read again"


class TestWithTheRealModel:
    pytestmark = stack_test

    async def test_a_simple_order_costs_one_short_call(self, stack: Stack) -> None:
        (server,) = (await stack.client.get("/api/servers")).json()
        prefixes = set()
        for text, more in CLEAR:
            turn = await stack.say(text, **more)
            assert turn.error is None
            assert turn.usage["model_calls"] == 0
        for text, more in UNCLEAR:
            turn = await stack.say(text, **more)
            assert turn.error is None
            assert turn.usage["model_calls"] == 1
            assert turn.usage["prompt_tokens"] <= NARROW_PROMPT
            assert turn.usage["completion_tokens"] <= NARROW_ANSWER
            async with httpx.AsyncClient(base_url=server["url"], trust_env=False) as engine:
                served = (await engine.get("/dev/requests?count=5")).json()["requests"]
            request = [each for each in served if each["path"] == "/api/chat"][-1]
            prefixes.add(json.dumps(request["body"]["messages"][:-1]))
        assert len(prefixes) == 1
