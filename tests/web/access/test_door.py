"""Who comes in, under which name, with how much and how slowly: over real connections."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from ollama_addon.app.wiring import make_app
from ollama_addon.web import serving
from ollama_addon.web.access import bodies, door
from ollama_addon.web.listener import Listener
from tests.web.people import THROUGH_INGRESS, Home, behind_ingress
from tests.web.running import INGRESS, listening, settings

LOCALHOST = "127.0.0.1"


@pytest.fixture(autouse=True)
def no_traceback(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whoever comes in how: nothing of it is an error of ours."""
    yield
    found = [record for record in caplog.records if record.exc_info]
    assert not found
    assert not [record for record in caplog.records if "ASGI" in record.getMessage()]


class Wire:
    """A connection on which anything can be sent."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, *parts: str | bytes) -> None:
        for part in parts:
            self.writer.write(part.encode("latin-1") if isinstance(part, str) else part)
        await self.writer.drain()

    async def answer(self) -> tuple[int, str]:
        """Return the status and the rest, when the other side has closed or said all."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = [line for line in head.lower().split("\r\n") if line.startswith("content-length")]
        body = await self.reader.readexactly(int(length[0].split(":")[1])) if length else b""
        return int(head.split()[1]), body.decode()

    async def closed(self) -> bool:
        """Wait until the other side hangs up, whatever it says before."""
        try:
            while await self.reader.read(65536):
                pass
        except ConnectionError:
            pass
        return True


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Wire]:
    reader, writer = await asyncio.open_connection(LOCALHOST, port)
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()


async def get(port: int, path: str, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.get(f"http://{LOCALHOST}:{port}{path}", headers=named)


def _without_mark(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name != "X-Requested-With"}


def routes(data: Path) -> list[tuple[str, str]]:
    def flat(found: Any) -> Iterator[APIRoute]:
        for route in found:
            if isinstance(route, APIRoute):
                yield route
            elif inner := getattr(route, "original_router", None):
                yield from flat(inner.routes)

    app = make_app(settings(data))
    return [
        (method, route.path) for route in flat(app.routes) for method in sorted(route.methods or ())
    ]


# Who


async def test_nothing_but_health_and_the_panels_files_is_open(tmp_path: Path) -> None:
    everything = routes(tmp_path)
    assert len(everything) > 30
    async with listening(tmp_path) as (port, token), httpx.AsyncClient(trust_env=False) as client:
        for method, path in [*everything, ("GET", "/api/openapi.json"), ("GET", "/nowhere")]:
            url = f"http://{LOCALHOST}:{port}{path}"
            for authorization in (None, "", token, f"Basic {token}", "Bearer", f"Bearer {token}x"):
                headers = {"Authorization": authorization} if authorization is not None else {}
                answer = await client.request(method, url, headers=headers)
                opened = path == "/health"
                assert answer.status_code == (200 if opened else 401), (method, path)
                assert token not in answer.text
        health = await client.get(f"http://{LOCALHOST}:{port}/health")
        assert health.json() == {"status": "ok"}
        assert (await client.get(f"http://{LOCALHOST}:{port}/static/panel.css")).is_success
        again = await client.get(
            f"http://{LOCALHOST}:{port}/api/status", headers={"Authorization": f"bearer {token}"}
        )
        assert again.is_success


@pytest.mark.parametrize(
    "forged",
    [
        {"X-Forwarded-For": INGRESS},
        {"X-Forwarded-For": f"{INGRESS}, {LOCALHOST}"},
        {"Forwarded": f"for={INGRESS}"},
        {"X-Real-IP": INGRESS},
        {"X-Hass-Source": "core.ingress"},
        {"X-Client-IP": INGRESS, "Host": f"{INGRESS}:8099"},
    ],
)
async def test_no_header_makes_anybody_ingress(tmp_path: Path, forged: dict[str, str]) -> None:
    async with listening(tmp_path) as (port, _):
        answer = await get(port, "/api/status", **(THROUGH_INGRESS | forged))
        assert answer.status_code == 401


async def test_ingress_is_let_in_by_its_address(tmp_path: Path) -> None:
    async with behind_ingress(tmp_path, Home()) as (port, _):
        # Under whatever name the person has opened Home Assistant.
        answer = await get(port, "/api/status", **THROUGH_INGRESS, Host="home.example.com")
        assert answer.is_success
        assert (await get(port, "/api/status")).status_code == 401


@pytest.mark.parametrize(
    ("site", "status"),
    [("same-origin", 200), ("none", 200), ("same-site", 403), ("cross-site", 403), ("x", 403)],
)
async def test_pages_of_other_sites_get_nothing_through_ingress(
    tmp_path: Path, site: str, status: int
) -> None:
    async with behind_ingress(tmp_path, Home()) as (port, _):
        answer = await get(port, "/api/agents", **THROUGH_INGRESS, Sec_Fetch_Site=site)
        assert answer.status_code == status
        async with httpx.AsyncClient(trust_env=False) as client:
            form = await client.post(
                f"http://{LOCALHOST}:{port}/api/models/check",
                headers=_without_mark(THROUGH_INGRESS) | {"Origin": "http://evil.example"},
            )
        assert (form.status_code, form.json()["error"]["code"]) == (403, "forged")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("127.0.0.1:8099", 200),
        ("172.30.33.4:8099", 200),
        ("[::1]:8099", 200),
        ("[fd00::2]", 200),
        ("localhost:8099", 200),
        ("a0b1c2d3-ollama:8099", 200),
        ("a0b1c2d3-ollama.local.hass.io:8099", 200),
        ("homeassistant.local", 200),
        ("homeassistant.fritz.box", 200),
        ("Assist.Home.Arpa.:8099", 200),
        ("nas.lan", 200),
        ("assist.box", 421),
        ("fritz.box.evil.example", 421),
        ("evilfritz.box", 421),
        ("evil.example", 421),
        ("evil.example:8099", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost@evil.example", 421),
        ("local.evil.example.", 421),
        ("localhost:8099/evil.example", 421),
        ("", 421),
    ],
)
async def test_names_that_the_internet_can_give_are_refused(
    tmp_path: Path, host: str, status: int
) -> None:
    async with listening(tmp_path) as (port, token), connected(port) as wire:
        await wire.send(
            f"GET /api/agents HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n"
        )
        answered, body = await wire.answer()
        assert answered == status
        if status != 200:
            assert json.loads(body)["error"]["code"] == "wrong_host"


async def test_names_that_the_options_add(tmp_path: Path) -> None:
    options = tmp_path / "options.json"
    options.write_text(json.dumps({"allowed_hosts": ["assist.example.org", "*.me.example"]}))
    async with listening(tmp_path) as (port, token):
        expected = {
            "assist.example.org": 200,
            "ASSIST.example.org:8099": 200,
            "a.b.me.example": 200,
            "me.example": 421,
            "notme.example": 421,
            "example.org": 421,
        }
        for host, status in expected.items():
            async with connected(port) as wire:
                await wire.send(
                    f"GET /api/agents HTTP/1.1\r\nHost: {host}\r\n"
                    f"Authorization: Bearer {token}\r\n\r\n"
                )
                assert (await wire.answer())[0] == status, host


async def test_browsers_are_told_to_guess_nothing(tmp_path: Path) -> None:
    async with behind_ingress(tmp_path, Home()) as (port, _):
        for path in ("/", "/chat", "/api/status", "/static/panel.css", "/health", "/nowhere"):
            answer = await get(port, path, **THROUGH_INGRESS)
            assert answer.headers["x-content-type-options"] == "nosniff", path
            assert answer.headers["referrer-policy"] == "no-referrer", path
        policy = (await get(port, "/", **THROUGH_INGRESS)).headers["content-security-policy"]
        directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
        # Ingress shows it in a frame of Home Assistant's own address; nobody else may.
        assert directives["frame-ancestors"] == "'self'"
        assert directives["script-src"] == "'self'"
        assert "x-frame-options" not in answer.headers


# How much


async def test_a_body_is_not_read_before_it_is_known_whose_it_is(tmp_path: Path) -> None:
    async with listening(tmp_path) as (port, _), connected(port) as wire:
        await wire.send(
            "PUT /api/options HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n{"
        )
        assert (await wire.answer())[0] == 401


@pytest.mark.parametrize(
    ("path", "limit"),
    [("/api/options", door.MAX_BODY), ("/api/agents/home/generate", door.MAX_TASK)],
)
async def test_a_body_that_is_too_large_is_refused_at_once(
    tmp_path: Path, path: str, limit: int
) -> None:
    async with listening(tmp_path) as (port, token):
        for length in (limit + 1, 10**18):
            async with connected(port) as wire:
                await wire.send(
                    f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
                    f"Content-Length: {length}\r\n\r\n"
                )
                status, body = await wire.answer()
                assert (status, json.loads(body)["error"]["code"]) == (413, "too_large")


async def test_a_body_without_an_end_is_cut_off(tmp_path: Path) -> None:
    async with listening(tmp_path) as (port, token), connected(port) as wire:
        await wire.send(
            f"POST /api/options/check HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {token}\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        sent = 0

        async def pour() -> None:
            nonlocal sent
            try:
                while True:
                    await wire.send(b"10000\r\n" + b" " * 65536 + b"\r\n")
                    sent += 65536
            except ConnectionError:
                pass

        pouring = asyncio.create_task(pour())
        status, body = await wire.answer()
        assert (status, json.loads(body)["error"]["code"]) == (413, "too_large")
        pouring.cancel()
        await asyncio.gather(pouring, return_exceptions=True)


async def test_a_body_that_fits_arrives_whole(tmp_path: Path) -> None:
    async with listening(tmp_path) as (port, token), connected(port) as wire:
        content = json.dumps({"options": {"journal_days": 7}}).encode()
        await wire.send(
            f"POST /api/options/check HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
            f"Transfer-Encoding: chunked\r\n\r\n"
        )
        for byte in content:
            await wire.send(b"1\r\n", bytes([byte]), b"\r\n")
        await wire.send("0\r\n\r\n")
        assert await wire.answer() == (200, "[]")


# How slowly


@pytest.mark.parametrize("begun", ["", "GET /health HT", "GET /health HTTP/1.1\r\nHost: loc"])
async def test_who_sends_no_request_is_hung_up_on(
    tmp_path: Path, begun: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "_HEAD_TIME", 0.1)
    async with listening(tmp_path) as (port, _):
        async with connected(port) as wire:
            await wire.send(begun)
            assert await wire.closed()
        async with connected(port) as wire:  # and after a whole request as well
            await wire.send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert (await wire.answer())[0] == 200
            await wire.send(begun)
            assert await wire.closed()


async def test_who_sends_a_head_byte_by_byte_is_hung_up_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "_HEAD_TIME", 0.1)
    async with listening(tmp_path) as (port, _), connected(port) as wire:
        closing = asyncio.create_task(wire.closed())
        await wire.send("GET /health HTTP/1.1\r\n")
        while not closing.done():
            try:
                await wire.send("X")
            except ConnectionError:
                break
            await asyncio.sleep(0.01)
        assert await closing


async def test_a_body_that_does_not_come_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "PATIENCE", 0.1)
    async with listening(tmp_path) as (port, token), connected(port) as wire:
        await wire.send(
            f"PUT /api/options HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Length: 100\r\n\r\n{{"
        )
        status, body = await wire.answer()
        assert (status, json.loads(body)["error"]["code"]) == (408, "too_slow")


async def test_a_long_answer_is_not_hung_up_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "_HEAD_TIME", 0.05)
    async with listening(tmp_path) as (port, token), connected(port) as wire:
        await wire.send(
            f"GET /api/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
        )
        await wire.reader.readuntil(b"event: status")
        await asyncio.sleep(0.5)  # ten times the time for a head
        assert not wire.reader.at_eof()


async def test_who_does_not_read_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "_STUCK_TIME", 0.1)
    ended = asyncio.Event()

    async def pour(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                await send({"type": "http.response.start", "status": 200, "headers": []})
                gone = asyncio.create_task(_gone(receive))
                while not gone.done():
                    await send(
                        {"type": "http.response.body", "body": b"x" * 65536, "more_body": True}
                    )
                    await asyncio.sleep(0)
                await send({"type": "http.response.body", "body": b""})
            finally:
                ended.set()

    listener = Listener(pour, LOCALHOST, 0)
    await listener.start()
    async with connected(listener.port) as wire:
        await wire.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await ended.wait()
    await listener.stop()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def test_many_that_hold_connections_are_gone_after_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "_HEAD_TIME", 0.5)
    monkeypatch.setattr(serving, "_CONNECTIONS", 20)
    async with listening(tmp_path) as (port, _):
        held = [await asyncio.open_connection(LOCALHOST, port) for _ in range(40)]
        assert (await get(port, "/health")).status_code == 503
        for reader, writer in held:
            assert await Wire(reader, writer).closed()
            writer.close()
        assert (await get(port, "/health")).status_code == 200


# Tricks


@pytest.mark.parametrize(
    "request_line",
    [
        "GET /static/../../../../etc/passwd HTTP/1.1",
        "GET /static/%2e%2e/%2e%2e/app.py HTTP/1.1",
        "GET /static/..%2f..%2fapp.py HTTP/1.1",
        "GET /static/%00 HTTP/1.1",
        "GET /static/%ff%fe HTTP/1.1",
        "GET /static//etc/passwd HTTP/1.1",
        "GET /static/" + "a" * 5000 + " HTTP/1.1",
        "GET /static/../api/agents HTTP/1.1",
        "GET /health/../api/agents HTTP/1.1",
        "GET //api/agents HTTP/1.1",
        "GET /api/agents;x=/health HTTP/1.1",
        "GET /api/agents?/health HTTP/1.1",
        "GET /api/agents%3f/health HTTP/1.1",
        "GET http://localhost/api/agents HTTP/1.1",
        "TRACE /api/agents HTTP/1.1",
    ],
)
async def test_paths_lead_nowhere_else(tmp_path: Path, request_line: str) -> None:
    async with listening(tmp_path) as (port, _), connected(port) as wire:
        await wire.send(f"{request_line}\r\nHost: localhost\r\n\r\n")
        status, body = await wire.answer()
        assert status in (400, 401, 404), body
        assert "root:" not in body
        assert "import" not in body


@pytest.mark.parametrize(
    "headers",
    [
        "Host: localhost\r\nHost: evil.example\r\n",
        "Host: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n",
        "Host: localhost\r\nContent-Length: -1\r\n",
        "Host: localhost\r\nContent-Length: 1x\r\n",
        "Host: localhost\r\nTransfer-Encoding: gzip\r\n",
        "Host: localhost\r\nX: a\x00b\r\n",
        "Host: localhost\r\nX\r\n",
        "Host : localhost\r\n",
        " Host: localhost\r\n",
    ],
)
async def test_heads_that_are_none(tmp_path: Path, headers: str) -> None:
    async with listening(tmp_path) as (port, _), connected(port) as wire:
        await wire.send(f"GET /health HTTP/1.1\r\n{headers}\r\n")
        status, _body = await wire.answer()
        assert 400 <= status < 502
        assert await wire.closed()


async def test_a_head_without_an_end_is_cut_off(tmp_path: Path) -> None:
    async with listening(tmp_path) as (port, _), connected(port) as wire:
        closing = asyncio.create_task(wire.closed())
        await wire.send("GET /health HTTP/1.1\r\n")
        while not closing.done():
            try:
                await wire.send("X: ", "a" * 10_000, "\r\n")
            except ConnectionError:
                break
        assert await closing


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "a/../../b",
        ".hidden",
        "-rf",
        "m:1\r\nX: y",
        "m\x00",
        "a b",
        "ä",
        "m:" * 99,
    ],
)
async def test_no_model_has_a_name_that_is_a_path(tmp_path: Path, name: str) -> None:
    async with listening(tmp_path) as (port, token), httpx.AsyncClient(trust_env=False) as client:
        headers = {"Authorization": f"Bearer {token}"}
        url = f"http://{LOCALHOST}:{port}/api/models"
        pulled = await client.post(f"{url}/pull", json={"name": name}, headers=headers)
        assert (pulled.status_code, pulled.json()["error"]["code"]) == (422, "bad_model_name")
        quoted = httpx.URL(f"{url}/").copy_with(raw_path=b"/api/models/" + _quoted(name))
        removed = await client.request("DELETE", quoted, headers=headers)
        assert removed.status_code in (404, 422)
        assert removed.json()["error"]["code"] in ("not_found", "bad_model_name")


def _quoted(name: str) -> bytes:
    return b"".join(b"%%%02x" % byte for byte in name.encode())


async def test_the_log_has_no_secret(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with listening(tmp_path) as (port, token):
        for authorization in (f"Bearer {token}", f"Bearer {token}x"):
            await get(port, "/api/status", Authorization=authorization)
            await get(port, "/api/nowhere", Authorization=authorization)
    key = (tmp_path / "gateway_key").read_text()
    said = [record.getMessage() for record in caplog.records if record.name.startswith("ollama")]
    assert said
    assert not [line for line in said if token in line or key in line]
