from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from ollama_addon.engine.processes import free_port

from .scripted import MODEL, Scripted

ROOT = Path(__file__).parents[2]


@pytest_asyncio.fixture
async def scripted() -> AsyncIterator[Scripted]:
    async with Scripted("m:1") as server:
        yield server


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the embedded engine, with a model that runs for real."""
    url = f"http://127.0.0.1:{free_port()}"
    environment = {
        **os.environ,
        "OLLAMA_HOST": url.removeprefix("http://"),
        "OLLAMA_MODELS": str(tmp_path_factory.mktemp("models")),
    }
    command = [sys.executable, "-m", "dev.engine", "serve"]
    with subprocess.Popen(command, cwd=ROOT, env=environment) as process:
        try:
            deadline = time.monotonic() + 60
            while True:
                try:
                    httpx.get(f"{url}/api/version").raise_for_status()
                    break
                except httpx.HTTPError:
                    assert process.poll() is None, "the embedded engine did not start"
                    assert time.monotonic() < deadline, "the embedded engine does not answer"
                    time.sleep(0.1)
            httpx.post(f"{url}/api/pull", json={"model": MODEL}, timeout=120).raise_for_status()
            yield url
        finally:
            process.terminate()
