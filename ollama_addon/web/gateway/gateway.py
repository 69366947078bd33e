"""The gateway: Ollama's API for other apps in the home, passed on to the server that answers."""

from __future__ import annotations

import asyncio
import hmac
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any
from urllib.parse import quote

import httpx
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ollama_addon.background import child
from ollama_addon.engine.profile import FOR_EVER
from ollama_addon.engine.queue import GivenUpError, Place, Priority
from ollama_addon.engine.server import TROUBLE, Server
from ollama_addon.engine.servers import Servers
from ollama_addon.errors import AddonError
from ollama_addon.model_name import ALLOWED, canonical, is_valid
from ollama_addon.redaction import hide, redacted
from ollama_addon.web.access.hosts import Hosts

MAX_BODY = 64 * 1024 * 1024
"""Bytes of a request that is not a part of a model; pictures are in them."""
_BODY_TIME = 60.0
"""Seconds within which such a request has to be there."""
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

_PASSED = ("accept", "accept-encoding", "content-type", "content-length", "user-agent")
"""Request headers that Ollama has a use for; no others, and so no credentials, are passed on."""
_KEY_HEADERS = ("x-api-key", "api-key")
"""How clients of Anthropic's API and of Azure's bring a key."""
_HOP_BY_HOP = frozenset(
    "connection keep-alive proxy-authenticate proxy-authorization te trailer transfer-encoding "
    "upgrade date server".split()
)
_DIGEST = re.compile(r"sha256[:-][0-9a-f]{64}")
_NAMING = frozenset({"model", "name", "source", "destination", "from"})
"""Where a request names a model."""


class Key:
    """What opens the gateway; another one can take its place at any time.

    Raises ValueError where it is empty: nothing is open to everybody.
    """

    def __init__(self, key: str) -> None:
        self.change(key)

    def change(self, key: str) -> None:
        """Have `key` open from now on, and no other."""
        if not key.strip():
            raise ValueError("The gateway does not run without a key.")
        hide(key)
        self.value = key

    def opens(self, headers: Headers) -> bool:
        """Tell whether a request brings it: as a bearer token, or as other APIs' clients do."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        brought = [headers.get(name, "") for name in _KEY_HEADERS]
        if scheme.lower() == "bearer":
            brought.append(token)
        # As the bytes that were sent: a key may have letters that are not ASCII.
        return any(
            hmac.compare_digest(each.strip().encode("latin-1"), self.value.encode())
            for each in brought
        )


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
            Middleware(_Locked, key=key, hosts=hosts or Hosts()),
        ],
        exception_handlers={
            AddonError: _refuse,
            HTTPException: _refuse_plainly,
            ClientDisconnect: _nobody,
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


class _Locked:
    """Lets nobody in without the key, and no page of a browser with it."""

    def __init__(self, app: ASGIApp, key: Key, hosts: Hosts) -> None:
        self._app = app
        self._key = key
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (error := self._refused(Headers(scope=scope))):
            response = _error(scope["path"], error.message, error.status, error.code)
            if error.status == 401:
                response.headers["WWW-Authenticate"] = "Bearer"
            await response(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _refused(self, headers: Headers) -> AddonError | None:
        if not self._hosts.answers(headers.get("host", "")):
            return AddonError(
                "wrong_host",
                "The gateway does not answer under this name. Use its address, or its name in the "
                "home network, or add the name to 'allowed_hosts' in the app's options.",
                421,
            )
        if _is_page(headers):
            return AddonError(
                "forged", "Pages in a browser may not use the gateway; apps with the key may.", 403
            )
        if not self._key.opens(headers):
            return AddonError(
                "unauthorized",
                "Send the gateway's key, which the panel shows, as 'Authorization: Bearer …' or as "
                "'x-api-key'.",
                401,
            )
        return None


def _is_page(headers: Headers) -> bool:
    """Tell whether a page of the web asks; apps made of a browser have schemes of their own."""
    origin = headers.get("origin", "")
    return origin == "null" or origin.partition(":")[0].lower() in ("http", "https")


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
        return _Relay(lambda stack: self._ask(request, self._first, lambda server: b""))

    async def named(self, request: Request) -> Response:
        """Answer what is asked about a model in the path."""
        model = _valid(request.path_params["model"])
        return _Relay(
            lambda stack: self._ask(
                request, lambda: self._servers.for_model(model), lambda server: b""
            )
        )

    async def with_model(self, request: Request) -> Response:
        """Answer what is asked of a model that the body names."""
        body = await _body(request)
        asked = _object(body)
        model = _model(asked)

        def content(server: Server) -> bytes:
            if request.url.path not in _RUNS:
                return body
            return json.dumps(self._with_profile(asked, model)).encode()

        place = Place(Priority.GATEWAY)

        async def ask(stack: AsyncExitStack) -> httpx.Response:
            async def choose() -> Server:
                await stack.aclose()  # the place at a server that could not be reached
                server = await self._servers.for_model(model, Priority.GATEWAY)
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

        return _Relay(ask, place=place)

    async def all_of(self, request: Request) -> Response:
        """Answer with the models of all servers; the first that has one speaks for it."""
        path = request.url.path
        key, name = _LISTS[path]
        await self._first()
        healthy = [server for server in self._servers.all if server.healthy]
        answers = await asyncio.gather(
            *(self._list(server, path, key) for server in healthy), return_exceptions=True
        )
        found: dict[str, Any] = {}
        for answer in answers:
            for model in answer if isinstance(answer, list) else ():
                found.setdefault(canonical(str(model[name])), model)
        failed = [answer for answer in answers if isinstance(answer, AddonError)]
        if len(failed) == len(answers):
            raise failed[0]
        kind = {"object": "list"} if key == "data" else {}
        return JSONResponse({**kind, key: list(found.values())})

    async def change(self, request: Request) -> Response:
        """Have models downloaded, made or deleted, where that is allowed."""
        self._check_changes()
        body = await _body(request)
        _model(_object(body))
        return _Relay(
            lambda stack: self._ask(request, self._keeper, lambda server: body),
            self._servers.refresh,
        )

    async def blob(self, request: Request) -> Response:
        """Take in a part of a model, of any size."""
        self._check_changes()
        if not _DIGEST.fullmatch(request.path_params["digest"]):
            raise AddonError("bad_request", "That is no digest of a part of a model.", 400)
        if request.method == "HEAD":
            return _Relay(lambda stack: self._ask(request, self._keeper, lambda server: b""))
        # Who hangs up meanwhile ends the upload by that.
        return _Relay(
            lambda stack: self._ask(request, self._keeper, lambda server: request.stream()),
            watch=False,
        )

    def _check_changes(self) -> None:
        if not self._allow_changes:
            raise AddonError(
                "not_allowed",
                "Models cannot be changed through the gateway. Switch on 'Allow changes' for the "
                "gateway in the add-on's options.",
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
        if self._servers.keep_alive(model) == FOR_EVER and not _unloads(asked):
            plain["keep_alive"] = FOR_EVER
        return plain | {"options": profile | given}

    async def _first(self) -> Server:
        """Find the first server that answers. Raises AddonError."""
        if not any(server.healthy for server in self._servers.all):
            await self._servers.refresh()
        for server in self._servers.all:
            if server.healthy:
                return server
        raise AddonError("engine_down", self._servers.why_down(), 503)

    async def _keeper(self) -> Server:
        """Find the server that models are downloaded to. Raises AddonError."""
        return self._servers.bundled or await self._first()

    async def _list(self, server: Server, path: str, key: str) -> list[dict[str, Any]]:
        try:
            response = await self._client.get(
                f"{server.url}{path}", headers=_key_of(server), timeout=_LIST_TIMEOUT
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
                f"{server.url}{path}",
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


class _Relay(Response):
    """Hands on what a server answers, as it comes. The caller hanging up ends it there too.

    `ask` gets a stack of what is to be kept until the answer is over.
    """

    def __init__(
        self,
        ask: Callable[[AsyncExitStack], Awaitable[httpx.Response]],
        then: Callable[[], Awaitable[None]] | None = None,
        *,
        watch: bool = True,
        place: Place | None = None,
    ) -> None:
        super().__init__()
        self._place = place or Place(Priority.GATEWAY)
        self._ask = ask
        self._then = then
        self._watch = watch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        relay = child("gateway relay", self._relay(send))
        tasks = {relay}
        if self._watch:
            tasks.add(child("gateway caller", _hung_up(receive)))
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended = relay.done()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if ended:
            await relay  # raises what went wrong

    async def _relay(self, send: Send) -> None:
        async with AsyncExitStack() as stack:
            try:
                answer = await stack.enter_async_context(aclosing(await self._ask(stack)))
            except ClientDisconnect:
                return
            headers = [
                (name.lower(), value)
                for name, value in answer.headers.raw
                if name.lower().decode() not in _HOP_BY_HOP
            ]
            start = {"type": "http.response.start", "status": answer.status_code}
            await send({**start, "headers": headers})
            kind = answer.headers.get("content-type", "")
            last, message = b"\n", ""
            try:
                async with self._place.interruptible():
                    async for part in answer.aiter_raw():
                        last = part[-1:]
                        await send({"type": "http.response.body", "body": part, "more_body": True})
            except httpx.HTTPError:
                if "ndjson" not in kind:
                    return  # without an end, which the caller sees
                message = "Ollama broke off in the middle of its answer. Try again in a moment."
            except GivenUpError:
                message = "Somebody in the house needs the model now. Try again in a moment."
            if message:
                line = _broken_off(kind, message)
                line = line if last == b"\n" else b"\n" + line
                await send({"type": "http.response.body", "body": line, "more_body": True})
        if self._then is not None:
            await self._then()
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _broken_off(kind: str, message: str) -> bytes:
    """Return how a streamed answer of this content type tells that it broke off."""
    if "event-stream" in kind:
        error = {"message": message, "type": "engine_busy", "code": "engine_busy"}
        return b"data: " + json.dumps({"error": error}).encode() + b"\n\n"
    return json.dumps({"error": message}).encode() + b"\n"


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _body(request: Request) -> bytes:
    """Read a request whole. Raises AddonError when it is too large or too slow."""
    too_large = AddonError("too_large", f"A request may have at most {MAX_BODY // 2**20} MiB.", 413)
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > MAX_BODY:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_TIME):
            async for part in request.stream():
                body += part
                if len(body) > MAX_BODY:
                    raise too_large
    except TimeoutError:
        message = "The request did not come to its end in time."
        raise AddonError("too_slow", message, 408) from None
    return bytes(body)


def _object(body: bytes) -> dict[str, Any]:
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict):
        raise AddonError("bad_request", "The request must be a JSON object.", 400)
    return asked


def _model(asked: Mapping[str, Any]) -> str:
    """Return the model that a request is about. Raises AddonError for a name that is none."""
    for key, value in asked.items():
        plain = key.casefold()
        if plain not in _NAMING or not value:
            continue
        if plain != key:
            # Ollama reads `MODEL` as `model`, and would not run what was looked at here.
            raise AddonError("bad_request", f"'{plain}' is written in small letters.", 400)
        if not isinstance(value, str):
            raise AddonError("bad_request", f"'{key}' must be the name of a model.", 400)
        _valid(value)
    model = asked.get("model") or asked.get("name")  # as Ollama called it at first
    model = model or asked.get("source")
    if not model:
        raise AddonError("bad_request", "model is required", 400)
    return str(model)


def _valid(model: str) -> str:
    if not is_valid(model):
        raise AddonError("bad_request", f"A model's name is {ALLOWED}.", 400)
    return model


def _unloads(asked: Mapping[str, Any]) -> bool:
    """Tell whether a request is one of those that only free the memory of a model."""
    idle = not (asked.get("messages") or asked.get("prompt") or asked.get("input"))
    return idle and asked.get("keep_alive") in (0, "0", "0s")


def _key_of(server: Server) -> dict[str, str]:
    """Return the header with the server's own key, where it has one."""
    key = server.http.headers.get("authorization")
    return {"authorization": key} if key else {}


def _error(path: str, message: str, status: int, code: str) -> JSONResponse:
    """Say what is wrong in the way that the clients of a route know."""
    message = redacted(message)
    if path.startswith("/v1/"):
        return JSONResponse({"error": {"message": message, "type": code, "code": code}}, status)
    return JSONResponse({"error": message}, status)


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, AddonError)
    # Ollama's clients know by 404 that a model has to be downloaded.
    status = 404 if error.code == "model_missing" else error.status
    return _error(request.url.path, error.message, status, error.code)


async def _refuse_plainly(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = f"The gateway has no {request.method} {request.url.path}."
    response = _error(request.url.path, message, error.status_code, "not_found")
    response.headers.update(error.headers or {})
    return response


async def _nobody(request: Request, error: Exception) -> Response:
    return Response(status_code=400)  # nobody is there to read it
