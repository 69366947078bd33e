from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dev.stack import PARTS
from tests.engine.scripted import Scripted
from tests.home.scripted_home import ScriptedHome

from .engine import capable
from .house import Sidecar, between, furnished, sidecar


@pytest.fixture
async def home() -> AsyncIterator[ScriptedHome]:
    """A Home Assistant of one kitchen."""
    async with ScriptedHome() as home:
        furnished(home)
        yield home


@pytest.fixture
async def engine() -> AsyncIterator[Scripted]:
    """An Ollama server elsewhere on the network."""
    async with capable() as engine:
        yield engine


@pytest.fixture
async def house(tmp_path: Path, home: ScriptedHome, engine: Scripted) -> AsyncIterator[Sidecar]:
    """The sidecar between the two, ready."""
    async with sidecar(
        tmp_path / "data",
        *PARTS,
        **between(home, engine),
    ) as it:
        yield it


@dataclass(frozen=True)
class Report:
    """Writes what a fault did as a line of JSON, into the file that FAULTS_REPORT names."""

    test: str

    def __call__(
        self, fault: str, *, heard: str = "", status: str = "", seconds: float | None = None
    ) -> None:
        row = {
            "fault": fault,
            "heard": heard,
            "status": status,
            "seconds": None if seconds is None else round(seconds, 1),
            "test": self.test,
        }
        print(row)
        if path := os.environ.get("FAULTS_REPORT"):
            with Path(path).open("a") as file:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Report:
    test = request.node.nodeid.removeprefix("tests/faults/").partition("[")[0]
    return Report(test)
