"""A disk that is full: under the journal, at the start, and in a download."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web

from dev.stack import PARTS
from dev.turn import events
from tests.engine.scripted import MODEL, Scripted, lines
from tests.home.scripted_home import ScriptedHome
from tests.keeping import keep_options

from .conftest import Report
from .house import Sidecar, between, ending_well, sidecar


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of a megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mounting, capture_output=True).returncode:
        pytest.skip("a small disk can only be mounted by root")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk: Path) -> None:
    """Leave not a byte."""
    with (disk / "full").open("wb", buffering=0) as everything:
        try:
            while everything.write(b"x" * 4096):
                pass
        except OSError:
            pass


async def test_the_disk_is_full_under_the_journal(
    small: Path, home: ScriptedHome, engine: Scripted, report: Report
) -> None:
    async with sidecar(
        small / "data",
        *PARTS,
        **between(home, engine),
    ) as it:
        assert (await it.say()).outcome == "done"
        before = await it.at_rest()
        fill(small)
        turn = await it.say()
        while (await it.ask("/api/status"))["journal"]["state"] == "ok":
            turn = await it.say()
            assert turn.outcome == "done"
        status = await it.until("journal", "attention", "disk is full")
        # What cannot be kept is not kept in part.
        refused = await keep_options(it.client, it.options)
        assert refused.status_code == 507, refused.text
        assert "disk" in refused.json()["error"]["message"]
        (small / "full").unlink()
        assert (await it.say("good evening")).reply == "Hello."
        await it.until("journal", "ok")
        found = await it.ask("/api/history?search=evening")
        assert [row["reply"] for row in found["turns"]] == ["Hello."]
        (await keep_options(it.client, it.options)).raise_for_status()
        seconds = await it.recovered()
        report("the disk is full", heard=turn.reply, status=status, seconds=seconds)
        assert sorted(path.name for path in it.data.glob("tmp*")) == []
        await it.lets_go(before)


async def test_it_starts_with_a_full_disk(
    small: Path, home: ScriptedHome, engine: Scripted, report: Report
) -> None:
    it = Sidecar(
        small / "data",
        **between(home, engine),
    )
    it.log_file = small.with_name("log")
    it.prepare()
    (it.data / "gateway_key").unlink()
    fill(small)
    async with ending_well(it):
        it.spawn()
        await it.answering()
        turn = await it.say()
        while turn.outcome != "done":
            turn = await it.say()
        status = await it.until("journal", "attention")
        (small / "full").unlink()
        await it.say()
        await it.until("journal", "ok")
        report("it starts with a full disk", heard=turn.reply, status=status)


async def test_the_disk_is_full_in_a_download(
    house: Sidecar, engine: Scripted, report: Report
) -> None:
    before = await house.at_rest()

    async def full(request: web.Request) -> web.StreamResponse:
        error = "write /data/models/blobs/sha256-1-partial: no space left on device"
        part = {"status": "pulling 1", "digest": "sha256:1", "total": 10**9, "completed": 10**6}
        return await lines(request, part, {"error": error})

    engine.on["/api/pull"] = full
    await house.client.post("/api/models/pull", json={"name": "large:1"})
    heard = await pulled(house, "failed")
    assert "The disk is full. Delete models" in heard
    assert (await house.say()).outcome == "done"
    del engine.on["/api/pull"]
    await house.client.post("/api/models/pull", json={"name": "large:1"})
    await pulled(house, "done")
    report("the disk is full in a download", heard=heard)
    await house.lets_go(before)


async def pulled(house: Sidecar, state: str) -> str:
    """Wait until a download has come so far, as the panel sees it; return its sentence."""
    async with asyncio.timeout(60), house.client.stream("GET", "/api/events") as response:
        async for name, data in events(response):
            if name == "pull" and data["state"] == state:
                return str(data["message"])
    raise AssertionError("the stream ended")


async def test_a_wanted_model_for_which_the_disk_is_too_full(
    tmp_path: Path, home: ScriptedHome, engine: Scripted, report: Report
) -> None:
    del engine.models[MODEL]

    async def full(request: web.Request) -> web.StreamResponse:
        return await lines(request, {"error": "no space left on device"})

    engine.on["/api/pull"] = full
    async with sidecar(
        tmp_path / "data",
        **between(home, engine),
    ) as it:
        status = await it.until("models", "down", "The disk is full")
        turn = await it.say()
        assert turn.error is not None
        assert "not downloaded" in turn.error["message"]
        del engine.on["/api/pull"]
        await it.client.post("/api/models/pull", json={"name": MODEL})
        seconds = await it.recovered()
        report("no room for the model", heard=turn.error["message"], status=status, seconds=seconds)
