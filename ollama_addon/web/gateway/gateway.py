"""The gateway: Ollama's API for other apps in the home, passed on to the server that answers."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import quote

import httpx
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ollama_addon.engine.profile import FOR_EVER
from ollama_addon.engine.queue import GivenUpError, Place, Priority
from ollama_addon.engine.server import TROUBLE, Server
from ollama_addon.engine.servers import Servers
from ollama_addon.errors import AddonError
from ollama_addon.model_name import canonical
from ollama_addon.web.access import bodies
from ollama_addon.web.access.hosts import Hosts
from ollama_addon.web.gateway.errors import nobody, refuse, refuse_plainly
from ollama_addon.web.gateway.key import Key, KeyMiddleware
from ollama_addon.web.gateway.model_requests import model_of, read_object, unloads, valid_name
from ollama_addon.web.gateway.relay import Relay

MAX_BODY = 64 * 1024 * 1024
"""Bytes of a request that is not a part of a model; pictures are in them."""
MAX_PARTS = 500_000
"""Objects, lists and values of its JSON; a context of Ollama's is a list of numbers."""
_LIST_TIMEOUT = 4.0
"""Seconds that a list of models is waited for. Home Assistant waits five for ours."""
_CONNECT_TIMEOUT = 5.0

_RUNS = ("/api/chat", "/api/generate", "/api/embed", "/api/embeddings")
"""What runs a model and takes `options`."""
_OF_THE_RUNNER = frozenset({"num_batch", "num_thread", "num_gpu", "main_gpu", "use_mmap"})
"""Options that a model is loaded with, besides the context window."""
_OF_A_MODEL = (
    *_RUNS,
    "/api/show",
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/responses",
    "/v1/messages",
)
"""What is asked of the server that has the model. No account and no cloud: those stay closed."""
_CHANGES = ("/api/pull", "/api/create", "/api/copy")
_LISTS = {
    "/api/tags": ("models", "name"),
    "/api/ps": ("models", "name"),
    "/v1/models": ("data", "id"),
}
"""For each list its key, and the key of a model's name."""
_KNOWN = frozenset({*_OF_A_MODEL, *_CHANGES, *_LISTS, "/", "/api/version", "/api/delete"})

_OPENAI = "/v1/"
"""How the routes begin that servers of other makers have, too."""
_PASSED = ("accept", "accept-encoding", "content-type", "content-length", "user-agent")
"""Request headers that Ollama has a use for; no others, and so no credentials, are passed on."""
_DIGEST = re.compile(r"sha256[:-][0-9a-f]{64}")


def make_gateway(
    servers: Servers,
    key: Key,
    *,
    hosts: Hosts | None = None,
    allow_changes: bool = False,
    on_request: Callable[[str, int], None] = lambda path, status: None,
) -> Starlette:
    """Return the app of the gateway. Who comes in must send `key`.

    Pages in a browser are refused, and so are requests to names that are not in `hosts`
    (where it is missing: names that a home network does not give). Downloading,
    making and deleting models is refused without `allow_changes`. Errors are answered as Ollama
    does, or on its OpenAI routes as OpenAI does. `on_request` is called with the route and the
    status of each answer.
    """
    gateway = _Gateway(servers, allow_changes=allow_changes)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await gateway.close()

    return Starlette(
        routes=[
            *(Route(path, gateway.first, methods=["GET"]) for path in ("/", "/api/version")),
            *(Route(path, gateway.all_of, methods=["GET"]) for path in _LISTS),
            Route("/v1/models/{model:path}", gateway.named, methods=["GET"]),
            *(Route(path, gateway.with_model, methods=["POST"]) for path in _OF_A_MODEL),
            *(Route(path, gateway.change, methods=["POST"]) for path in _CHANGES),
            Route("/api/delete", gateway.change, methods=["DELETE"]),
            Route("/api/blobs/{digest}", gateway.blob, methods=["HEAD", "POST"]),
        ],
        middleware=[
            Middleware(_Counted, on_request=on_request),
            Middleware(KeyMiddleware, key=key, hosts=hosts or Hosts()),
        ],
        exception_handlers={
            AddonError: refuse,
            HTTPException: refuse_plainly,
            ClientDisconnect: nobody,
        },
        lifespan=lifespan,
    )


class _Counted:
    """Tells of each request. Its route is told and not its path, of which there is no end."""

    def __init__(self, app: ASGIApp, on_request: Callable[[str, int], None]) -> None:
        self._app = app
        self._on_request = on_request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                known = scope["path"] in _KNOWN
                self._on_request(scope["path"] if known else "other", message["status"])
            await send(message)

        await self._app(scope, receive, watched if scope["type"] == "http" else send)


class _Gateway:
    """Finds the server for a request, and has it answer."""

    def __init__(self, servers: Servers, *, allow_changes: bool) -> None:
        self._servers = servers
        self._allow_changes = allow_changes
        self._client = self._connections()

    def _connections(self) -> httpx.AsyncClient:
        # Its own connections, so that callers never take those of the agents. How long an answer
        # may take is for the caller to say, by hanging up.
        return httpx.AsyncClient(
            timeout=httpx.Timeout(None, connect=_CONNECT_TIMEOUT),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
            trust_env=False,
        )

    async def close(self) -> None:
        """Close the connections; served again, it makes others."""
        await self._client.aclose()
        self._client = self._connections()

    async def first(self, request: Request) -> Response:
        """Answer what every server can answer."""
        return Relay(lambda stack: self._ask(request, self._first, lambda server: b""))

    async def named(self, request: Request) -> Response:
        """Answer what is asked about a model in the path."""
        model = valid_name(request.path_params["model"])
        return Relay(
            lambda stack: self._ask(
                request,
                lambda: self._servers.for_model(model, Priority.GATEWAY),
                lambda server: b"",
            )
        )

    async def with_model(self, request: Request) -> Response:
        """Answer what is asked of a model that the body names."""
        body = await _body(request)
        asked = read_object(body)
        model = model_of(asked)

        def content(server: Server) -> bytes:
            if request.url.path not in _RUNS:
                return body
            return json.dumps(self._with_profile(asked, model)).encode()

        place = Place(Priority.GATEWAY)

        async def ask(stack: AsyncExitStack) -> httpx.Response:
            async def choose() -> Server:
                await stack.aclose()  # the place at a server that could not be reached
                native = not request.url.path.startswith(_OPENAI)
                server = await self._servers.for_model(model, Priority.GATEWAY, native=native)
                if request.url.path != "/api/show":
                    await stack.enter_async_context(self._servers.answering(server, model, place))
                    await self._servers.check_fit(server, model)
                return server

            while True:
                try:
                    async with place.interruptible():
                        return await self._ask(request, choose, content)
                except GivenUpError:
                    # A person needed the place. As nothing was answered yet, it is asked again.
                    await stack.aclose()

        return Relay(ask, place=place)

    async def all_of(self, request: Request) -> Response:
        """Answer with the models of all servers; the first that has one speaks for it."""
        path = request.url.path
        key, name = _LISTS[path]
        await self._first()
        spoken = [each for each in self._servers.all if each.manages or path.startswith(_OPENAI)]
        healthy = [server for server in spoken if server.healthy]
        answers = await asyncio.gather(
            *(self._list(server, path, key) for server in healthy), return_exceptions=True
        )
        found: dict[str, Any] = {}
        for answer in answers:
            for model in answer if isinstance(answer, list) else ():
                found.setdefault(canonical(str(model[name])), model)
        failed = [answer for answer in answers if isinstance(answer, AddonError)]
        if failed and len(failed) == len(answers):
            raise failed[0]
        kind = {"object": "list"} if key == "data" else {}
        return JSONResponse({**kind, key: list(found.values())})

    async def change(self, request: Request) -> Response:
        """Have models downloaded, made or deleted, where that is allowed."""
        self._check_changes()
        body = await _body(request)
        model_of(read_object(body))
        return Relay(
            lambda stack: self._ask(request, self._keeper, lambda server: body),
            self._servers.refresh,
        )

    async def blob(self, request: Request) -> Response:
        """Take in a part of a model, of any size."""
        self._check_changes()
        if not _DIGEST.fullmatch(request.path_params["digest"]):
            raise AddonError("bad_request", "That is no digest of a part of a model.", 400)
        if request.method == "HEAD":
            return Relay(lambda stack: self._ask(request, self._keeper, lambda server: b""))
        # Who hangs up meanwhile ends the upload by that.
        return Relay(
            lambda stack: self._ask(request, self._keeper, lambda server: request.stream()),
            watch=False,
        )

    def _check_changes(self) -> None:
        if not self._allow_changes:
            raise AddonError(
                "not_allowed",
                "Models cannot be changed through the gateway. Switch on 'Allow changes' for the "
                "gateway in the app's options.",
                403,
            )

    def _with_profile(self, asked: Mapping[str, Any], model: str) -> Mapping[str, Any]:
        """Have an agent's model run as its agents run it: others would load it anew."""
        given = asked.get("options") or {}
        profile = self._servers.profile(model)
        if not isinstance(given, dict) or not profile:
            return asked  # Ollama says what is wrong with it, or no agent uses the model
        given = {
            key: value
            for key, value in given.items()
            if value is not None and key not in _OF_THE_RUNNER
        }
        wanted, loaded = given.get("num_ctx"), profile["num_ctx"]
        if isinstance(wanted, (int, float)) and wanted <= loaded:
            given["num_ctx"] = loaded  # a smaller window fits into the one that is loaded
        # `shift` is one of the things that a model is loaded with, too.
        plain = {key: value for key, value in asked.items() if key != "shift"}
        if self._servers.keep_alive(model) == FOR_EVER and not unloads(asked):
            plain["keep_alive"] = FOR_EVER
        return plain | {"options": profile | given}

    async def _first(self) -> Server:
        """Find the first server that answers. Raises AddonError."""
        if not any(server.healthy for server in self._servers.all):
            await self._servers.refresh()
        healthy = [server for server in self._servers.all if server.healthy]
        for server in sorted(healthy, key=lambda each: not each.manages):
            return server
        raise AddonError("engine_down", self._servers.why_down(), 503)

    async def _keeper(self) -> Server:
        """Find the server that models are downloaded to. Raises AddonError."""
        return self._servers.bundled or await self._first()

    async def _list(self, server: Server, path: str, key: str) -> list[dict[str, Any]]:
        try:
            response = await self._client.get(
                server.address(path), headers=_key_of(server), timeout=_LIST_TIMEOUT
            )
            return list(response.raise_for_status().json()[key] or ())
        except (*TROUBLE, KeyError) as error:
            raise server.said(error, "") from error

    async def _ask(
        self,
        request: Request,
        choose: Callable[[], Awaitable[Server]],
        content: Callable[[Server], bytes | AsyncIterator[bytes]],
    ) -> httpx.Response:
        """Send a request on, and return the answer of which only the head was read.

        A server that cannot be reached is left out from then on. Raises AddonError.
        """
        path = quote(request.url.path, safe="/:")
        headers = {name: request.headers[name] for name in _PASSED if name in request.headers}
        headers.setdefault("accept-encoding", "identity")
        trouble = AddonError("engine_down", self._servers.why_down(), 503)
        for _ in self._servers.all:
            server = await choose()
            body = content(server)
            if isinstance(body, bytes):
                headers.pop("content-length", None)
            message = self._client.build_request(
                request.method,
                server.address(path),
                headers=headers | _key_of(server),
                content=body or None,
            )
            try:
                return await self._client.send(message, stream=True)
            except ClientDisconnect:
                raise
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                trouble = server.said(error, "")
                server.down(trouble.message)
            except TROUBLE as error:
                raise server.said(error, "") from error
        raise trouble


async def _body(request: Request) -> bytes:
    """Read a request whole. Raises AddonError when it is too large or too slow."""
    return await bodies.read(request.headers, request.stream(), MAX_BODY, MAX_PARTS)


def _key_of(server: Server) -> dict[str, str]:
    """Return the header with the server's own key, where it has one."""
    return {"authorization": server.authorization} if server.authorization else {}
