"""The agent over the Wyoming protocol, asked by the library that Home Assistant asks with."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from wyoming.asr import Transcript
from wyoming.client import AsyncTcpClient
from wyoming.error import Error
from wyoming.event import Event as Message
from wyoming.handle import Handled, NotHandled
from wyoming.info import Describe, Info
from wyoming.ping import Ping, Pong

from ollama_addon.agent.agent import Agent
from ollama_addon.agent.events import Delta, End, Event, Outcome, Start, ToolCall, Usage
from ollama_addon.agent.turn import Turn
from ollama_addon.errors import AddonError
from ollama_addon.options import AgentOptions
from ollama_addon.wyoming import server as wyoming_server
from ollama_addon.wyoming.server import WyomingServer
from tests.home.scripted_home import eventually


class ScriptedAgent(Agent):
    """Says the pieces of `script`; raises those that are exceptions."""

    def __init__(self) -> None:
        self.options = AgentOptions(id="home", name="Home", model="m:1b")
        self.script: list[str | Exception] = ["Hello", " there."]
        self.outcome: Outcome = "answered"
        self.turns: list[Turn] = []
        self.waiting: asyncio.Event | None = None
        """Waited for before anything is said."""
        self.cancelled = 0

    async def converse(self, turn: Turn) -> AsyncIterator[Event]:
        self.turns.append(turn)
        yield Start(turn.conversation_id, "1", "home")
        if self.waiting is not None:
            try:
                await self.waiting.wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
        yield ToolCall("1", "HassTurnOn", {})
        for piece in self.script:
            if isinstance(piece, Exception):
                raise piece
            yield Delta(piece)
        yield End(False, Usage(), {}, self.outcome)


@pytest.fixture
def agent() -> ScriptedAgent:
    return ScriptedAgent()


@pytest.fixture
async def server(agent: ScriptedAgent) -> AsyncIterator[WyomingServer]:
    server = WyomingServer(agent, "127.0.0.1", 0)
    await server.start()
    yield server
    await server.stop()


async def ask(server: WyomingServer, *messages: Message) -> list[Message]:
    """Send messages on one connection, and return an answer to each."""
    answers = []
    async with AsyncTcpClient("127.0.0.1", server.port) as client:
        for message in messages:
            await client.write_event(message)
        for _ in messages:
            answer = await client.read_event()
            assert answer is not None
            answers.append(answer)
    return answers


async def say(server: WyomingServer, text: str, **more: Any) -> Message:
    (answer,) = await ask(server, Transcript(text, **more).event())
    return answer


async def test_what_it_is(server: WyomingServer, agent: ScriptedAgent) -> None:
    (answer,) = await ask(server, Describe().event())
    (program,) = Info.from_event(answer).handle
    assert (program.name, program.installed, program.supports_home_control) == ("Home", True, True)
    assert [(model.name, model.languages) for model in program.models] == [("m:1b", [])]
    agent.options = agent.options.model_copy(update={"control_home": False})
    (answer,) = await ask(server, Describe().event())
    assert not Info.from_event(answer).handle[0].supports_home_control


async def test_a_sentence(server: WyomingServer, agent: ScriptedAgent) -> None:
    context = {"conversation_id": "c", "device_id": "d", "satellite_id": "assist_satellite.s"}
    answer = await say(server, "hallo", language="de", context=context)
    assert Handled.from_event(answer) == Handled("Hello there.", {"conversation_id": "c"})
    (turn,) = agent.turns
    assert turn == Turn("hallo", "de", "c", "d", "assist_satellite.s", source="assist")


async def test_several_on_one_connection_are_answered_in_their_order(
    server: WyomingServer, agent: ScriptedAgent
) -> None:
    answers = await ask(
        server,
        Ping("1").event(),
        Transcript("one").event(),
        Describe().event(),
        Transcript("two").event(),
    )
    assert [answer.type for answer in answers] == ["pong", "handled", "info", "handled"]
    assert Pong.from_event(answers[0]).text == "1"
    assert [turn.text for turn in agent.turns] == ["one", "two"]


async def test_two_at_once(server: WyomingServer, agent: ScriptedAgent) -> None:
    agent.waiting = asyncio.Event()
    saying = [asyncio.create_task(say(server, text)) for text in ("one", "two")]
    await eventually(lambda: len(agent.turns) == 2)
    agent.waiting.set()
    assert [answer.type for answer in await asyncio.gather(*saying)] == ["handled"] * 2


@pytest.mark.parametrize("outcome", ["failed", "not_understood"])
async def test_what_was_not_done_is_said(
    server: WyomingServer, agent: ScriptedAgent, outcome: Outcome
) -> None:
    agent.outcome, agent.script = outcome, ["It is too late."]
    assert NotHandled.from_event(await say(server, "hi")).text == "It is too late."


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (AddonError("no_model", "The model is missing. Wait for it."), "The model is missing."),
        (RuntimeError("secret"), "Something went wrong"),
    ],
)
async def test_an_error_is_a_sentence(
    server: WyomingServer, agent: ScriptedAgent, error: Exception, said: str
) -> None:
    agent.script = ["Let me", error]
    answer = NotHandled.from_event(await say(server, "hi"))
    assert answer.text is not None
    assert answer.text.startswith(said)
    assert "secret" not in answer.text
    agent.script = ["Again."]
    assert Handled.from_event(await say(server, "hi")).text == "Again."


async def test_somebody_hangs_up(server: WyomingServer, agent: ScriptedAgent) -> None:
    agent.waiting = asyncio.Event()
    async with AsyncTcpClient("127.0.0.1", server.port) as client:
        await client.write_event(Transcript("hi").event())
        await eventually(lambda: agent.turns)
    await eventually(lambda: agent.cancelled == 1)


async def test_it_stops_in_the_middle_of_a_turn(
    server: WyomingServer, agent: ScriptedAgent
) -> None:
    agent.waiting = asyncio.Event()
    saying = asyncio.create_task(say(server, "hi"))
    await eventually(lambda: agent.turns)
    await server.stop()
    assert agent.cancelled == 1
    with pytest.raises(AssertionError):  # nothing was answered
        await saying
    with pytest.raises(OSError, match=r"refused|failed"):
        await say(server, "hi")
    await server.stop()
    await server.start()
    agent.waiting.set()
    assert (await say(server, "hi")).type == "handled"


@pytest.mark.parametrize(
    "data",
    [{}, {"text": None}, {"text": ["hi"]}, {"text": 5, "context": {}}],
)
async def test_a_transcript_that_is_none(
    server: WyomingServer, agent: ScriptedAgent, data: dict[str, Any]
) -> None:
    (answer,) = await ask(server, Message("transcript", data))
    assert Error.from_event(answer).code == "invalid_transcript"
    assert agent.turns == []


@pytest.mark.parametrize(
    "context",
    [
        "no",
        [],
        {"conversation_id": 5, "device_id": None, "satellite_id": {}},
        {"device_id": "d" * 256},
    ],
)
async def test_a_context_that_is_none(
    server: WyomingServer, agent: ScriptedAgent, context: Any
) -> None:
    (answer,) = await ask(server, Message("transcript", {"text": "hi", "context": context}))
    assert answer.type == "handled"
    assert agent.turns == [Turn("hi", source="assist")]


async def raw(server: WyomingServer, sent: Sequence[bytes]) -> bytes:
    """Send bytes, and return all that comes until the other side hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        for part in sent:
            writer.write(part)
            await writer.drain()
        return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


def header(**fields: Any) -> bytes:
    return json.dumps(fields).encode() + b"\n"


@pytest.mark.parametrize(
    "sent",
    [
        [b"hello\n"],
        [b"{}\n"],
        [b"[]\n"],
        [b"5\n"],
        [b"[" * 50_000 + b"\n"],
        [header(type=5)],
        [header(type="transcript", data="hi")],
        [header(type="transcript", data_length="x")],
        [header(type="transcript", data_length=2), b"{]"],
        [header(type="transcript", data_length=3), b"[5]"],
        [header(type="transcript", data_length=10**12)],
        [header(type="transcript", payload_length=10**12)],
        [b"x" * 30_000] * 10,
        [b"\xff\xfe\n"],
    ],
    ids=lambda sent: str(sent[0][:40]),
)
async def test_what_is_no_event_ends_the_connection(
    server: WyomingServer, agent: ScriptedAgent, sent: list[bytes]
) -> None:
    assert await raw(server, sent) == b""
    assert agent.turns == []
    assert (await say(server, "hi")).type == "handled"


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.binary(max_size=200), max_size=4))
def test_anything_can_be_sent(parts: list[bytes]) -> None:
    async def send() -> None:
        agent = ScriptedAgent()
        server = WyomingServer(agent, "127.0.0.1", 0)
        await server.start()
        await raw(server, [*parts, b"\n{\n"])
        assert (await say(server, "hi")).type == "handled"
        await server.stop()

    asyncio.run(send())


async def test_an_unknown_event_is_passed_over(server: WyomingServer) -> None:
    async with AsyncTcpClient("127.0.0.1", server.port) as client:
        await client.write_event(Message("from-the-future", {"a": 1}, b"payload"))
        await client.write_event(Ping("still there").event())
        answer = await client.read_event()
    assert answer is not None
    assert answer.type == "pong"


async def test_who_says_nothing_is_hung_up_on(
    server: WyomingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wyoming_server, "IDLE", 0.05)
    assert await raw(server, [b'{"type": "tran']) == b""


async def test_a_long_turn_is_not_hung_up_on(
    server: WyomingServer, agent: ScriptedAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wyoming_server, "IDLE", 0.01)
    agent.waiting = asyncio.Event()
    saying = asyncio.create_task(say(server, "hi"))
    await eventually(lambda: agent.turns)
    await asyncio.sleep(0.1)
    agent.waiting.set()
    assert (await saying).type == "handled"


async def test_no_more_connections_than_are_sensible(
    server: WyomingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wyoming_server, "MAX_CONNECTIONS", 1)
    async with AsyncTcpClient("127.0.0.1", server.port) as client:
        await client.write_event(Ping("1").event())
        assert await client.read_event()
        assert await raw(server, []) == b""
        await client.write_event(Ping("2").event())
        assert await client.read_event()


async def test_a_port_that_is_taken(server: WyomingServer, agent: ScriptedAgent) -> None:
    other = WyomingServer(agent, "127.0.0.1", server.port)
    with pytest.raises(AddonError, match=f"Port {server.port}.*cannot be used") as raised:
        await other.start()
    assert raised.value.code == "port_taken"
    assert not other.running
    await other.stop()


@pytest.mark.parametrize(
    ("peer", "listened_to"),
    [
        ("172.30.32.1", True),
        ("::ffff:172.30.32.1", True),
        ("127.0.0.1", True),
        ("127.0.0.2", True),
        ("::1", True),
        ("172.30.32.2", False),
        ("172.30.33.5", False),
        ("192.168.1.5", False),
        ("::ffff:172.30.33.5", False),
        ("fd00::1", False),
        ("", False),
        ("somewhere", False),
    ],
)
async def test_only_home_assistant_is_listened_to(
    agent: ScriptedAgent, peer: str, listened_to: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = asyncio.StreamWriter.get_extra_info

    def from_there(self: asyncio.StreamWriter, name: str, default: Any = None) -> Any:
        return (peer, 1) if name == "peername" else plain(self, name, default)

    server = WyomingServer(agent, "127.0.0.1", 0, "172.30.32.1")
    await server.start()
    monkeypatch.setattr(asyncio.StreamWriter, "get_extra_info", from_there)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b'{"type": "describe"}\n')
    try:
        answer = await reader.readline()
    except ConnectionError:
        answer = b""
    assert (b"info" in answer) is listened_to
    writer.close()
    await server.stop()


async def test_without_an_address_of_home_assistant_only_this_machine_is(
    agent: ScriptedAgent,
) -> None:
    assert not wyoming_server._is_home_assistant("172.30.32.1", "")
    assert wyoming_server._is_home_assistant("127.0.0.1", "")
