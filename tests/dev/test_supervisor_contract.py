"""What the real Supervisor promises an app, held against the simulated one."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
import pytest_asyncio
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer

from dev.stack import Stack
from dev.supervisor import ADDRESS, Addon, Core, Manifest, ManifestError, Supervisor, User
from dev.supervisor.ingress import COOKIE

MANIFEST = {
    "name": "Test app",
    "slug": "test_addon",
    "version": "1.2.3",
    "description": "An app to test with.",
    "arch": ["amd64", "aarch64"],
    "ingress": True,
    "homeassistant_api": True,
    "discovery": ["test_addon"],
    "options": {"level": "info", "engine": {"threads": 0}, "agents": [{"name": "Home"}]},
    "schema": {
        "level": "list(debug|info)",
        "engine": {"threads": "int(0,64)"},
        "agents": [{"name": "str(1,20)", "temperature": "float(0,2)?"}],
        "servers": ["url?"],
    },
}
SLEEPER = "import sys, time; print('up', flush=True); time.sleep(600)"


async def echo(request: web.Request) -> web.StreamResponse:
    """Answer with what arrived, so that a test sees what a proxy made of a request."""
    body = await request.read()
    return web.json_response(
        {
            "method": request.method,
            "path": request.path,
            "query": dict(request.query),
            "headers": {name.lower(): value for name, value in request.headers.items()},
            "body": body.decode(errors="replace"),
            "peer": request.remote,
        },
        headers={"Cache-Control": "no-store", "X-Private": "secret"},
    )


async def server_sent_events(request: web.Request) -> web.StreamResponse:
    """Send a second event only when the first has been received."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    await response.write(b"event: first\ndata: 1\n\n")
    await request.app[RECEIVED].wait()
    await response.write(b"event: second\ndata: 2\n\n")
    return response


async def core_websocket(request: web.Request) -> web.WebSocketResponse:
    """Speak the opening of Home Assistant's WebSocket API, then echo."""
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    await socket.send_json({"type": "auth_required"})
    greeting = await socket.receive_json()
    if greeting != {"type": "auth", "access_token": "core-token"}:
        await socket.send_json({"type": "auth_invalid"})
        return socket
    await socket.send_json({"type": "auth_ok"})
    async for message in socket:
        await socket.send_json({"echo": json.loads(message.data)})
    return socket


async def plain_websocket(request: web.Request) -> web.WebSocketResponse:
    """Echo, after telling who is there."""
    socket = web.WebSocketResponse(protocols=["chat"])
    await socket.prepare(request)
    await socket.send_str(request.headers["X-Ingress-Path"])
    async for message in socket:
        await socket.send_str(message.data)
    return socket


RECEIVED = web.AppKey("received", asyncio.Event)


@pytest_asyncio.fixture
async def behind() -> AsyncIterator[TestServer]:
    """A server that stands for Home Assistant, and for the sidecar behind ingress."""
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app[RECEIVED] = asyncio.Event()
    app.router.add_get("/api/websocket", core_websocket)
    app.router.add_get("/ws", plain_websocket)
    app.router.add_get("/events", server_sent_events)
    app.router.add_route("*", "/{path:.*}", echo)
    server = TestServer(app, host="127.0.0.1")
    async with server:
        yield server


def make_addon(folder: Path, url: str = "http://127.0.0.1:9", **changes: Any) -> Addon:
    path = folder / "manifest.yaml"
    path.write_text(yaml.safe_dump(MANIFEST | changes))
    return Addon(
        Manifest.read(path),
        url=url,
        data=folder / "data",
        log=folder / "log",
        command=[sys.executable, "-c", SLEEPER],
    )


@pytest_asyncio.fixture
async def supervisor(tmp_path: Path, behind: TestServer) -> AsyncIterator[Supervisor]:
    url = str(behind.make_url("")).rstrip("/")
    (tmp_path / "data").mkdir()
    core = Core(url, "core-token", "2026.11.0")
    async with Supervisor(make_addon(tmp_path, url), core=core) as supervisor:
        yield supervisor


@pytest_asyncio.fixture
async def client(supervisor: Supervisor) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {supervisor.addon.token}"}
    async with httpx.AsyncClient(base_url=supervisor.url, headers=headers) as client:
        yield client


def data(response: httpx.Response) -> Any:
    """Return what a good answer holds."""
    assert response.status_code == 200, response.text
    body = response.json()
    assert body.keys() == {"result", "data"}
    assert body["result"] == "ok"
    return body["data"]


def message(response: httpx.Response, status: int) -> str:
    """Return the sentence of a bad answer."""
    assert response.status_code == status
    body = response.json()
    assert body["result"] == "error"
    return str(body["message"])


class TestPermissions:
    async def test_a_token_is_needed(self, supervisor: Supervisor) -> None:
        async with httpx.AsyncClient(base_url=supervisor.url) as client:
            assert (await client.get("/info")).status_code == 401
            assert (await client.get("/core/api/states")).status_code == 401
            bad = {"Authorization": "Bearer wrong"}
            assert (await client.get("/info", headers=bad)).status_code == 403
            assert (await client.get("/core/api/states", headers=bad)).status_code == 401

    async def test_the_machine_needs_hassio_api(
        self, supervisor: Supervisor, client: httpx.AsyncClient
    ) -> None:
        for path in ("/host/info", "/hardware/info", "/core/info"):
            assert (await client.get(path)).status_code == 403
        supervisor.addon.manifest.hassio_api = True
        for path in ("/host/info", "/hardware/info", "/core/info"):
            data(await client.get(path))
        # The default role reads; it does not reach further into the app's own options.
        assert (await client.post("/addons/self/options/validate")).status_code == 403
        supervisor.addon.manifest.hassio_role = "manager"
        data(await client.post("/addons/self/options/validate"))

    async def test_core_needs_homeassistant_api(
        self, supervisor: Supervisor, client: httpx.AsyncClient
    ) -> None:
        supervisor.addon.manifest.homeassistant_api = False
        assert (await client.get("/core/api/states")).status_code == 401

    async def test_core_never_lets_an_addon_call_the_supervisor(
        self, client: httpx.AsyncClient
    ) -> None:
        assert (await client.get("/core/api/hassio/addons")).status_code == 403
        assert (await client.post("/core/api/hassio_auth", json={})).status_code == 403


class TestAddon:
    async def test_info(self, supervisor: Supervisor, client: httpx.AsyncClient) -> None:
        info = data(await client.get("/addons/self/info"))
        assert info["slug"] == "local_test_addon"
        assert info["version"] == "1.2.3"
        assert info["options"] == MANIFEST["options"]
        assert info["hostname"]
        assert info["ip_address"] == "127.0.0.1"
        assert info["ingress_url"] == f"{supervisor.addon.ingress_path}/"
        assert data(await client.get("/info"))["homeassistant"] == "2026.11.0"

    async def test_another_addon_is_out_of_reach(
        self, supervisor: Supervisor, client: httpx.AsyncClient
    ) -> None:
        assert (await client.get("/addons/core_ssh/info")).status_code == 403
        supervisor.addon.manifest.hassio_api = True
        assert "core_ssh" in message(await client.get("/addons/core_ssh/info"), 404)

    async def test_options_are_checked_kept_and_written_at_the_next_start(
        self, supervisor: Supervisor, client: httpx.AsyncClient
    ) -> None:
        addon = supervisor.addon
        written = addon.data / "options.json"
        await addon.start()
        assert json.loads(written.read_text()) == MANIFEST["options"]

        wrong = {"level": "loud", "engine": {"threads": 2}, "agents": []}
        reply = await client.post("/addons/self/options", json={"options": wrong})
        refusal = message(reply, 400)
        assert refusal.startswith(
            "App local_test_addon has invalid options: value must be one of ['debug', 'info']. Got "
        )
        assert str(wrong) in refusal

        right = {"level": "debug", "engine": {"threads": "2"}, "agents": [], "unknown": 1}
        data(await client.post("/addons/self/options", json={"options": right}))
        checked = {"level": "debug", "engine": {"threads": 2}, "agents": []}
        assert data(await client.get("/addons/self/info"))["options"] == checked
        assert data(await client.get("/addons/self/options/config")) == checked
        assert json.loads(written.read_text()) == MANIFEST["options"]

        data(await client.post("/addons/self/restart"))
        assert json.loads(written.read_text()) == checked

        data(await client.post("/addons/self/options", json={"options": None}))
        assert data(await client.get("/addons/self/info"))["options"] == MANIFEST["options"]
        await addon.stop()

    async def test_restart_makes_a_new_process(
        self, supervisor: Supervisor, client: httpx.AsyncClient
    ) -> None:
        addon = supervisor.addon
        await addon.start()
        await wait_for_log(addon, 1)
        assert data(await client.get("/addons/self/stats"))["memory_usage"] > 0
        data(await client.post("/addons/self/restart"))
        await wait_for_log(addon, 2)
        logs = await client.get("/addons/self/logs")
        assert logs.text == "up\nup\n"
        assert await addon.stop() == -15
        assert data(await client.get("/addons/self/stats"))["memory_usage"] == 0

    async def test_a_body_that_is_no_json(self, client: httpx.AsyncClient) -> None:
        assert message(await client.post("/addons/self/options", content=b"{"), 400)
        assert message(await client.post("/addons/self/options", json=[]), 400)


async def wait_for_log(addon: Addon, lines: int) -> None:
    async with asyncio.timeout(30):
        while addon.log.read_text().count("\n") < lines:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.02)


class TestDiscovery:
    async def test_sent_listed_changed_and_removed(
        self, supervisor: Supervisor, client: httpx.AsyncClient
    ) -> None:
        sent = {"service": "test_addon", "config": {"host": "localhost", "port": 1}}
        uuid = data(await client.post("/discovery", json=sent))["uuid"]
        await supervisor.addon.start()
        changed = {"service": "test_addon", "config": {"host": "localhost", "port": 2}}
        assert data(await client.post("/discovery", json=changed))["uuid"] == uuid
        assert [each.config["port"] for each in supervisor.discovery] == [2]

        core = {"Authorization": f"Bearer {supervisor.core_token}"}
        listed = data(await client.get("/discovery", headers=core))
        assert listed["discovery"] == [{"addon": "local_test_addon", "uuid": uuid, **changed}]
        assert listed["services"] == {"test_addon": ["local_test_addon"]}
        one = data(await client.get(f"/discovery/{uuid}", headers=core))
        assert one["config"]["port"] == 2
        assert (await client.get("/discovery")).status_code == 401

        # What a stopped app has sent is kept, and not listed.
        await supervisor.addon.stop()
        assert data(await client.get("/discovery", headers=core))["discovery"] == []

        data(await client.delete(f"/discovery/{uuid}"))
        assert supervisor.discovery == []
        assert message(await client.delete(f"/discovery/{uuid}"), 404)

    async def test_the_service_must_be_listed(self, client: httpx.AsyncClient) -> None:
        other = {"service": "wyoming", "config": {}}
        assert "config" in message(await client.post("/discovery", json=other), 403)
        assert "service" in message(await client.post("/discovery", json={"config": {}}), 400)


class TestCoreProxy:
    async def test_rest_is_passed_under_the_supervisors_name(
        self, client: httpx.AsyncClient
    ) -> None:
        reply = await client.post(
            "/core/api/intent/handle?a=b%20c",
            json={"name": "HassTurnOn"},
            headers={"X-Own": "1", "Accept": "application/json"},
        )
        seen = reply.json()
        assert seen["path"] == "/api/intent/handle"
        assert seen["query"] == {"a": "b c"}
        assert json.loads(seen["body"]) == {"name": "HassTurnOn"}
        assert seen["headers"]["authorization"] == "Bearer core-token"
        assert seen["headers"]["accept"] == "application/json"
        assert "x-own" not in seen["headers"]
        assert reply.headers["Cache-Control"] == "no-store"
        assert "X-Private" not in reply.headers

    async def test_only_three_methods_are_passed(self, client: httpx.AsyncClient) -> None:
        assert (await client.get("/core/api/")).json()["path"] == "/api/"
        assert (await client.delete("/core/api/states/a.b")).json()["method"] == "DELETE"
        for method in ("PUT", "PATCH"):
            assert (await client.request(method, "/core/api/states/a.b")).status_code == 405

    async def test_large_bodies_are_refused(self, client: httpx.AsyncClient) -> None:
        fits = await client.post("/core/api/events/x", content=b"a" * (16 * 1024**2 - 1))
        assert len(fits.json()["body"]) == 16 * 1024**2 - 1
        large = await client.post("/core/api/events/x", content=b"a" * (16 * 1024**2 + 1))
        assert large.status_code == 413

    async def test_core_away(self, supervisor: Supervisor, client: httpx.AsyncClient) -> None:
        supervisor.core = None
        assert (await client.get("/core/api/states")).status_code == 502
        supervisor.core = Core("http://127.0.0.1:9", "t")
        assert (await client.get("/core/api/states")).status_code == 502

    async def test_websocket(self, supervisor: Supervisor) -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{supervisor.url}/core/websocket") as socket,
        ):
            assert await socket.receive_json() == {
                "type": "auth_required",
                "ha_version": "2026.11.0",
            }
            await socket.send_json({"type": "auth", "access_token": supervisor.addon.token})
            assert (await socket.receive_json())["type"] == "auth_ok"
            await socket.send_json({"id": 1, "type": "get_states"})
            assert await socket.receive_json() == {"echo": {"id": 1, "type": "get_states"}}
            await socket.send_json({"id": 2, "type": "supervisor/api"})
            refused = await socket.receive_json()
            assert refused["id"] == 2
            assert refused["error"]["code"] == "unauthorized"

    async def test_long_messages_end_the_connection(
        self, supervisor: Supervisor, behind: TestServer
    ) -> None:
        """From the app 4 MiB, from Home Assistant 64 MiB."""
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{supervisor.url}/core/websocket", max_msg_size=0) as socket,
        ):
            await socket.receive_json()
            await socket.send_json({"type": "auth", "access_token": supervisor.addon.token})
            await socket.receive_json()
            await socket.send_json({"id": 1, "type": "x", "text": "a" * 4_000_000})
            assert len(await socket.receive_str()) > 4_000_000
            await socket.send_json({"id": 2, "type": "x", "text": "a" * 4_200_000})
            closed = await socket.receive()
            assert (closed.type, closed.data) == (aiohttp.WSMsgType.CLOSE, 1009)

    async def test_websocket_with_a_wrong_token(self, supervisor: Supervisor) -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{supervisor.url}/core/websocket") as socket,
        ):
            await socket.receive_json()
            await socket.send_json({"type": "auth", "access_token": "core-token"})
            assert (await socket.receive_json())["type"] == "auth_invalid"
            assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE


class TestIngress:
    async def test_headers(self, supervisor: Supervisor) -> None:
        async with httpx.AsyncClient() as client:
            reply = await client.put(
                f"{supervisor.ingress_url}api/things?q=1",
                content=b"body",
                headers={
                    "X-Remote-User-Id": "forged",
                    "X-Ingress-Path": "/forged",
                    "X-Supervisor-Token": "forged",
                    "X-Own": "kept",
                    "TE": "trailers",
                },
            )
        seen = reply.json()
        headers = seen["headers"]
        assert supervisor.user is not None
        assert (seen["method"], seen["path"], seen["query"]) == ("PUT", "/api/things", {"q": "1"})
        assert seen["body"] == "body"
        assert seen["peer"] == ADDRESS
        assert headers["x-ingress-path"] == supervisor.addon.ingress_path
        assert headers["x-remote-user-id"] == supervisor.user.id
        assert headers["x-remote-user-name"] == supervisor.user.name
        assert headers["x-remote-user-display-name"] == supervisor.user.display_name
        assert headers["x-forwarded-for"] == "127.0.0.1"
        assert headers["x-own"] == "kept"
        assert "x-supervisor-token" not in headers
        assert "te" not in headers
        assert reply.headers["X-Private"] == "secret"

    async def test_sessions(self, supervisor: Supervisor) -> None:
        """Whose session it is reaches the app; without a session nobody gets in."""
        supervisor.user = None
        core = {"Authorization": f"Bearer {supervisor.core_token}"}
        behind_core = f"{supervisor.url}/ingress/{supervisor.addon.ingress_token}/"
        async with httpx.AsyncClient() as client:
            for url in (supervisor.ingress_url, behind_core):
                assert (await client.get(url)).status_code == 401
                cookie = {"Cookie": f"{COOKIE}=forged"}
                assert (await client.get(url, headers=cookie)).status_code == 401
                one = supervisor.sessions.create(User("id-1", "one", "One"))
                cookie = {"Cookie": f"{COOKIE}={one}"}
                headers = (await client.get(url, headers=cookie)).json()["headers"]
                assert headers["x-remote-user-id"] == "id-1"
                # Made while Home Assistant was away: it is nobody's.
                session = f"{supervisor.url}/ingress/session"
                made = data(await client.post(session, headers=core, json={"user_id": "id-2"}))
                cookie = {"Cookie": f"{COOKIE}={made['session']}"}
                headers = (await client.get(url, headers=cookie)).json()["headers"]
                assert "x-remote-user-id" not in headers
            validate = f"{supervisor.url}/ingress/validate_session"
            data(await client.post(validate, headers=core, json={"session": one}))
            supervisor.sessions.expire()
            late = await client.post(validate, headers=core, json={"session": one})
            assert late.status_code == 401
            own = {"Authorization": f"Bearer {supervisor.addon.token}"}
            assert (await client.post(session, headers=own, json={})).status_code == 403

    async def test_another_spelling_of_a_header_passes(self, supervisor: Supervisor) -> None:
        """The real one compares names as they are spelt: the app has to see through it."""
        host, port = supervisor.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            f"GET {supervisor.addon.ingress_path}/raw HTTP/1.1\r\nHost: {host}\r\n"
            "x-rEMOTE-user-id: forged\r\nConnection: close\r\n\r\n".encode()
        )
        answer = (await reader.read()).decode()
        writer.close()
        assert "forged" in answer.partition("\r\n\r\n")[2]

    async def test_panels(self, supervisor: Supervisor, client: httpx.AsyncClient) -> None:
        core = {"Authorization": f"Bearer {supervisor.core_token}"}
        url = f"{supervisor.url}/ingress/panels"
        for enable in (False, True):
            data(await client.post("/addons/self/options", json={"ingress_panel": enable}))
            (panel,) = data(await client.get(url, headers=core))["panels"].values()
            assert (panel["title"], panel["admin"]) == ("Test app", True)
            assert panel["enable"] is enable

    async def test_the_way_in(self, supervisor: Supervisor) -> None:
        async with httpx.AsyncClient() as client:
            unknown = await client.get(f"{supervisor.url}/api/hassio_ingress/unknown/")
            assert unknown.status_code == 503
            supervisor.addon.url = "http://127.0.0.1:9"
            assert (await client.get(supervisor.ingress_url)).status_code == 502

    @pytest.mark.parametrize(
        "query",
        ["a=../b", "a=..%2Fb", "a=..%252Fb", "text=<script>", "t=union%20select%20f()"],
    )
    async def test_suspicious_queries_are_refused(self, supervisor: Supervisor, query: str) -> None:
        async with httpx.AsyncClient() as client:
            url = supervisor.ingress_url
            assert (await client.get(f"{url}?{query}")).status_code == 400
            in_body = await client.post(url, content=query)
            assert in_body.json()["body"] == query

    async def test_bodies_over_16_mib_are_refused(self, supervisor: Supervisor) -> None:
        async with httpx.AsyncClient() as client:
            reply = await client.post(supervisor.ingress_url, content=b"a" * (16 * 1024**2 + 1))
            assert reply.status_code == 413

    async def test_events_arrive_as_they_are_sent(
        self, supervisor: Supervisor, behind: TestServer
    ) -> None:
        async with (
            httpx.AsyncClient() as client,
            client.stream("GET", f"{supervisor.ingress_url}events") as reply,
        ):
            assert reply.headers["Content-Type"].startswith("text/event-stream")
            assert "Content-Encoding" not in reply.headers
            parts = reply.aiter_text()
            assert "first" in await anext(parts)
            behind.app[RECEIVED].set()
            assert "second" in await anext(parts)

    async def test_websocket(self, supervisor: Supervisor) -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{supervisor.ingress_url}ws", protocols=["chat"]) as socket,
        ):
            assert socket.protocol == "chat"
            assert await socket.receive_str() == supervisor.addon.ingress_path
            await socket.send_str("hello")
            assert await socket.receive_str() == "hello"


async def test_failures_can_be_injected(supervisor: Supervisor, client: httpx.AsyncClient) -> None:
    supervisor.fail("/discovery", status=500)
    assert message(await client.post("/discovery", json={}), 500)
    data(await client.get("/info"))
    supervisor.heal()
    assert message(await client.post("/discovery", json={}), 400)


@pytest.mark.stack
@pytest.mark.asyncio(loop_scope="session")
class TestRealCore:
    async def test_rest(self, stack: Stack) -> None:
        supervisor = stack.supervisor
        headers = {"Authorization": f"Bearer {supervisor.addon.token}"}
        url = f"{supervisor.url}/core/api"
        async with httpx.AsyncClient(headers=headers) as client:
            configuration = (await client.get(f"{url}/config")).json()
            assert configuration["location_name"] == "Willow House"
            assert (
                configuration["version"]
                == data(await client.get(f"{supervisor.url}/info"))["homeassistant"]
            )
            rendered = await client.post(f"{url}/template", json={"template": "{{ 1 + 1 }}"})
            assert rendered.text == "2"
            assert (await client.get(f"{url}/states/light.nowhere")).status_code == 404

    async def test_websocket(self, stack: Stack) -> None:
        supervisor = stack.supervisor
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{supervisor.url}/core/websocket", max_msg_size=0) as socket,
        ):
            await socket.receive_json()
            await socket.send_json({"type": "auth", "access_token": supervisor.addon.token})
            assert (await socket.receive_json())["type"] == "auth_ok"
            await socket.send_json({"id": 1, "type": "auth/current_user"})
            answer = await socket.receive_json()
            assert answer["success"]
            assert answer["result"]["is_admin"]

    async def test_the_sidecar_was_let_in(self, stack: Stack) -> None:
        [message] = stack.supervisor.discovery
        assert message.service == "ollama_addon"
        url = f"http://{message.config['host']}:{message.config['port']}/api/agents"
        headers = {"Authorization": f"Bearer {message.config['token']}"}
        async with httpx.AsyncClient(headers=headers) as client:
            assert (await client.get(url)).status_code == 200

    async def test_options_reach_the_sidecar_by_a_restart(self, stack: Stack) -> None:
        supervisor = stack.supervisor
        before = supervisor.addon.options
        headers = {"Authorization": f"Bearer {supervisor.addon.token}"}
        async with httpx.AsyncClient(base_url=supervisor.url, headers=headers, timeout=60) as own:
            agents = [*before["agents"], {"name": "Second", "model": stack.model}]
            for each in ({**before, "agents": agents}, before):
                data(await own.post("/addons/self/options", json={"options": each}))
                data(await own.post("/addons/self/restart"))
                await stack.until_ready()
                names = [agent["name"] for agent in (await stack.client.get("/api/agents")).json()]
                assert names == [agent["name"] for agent in each["agents"]]


class TestManifest:
    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(ManifestError, match="is missing"):
            Manifest.read(tmp_path / "manifest.yaml")

    @pytest.mark.parametrize("text", ["[]", "name: x", "a: [", "hassio_role: king"])
    def test_unusable(self, tmp_path: Path, text: str) -> None:
        path = tmp_path / "manifest.yaml"
        path.write_text(text)
        with pytest.raises(ManifestError, match=str(path)):
            Manifest.read(path)
