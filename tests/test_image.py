"""The image, built by its own Dockerfile, and run as the Supervisor runs it.

Podman starts a real container; the simulated Supervisor stands in front of it. Only the base and
Ollama's image are made here, because registries of images are not reached everywhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import socket
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from dev.addon.image import LARGEST, build, size
from dev.supervisor import ADDRESS, Addon, Manifest, Supervisor
from ollama_addon.agent.replies.texts import LANGUAGES

ROOT = Path(__file__).parents[1]
MODEL = "smollm2:135m"
PODMAN = ("podman", "--runtime=runc", "--cgroup-manager=cgroupfs")
PANEL = {"X-Requested-With": "panel"}

pytestmark = [
    pytest.mark.stack,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        os.geteuid() != 0,
        reason="only root can build the image here: run the tests as root to have it tested",
    ),
]


@pytest.fixture(scope="module")
def image() -> str:
    return build(print)


def inspected(image: str) -> dict[str, Any]:
    answer = subprocess.run(["podman", "inspect", image], check=True, capture_output=True)
    told = json.loads(answer.stdout)[0]
    # Podman tells of the health check beside the configuration, Docker in it.
    return {"Healthcheck": told.get("Healthcheck"), **told["Config"]}


def run(image: str, *command: str) -> str:
    """Run a command in the image instead of the sidecar, and return what it prints."""
    limits = ("--ulimit=nofile=1024:1024", "--ulimit=nproc=4096:4096")
    given = (*PODMAN, "run", "--rm", "--no-healthcheck", *limits, "--network=host")
    answer = subprocess.run(
        [*given, "--entrypoint", command[0], image, *command[1:]],
        check=True,
        capture_output=True,
        text=True,
    )
    return answer.stdout


def test_it_is_small(image: str) -> None:
    found = size(image)
    print(f"\nThe image has {found}.")
    assert found.added <= LARGEST


def test_it_says_what_it_is(image: str) -> None:
    config = inspected(image)
    version = Manifest.read(ROOT / "config.yaml").version
    assert config["Labels"]["io.hass.version"] == version
    assert config["Labels"]["io.hass.type"] == "app"
    assert config["Labels"]["io.hass.arch"] in ("amd64", "aarch64")
    assert config["Healthcheck"]["StartPeriod"] >= 60e9


def test_it_writes_dates_in_every_language_of_its_replies(image: str) -> None:
    script = """if True:
        from datetime import datetime
        from babel.dates import format_date
        from ollama_addon.agent.replies.texts import LANGUAGES, locale_of
        day = datetime(2026, 11, 25)
        for tag in LANGUAGES:
            print(tag, locale_of(tag).language, format_date(day, "full", locale=locale_of(tag)))
    """
    told = [line.split(maxsplit=2) for line in run(image, "python3", "-c", script).splitlines()]
    assert [tag for tag, _, _ in told] == list(LANGUAGES)
    assert [tag for tag, language, _ in told if tag != language] == []
    assert len({day for _, _, day in told}) == len(LANGUAGES)


def test_nothing_is_left_of_the_build(image: str) -> None:
    script = """
        for each in pip pip3 gcc cc make git; do command -v "$each" && echo "$each"; done
        ls -d /usr/lib/ollama/cuda* /tmp/* /var/lib/apt/lists/* /root/.cache 2>/dev/null
        true
    """
    assert run(image, "sh", "-c", script) == ""
    compiled = "import ollama_addon.app.wiring as a, os; print(os.path.exists(a.__cached__))"
    assert run(image, "python3", "-c", compiled).strip() == "True"


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as sockets:
        taken = [sockets.enter_context(socket.socket()) for _ in range(count)]
        for each in taken:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in taken]


class Container(Addon):
    """The add-on as a container. `init` is whether Podman's init is process 1, not the image's."""

    def __init__(self, image: str, folder: Path, *, init: bool = False) -> None:
        self.name = f"ollama-addon-test-{secrets.token_hex(4)}"
        port, engine, self.gateway = free_ports(3)
        settings = {
            "OLLAMA_ADDON_HOST": "127.0.0.1",
            "OLLAMA_ADDON_PORT": str(port),
            "OLLAMA_ADDON_INGRESS_PEER": ADDRESS,
            "OLLAMA_ADDON_ENGINE_PORT": str(engine),
            "OLLAMA_ADDON_GATEWAY_PORT": str(self.gateway),
            "OLLAMA_ADDON_WYOMING_PORT": "0",
        }
        (folder / "homeassistant").mkdir(exist_ok=True)
        super().__init__(
            Manifest.read(ROOT / "config.yaml"),
            url=f"http://127.0.0.1:{port}",
            data=folder / "data",
            log=folder / "log",
            command=[
                *PODMAN,
                *("run", "--rm", "--name", self.name, "--network=host"),
                # Podman would have systemd run the health check, which is not everywhere.
                "--health-interval=disable",
                *("--ulimit=nofile=1024:1024", "--ulimit=nproc=4096:4096"),
                *(["--init"] if init else []),
                *(f"--env={each}" for each in (*settings, "SUPERVISOR_TOKEN", "SUPERVISOR_URL")),
                *("--volume", f"{folder / 'data'}:/data"),
                *("--volume", f"{folder / 'homeassistant'}:/homeassistant"),
                image,
            ],
            environment={**os.environ, **settings},
            options={"agents": [{"name": "Home", "model": MODEL}]},
        )

    async def healthy(self) -> None:
        """Wait until the image's own health check succeeds."""
        for _ in range(120):
            assert self.exit_status is None, self.log.read_text()
            check = await asyncio.create_subprocess_exec(
                *(*PODMAN, "healthcheck", "run", self.name),
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
            if await check.wait() == 0:
                return
            await asyncio.sleep(0.5)
        raise AssertionError(self.log.read_text())

    def processes(self) -> list[tuple[str, str]]:
        """Return user and command line of each process in the container."""
        command = [*PODMAN, "top", self.name, "user", "args"]
        answer = subprocess.run(command, check=True, capture_output=True, text=True)
        rows = (line.split(None, 1) for line in answer.stdout.splitlines()[1:])
        return [(row[0], row[1]) for row in rows]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path


@contextlib.asynccontextmanager
async def running(container: Container) -> AsyncIterator[httpx.AsyncClient]:
    """Start it behind a Supervisor; yield a browser at its panel, through ingress."""
    async with Supervisor(container) as supervisor:
        container.environment["SUPERVISOR_URL"] = supervisor.url
        await container.start()
        try:
            await container.healthy()
            # There is no Home Assistant here that could say who is an administrator.
            token = (container.data / "token").read_text()
            headers = {**PANEL, "Authorization": f"Bearer {token}"}
            async with httpx.AsyncClient(
                base_url=supervisor.ingress_url, headers=headers, timeout=120, trust_env=False
            ) as browser:
                yield browser
        finally:
            await container.stop()


async def until_downloaded(browser: httpx.AsyncClient) -> None:
    for _ in range(240):
        models = (await browser.get("api/models")).json()
        if any(each["name"] == MODEL and each["present"] for each in models):
            return
        await asyncio.sleep(0.5)
    raise AssertionError(models)


async def generate(browser: httpx.AsyncClient) -> str:
    body = {"instructions": "Say a greeting."}
    answer = await browser.post("api/agents/home/generate", json=body)
    assert answer.is_success, answer.text
    return str(answer.json()["text"])


async def test_it_runs_and_stops_and_runs_again_on_the_same_data(image: str, folder: Path) -> None:
    container = Container(image, folder)
    async with running(container) as browser:
        assert "<html" in (await browser.get("")).text
        await until_downloaded(browser)
        assert await generate(browser)
        assert any(" /init " in command for _, command in container.processes())
        users = {user for user, command in container.processes() if "dev.engine" in command}
        assert users == {"ollama"}
        assert (
            await httpx.AsyncClient(trust_env=False).get(container.url + "/")
        ).status_code == 401
        kept = {
            path.name: path.read_bytes() for path in (folder / "data").glob("*") if path.is_file()
        }
        # A stop in the middle of an answer.
        key = (folder / "data" / "gateway_key").read_text()
        story = {"model": MODEL, "prompt": "Tell a long story.", "options": {"num_predict": 2000}}
        async with (
            httpx.AsyncClient(trust_env=False, timeout=60) as other,
            other.stream(
                "POST",
                f"http://127.0.0.1:{container.gateway}/api/generate",
                json=story,
                headers={"Authorization": f"Bearer {key}"},
            ) as answer,
        ):
            async for _ in answer.aiter_lines():
                break
            assert await container.stop() == 0, container.log.read_text()
    placed = folder / "homeassistant" / "custom_components" / "ollama_addon" / "manifest.json"
    assert json.loads(placed.read_text())["version"] == container.manifest.version

    log = container.log.stat().st_size
    container = Container(image, folder)
    async with running(container) as browser:
        await until_downloaded(browser)
        assert await generate(browser)
        for name in ("token", "gateway_key", "id", "options.json"):
            assert (folder / "data" / name).read_bytes() == kept[name]
        assert await container.stop() == 0
    assert "downloaded" not in container.log.read_text()[log:].casefold()


async def test_it_stops_while_a_model_is_downloaded(image: str, folder: Path) -> None:
    container = Container(image, folder)
    async with running(container):
        assert await container.stop() == 0, container.log.read_text()


async def test_it_runs_under_another_init(image: str, folder: Path) -> None:
    container = Container(image, folder, init=True)
    async with running(container) as browser:
        assert (await browser.get("api/status")).is_success
        assert not [command for _, command in container.processes() if " /init " in command]
        assert await container.stop() == 0, container.log.read_text()
