"""An agent that speaks the Wyoming protocol, which Home Assistant knows without an integration.

The events are those of the library. Its server is not used: it bounds neither what it reads nor
how long it waits, and would answer for somebody who has hung up.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import Coroutine
from typing import Any

from wyoming.asr import Transcript
from wyoming.error import Error
from wyoming.event import Event, async_read_event, async_write_event
from wyoming.handle import Handled, NotHandled
from wyoming.info import Attribution, Describe, HandleModel, HandleProgram, Info
from wyoming.ping import Ping, Pong

from ollama_addon import __version__
from ollama_addon.agent.agent import Agent
from ollama_addon.agent.events import Delta, End
from ollama_addon.agent.turn import Turn
from ollama_addon.background import Background, child
from ollama_addon.errors import AddonError

_LOGGER = logging.getLogger(__name__)

MAX_BYTES = 64 * 1024
"""Of a line, and of each part that follows it. No sentence is nearly as long."""
MAX_CONNECTIONS = 32
IDLE = 60.0
"""Seconds that a connection may say nothing. Home Assistant makes one for each sentence."""
_MAX_ID = 255
"""Characters; what is longer is no id of Home Assistant's."""


class WyomingServer:
    """Serves `agent` at `host` and `port`; port 0 takes a free one.

    The protocol knows no passwords: only who comes from `core`, the address of Home Assistant, or
    from this machine itself is listened to.
    """

    def __init__(self, agent: Agent, host: str, port: int, core: str = "") -> None:
        self.agent = agent
        self.port = port
        self._host = host
        self._core = core
        self._server: asyncio.Server | None = None
        self._connections = Background()

    @property
    def running(self) -> bool:
        """Whether it listens."""
        return self._server is not None

    async def start(self) -> None:
        """Listen; does nothing when it does already. Raises AddonError."""
        if self._server is not None:
            return
        loop = asyncio.get_running_loop()

        def protocol() -> asyncio.StreamReaderProtocol:
            return asyncio.StreamReaderProtocol(_Reader(limit=MAX_BYTES), self._accept)

        try:
            self._server = await loop.create_server(protocol, self._host, self.port)
        except OSError as error:
            raise AddonError(
                "port_taken",
                f"Port {self.port} for the Wyoming protocol cannot be used: {error.strerror}.",
                503,
            ) from error
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Hang up on everybody and listen no more; may be called at any time."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        await self._connections.stop()
        await server.wait_closed()

    def info(self) -> Info:
        """Return what the server says of itself."""
        options = self.agent.options
        maker = Attribution("Ollama Assist", "https://ollama.com")
        model = HandleModel(
            name=options.model,
            attribution=maker,
            installed=True,
            description=None,
            version=None,
            languages=[],  # any
        )
        program = HandleProgram(
            name=options.name,
            attribution=maker,
            installed=True,
            description=f"{options.name}, an agent of Ollama Assist",
            version=__version__,
            models=[model],
            supports_home_control=options.control_home,
        )
        return Info(handle=[program])

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = str(writer.get_extra_info("peername", ("",))[0])
        known = _is_home_assistant(peer, self._core)
        if not known:
            _LOGGER.debug("%s is not Home Assistant, and was hung up on", peer)
        if not known or self._connections.running >= MAX_CONNECTIONS:
            writer.close()
            return
        self._connections.once("Wyoming connection", self._serve(reader, writer))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection's events, in their order, until either side has enough."""
        reading = child("Wyoming event", _read(reader))
        try:
            while True:
                done, _ = await asyncio.wait({reading}, timeout=IDLE)
                if not done or (event := reading.result()) is None:
                    return
                # The next event is awaited meanwhile, to see when nobody listens any more.
                reading = child("Wyoming event", _read(reader))
                if not await _unless_ended(self._answer(event, writer), reading):
                    return
        except OSError as error:
            _LOGGER.debug("A connection was lost: %s", error)
        finally:
            reading.cancel()
            writer.close()

    async def _answer(self, event: Event, writer: asyncio.StreamWriter) -> None:
        if Describe.is_type(event.type):
            await async_write_event(self.info().event(), writer)
        elif Ping.is_type(event.type):
            await async_write_event(Pong.from_event(event).event(), writer)
        elif Transcript.is_type(event.type):
            if (turn := _turn(event.data)) is None:
                error = Error("A transcript needs a text.", "invalid_transcript")
                await async_write_event(error.event(), writer)
                return
            await async_write_event((await self._converse(turn)).event(), writer)

    async def _converse(self, turn: Turn) -> Handled | NotHandled:
        """Return what the agent says; Home Assistant speaks it whether it was handled or not."""
        said, outcome = "", "answered"
        try:
            async for event in self.agent.converse(turn):
                if isinstance(event, Delta):
                    said += event.content
                elif isinstance(event, End):
                    outcome = event.outcome
        except AddonError as error:
            _LOGGER.warning("A turn of %s failed: %s", self.agent.options.name, error.logged)
            return NotHandled(error.message)
        except Exception:
            _LOGGER.exception("A turn of %s failed", self.agent.options.name)
            return NotHandled("Something went wrong in the app; its log says what.")
        context = {"conversation_id": turn.conversation_id} if turn.conversation_id else None
        if outcome in ("failed", "not_understood"):
            return NotHandled(said.strip(), context)
        return Handled(said.strip(), context)


def _is_home_assistant(peer: str, core: str) -> bool:
    """Tell whether an address is that of Home Assistant, or of this machine."""
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    plain = getattr(address, "ipv4_mapped", None) or address
    return plain.is_loopback or str(plain) == core


class _Reader(asyncio.StreamReader):
    """Reads no more at once than is sensible, however much was announced."""

    async def readexactly(self, n: int) -> bytes:
        if n > MAX_BYTES:
            raise ValueError(f"{n} bytes were announced")
        return await super().readexactly(n)


async def _read(reader: asyncio.StreamReader) -> Event | None:
    """Return the next event, None at the end, and for what is none: there is no way on from it."""
    try:
        event = await async_read_event(reader)
    except (asyncio.IncompleteReadError, OSError):
        return None
    except Exception as error:
        # Whoever is on the network can send anything.
        _LOGGER.debug("What was received is no event: %s", type(error).__name__)
        return None
    if event is None or not isinstance(event.type, str) or not isinstance(event.data, dict):
        return None
    return event


async def _unless_ended(
    answer: Coroutine[Any, Any, None], reading: asyncio.Task[Event | None]
) -> bool:
    """Answer, unless the other side hangs up before; return whether it still listens."""
    answering = child("Wyoming answer", answer)
    try:
        await asyncio.wait({answering, reading}, return_when=asyncio.FIRST_COMPLETED)
        if not answering.done() and reading.result() is None:
            return False
        await answering
        return True
    finally:
        answering.cancel()
        await asyncio.wait({answering})


def _turn(data: dict[str, Any]) -> Turn | None:
    """Return the turn of a transcript, None when it has no text."""
    text, context = data.get("text"), data.get("context")
    if not isinstance(text, str):
        return None
    known = context if isinstance(context, dict) else {}

    def short(value: object) -> str:
        return value if isinstance(value, str) and len(value) <= _MAX_ID else ""

    return Turn(
        text,
        language=short(data.get("language")),
        conversation_id=short(known.get("conversation_id")),
        device_id=short(known.get("device_id")) or None,
        satellite_id=short(known.get("satellite_id")) or None,
        source="assist",
    )
