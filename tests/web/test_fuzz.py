"""Whatever is sent to the API: a documented answer or a sentence, and nothing breaks.

Seeded and short; `script/fuzz` makes it long.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import schemathesis
from hypothesis import seed
from schemathesis.checks import CheckContext
from schemathesis.specs.openapi.checks import response_schema_conformance

from ollama_addon.app.wiring import make_app
from tests.engine.scripted import Scripted
from tests.fuzzing import SEED, relaxed
from tests.web.running import listening, settings


class Running:
    """The sidecar with a scripted engine, in a thread of its own."""

    def __init__(self, data: Path) -> None:
        self.port, self.token = 0, ""
        self._data = data
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=[self._run()])

    async def _run(self) -> None:
        async with Scripted("m:1") as engine:
            agent = {"name": "Home", "model": "m:1", "control_home": False, "instructions": ""}
            options = {"servers": [{"url": engine.url}], "agents": [agent], "models": []}
            (self._data / "options.json").write_text(json.dumps(options))
            async with listening(self._data) as (self.port, self.token):
                self._ready.set()
                await self._over.wait()

    def __enter__(self) -> Running:
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()
        self._loop.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("fuzz")) as running:
        yield running


def described() -> Any:
    with TemporaryDirectory() as data:
        description = make_app(settings(Path(data))).openapi()
    # Events have no end, and newer versions are looked for in the internet.
    schema = schemathesis.openapi.from_dict(description)
    return schema.exclude(path=["/api/events", "/api/models/check"])


def said(context: CheckContext, response: Any, case: Any) -> None:
    """Hold what is refused to a code and a sentence, whatever was wrong."""
    if response.status_code < 400:
        return
    error = json.loads(response.text)["error"]
    assert response.status_code != 500, error
    assert error["code"] != "internal"
    assert error["message"].strip()


@pytest.mark.filterwarnings("ignore:Do not use the")
@described().parametrize()  # type: ignore[untyped-decorator]
@seed(SEED)
@relaxed(12)
def test_whatever_is_asked_is_answered(
    case: Any, running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    caplog.clear()
    response = case.call(
        base_url=f"http://127.0.0.1:{running.port}",
        headers={"Authorization": f"Bearer {running.token}"},
        timeout=30,
    )
    case.validate_response(response, checks=[said, response_schema_conformance])
    assert not [record for record in caplog.records if record.exc_info]
