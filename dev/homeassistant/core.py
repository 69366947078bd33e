"""Home Assistant Core as a process: started, onboarded, given a house, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import yaml

from dev.homeassistant.install import Installation, InstallError, install

_PATIENCE = 120
"""Seconds for a first start on a slow machine."""
_CLIENT = "http://localhost/"
_ROOT = Path(__file__).parents[2]
_COMPONENTS = (
    Path(__file__).parent / "custom_components" / "dev_house",
    _ROOT / "custom_components" / "ollama_addon",
)
"""What stands in `custom_components`: the house, and the companion integration."""
_NO_BYTECODE = shutil.ignore_patterns("__pycache__")
_CONFIGURATION = """\
# Home Assistant for development, made and kept by dev/homeassistant.
homeassistant:
conversation:
config:
assist_pipeline:
frontend:
script: !include scripts.yaml
automation: !include automations.yaml
sun:
recorder:
  commit_interval: 1
history:
logbook:
logger:
  default: warning
"""


@dataclass(slots=True)
class HomeAssistant:
    """A running Home Assistant and how to get in."""

    url: str
    token: str
    username: str = ""
    password: str = ""

    async def load(self, inventory: Path) -> None:
        """Have the house be that of an inventory, whatever it was before."""
        house = yaml.safe_load(await asyncio.to_thread(inventory.read_text))
        await self.post("services/dev_house/load", {"inventory": house})

    async def reset(self) -> None:
        """Bring back the initial states of the house."""
        await self.post("services/dev_house/reset", {})

    async def states(self) -> dict[str, dict[str, Any]]:
        """Return `state` and `attributes` by entity id, as Home Assistant reports them."""
        async with self._client() as client:
            answer = await client.get("states")
            answer.raise_for_status()
            return {
                each["entity_id"]: {"state": each["state"], "attributes": each["attributes"]}
                for each in answer.json()
            }

    async def post(self, path: str, data: dict[str, Any]) -> Any:
        """Post to a path of the REST interface; raises RuntimeError when it is refused."""
        async with self._client() as client:
            answer = await client.post(path, json=data)
            if answer.is_error:
                raise RuntimeError(f"Home Assistant refused {path}: {answer.text[:300]}")
            return answer.json()

    async def command(self, kind: str, **data: Any) -> Any:
        """Send a WebSocket command; raises RuntimeError when it is refused."""
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{self.url}/api/websocket") as socket_,
        ):
            await socket_.receive_json()
            await socket_.send_json({"type": "auth", "access_token": self.token})
            await socket_.receive_json()
            await socket_.send_json({"id": 1, "type": kind, **data})
            answer = await socket_.receive_json()
            if not answer["success"]:
                raise RuntimeError(f"Home Assistant refused {kind}: {answer['error']}")
            return answer["result"]

    def _client(self) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return httpx.AsyncClient(
            base_url=f"{self.url}/api/", headers=headers, timeout=60, trust_env=False
        )


@contextlib.asynccontextmanager
async def home_assistant(
    directory: Path,
    inventory: Path,
    *,
    log: Callable[[str], None] = print,
    supervisor: tuple[str, str] | None = None,
    companion: bool = True,
) -> AsyncIterator[HomeAssistant]:
    """Run Home Assistant with the house of an inventory.

    `supervisor` is the address and the token of a Supervisor, where it is to have one;
    `companion` says whether this repository's integration is put into it.

    `directory` keeps its configuration between runs. With `HASS_URL` and `HASS_TOKEN` in the
    environment that one is used as it is, and left as it is. Raises InstallError, TimeoutError.
    """
    url, token = os.environ.get("HASS_URL"), os.environ.get("HASS_TOKEN")
    if url and token:
        log(f"Using Home Assistant at {url}.")
        yield HomeAssistant(url.rstrip("/"), token)
        return
    installation = await asyncio.to_thread(install, log)
    port = _free_port()
    components = _COMPONENTS if companion else _COMPONENTS[:1]
    _configure(directory, port, components, supervised=supervisor is not None)
    process = await _start(directory, installation, supervisor)
    try:
        home = HomeAssistant(f"http://127.0.0.1:{port}", "")
        await _until(_answers, home, process, directory)
        await _enter(home, directory)
        await _until(_is_running, home, process, directory)
        await home.load(inventory)
        yield home
    finally:
        await _stop(process)


def _configure(directory: Path, port: int, sources: Sequence[Path], *, supervised: bool) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    text = _CONFIGURATION + ("hassio:\n" if supervised else "")
    (directory / "configuration.yaml").write_text(text)
    for name, empty in (("scripts.yaml", "{}\n"), ("automations.yaml", "[]\n")):
        if not (directory / name).exists():
            (directory / name).write_text(empty)
    components = directory / "custom_components"
    if components.is_symlink():
        components.unlink()
    for source in sources:
        shutil.rmtree(components / source.name, ignore_errors=True)
        shutil.copytree(source, components / source.name, ignore=_NO_BYTECODE)
    # Written as if it had been confirmed: a new one would be reverted after five minutes.
    stable = {
        "server_host": ["127.0.0.1"],
        "server_port": port,
        "cors_allowed_origins": [],
        "login_attempts_threshold": -1,
        "ip_ban_enabled": False,
        "created_at": "2026-11-01T00:00:00+00:00",
        "ssl_profile": "intermediate_v6",
        "use_x_frame_options": True,
        "use_x_forwarded_for": False,
        "trusted_proxies": [],
    }
    storage = directory / ".storage"
    storage.mkdir(exist_ok=True)
    (storage / "http").write_text(
        json.dumps(
            {
                "version": 3,
                "minor_version": 1,
                "key": "http",
                "data": {"stable": stable, "pending": None, "yaml_migration_done": True},
            }
        )
    )


async def _start(
    directory: Path, installation: Installation, supervisor: tuple[str, str] | None
) -> asyncio.subprocess.Process:
    environment = dict(os.environ)
    if supervisor is not None:
        url, environment["SUPERVISOR_TOKEN"] = supervisor
        environment["SUPERVISOR"] = url.partition("://")[2]
    arguments = ["-m", "homeassistant", "--skip-pip", "-c", installation.config_path(directory)]
    with (directory / "core.log").open("wb") as output:
        return await asyncio.create_subprocess_exec(
            *_bound_to_us(),
            *installation.command(directory, arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env=environment,
        )


def _bound_to_us() -> list[str]:
    """Return what has a command end when this process ends, however that happens."""
    return ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    # Its state is thrown away or written anew at the next start: nothing is worth waiting for.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


async def _until(
    check: Callable[[HomeAssistant], Any],
    home: HomeAssistant,
    process: asyncio.subprocess.Process,
    directory: Path,
) -> None:
    until = time.monotonic() + _PATIENCE
    while not await check(home):
        if process.returncode is not None or time.monotonic() > until:
            last = "\n".join((directory / "core.log").read_text(errors="replace").splitlines()[-8:])
            raise InstallError(f"Home Assistant did not start; its log ends with:\n{last}")
        await asyncio.sleep(0.2)


async def _answers(home: HomeAssistant) -> bool:
    with contextlib.suppress(httpx.TransportError):
        async with home._client() as client:
            # Once it knows its owner, there is nothing left at this address.
            return (await client.get(f"{home.url}/api/onboarding")).status_code in (200, 404)
    return False


async def _is_running(home: HomeAssistant) -> bool:
    async with home._client() as client:
        answer = await client.get("config")
        ready = answer.status_code == 200 and answer.json()["state"] == "RUNNING"
        if not ready:
            return False
        services = (await client.get("services")).json()
        if any(each["domain"] == "dev_house" for each in services):
            return True
        flow = await client.post("config/config_entries/flow", json={"handler": "dev_house"})
        return flow.status_code == 200 and flow.json().get("type") == "create_entry"


async def _enter(home: HomeAssistant, directory: Path) -> None:
    """Onboard a new Home Assistant, or take up what was kept of an earlier run."""
    keys = directory / "keys"
    if keys.exists():
        kept = json.loads(keys.read_text())
        home.token, home.username, home.password = kept
        async with home._client() as client:
            if (await client.get("config")).status_code == 200:
                return
        raise InstallError(f"Home Assistant forgot its owner. Remove {directory} and start again.")
    home.username, home.password = "dev", secrets.token_urlsafe(8)
    async with httpx.AsyncClient(base_url=home.url, timeout=60, trust_env=False) as client:
        code = (
            await client.post(
                "/api/onboarding/users",
                json={
                    "client_id": _CLIENT,
                    "name": "Dev",
                    "username": home.username,
                    "password": home.password,
                    "language": "en",
                },
            )
        ).raise_for_status()
        tokens = (
            await client.post(
                "/auth/token",
                data={
                    "grant_type": "authorization_code",
                    "code": code.json()["auth_code"],
                    "client_id": _CLIENT,
                },
            )
        ).raise_for_status()
        headers = {"Authorization": f"Bearer {tokens.json()['access_token']}"}
        for step in ("core_config", "analytics"):
            (await client.post(f"/api/onboarding/{step}", headers=headers)).raise_for_status()
        (
            await client.post(
                "/api/onboarding/integration",
                headers=headers,
                json={"client_id": _CLIENT, "redirect_uri": _CLIENT},
            )
        ).raise_for_status()
        home.token = await _long_lived_token(home.url, tokens.json()["access_token"])
    temporary = keys.with_suffix(".new")
    temporary.write_text(json.dumps([home.token, home.username, home.password]))
    temporary.chmod(0o600)
    temporary.replace(keys)


async def _long_lived_token(url: str, access_token: str) -> str:
    return str(
        await HomeAssistant(url, access_token).command(
            "auth/long_lived_access_token", client_name="dev", lifespan=3650
        )
    )


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
