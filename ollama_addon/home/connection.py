"""The connection to Home Assistant: hass-client, kept connected, and REST beside it.

The one place that talks to Home Assistant, and the one that turns what can go wrong
there into an `AddonError`:

- `home_away` (503): Home Assistant cannot be reached now.
- `home_refused` (503): it does not accept the access token.
- `home_slow` (504): it did not answer in time.
- `home_failed` (502): it answered that it could not do it.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

import aiohttp
from hass_client import HomeAssistantClient  # type: ignore[import-untyped]
from hass_client.exceptions import (  # type: ignore[import-untyped]
    AuthenticationFailed,
    BaseHassClientError,
    ConnectionFailedDueToLargeMessage,
    FailedCommand,
)

from ollama_addon.background import Background, child
from ollama_addon.errors import AddonError
from ollama_addon.home.home_errors import as_sentence, away, reason_of
from ollama_addon.home.rest import NothingThereError, Rest
from ollama_addon.redaction import hide, redacted

ConnectionState = Literal["connecting", "connected", "disconnected", "refused"]
Event = dict[str, Any]
"""What a subscription brings; its form is that of the command subscribed to."""

RETRY_FIRST = 1.0
RETRY_LAST = 5.0
RETRY_REFUSED = 60.0
"""Seconds between attempts; each refused one may count towards a ban of our address."""
CONNECT_TIMEOUT = 15.0
START_PATIENCE = 60.0
"""Seconds after the start in which a Home Assistant that is not there yet is no warning."""
PROBE_EVERY = 30.0
PROBE_TIMEOUT = 15.0
COMMAND_TIMEOUT = 20.0
CLOSE_TIMEOUT = 3.0
MAX_MESSAGE = 256 * 1024 * 1024
"""Bytes of one message. The registries of a large home arrive as one message each."""

_ABOUT_SETUP = (
    "auth/",
    "config/area_registry/",
    "config/auth/",
    "config/device_registry/",
    "config/entity_registry/",
    "config/floor_registry/",
    "config_entries/",
    "get_",
    "subscribe_",
)
"""How commands begin that carry nothing that was said: what is answered to them may be logged."""

_LOGGER = logging.getLogger(__name__)
_T = TypeVar("_T")


class Connection:
    """Home Assistant's WebSocket and REST interfaces behind one access token.

    `websocket_url` and `rest_url` are complete, such as `ws://host:8123/api/websocket` and
    `http://host:8123/api`. Nothing happens before `start`, which never raises: the connection
    is tried until `stop`.
    """

    def __init__(self, websocket_url: str, rest_url: str, token: str) -> None:
        self._websocket_url = websocket_url
        self._rest_url = rest_url
        hide(token)
        self._token = token
        self._refused_advice = (
            "Make a new long-lived access token in your Home Assistant profile, as an "
            "administrator, and set it as HASS_TOKEN."
        )
        self.state: ConnectionState = "connecting"
        self.message = "Connecting to Home Assistant."
        """What the state means, as a sentence for a person."""
        self.version: str | None = None
        """Home Assistant's version, once it is known."""
        self._client: HomeAssistantClient | None = None
        self._rest: Rest | None = None
        self._background = Background()
        self._commands: set[asyncio.Task[Any]] = set()
        self._logged: ConnectionState = self.state
        self._warn_from = 0.0
        self._waiting = False
        self._delay = RETRY_FIRST
        self._on_connect: list[Callable[[], None]] = []
        self._on_disconnect: list[Callable[[], None]] = []

    @classmethod
    def from_supervisor(cls, url: str, token: str) -> Connection:
        """Return a connection through the Supervisor at `url`, with the app's own token."""
        url = url.rstrip("/")
        connection = cls(f"{_websocket(url)}/core/websocket", f"{url}/core/api", token)
        connection._refused_advice = "Restart the app, so that the Supervisor hands it a new token."
        return connection

    @classmethod
    def from_url(cls, url: str, token: str) -> Connection:
        """Return a connection to Home Assistant itself at `url`, with a long-lived token."""
        url = url.rstrip("/")
        return cls(f"{_websocket(url)}/api/websocket", f"{url}/api", token)

    @property
    def connected(self) -> bool:
        """Whether commands can be sent now."""
        return self.state == "connected"

    def on_connect(self, callback: Callable[[], None]) -> None:
        """Have `callback` called each time that the connection is made."""
        self._on_connect.append(callback)

    def on_disconnect(self, callback: Callable[[], None]) -> None:
        """Have `callback` called each time that the connection is lost or closed."""
        self._on_disconnect.append(callback)

    async def start(self) -> None:
        """Begin to connect, and stay connected until `stop`."""
        if self._rest is not None:
            return
        self._rest = Rest(self._rest_url, self._token, self._refusal)
        self._warn_from = time.monotonic() + START_PATIENCE
        self._background.keep("home connection", self._stay_connected)

    async def stop(self) -> None:
        """Close the connection for good; may be called at any time."""
        await self._background.stop()
        for task in self._commands:
            task.cancel()
        if self._commands:
            await asyncio.wait(set(self._commands))
        if self._rest is not None:
            await self._rest.close()
            self._rest = None
        self.state, self.message = "disconnected", "The connection to Home Assistant was closed."

    async def command(self, kind: str, /, *, within: float = COMMAND_TIMEOUT, **fields: Any) -> Any:
        """Send the WebSocket command `kind` and return its result.

        `within` is in seconds. Raises `AddonError` as the module says.
        """
        client = self._connected_client()
        return await self._answer(client.send_command(kind, **fields), kind, within)

    async def subscribe(
        self,
        callback: Callable[[Event], None],
        kind: str,
        /,
        *,
        within: float = COMMAND_TIMEOUT,
        **fields: Any,
    ) -> Callable[[], None]:
        """Send the subscribing command `kind`, have `callback` called with each event.

        Returns what ends the subscription, which may be called at any time, also twice. The
        subscription does not outlive the connection: subscribe again in `on_connect`.
        Raises `AddonError` as the module says.
        """
        client = self._connected_client()
        ended = False

        def receive(message: Mapping[str, Any]) -> None:
            if ended or "event" not in message:
                return
            try:
                callback(message["event"])
            except Exception:
                _LOGGER.exception("An event of %s was not understood", kind)

        remove = await self._answer(client.subscribe(receive, kind, **fields), kind, within)

        def unsubscribe() -> None:
            nonlocal ended
            if not ended and self._client is client:
                remove()
            ended = True

        return unsubscribe

    async def post(self, path: str, json: Mapping[str, Any]) -> dict[str, Any]:
        """Post `json` to a path of the REST interface, such as `intent/handle`.

        Returns the JSON object answered. Raises `AddonError` as the module says.
        """
        return await self._connected_rest().request("POST", path, json)

    async def get(self, path: str) -> dict[str, Any] | None:
        """Return the JSON object at a path of the REST interface; None where there is none.

        Raises `AddonError` as the module says.
        """
        try:
            return await self._connected_rest().request("GET", path)
        except NothingThereError:
            return None

    async def delete(self, path: str) -> dict[str, Any]:
        """Delete what stands at a path of the REST interface. Raises as `post` does."""
        return await self._connected_rest().request("DELETE", path)

    async def _stay_connected(self) -> None:
        async with aiohttp.ClientSession() as session:
            while True:
                try:
                    await self._one_connection(session)
                except AddonError as err:
                    refused = err.code == "home_refused"
                    self._set("refused" if refused else "disconnected", err.message)
                except Exception as err:
                    self._set("disconnected", away(reason_of(err)).message)
                    raise
                pause = RETRY_REFUSED if self.state == "refused" else self._delay
                await asyncio.sleep(pause * random.uniform(0.75, 1.25))
                self._delay = min(self._delay * 2, RETRY_LAST)

    async def _one_connection(self, session: aiohttp.ClientSession) -> None:
        """Connect and stay until the connection ends, which raises `AddonError`."""
        client = HomeAssistantClient(self._websocket_url, self._token, session, MAX_MESSAGE)
        listener: asyncio.Task[None] | None = None
        try:
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT):
                    await client.connect()
            except AuthenticationFailed as err:
                raise self._refusal() from err
            except (BaseHassClientError, TimeoutError, TypeError, ValueError, LookupError) as err:
                # hass-client lets through what a server says that is not Home Assistant.
                raise away(reason_of(err)) from err
            listener = child("home listener", client.start_listening())
            await self._check_user(client)
            self.version = client.version
            self._client = client
            self._delay = RETRY_FIRST
            self._set("connected", f"Connected to Home Assistant {client.version}.")
            self._tell(self._on_connect)
            while True:
                done, _ = await asyncio.wait({listener}, timeout=PROBE_EVERY)
                if done:
                    raise _lost(listener)
                # A socket can be dead without ever being closed.
                await self._user(client)
        finally:
            if self._client is client:
                self._client = None
                self.state = "disconnected"
                self.message = "The connection to Home Assistant was lost."
                self._tell(self._on_disconnect)
            await _close(client, listener)

    async def _check_user(self, client: HomeAssistantClient) -> None:
        if not (await self._user(client)).get("is_admin"):
            raise AddonError(
                "home_refused",
                "The user of Home Assistant's access token is not an administrator. "
                + self._refused_advice,
                503,
            )

    async def _user(self, client: HomeAssistantClient) -> Mapping[str, Any]:
        kind = "auth/current_user"
        user = await self._answer(client.send_command(kind), kind, PROBE_TIMEOUT)
        return user if isinstance(user, Mapping) else {}

    async def _answer(self, coroutine: Coroutine[Any, Any, _T], kind: str, within: float) -> _T:
        """Wait for a command of hass-client at most `within` seconds.

        The command itself is never cancelled: an answer to a cancelled one would end
        hass-client's listener. When the connection is lost, the listener cancels it.
        """
        task = child(f"home {kind}", coroutine)
        self._commands.add(task)
        task.add_done_callback(self._command_done)
        done, _ = await asyncio.wait({task}, timeout=within)
        if not done:
            raise AddonError(
                "home_slow", f"Home Assistant did not answer {kind} within {within:.0f} s.", 504
            )
        if task.cancelled():
            raise away("the connection was lost")
        try:
            return task.result()
        except FailedCommand as err:
            private = not kind.startswith(_ABOUT_SETUP)
            raise AddonError("home_failed", as_sentence(str(err)), 502, private=private) from err
        except (BaseHassClientError, OSError, RuntimeError) as err:
            raise away(reason_of(err)) from err

    def _command_done(self, task: asyncio.Task[Any]) -> None:
        self._commands.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, so that asyncio does not report it as forgotten

    def _connected_client(self) -> HomeAssistantClient:
        if self._client is not None:
            return self._client
        if self.state == "refused":
            raise AddonError("home_refused", self.message, 503)
        raise away()

    def _connected_rest(self) -> Rest:
        self._connected_client()
        assert self._rest is not None
        return self._rest

    def _refusal(self) -> AddonError:
        return AddonError(
            "home_refused",
            f"Home Assistant refused the access token. {self._refused_advice}",
            503,
        )

    def _set(self, state: ConnectionState, message: str) -> None:
        self.state, self.message = state, message
        if state == "disconnected" and self.version is None and time.monotonic() < self._warn_from:
            # At a start it is merely not up yet: nobody has to do anything.
            if not self._waiting:
                _LOGGER.info("Waiting for Home Assistant")
            self._waiting = True
        elif state != self._logged:
            self._logged = state
            _LOGGER.log(logging.INFO if state == "connected" else logging.WARNING, "%s", message)

    def _tell(self, callbacks: list[Callable[[], None]]) -> None:
        for callback in callbacks:
            try:
                callback()
            except Exception:
                _LOGGER.exception("A callback of the connection failed")


async def _close(client: HomeAssistantClient, listener: asyncio.Task[None] | None) -> None:
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT):
            await client.disconnect()
    except (TimeoutError, aiohttp.ClientError, OSError):
        _LOGGER.debug("The connection did not close in time")
    finally:
        if listener is not None and not listener.done():
            listener.cancel()
            await asyncio.wait({listener})


def _lost(listener: asyncio.Task[None]) -> AddonError:
    error = None if listener.cancelled() else listener.exception()
    if isinstance(error, ConnectionFailedDueToLargeMessage):
        return away(f"it sent a message of more than {MAX_MESSAGE // 2**20} MiB")
    return away(reason_of(error) if error else "it closed the connection")


def _websocket(url: str) -> str:
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
        raise AddonError(
            "home_url",
            f"{redacted(url)!r} is not the address of Home Assistant: it must look like "
            "http://homeassistant.local:8123.",
            400,
        )
    return "ws" + url.removeprefix("http")
