from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from ollama_addon.engine.daemon import Daemon, Patience
from ollama_addon.engine.lines import Line
from ollama_addon.engine.processes import end_leftovers
from ollama_addon.options import EngineOptions

from .scripted import until

ROOT = Path(__file__).parents[2]

# Behaves as `ollama serve` does, and misbehaves when it is asked to.
SERVER = """
import http.server, json, os, signal, subprocess, sys, time

mode = sys.argv[1]
if mode == "deaf":
    time.sleep(600)
if mode == "broken":
    print("Error: listen tcp: bind: address already in use", flush=True)
    sys.exit(3)
if mode in ("stubborn", "mute"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
# A runner in a session of its own is out of reach of what ends the server's.
apart = mode == "apart"
runner = subprocess.Popen(
    [sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=apart
)
if mode == "mute":
    import socket
    listening = socket.create_server(("127.0.0.1", int(os.environ["OLLAMA_HOST"].split(":")[1])))
    time.sleep(600)
if mode == "chatty":
    print("llama_model_loader: - kv  12: general.name str", flush=True)
    print("W srv  load_model: the prompt cache is small", flush=True)
    sys.exit(4)
if mode == "hungry":
    print("ggml_backend_cpu_buffer: failed to allocate buffer of size 9", flush=True)
    print("common_init_from_params: the last line says something else", flush=True)
    sys.exit(1)
if mode == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
if mode == "once":
    flag = os.path.join(os.environ["HOME"], "crashed")
    if not os.path.exists(flag):
        open(flag, "w").close()
        print("panic: runtime error", flush=True)
        sys.exit(2)
    open(flag + "2", "w").close()
hanging = False

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        global hanging
        if self.path == "/crash":
            print("panic: runtime error", flush=True)
            os._exit(2)
        if self.path == "/log":
            print("x" * 3_000_000)
            for level in ("INFO", "WARN", "ERROR"):
                print(f'time=1 level={level} source=x.go msg="as {level}"')
            sys.stdout.flush()
        if self.path == "/hang":
            hanging = True
        if hanging and self.path != "/hang":
            time.sleep(600)
        body = {"version": "1", "pid": os.getpid(), "runner": runner.pid, "env": dict(os.environ)}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *args):
        pass

host, port = os.environ["OLLAMA_HOST"].split(":")
http.server.ThreadingHTTPServer((host, int(port)), Handler).serve_forever()
"""
QUICK = Patience(start=30, check=0.5, misses=2, stop=5, first_delay=0.05, longest_delay=0.2)


@asynccontextmanager
async def daemon(
    tmp_path: Path, mode: str = "", patience: Patience = QUICK, **options: Any
) -> AsyncIterator[Daemon]:
    command = [sys.executable, "-c", SERVER, mode]
    result = Daemon(
        command, 0, tmp_path / "data", EngineOptions(**options), patience, context_length=8192
    )
    await result.start()
    try:
        yield result
    finally:
        await result.stop()
        assert result.state == "stopped"


async def ask(daemon: Daemon, path: str = "/api/version") -> dict[str, Any]:
    async with httpx.AsyncClient(base_url=daemon.url, timeout=30) as client:
        answer: dict[str, Any] = (await client.get(path)).json()
        return answer


async def running(daemon: Daemon) -> dict[str, Any]:
    async with asyncio.timeout(60):
        await daemon.wait_running()
    return await ask(daemon)


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def test_it_runs_with_what_the_options_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUPERVISOR_TOKEN", "secret")
    monkeypatch.setenv("HASS_TOKEN", "secret")
    monkeypatch.setenv("OLLAMA_HOST", "elsewhere:1")
    monkeypatch.setenv("OLLAMA_API_KEY", "secret")
    async with daemon(
        tmp_path, kv_cache_type="q8_0", vulkan=False, cache_ram=256, threads=3
    ) as ollama:
        assert ollama.state == "starting"
        env = (await running(ollama))["env"]
        assert (ollama.state, ollama.restarts) == ("running", 0)
    assert "secret" not in env.values()
    ours = {key: env[key] for key in env if key.startswith(("OLLAMA_", "LLAMA_", "HOME"))}
    ours.pop("OLLAMA_ADDON_CACHE", None)
    assert ours.pop("OLLAMA_ADDON_ENGINE") == str(tmp_path / "data")
    assert ours == {
        "HOME": str(tmp_path / "data"),
        "OLLAMA_HOST": ollama.url.removeprefix("http://"),
        "OLLAMA_MODELS": str(tmp_path / "data" / "models"),
        "OLLAMA_NO_CLOUD": "1",
        "OLLAMA_KEEP_ALIVE": "300",
        "OLLAMA_NUM_PARALLEL": "1",
        "OLLAMA_MAX_LOADED_MODELS": "0",
        "OLLAMA_CONTEXT_LENGTH": "8192",
        "OLLAMA_FLASH_ATTENTION": "1",
        "OLLAMA_KV_CACHE_TYPE": "q8_0",
        "OLLAMA_VULKAN": "0",
        "OLLAMA_IGPU_ENABLE": "0",
        "LLAMA_ARG_CACHE_RAM": "256",
        "LLAMA_ARG_THREADS": "3",
    }


async def test_a_smaller_kv_cache_switches_flash_attention_on(tmp_path: Path) -> None:
    # Without it Ollama loads no model at all.
    async with daemon(tmp_path, kv_cache_type="q4_0", flash_attention=False) as ollama:
        assert (await running(ollama))["env"]["OLLAMA_FLASH_ATTENTION"] == "1"
    async with daemon(tmp_path, flash_attention=False) as ollama:
        assert (await running(ollama))["env"]["OLLAMA_FLASH_ATTENTION"] == "0"


@pytest.mark.skipif(shutil.which("nice") is None, reason="there is no 'nice' here")
async def test_it_yields_to_home_assistant(tmp_path: Path) -> None:
    async with daemon(tmp_path) as ollama:
        pid = (await running(ollama))["pid"]
        assert psutil.Process(pid).nice() == min(os.nice(0) + 5, 19)


async def test_an_unfinished_download_is_kept(tmp_path: Path) -> None:
    blobs = tmp_path / "data" / "models" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / "sha256-1-partial-0").touch()
    async with daemon(tmp_path) as ollama:
        assert (await running(ollama))["env"]["OLLAMA_NOPRUNE"] == "1"


async def test_it_stops_with_everything_it_started(tmp_path: Path) -> None:
    async with daemon(tmp_path) as ollama:
        pids = await running(ollama)
    assert gone(pids["pid"])
    # It is no child of ours: the kernel ends it a moment after the signal.
    await until(lambda: gone(pids["runner"]))
    with pytest.raises(httpx.ConnectError):
        await ask(ollama)


async def test_it_is_killed_when_it_does_not_end(tmp_path: Path) -> None:
    async with daemon(tmp_path, "stubborn", replace(QUICK, stop=0.1)) as ollama:
        pids = await running(ollama)
    assert gone(pids["pid"])
    # It is no child of ours: the kernel ends it a moment after the signal.
    await until(lambda: gone(pids["runner"]))


async def test_one_that_hangs_and_ignores_sigterm_is_gone_with_its_runners(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # It accepts connections and never answers.
    async with daemon(tmp_path, "mute", replace(QUICK, start=0.3, stop=60)) as ollama:
        await until(lambda: ollama.restarts == 1)
        assert ollama.cause == "silent"
        await until(lambda: marked(tmp_path) != [])
    assert marked(tmp_path) == []
    assert "did not answer" in caplog.text


@pytest.mark.parametrize("mode", ["", "apart", "stubborn"])
async def test_a_runner_in_a_session_of_its_own_is_ended_too(tmp_path: Path, mode: str) -> None:
    async with daemon(tmp_path, mode, replace(QUICK, stop=0.2)) as ollama:
        pids = await running(ollama)
        assert pids["runner"] in marked(tmp_path)
    assert marked(tmp_path) == []


def marked(tmp_path: Path) -> list[int]:
    """Return what belongs to the server that keeps its models there."""
    found = []
    for process in psutil.process_iter():
        try:
            mark = process.environ().get("OLLAMA_ADDON_ENGINE")
        except psutil.Error:
            continue
        if mark == str(tmp_path / "data") and process.status() != psutil.STATUS_ZOMBIE:
            found.append(process.pid)
    return found


async def test_stopping_before_it_answers(tmp_path: Path) -> None:
    async with daemon(tmp_path, "deaf") as ollama:
        await until(lambda: _children() != [])
        assert ollama.state == "starting"
    assert _children() == []


def _children() -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process().children(recursive=True)
        if child.status() != psutil.STATUS_ZOMBIE and "BaseHTTPRequestHandler" in str(_argv(child))
    ]


def _argv(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


async def test_after_a_crash_it_is_started_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with daemon(tmp_path) as ollama:
        before = await running(ollama)
        with pytest.raises(httpx.HTTPError):
            await ask(ollama, "/crash")
        await until(lambda: ollama.restarts == 1)
        after = await running(ollama)
        assert after["pid"] != before["pid"]
        assert gone(before["runner"])
        assert ollama.state == "running"
    assert "ended with exit status 2. It said: panic: runtime error" in caplog.text


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("chatty", "Ollama ended with exit status 4. It is"),
        ("hungry", "Ollama ended because memory ran out. It said: ggml_backend_cpu_buffer"),
        ("killed", "Ollama was killed, as happens when memory runs out. It is"),
    ],
)
async def test_only_what_tells_of_a_failure_is_quoted(
    tmp_path: Path, mode: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with daemon(tmp_path, mode, replace(QUICK, first_delay=60)) as ollama:
        await until(lambda: ollama.state == "restarting")
        assert ollama.message.startswith(said)
        assert ollama.cause == "ended"


async def test_the_failure_of_an_earlier_process_is_not_quoted_again(tmp_path: Path) -> None:
    async with daemon(tmp_path, "once") as ollama:
        await until(lambda: ollama.restarts == 1)
        assert "panic" in ollama.message
        pid = (await running(ollama))["pid"]
        os.kill(pid, signal.SIGTERM)
        await until(lambda: ollama.restarts == 2)
        assert "panic" not in ollama.message


async def test_a_port_that_something_else_has_is_said_with_whose_it_is(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        command = [sys.executable, "-c", SERVER, ""]
        ollama = Daemon(command, port, tmp_path / "data", EngineOptions(), QUICK)
        await ollama.start()
        try:
            await until(lambda: ollama.restarts >= 1)
            assert ollama.cause == "port_taken"
            assert f"Port {port}, which Ollama needs, is in use by" in ollama.message
            assert f"(process {os.getpid()})" in ollama.message
            other.close()
            assert (await running(ollama))["pid"] != os.getpid()
        finally:
            await ollama.stop()


async def test_what_a_killed_sidecar_left_behind_is_ended_at_the_next_start(
    tmp_path: Path,
) -> None:
    mark = {"OLLAMA_ADDON_ENGINE": str(tmp_path / "data")}
    sleeping = [sys.executable, "-c", "import time; time.sleep(600)"]
    left = await asyncio.create_subprocess_exec(
        *sleeping, env=os.environ | mark, start_new_session=True
    )
    other = await asyncio.create_subprocess_exec(
        *sleeping, env=os.environ | {"OLLAMA_ADDON_ENGINE": "elsewhere"}
    )
    async with daemon(tmp_path) as ollama:
        await running(ollama)
        assert await asyncio.wait_for(left.wait(), 30) == -signal.SIGKILL
        assert other.returncode is None
    other.kill()
    await other.wait()


async def test_after_a_hang_it_is_started_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with daemon(tmp_path) as ollama:
        before = await running(ollama)
        await ask(ollama, "/hang")
        await until(lambda: ollama.restarts == 1)
        after = await running(ollama)
        assert after["pid"] != before["pid"]
        assert gone(before["pid"])
    assert "no longer answers" in caplog.text


async def test_one_that_never_answers_is_started_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with daemon(tmp_path, "deaf", replace(QUICK, start=0.2)) as ollama:
        await until(lambda: ollama.restarts == 2)
    assert "did not answer within 0.2 s" in caplog.text


async def test_other_settings_restart_it_and_no_others_do(tmp_path: Path) -> None:
    async with daemon(tmp_path) as ollama:
        first = (await running(ollama))["pid"]
        await ollama.reconfigure(EngineOptions(), 8192)
        assert (await running(ollama))["pid"] == first
        assert not ollama.runs_with(EngineOptions(cache_ram=256), 8192)
        assert not ollama.runs_with(EngineOptions(), 4096)
        await ollama.reconfigure(EngineOptions(cache_ram=256), 4096)
        answer = await running(ollama)
        assert answer["env"]["OLLAMA_CONTEXT_LENGTH"] == "4096"
        assert answer["env"]["LLAMA_ARG_CACHE_RAM"] == "256"
        assert gone(first)
        # It was asked to end, so that nobody is told of a failure.
        assert (ollama.state, ollama.restarts) == ("running", 0)


async def test_restarts_become_rarer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with daemon(tmp_path, "broken") as ollama:
        await until(lambda: ollama.restarts == 5)
        assert ollama.state == "restarting"
        assert "address already in use" in ollama.message
    said = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    delays = [message.split(" again in ")[1] for message in said if " again in " in message]
    assert delays[:5] == ["0.05 s.", "0.1 s.", "0.2 s.", "0.2 s.", "0.2 s."]


async def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    ollama = Daemon([str(tmp_path / "absent")], 0, tmp_path, EngineOptions(), QUICK)
    await ollama.start()
    await until(lambda: ollama.state == "failed")
    assert "there is no program" in ollama.message
    await ollama.stop()


async def test_its_log_becomes_ours(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "ollama_addon.daemon")
    said: list[Line] = []
    async with daemon(tmp_path) as ollama:
        ollama.on_line = said.append
        await running(ollama)
        await ask(ollama, "/log")
        await until(lambda: "as ERROR" in caplog.text)
        assert (said[-1].level, said[-1].message) == (logging.ERROR, "as ERROR")
        assert said[-1].raw == 'time=1 level=ERROR source=x.go msg="as ERROR"'
        assert max(len(line.message) for line in said) <= 2**20
    assert (logging.INFO, "as INFO") in {(line.level, line.message) for line in said}
    levels = {record.message: record.levelname for record in caplog.records}
    # What it says all day long stays out of the add-on's log.
    assert (levels["as INFO"], levels["as WARN"]) == ("DEBUG", "WARNING")
    assert levels["as ERROR"] == "ERROR"


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="there is no 'setpriv' here")
async def test_nothing_outlives_a_killed_sidecar(tmp_path: Path) -> None:
    program = f"""
import asyncio, pathlib, sys
from ollama_addon.engine.daemon import Daemon
from ollama_addon.engine.lines import Line
from ollama_addon.options import EngineOptions

async def main():
    daemon = Daemon([sys.executable, "-c", {SERVER!r}, ""], 0, pathlib.Path({str(tmp_path)!r}),
                    EngineOptions())
    await daemon.start()
    await daemon.wait_running()
    print(daemon.url, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""
    sidecar = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=subprocess.PIPE, cwd=ROOT
    )
    assert sidecar.stdout is not None
    url = (await sidecar.stdout.readline()).decode().strip()
    async with httpx.AsyncClient() as client:
        pids = json.loads((await client.get(f"{url}/api/version")).text)
    sidecar.send_signal(signal.SIGKILL)
    await sidecar.wait()
    await until(lambda: gone(pids["pid"]))
    # Ending its runners is up to Ollama, and where it does not, to the next start.
    assert not gone(pids["runner"])
    assert end_leftovers(tmp_path) == 1
    await until(lambda: gone(pids["runner"]))


async def test_the_embedded_engine_is_kept_running(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "dev.engine", "serve"]
    ollama = Daemon(command, 0, tmp_path, EngineOptions())
    await ollama.start()
    try:
        assert "version" in await running(ollama)
    finally:
        await ollama.stop()
    with pytest.raises(httpx.ConnectError):
        await ask(ollama)
