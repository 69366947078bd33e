"""The connection under everything that can happen to one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web

from ollama_addon.errors import AddonError
from ollama_addon.home import connection as module, rest
from ollama_addon.home.connection import Connection

from .scripted_home import TOKEN, ScriptedHome, eventually


@contextlib.contextmanager
def mute_server() -> Iterator[str]:
    """Yield the address of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


async def connect(connection: Connection) -> None:
    await connection.start()
    await eventually(lambda: connection.connected)


async def test_connects_and_answers(home: ScriptedHome, connection: Connection) -> None:
    home.answers["get_config"] = {"state": "RUNNING"}
    await connect(connection)
    assert await connection.command("get_config") == {"state": "RUNNING"}
    assert connection.version == "2026.11.0"
    assert "2026.11.0" in connection.message


async def test_fields_are_sent_as_they_are(home: ScriptedHome, connection: Connection) -> None:
    await connect(connection)
    await connection.command("render", timeout=3, type_="x", template="{{ 1 }}")
    (request,) = home.asked("render")
    assert {k: v for k, v in request.items() if k not in ("id", "type")} == {
        "timeout": 3,
        "type_": "x",
        "template": "{{ 1 }}",
    }


async def test_a_refused_command_says_why(home: ScriptedHome, connection: Connection) -> None:
    home.answers["call_service"] = ValueError("Service light.fly not found")
    await connect(connection)
    with pytest.raises(AddonError) as caught:
        await connection.command("call_service")
    assert (caught.value.code, caught.value.status) == ("home_failed", 502)
    assert caught.value.message == "Service light.fly not found."
    assert connection.connected


async def test_before_start_it_is_away(connection: Connection) -> None:
    with pytest.raises(AddonError) as caught:
        await connection.command("get_config")
    assert (caught.value.code, caught.value.status) == ("home_away", 503)
    with pytest.raises(AddonError, match="cannot be reached"):
        await connection.post("intent/handle", {})


async def test_connects_as_soon_as_home_assistant_is_there(
    home: ScriptedHome, connection: Connection
) -> None:
    await home.close()
    await connection.start()
    await eventually(lambda: connection.state == "disconnected")
    assert "try again" in connection.message
    await home.open()
    await eventually(lambda: connection.connected)


async def test_reconnects_and_tells(home: ScriptedHome, connection: Connection) -> None:
    told: list[str] = []
    connection.on_connect(lambda: told.append("connected"))
    connection.on_disconnect(lambda: told.append(connection.state))
    await connect(connection)
    await home.drop()
    await eventually(lambda: len(told) == 3)
    assert told == ["connected", "disconnected", "connected"]
    await connection.stop()
    assert told[3:] == ["disconnected"]


async def test_a_failing_callback_harms_nobody(home: ScriptedHome, connection: Connection) -> None:
    told: list[str] = []
    connection.on_connect(lambda: 1 / 0)  # type: ignore[arg-type]
    connection.on_connect(lambda: told.append("second"))
    await connect(connection)
    assert told == ["second"]


async def test_a_command_under_way_fails_when_the_socket_drops(
    home: ScriptedHome, connection: Connection
) -> None:
    home.silent.add("get_states")
    await connect(connection)
    command = asyncio.create_task(connection.command("get_states"))
    await eventually(lambda: home.asked("get_states"))
    await home.drop()
    with pytest.raises(AddonError) as caught:
        await command
    assert caught.value.code == "home_away"


async def test_a_late_answer_does_no_harm(home: ScriptedHome, connection: Connection) -> None:
    may_answer = asyncio.Event()

    async def late(request: dict[str, Any]) -> str:
        await may_answer.wait()
        return "late"

    home.answers["slow"] = late
    home.answers["quick"] = "quick"
    await connect(connection)
    with pytest.raises(AddonError) as caught:
        await connection.command("slow", within=0.05)
    assert (caught.value.code, caught.value.status) == ("home_slow", 504)
    cancelled = asyncio.create_task(connection.command("slow"))
    await asyncio.sleep(0.02)
    cancelled.cancel()
    may_answer.set()
    assert await connection.command("quick") == "quick"
    assert home.connections == 1


async def test_a_refused_token_is_said_and_tried_again(
    home: ScriptedHome, connection: Connection
) -> None:
    home.token = "another"
    await connection.start()
    await eventually(lambda: connection.state == "refused")
    assert "long-lived access token" in connection.message
    with pytest.raises(AddonError) as caught:
        await connection.command("get_config")
    assert caught.value.code == "home_refused"
    home.token = TOKEN
    await eventually(lambda: connection.connected)


async def test_through_the_supervisor(home: ScriptedHome) -> None:
    home.posts["intent/handle"] = reply(body={})
    connection = Connection.from_supervisor(home.url + "/", TOKEN)
    await connect(connection)
    assert await connection.post("intent/handle", {}) == {}
    home.token = "another"
    await home.drop()
    await eventually(lambda: connection.state == "refused")
    assert "Restart the app," in connection.message
    await connection.stop()


async def test_an_ordinary_user_is_refused(home: ScriptedHome, connection: Connection) -> None:
    home.answers["auth/current_user"] = {"is_admin": False}
    await connection.start()
    await eventually(lambda: connection.state == "refused")
    assert "not an administrator" in connection.message


@pytest.mark.parametrize("greeting", ["", "garbage", "[]", "{}", '{"ha_version": 3', "null"])
async def test_garbage_for_a_greeting(
    home: ScriptedHome, connection: Connection, greeting: str
) -> None:
    home.greeting = greeting
    await connection.start()
    await eventually(lambda: connection.state == "disconnected" and home.connections > 1)
    home.greeting = None
    await eventually(lambda: connection.connected)


@pytest.mark.parametrize(
    "garbage",
    ["", "no json", "[1]", "3", "{}", '{"type": "result"}', '{"type": "result", "id": 3}'],
)
async def test_garbage_later(home: ScriptedHome, connection: Connection, garbage: str) -> None:
    home.answers["get_config"] = {"state": "RUNNING"}
    await connect(connection)
    await home.sockets[0].send_str(garbage)
    # What is merely unknown is passed over; anything else makes a new connection.
    answers: list[Any] = []
    while not answers:
        with contextlib.suppress(AddonError):
            answers.append(await connection.command("get_config"))
        await asyncio.sleep(0.01)
    assert answers == [{"state": "RUNNING"}]


async def test_a_dead_socket_is_noticed(
    home: ScriptedHome, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PROBE_EVERY", 0.02)
    monkeypatch.setattr(module, "PROBE_TIMEOUT", 0.1)
    await connect(connection)
    home.silent.add("*")
    await eventually(lambda: not connection.connected)
    home.silent.clear()
    await eventually(lambda: connection.connected)
    assert home.connections >= 2


async def test_a_server_that_never_greets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CONNECT_TIMEOUT", 0.1)
    with mute_server() as url:
        connection = Connection.from_url(url, TOKEN)
        await connection.start()
        await eventually(lambda: connection.state == "disconnected")
        assert "no answer in time" in connection.message
        await connection.stop()


async def test_a_message_that_is_too_large(
    home: ScriptedHome, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_MESSAGE", 2**20)
    home.answers["huge"] = "x" * 2**21
    await connect(connection)
    with pytest.raises(AddonError):
        await connection.command("huge")
    await eventually(lambda: connection.connected and home.connections == 2)


async def test_events_come_until_unsubscribed(home: ScriptedHome, connection: Connection) -> None:
    await connect(connection)
    seen: list[Any] = []
    unsubscribe = await connection.subscribe(seen.append, "subscribe_events", event_type="a")
    await home.fire("a", number=1)
    await eventually(lambda: seen)
    unsubscribe()
    unsubscribe()
    await eventually(lambda: not home.subscribed("subscribe_events"))
    assert [event["data"] for event in seen] == [{"number": 1}]


async def test_an_event_that_is_not_understood_harms_nobody(
    home: ScriptedHome, connection: Connection
) -> None:
    await connect(connection)
    seen: list[Any] = []

    def fragile(event: dict[str, Any]) -> None:
        seen.append(event["data"]["number"])

    await connection.subscribe(fragile, "subscribe_events", event_type="a")
    await home.fire("a", wrong=1)
    await home.fire("a", number=2)
    await eventually(lambda: seen == [2])
    assert home.connections == 1


async def test_unsubscribing_after_a_reconnect_harms_nobody(
    home: ScriptedHome, connection: Connection
) -> None:
    await connect(connection)
    unsubscribe = await connection.subscribe(print, "subscribe_events", event_type="a")
    await home.drop()
    await eventually(lambda: home.connections == 2 and connection.connected)
    await connection.subscribe(print, "subscribe_events", event_type="b")
    unsubscribe()
    await connection.command("anything")
    assert not home.asked("unsubscribe_events")


def reply(status: int = 200, body: Any = None, text: str | None = None) -> Any:
    return lambda request: web.Response(
        status=status,
        text=json.dumps(body) if text is None else text,
        content_type="application/json",
    )


async def test_post(home: ScriptedHome, connection: Connection) -> None:
    home.posts["intent/handle"] = reply(body={"response_type": "action_done"})
    await connect(connection)
    answer = await connection.post("intent/handle", {"name": "HassTurnOn"})
    assert answer == {"response_type": "action_done"}
    assert {"post": "intent/handle", "name": "HassTurnOn"} in home.requests


@pytest.mark.parametrize(
    ("handler", "code", "part"),
    [
        (reply(401, text="401"), "home_refused", "access token"),
        (reply(403, text="403"), "home_refused", "access token"),
        (reply(502, text="502: Bad Gateway"), "home_away", "status 502"),
        (reply(400, {"message": "required key not provided"}), "home_failed", "required key"),
        (reply(500, text="500 Internal Server Error"), "home_failed", "status 500"),
        (reply(200, text="<html>"), "home_failed", "no object"),
        (reply(200, [1]), "home_failed", "no object"),
    ],
)
async def test_what_can_go_wrong_with_post(
    home: ScriptedHome, connection: Connection, handler: Any, code: str, part: str
) -> None:
    home.posts["intent/handle"] = handler
    await connect(connection)
    with pytest.raises(AddonError) as caught:
        await connection.post("intent/handle", {})
    assert caught.value.code == code
    assert part in caught.value.message


async def test_post_to_a_slow_home(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "TIMEOUT", 0.1)
    await connect(connection)
    with mute_server() as url:
        assert connection._rest is not None
        connection._rest._url = url
        with pytest.raises(AddonError) as caught:
            await connection.post("intent/handle", {})
    assert (caught.value.code, caught.value.status) == ("home_slow", 504)


async def test_stop_before_and_after(connection: Connection) -> None:
    await connection.stop()
    await connection.start()
    await connection.start()
    await connection.stop()
    await connection.stop()
    assert connection.state == "disconnected"


@pytest.mark.parametrize("url", ["", "homeassistant.local", "ftp://home", "http://"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(AddonError) as caught:
        Connection.from_url(url, TOKEN)
    assert caught.value.code == "home_url"
