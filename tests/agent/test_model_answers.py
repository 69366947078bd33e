"""What a turn makes of answers that are empty, too long for the window, or stand in thoughts."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from ollama_addon.agent.events import Delta
from ollama_addon.agent.turn import Turn
from ollama_addon.errors import AddonError
from tests.agent.scripted_agent import Talk, call, do, say

WISH = "it is so very dark in here"
LIT = [("HassTurnOn", {"name": "light.kitchen"})]


def overflowing(talk: Talk, longest: int) -> list[int]:
    """Have the engine refuse prompts of more characters; return the lengths that were sent."""
    plain, sent = talk.model.chat, list[int]()

    async def chat(model: str, messages: Any, **more: Any) -> AsyncGenerator[Any, None]:
        sent.append(sum(len(message["content"]) for message in messages))
        if sent[-1] > longest:
            raise AddonError("context_overflow", "Too long.", 413)
        async for chunk in plain(model, messages, **more):
            yield chunk

    talk.agent._servers.chat = chat  # type: ignore[method-assign]
    return sent


async def test_a_prompt_that_is_too_long_is_shortened_and_sent_again() -> None:
    talk = Talk(*[say(f"Number {number}.") for number in range(9)], do("turn on Kitchen light"))
    for number in range(9):
        await talk.say(f"how do you feel about number {number}?")
    longest = sum(len(each["content"]) for each in talk.model.asked[2]["messages"])
    sent = overflowing(talk, longest)
    await talk.say(WISH)
    assert talk.hands.done == LIT
    assert len(sent) > 1
    assert sent == sorted(sent, reverse=True)
    assert talk.model.asked[-1]["messages"][0]["role"] == "system"


async def test_what_can_be_shortened_no_more_is_an_error() -> None:
    talk = Talk(say("x"))
    overflowing(talk, 10)
    with pytest.raises(AddonError) as caught:
        await talk.say(WISH)
    assert caught.value.code == "context_overflow"


async def test_an_answer_in_the_thoughts_is_an_answer() -> None:
    talk = Talk("")

    async def chat(*args: Any, **more: Any) -> AsyncGenerator[Any, None]:
        yield {"message": {"content": "", "thinking": '{"do": ["turn on '}}
        yield {"message": {"content": "", "thinking": 'Kitchen light"]}'}}
        yield {"message": {}, "done": True}

    talk.agent._servers.chat = chat  # type: ignore[method-assign]
    await talk.say(WISH)
    assert talk.hands.done == LIT


@pytest.mark.parametrize("empty", ["", "{}", '{"do": []}', "<think>hm</think>"])
async def test_an_empty_answer_is_asked_for_once_more_in_another_way(empty: str) -> None:
    talk = Talk(empty, do("turn on Kitchen light"))
    said = await talk.say(WISH)
    assert talk.hands.done == LIT
    assert said.end.usage.model_calls == 2
    assert talk.model.asked[0]["format"]
    assert not talk.model.asked[1]["format"]


async def test_two_empty_answers_are_no_success() -> None:
    said = await Talk("", "").say(WISH)
    assert said.end.outcome == "not_understood"
    assert said.reply


async def test_an_empty_answer_of_a_model_with_tools_is_asked_for_in_the_structured_form() -> None:
    talk = Talk("", do("turn on Kitchen light"), strategy="native")
    said = await talk.say(WISH)
    assert talk.hands.done == LIT
    assert said.end.usage.model_calls == 2


async def test_a_claim_without_an_action_is_never_spoken() -> None:
    for strategy, answers in (
        ("structured", [say("I have turned on the kitchen light for you.")]),
        ("native", ["I have turned on the kitchen light for you.", say("Which light?")]),
    ):
        said = await Talk(*answers, strategy=strategy).say(WISH)
        assert "turned on" not in said.reply
        assert said.reply


async def test_a_long_reply_of_a_model_with_tools_is_spoken_while_it_is_written() -> None:
    reply = "It is a fine day. " * 20
    talk = Talk(reply, strategy="native")
    turn = talk.agent.converse(Turn("tell me about your day", "en", "one"))
    pieces = [event.content async for event in turn if isinstance(event, Delta)]
    assert len(pieces) > 5
    assert "".join(pieces) == reply.strip()


async def test_tools_and_the_house_share_the_window() -> None:
    talk = Talk([{"tool_calls": [call("HassTurnOn", name="Kitchen light")]}], strategy="native")
    talk.agent.options = talk.agent.options.model_copy(update={"context_window": 2048})
    talk.agent._prompts._options = talk.agent.options
    await talk.say(WISH)
    sent = talk.model.asked[0]
    size = len(json.dumps(sent["tools"])) + sum(len(m["content"]) for m in sent["messages"])
    assert size / 3.3 < 2048
