"""Whatever a model or an engine sends: a reply, or a sentence about it, and nothing unexposed."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web
from hypothesis import given, seed, strategies as st

from ollama_addon.agent.conversations import Conversation, Exchange
from ollama_addon.agent.strategies.native import called
from ollama_addon.agent.strategies.structured import AnswerStream
from ollama_addon.agent.strategies.tools import tools_for
from ollama_addon.engine.server import TROUBLE, Server
from ollama_addon.errors import AddonError
from tests.agent.homes import family_home
from tests.agent.scripted_agent import Talk
from tests.engine.scripted import Scripted
from tests.fuzzing import SEED, relaxed

HOME = family_home()
TOOLS = sorted(tools_for(HOME, has_satellite=True).names)
NAMES = [entity.name for entity in HOME.entities.values()] + list(HOME.entities)
SLOTS = ["name", "area", "floor", "domain", "device_class", "brightness", "color", "temperature"]
PHRASES = ["turn on", "unlock", "open", "set", "read", "Kitchen light", "Front door", "…", "50"]

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.sampled_from([*NAMES, "switch.attic_pump", "all", "Kitchen", "on"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(SLOTS) | st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
SPOKEN = st.lists(st.sampled_from(PHRASES), max_size=5).map(" ".join)
STRUCTURED = st.one_of(
    st.text(max_size=60),
    JSON.map(json.dumps),
    st.fixed_dictionaries({"do": st.lists(SPOKEN, max_size=4) | JSON}).map(json.dumps),
    st.fixed_dictionaries({"look": JSON, "say": JSON, "do": JSON}).map(json.dumps),
    st.text(max_size=20).map(lambda text: json.dumps({"say": text})[:-2]),
)
CALL = st.fixed_dictionaries(
    {
        "function": st.fixed_dictionaries(
            {
                "name": st.sampled_from(TOOLS) | st.text(max_size=8) | JSON,
                "arguments": st.dictionaries(st.sampled_from(SLOTS), JSON, max_size=4)
                | JSON
                | JSON.map(json.dumps),
            }
        )
    }
)
MESSAGE = st.fixed_dictionaries(
    {}, optional={"content": st.text(max_size=40), "tool_calls": st.lists(CALL, max_size=3)}
)
SENTENCES = st.sampled_from(
    [
        "turn on the kitchen light",
        "unlock the front door",
        "what is on my shopping list?",
        "set the thermostat to 21",
        "it is dark",
        "",
    ]
) | st.text(min_size=1, max_size=30)


def take(talk: Talk, sentence: str) -> None:
    """Take a turn; whatever happens, only what is exposed is touched."""

    async def turn() -> None:
        try:
            said = await talk.say(sentence, device_id="satellite")
        except AddonError:
            return
        assert isinstance(said.reply, str)
        assert said.end.outcome

    asyncio.run(turn())
    for intent, slots in talk.hands.done:
        assert isinstance(intent, str)
        ids = slots.get("entity_id") or ([slots["name"]] if "name" in slots else [])
        assert set(ids) <= set(HOME.entities), (intent, slots)


@seed(SEED)
@relaxed(60)
@given(SENTENCES, st.lists(STRUCTURED, min_size=3, max_size=3), st.booleans())
def test_any_structured_answer(sentence: str, answers: list[str], tiny: bool) -> None:
    size: dict[str, Any] = {"parameters": 135_000_000} if tiny else {}
    take(Talk(*answers, **size), sentence)


@seed(SEED)
@relaxed(60)
@given(
    SENTENCES,
    st.lists(st.lists(MESSAGE, max_size=3), min_size=3, max_size=3),
    st.lists(STRUCTURED, min_size=2, max_size=2),
)
def test_any_calls(sentence: str, answers: list[Any], after: list[str]) -> None:
    take(Talk(*answers, *after, strategy="native"), sentence)


@seed(SEED)
@relaxed(60)
@given(JSON, st.lists(CALL, max_size=3))
def test_reading_calls_never_fails(anything: Any, calls: list[Any]) -> None:
    for name, arguments in called([*calls, {"function": anything}, {}]):
        assert isinstance(name, str)
        assert isinstance(arguments, dict)


@seed(SEED)
@relaxed(60)
@given(STRUCTURED, st.integers(1, 7))
def test_a_reply_is_streamed_the_same_whatever_the_pieces(answer: str, size: int) -> None:
    whole, pieces = AnswerStream("en"), AnswerStream("en")
    said = "".join(pieces.feed(answer[at : at + size]) for at in range(0, len(answer), size))
    assert said + pieces.finish() == whole.feed(answer) + whole.finish()


EXCHANGES = st.lists(
    st.lists(
        st.fixed_dictionaries(
            {"role": st.sampled_from(["user", "assistant", "tool"]), "content": st.text()},
            optional={"tool_calls": JSON},
        ),
        min_size=1,
        max_size=4,
    ),
    max_size=40,
)


@seed(SEED)
@relaxed(60)
@given(EXCHANGES, st.integers(0, 30), st.integers(0, 500))
def test_history_is_bounded_and_whole_turns_are_kept(
    turns: list[list[dict[str, Any]]], max_history: int, budget: int
) -> None:
    conversation = Conversation("one")
    for messages in turns:
        exchange = Exchange(tuple(messages))
        conversation.add(exchange, max_history=max_history, budget=budget)
        assert conversation.exchanges[-1] is exchange
        assert not max_history or len(conversation.exchanges) <= max_history
        assert (
            len(conversation.exchanges) == 1
            or sum(each.size for each in conversation.exchanges) <= budget
        )
    kept = [message for exchange in conversation.exchanges for message in exchange.messages]
    assert conversation.messages(tools=True) == kept


def _written(data: object) -> bytes:
    return json.dumps(data).encode()


CHUNKS = st.lists(
    st.one_of(
        st.binary(max_size=30),
        JSON.map(lambda data: json.dumps(data).encode()),
        st.fixed_dictionaries({"message": JSON, "done": JSON}).map(
            lambda d: json.dumps(d).encode()
        ),
        st.fixed_dictionaries({"error": JSON}).map(lambda d: json.dumps(d).encode()),
    ),
    max_size=5,
)


@seed(SEED)
@relaxed(40)
@given(st.lists(CHUNKS, min_size=1, max_size=4), st.sampled_from([200, 400, 404, 500, 503]))
def test_whatever_an_engine_sends_can_be_said(answers: list[list[bytes]], status: int) -> None:
    async def ask() -> None:
        async with Scripted("m:1") as engine:
            server, said = Server(engine.url), list[str]()
            for lines in answers:

                async def send(_request: web.Request, lines: list[bytes] = lines) -> web.Response:
                    return web.Response(body=b"\n".join(lines), status=status)

                for path in ("/api/chat", "/api/tags", "/api/ps", "/api/show"):
                    engine.on[path] = send
                await server.check()
                assert server.message
                try:
                    async for chunk in server.chat({"model": "m:1", "messages": []}):
                        assert isinstance(chunk["message"].get("content", ""), str)
                        assert (chunk.get("eval_count") or 0) + 1
                except TROUBLE as error:
                    said.append(server.said(error, "m:1").message)
                try:
                    await server.details("m:1")
                except AddonError as error:
                    said.append(error.message)
            await server.close()
            assert all(said)

    asyncio.run(ask())
