"""The whole development stack: Home Assistant, Supervisor, engine and sidecar, as one."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from dev.engines import choose_engine
from dev.homeassistant.core import HomeAssistant, home_assistant
from dev.homeassistant.install import InstallError
from dev.supervisor import ADDRESS, Addon, Core, InvalidOptions, Manifest, Supervisor, User
from dev.turn import Turn, events, say

ROOT = Path(__file__).resolve().parent.parent
_MODEL = "smollm2:135m"
_PATIENCE = 60
"""Seconds without any progress after which a stack that is not ready is given up."""
_SILENCE = 2.0
"""Seconds after which it is said again what is waited for."""
PARTS = ("engine", "models", "home", "agents")
"""What `/api/status` tells of, one by one."""
_NOT_INHERITED = {"HASS_TOKEN", "HASS_URL", "OLLAMA_HOST"}
"""What this process uses itself, and would lead the sidecar around its Supervisor."""


class StackError(Exception):
    """The stack cannot be brought up; the message says why and what to do."""


class Stack:
    """Everything that a sentence needs, from the panel's address to a house that changes.

    `name` is the folder below `.dev` that holds the state; two stacks of one name cannot run
    at once. `inventory` is the house, the project's own when left out. `log` is told,
    in sentences, what happens. Entering raises `StackError`.
    """

    def __init__(
        self,
        name: str = "run",
        *,
        inventory: Path | None = None,
        log: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        self._folder = ROOT / ".dev" / name
        self._inventory = inventory or ROOT / "dev" / "inventory" / "house.yaml"
        self._log = log
        self.model = os.environ.get("OLLAMA_ADDON_MODEL", _MODEL)
        self.supervisor: Supervisor
        self.home: HomeAssistant
        self.client: httpx.AsyncClient
        """Speaks to the sidecar's own port, with its token."""

    @property
    def sidecar_url(self) -> str:
        """Where the sidecar listens."""
        return self.supervisor.addon.url

    @property
    def ingress_url(self) -> str:
        """The panel's address for a browser."""
        return self.supervisor.ingress_url

    @property
    def token(self) -> str:
        """The sidecar's API token, as it handed it over in the discovery message."""
        messages = {each.service: each.config for each in self.supervisor.discovery}
        return str(messages["ollama_addon"]["token"])

    async def say(self, text: str, *, agent: str = "home", **more: Any) -> Turn:
        """Say a sentence to an agent and return the whole turn.

        `more` are further fields of the request, such as `language` or `conversation_id`.
        """
        return await say(self.client, text, agent, **more)

    async def say_in_assist(self, text: str, *, agent: str = "home", **more: Any) -> Turn:
        """Say a sentence in Home Assistant, as Assist does, and return the whole turn.

        The discovered app is connected first, where it is not yet. `more` are further fields
        of `conversation/process`. Raises `StackError` when Home Assistant has no such agent.
        """
        entity_id = await self._agent_in_home(agent)
        turn = Turn(text)
        async with self.client.stream("GET", "/api/events") as response:
            happenings = events(response)
            await anext(happenings)  # Only now is nothing missed.
            data = {"text": text, "agent_id": entity_id, **more}
            answer = await self.home.post("conversation/process", data)
            turn.reply = answer["response"]["speech"]["plain"]["speech"]
            if answer["response"]["response_type"] == "error":
                turn.error = {"code": answer["response"]["data"]["code"], "message": turn.reply}
                return turn
            turn.continue_conversation = answer["continue_conversation"]
            turn.conversation_id = answer["conversation_id"]
            async for name, happened in happenings:
                if name == "turn" and happened["conversation_id"] == turn.conversation_id:
                    turn.actions = happened["actions"]
                    turn.usage, turn.timings = happened["usage"], happened["timings"]
                    turn.outcome = happened["outcome"]
                    break
        return turn

    async def connect(self, agent: str = "home") -> None:
        """Set the companion integration up, and wait until all its entities are there.

        Raises `StackError` when Home Assistant has not discovered the app.
        """
        await self._agent_in_home(agent)
        for _ in range(60):
            entries = await self.home.command("config/entity_registry/list")
            states = await self.home.states()
            if all(
                entry["entity_id"] in states
                for entry in entries
                if entry["platform"] == "ollama_addon" and not entry["disabled_by"]
            ):
                return
            await asyncio.sleep(0.5)
        raise StackError("The entities of the companion integration did not come up.")

    async def _agent_in_home(self, agent: str) -> str:
        """Return an agent's conversation entity; press "Add" on the discovered card for it."""
        for _ in range(60):
            for entity in await self.home.command("config/entity_registry/list"):
                ours = entity["platform"] == "ollama_addon"
                if ours and entity["unique_id"].endswith(f"_{agent}_conversation"):
                    return str(entity["entity_id"])
            flows = await self.home.command("config_entries/flow/progress")
            for flow in flows:
                if flow["handler"] == "ollama_addon":
                    await self.home.post(f"config/config_entries/flow/{flow['flow_id']}", {})
            await asyncio.sleep(0.5)
        raise StackError("Home Assistant did not discover the app.")

    async def __aenter__(self) -> Stack:
        """Bring everything up, and wait until a sentence can be said."""
        self._begin = time.monotonic()
        async with contextlib.AsyncExitStack() as parts:
            await self._bring_up(parts)
            self._parts = parts.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop everything."""
        await self._parts.aclose()

    async def until_ready(self) -> None:
        """Wait until every part is `ok`, telling what is waited for.

        After a restart of the sidecar too. Raises `StackError` when it ends, or gets no further.
        """
        known: dict[str, tuple[str, str]] = {}
        progress = told = time.monotonic()
        async for status in self._statuses():
            now = time.monotonic()
            for part, (state, message) in status.items():
                # What is merely not up yet is no news; it is said below what is waited for.
                if state == "ok" and known.get(part) != (state, message):
                    self._tell(message)
                    told = now
            if status != known or self.supervisor.core is None:
                progress = now
            known = status
            missing = {part: message for part, (state, message) in status.items() if state != "ok"}
            if status and not missing:
                return
            if not status or status["home"][0] == "down":
                missing["home"] = (
                    "Home Assistant is starting."
                    if self.supervisor.core is None
                    else "The app connects to Home Assistant."
                )
            if now - progress > _PATIENCE:
                log = self.supervisor.addon.log
                raise StackError(f"{' '.join(missing.values())} The sidecar's log is {log}")
            if now - told >= _SILENCE:
                self._tell(" ".join(missing.values()))
                told = now

    async def until_ended(self) -> None:
        """Return when the sidecar has ended by itself."""
        while self.supervisor.addon.exit_status is None:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.5)

    async def _bring_up(self, parts: contextlib.AsyncExitStack) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        parts.enter_context(_alone(self._folder / "lock"))
        addon = self._addon()
        self.supervisor = await parts.enter_async_context(Supervisor(addon))
        addon.environment["SUPERVISOR_URL"] = self.supervisor.url
        self.client = await parts.enter_async_context(
            httpx.AsyncClient(base_url=addon.url, timeout=300, trust_env=False)
        )
        parts.push_async_callback(addon.stop)
        self._tell("The app is starting.")
        try:
            await addon.start()
        except InvalidOptions as error:
            raise StackError(f"The app's schema refuses the options: {error}") from None
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.until_ready())
                await self._until_up()
                self._tell("Home Assistant is starting.")
                self.home = await parts.enter_async_context(
                    home_assistant(
                        self._folder / "homeassistant",
                        self._inventory,
                        log=self._log,
                        supervisor=(self.supervisor.url, self.supervisor.core_token),
                        companion=False,  # The sidecar has placed it there.
                    )
                )
                self._tell("Home Assistant is up.")
                self.supervisor.core = await _core(self.home)
                self.supervisor.user = await _owner(self.home)
        except ExceptionGroup as several:
            first = several.exceptions[0]
            raise StackError(str(first)) if isinstance(first, InstallError) else first from None
        self._tell("Ready.")

    async def _until_up(self) -> None:
        """Wait until the sidecar answers: what it does before that, Home Assistant must find."""
        for _ in range(240):
            with contextlib.suppress(httpx.TransportError):
                if (await self.client.get("/health")).is_success:
                    return
            await asyncio.sleep(0.1)

    async def _statuses(self) -> AsyncIterator[dict[str, tuple[str, str]]]:
        """Yield state and message by part, again and again; nothing while the app is not known."""
        addon = self.supervisor.addon
        while True:
            if addon.exit_status is not None:
                last = "\n".join(addon.log.read_text(errors="replace").splitlines()[-10:])
                raise StackError(f"The sidecar ended with status {addon.exit_status}:\n{last}")
            if any(each.service == "ollama_addon" for each in self.supervisor.discovery):
                self.client.headers["Authorization"] = f"Bearer {self.token}"
                with contextlib.suppress(httpx.TransportError):
                    answer = await self.client.get("/api/status")
                    if answer.is_success:  # else another token is about to be announced
                        yield {
                            part: (each["state"], each["message"])
                            for part, each in answer.json().items()
                            if part in PARTS
                        }
            else:
                yield {}
            await asyncio.sleep(0.25)

    def _addon(self) -> Addon:
        engine = choose_engine()
        self._log(f"The engine is {engine.description}.")
        data = self._folder / "data"
        (self._folder / "homeassistant").mkdir(exist_ok=True)
        _share(ROOT / ".dev" / "models", data / "models")
        log = self._folder / "sidecar.log"
        log.unlink(missing_ok=True)
        self._log(f"The sidecar's log is {log}")
        port, engine_port, gateway_port = _free_ports(3)
        inherited = {key: value for key, value in os.environ.items() if key not in _NOT_INHERITED}
        return Addon(
            Manifest.read(ROOT / "config.yaml"),
            url=f"http://127.0.0.1:{port}",
            data=data,
            log=log,
            command=[sys.executable, "-m", "ollama_addon", "serve"],
            environment={
                **inherited,
                "PYTHONPATH": str(ROOT),
                "PYTHONUNBUFFERED": "1",
                "OLLAMA_ADDON_DATA": str(data),
                "OLLAMA_ADDON_HOMEASSISTANT_CONFIG": str(self._folder / "homeassistant"),
                "OLLAMA_ADDON_HOST": "127.0.0.1",
                "OLLAMA_ADDON_PORT": str(port),
                "OLLAMA_ADDON_INGRESS_PEER": ADDRESS,
                "OLLAMA_ADDON_ENGINE_COMMAND": engine.command,
                "OLLAMA_ADDON_ENGINE_PORT": str(engine_port),
                "OLLAMA_ADDON_WYOMING_PORT": "0",
                "OLLAMA_ADDON_GATEWAY_PORT": str(gateway_port),
            },
            options={
                "agents": [{"name": "Home", "model": self.model}],
                "servers": list(engine.servers),
            },
        )

    def _tell(self, sentence: str) -> None:
        self._log(f"{time.monotonic() - self._begin:6.1f} s  {sentence}")


async def _owner(home: HomeAssistant) -> User:
    """Return the administrator who looks at the panel."""
    users = await home.command("config/auth/list")
    owner = next(user for user in users if user["is_owner"])
    return User(owner["id"], owner["username"] or "", owner["name"])


async def _core(home: HomeAssistant) -> Core:
    headers = {"Authorization": f"Bearer {home.token}"}
    async with httpx.AsyncClient(headers=headers, timeout=30, trust_env=False) as client:
        answer = (await client.get(f"{home.url}/api/config")).raise_for_status()
    return Core(home.url, home.token, answer.json()["version"])


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Hold a lock for as long as this process lives, or raise `StackError`."""
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError(
                f"A development stack is running already with {lock.parent}: stop it first."
            ) from None
        yield


def _share(folder: Path, link: Path) -> None:
    """Let the stacks of a checkout keep their models in one place."""
    folder.mkdir(parents=True, exist_ok=True)
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.exists():
        link.symlink_to(folder)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as sockets:
        taken = [sockets.enter_context(socket.socket()) for _ in range(count)]
        for each in taken:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in taken]
