"""Downloads that go wrong, race or crawl: each ends, and is told as it is."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from ollama_addon.engine import pulling
from ollama_addon.engine.catalogue import CATALOGUE
from ollama_addon.engine.daemon import Daemon
from ollama_addon.engine.downloads import Downloads
from ollama_addon.engine.inventory import Inventory
from ollama_addon.engine.pull import Cause, Pull, nearest_names
from ollama_addon.engine.pulling import Progress
from ollama_addon.engine.servers import Servers
from ollama_addon.errors import AddonError
from ollama_addon.options import AgentOptions, EngineOptions, ServerOptions

from .scripted import Scripted, lines, until
from .test_inventory import GB, MANIFEST, ended, inventory, part, soon

__all__ = ["soon"]

MB = 10**6


# What is final


REFUSALS: list[tuple[str, Cause]] = [
    ("pull model manifest: file does not exist", "unknown_model"),
    ("pull model manifest: unauthorized: access denied", "closed"),
    ('pull model manifest: 403: {"errors":[{"code":"DENIED"}]}', "closed"),
    ("pull model manifest: 412: \n\nThe model requires a newer version of Ollama.", "newer_needed"),
    ("pull model manifest: 507: Insufficient Storage", "disk_full"),
    ("open /data/models/blobs/sha256-1-partial: no space left on device", "disk_full"),
    ("pull model manifest: 451: Unavailable For Legal Reasons", "refused"),
]


@pytest.mark.parametrize(("error", "cause"), REFUSALS)
async def test_a_final_refusal_ends_at_once_and_the_others_go_on(
    error: str, cause: Cause, scripted: Scripted
) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        if (await request.json())["model"] == "refused:1":
            return await lines(request, MANIFEST, {"error": error})
        scripted.models["next:1"] = "sha256:2"
        return await lines(request, MANIFEST, {"status": "success"})

    scripted.on["/api/pull"] = handler
    async with inventory(scripted.url) as models:
        await models.pull("refused:1")
        await models.pull("next:1")
        failed = await ended(models, "refused:1")
        assert (failed.state, failed.cause) == ("failed", cause)
        assert failed.problem.endswith(".")
        assert (await ended(models, "next:1")).state == "done"
    assert [body["model"] for body in scripted.asked("/api/pull")] == ["refused:1", "next:1"]


@pytest.mark.parametrize("status", [401, 403, 404, 412, 507])
async def test_a_status_without_a_word_is_final_too(status: int, scripted: Scripted) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=status)

    scripted.on["/api/pull"] = handler
    async with inventory(scripted.url) as models:
        await models.pull("refused:1")
        assert (await ended(models, "refused:1")).state == "failed"
    assert len(scripted.asked("/api/pull")) == 1


@pytest.mark.parametrize("error", ["pull model manifest: 429: slow down", "408: timeout", "EOF"])
async def test_what_may_get_better_is_tried_again(error: str, scripted: Scripted) -> None:
    answers = [({"error": error},), (MANIFEST, {"status": "success"})]
    scripted.on["/api/pull"] = lambda request: lines(request, *answers.pop(0))
    async with inventory(scripted.url) as models:
        await models.pull("new:1")
        assert (await ended(models, "new:1")).state == "done"


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("qwen3:4", "qwen3:4b-instruct"),
        ("qwen3:4b-instuct", "qwen3:4b-instruct"),
        ("Lama3.2:3b", "llama3.2:3b"),
        ("registry.ollama.ai/library/gema3:4b", "gemma3:4b"),
        ("smolm2", "smollm2:135m"),
    ],
)
def test_a_mistyped_name_is_told_the_nearest(name: str, nearest: str) -> None:
    assert nearest in nearest_names(name)


def test_a_name_like_no_other_is_told_none() -> None:
    assert nearest_names("my-own/thing:1") == ()


# How fast it is


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def crawl(progress: Progress, clock: Clock, seconds: int, rate: float, done: float) -> float:
    """Let bytes arrive once a second."""
    for _ in range(seconds):
        clock.now += 1
        done += rate
        progress.take(part(int(done)))
    return done


def test_what_was_there_before_a_resume_counts_for_no_speed() -> None:
    clock = Clock()
    progress = Progress("m", clock)
    progress.take(part(3 * GB))
    assert progress.told().seconds_left is None
    crawl(progress, clock, 10, MB, 3 * GB)
    told = progress.told()
    assert told.rate == pytest.approx(MB)
    assert told.seconds_left == pytest.approx(990)
    assert "16 min left" in told.message


def test_the_speed_is_that_of_the_last_half_minute() -> None:
    clock = Clock()
    progress = Progress("m", clock)
    done = crawl(progress, clock, 20, 100 * MB, 0)
    done = crawl(progress, clock, 31, MB, done)
    told = progress.told()
    assert told.rate == pytest.approx(MB, rel=0.05)
    assert told.seconds_left == pytest.approx((4 * GB - done) / MB, rel=0.05)


def test_the_first_bytes_say_nothing_of_the_time_that_is_left() -> None:
    clock = Clock()
    progress = Progress("m", clock)
    progress.take(part(0))
    clock.now += 0.1
    progress.take(part(500 * MB))
    assert progress.told().seconds_left is None


def test_the_next_file_is_no_burst() -> None:
    clock = Clock()
    progress = Progress("m", clock)
    progress.take(part(0))
    crawl(progress, clock, 10, MB, 0)
    progress.take(part(400 * MB, 400 * MB, "sha256:b"))
    assert progress.told().rate == pytest.approx(MB)


def test_a_download_that_stops_for_a_minute_says_so() -> None:
    clock = Clock()
    progress = Progress("m", clock)
    done = crawl(progress, clock, 10, MB, GB)
    crawl(progress, clock, 59, 0, done)
    told = progress.told()
    assert (told.state, told.rate, told.seconds_left) == ("pulling", 0, None)
    crawl(progress, clock, 1, 0, done)
    told = progress.told()
    assert (told.state, told.active, told.seconds_left) == ("stalled", True, None)
    assert "has stopped at 25 % of 4.0 GB" in told.message
    crawl(progress, clock, 5, MB, done)
    assert progress.told().state == "pulling"
    # Checking a large file on a slow card is silent, and no standstill.
    progress.take({"status": "verifying sha256 digest"})
    clock.now += 600
    assert progress.told().state == "verifying"


@pytest.mark.parametrize(("seconds", "left"), [(20, "1 min"), (5000, "83 min"), (9000, "2.5 h")])
def test_the_time_that_is_left_in_words(seconds: int, left: str) -> None:
    pull = Pull("m", "pulling", 0, seconds * MB, MB)
    assert f"{left} left" in pull.message


async def test_a_silent_connection_is_a_standstill_too(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulling, "_TICK", 0.01)
    monkeypatch.setattr(pulling, "_STALLED", 0.05)
    over = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        response = await lines(request, part(GB), then=_wait(over))
        await response.write(b'{"status": "success"}\n')
        return response

    scripted.on["/api/pull"] = handler
    async with inventory(scripted.url) as models:
        await models.pull("new:1")
        await until(lambda: models.pulls[0].state == "stalled")
        over.set()
        assert (await ended(models, "new:1")).state == "done"


# Races


async def test_one_that_is_cancelled_and_deleted_while_it_waits_stops_nobody(
    scripted: Scripted,
) -> None:
    over = asyncio.Event()
    scripted.on["/api/pull"] = lambda request: lines(request, part(GB), then=_wait(over))
    async with inventory(scripted.url) as models:
        await models.pull("first:1")
        await until(lambda: models.pulls[0].percent == 25)
        scripted.models["second:1"] = "sha256:2"
        await models.pull("second:1")
        await models.cancel("second:1")
        await models.remove("second:1")
        await models.pull("third:1")
        del scripted.on["/api/pull"]
        over.set()
        assert (await ended(models, "third:1")).state == "done"
        assert [each.name for each in models.pulls] == ["first:1", "third:1"]


async def test_cancelled_at_any_moment_it_ends_and_the_next_one_runs(scripted: Scripted) -> None:
    async def slowly(request: web.Request) -> web.StreamResponse:
        response = await lines(request, part(GB))
        await asyncio.sleep(0.005)
        await response.write(b'{"status": "success"}\n')
        return response

    scripted.on["/api/pull"] = slowly
    async with inventory(scripted.url) as models:
        for turns in range(60):
            name = f"m{turns}:1"
            scripted.models.pop(name, None)
            await models.pull(name)
            for _ in range(turns):
                await asyncio.sleep(0)
            if turns % 3 == 0:
                await asyncio.sleep(turns / 5000)
            try:
                await models.cancel(name)
            except AddonError as error:
                assert error.code == "not_pulling"  # noqa: PT017 - it was faster
            again = await models.pull(name)
            assert again.state == "waiting"
            assert (await ended(models, name)).state == "done", turns


async def test_two_requests_for_a_model_are_one(scripted: Scripted) -> None:
    over = asyncio.Event()
    scripted.on["/api/pull"] = lambda request: lines(request, part(GB), then=_wait(over))
    spellings = (
        "Qwen3",
        "qwen3:latest",
        "library/qwen3",
        "registry.ollama.ai/library/QWEN3:Latest",
    )
    async with inventory(scripted.url, spellings) as models:
        for name in spellings:
            await models.pull(name)
        await until(lambda: models.pulls != [] and models.pulls[0].percent == 25)
        assert len(models.pulls) == 1
        assert [model.state for model in models.models if model.wanted] == ["downloading"]
        over.set()


# The disk


async def test_a_model_that_cannot_have_room_is_not_begun(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    largest = max(CATALOGUE, key=lambda known: known.size)
    monkeypatch.setattr(Downloads, "free", lambda self: largest.size)
    async with ours(scripted, tmp_path) as models:
        await models.pull(largest.name)
        failed = await ended(models, largest.name)
        assert failed.cause == "no_room"
        assert scripted.asked("/api/pull") == []
        # Of one that has begun to arrive it is not known how much is still to come.
        blobs = tmp_path / "models" / "blobs"
        blobs.mkdir(parents=True)
        (blobs / "sha256-1-partial").touch()
        await models.pull(largest.name)
        assert (await ended(models, largest.name)).state == "done"


# What may be deleted


def ours(scripted: Scripted, tmp_path: Path, *agents: AgentOptions, wanted: str = "") -> Ours:
    return Ours(scripted, tmp_path, agents, [wanted] if wanted else [])


class Ours:
    """The inventory of a bundled server, and of another one."""

    def __init__(
        self,
        scripted: Scripted,
        tmp_path: Path,
        agents: tuple[AgentOptions, ...],
        wanted: list[str],
        remote: tuple[str, ...] = (),
    ) -> None:
        port = int(scripted.url.rsplit(":", 1)[1])
        daemon = Daemon(["unused"], port, tmp_path, EngineOptions())
        self.servers = Servers([ServerOptions(url=url) for url in remote], daemon, agents=agents)
        self.models = Inventory(self.servers, wanted)

    async def __aenter__(self) -> Inventory:
        await self.servers.refresh()
        await self.models.start()
        return self.models

    async def __aexit__(self, *_: object) -> None:
        await self.models.stop()
        await self.servers.stop()


async def test_a_model_of_agents_is_not_deleted(scripted: Scripted, tmp_path: Path) -> None:
    agents = [AgentOptions(id=name, name=name, model="M:1") for name in ("a", "b")]
    async with ours(scripted, tmp_path, *agents) as models:
        assert models.models[0].used_by == ("a", "b")
        with pytest.raises(AddonError, match="used by 2 of the agents") as raised:
            await models.remove("m:1")
        assert (raised.value.code, raised.value.status) == ("model_in_use", 409)
    assert "m:1" in scripted.models


async def test_a_wanted_model_that_was_deleted_comes_back_at_the_next_start_only(
    scripted: Scripted, tmp_path: Path
) -> None:
    async with ours(scripted, tmp_path, wanted="m:1") as models:
        await models.remove("m:1")
        await models.want(["m:1", "new:1"])
        assert (await ended(models, "new:1")).state == "done"
        assert "m:1" not in scripted.models
        await models.want(["new:1"])
        await models.want(["m:1", "new:1"])  # it was taken off the list, and is wanted anew
        assert (await ended(models, "m:1")).state == "done"


async def test_a_model_on_another_server_is_not_deleted_here(
    scripted: Scripted, tmp_path: Path
) -> None:
    async with Scripted("elsewhere:1") as other:
        there = Ours(scripted, tmp_path, (), [], (other.url,))
        async with there as models:
            assert [(m.name, m.ours) for m in models.models] == [
                ("elsewhere:1", False),
                ("m:1", True),
            ]
            with pytest.raises(AddonError, match=f"is on {other.url}") as raised:
                await models.remove("elsewhere:1")
            assert raised.value.code == "model_elsewhere"


# How a model is


async def test_nothing_is_missing_while_nobody_answers(scripted: Scripted, tmp_path: Path) -> None:
    async with ours(scripted, tmp_path, wanted="absent:1") as models:
        scripted.on["/api/pull"] = lambda request: lines(
            request, MANIFEST, {"error": "pull model manifest: file does not exist"}
        )
        await ended(models, "absent:1")
        assert [m.state for m in models.models if m.wanted] == ["failed"]
        await scripted.stop()
        await models.refresh()
        assert [m.state for m in models.models if m.wanted] == ["unknown"]


async def test_what_is_on_its_way_or_failed_is_listed_though_nobody_wants_it(
    scripted: Scripted,
) -> None:
    over = asyncio.Event()
    scripted.on["/api/pull"] = lambda request: lines(request, part(GB), then=_wait(over))
    async with inventory(scripted.url) as models:
        await models.pull("new:1")
        assert [(m.name, m.state) for m in models.models] == [
            ("m:1", "present"),
            ("new:1", "downloading"),
        ]
        await models.cancel("new:1")
        assert [m.name for m in models.models] == ["m:1"]
        scripted.on["/api/pull"] = lambda request: lines(
            request, MANIFEST, {"error": "pull model manifest: file does not exist"}
        )
        await models.pull("new:1")
        await ended(models, "new:1")
        assert [m.state for m in models.models] == ["present", "failed"]


async def test_what_share_is_on_a_graphics_card_is_said_only_when_it_is_told(
    scripted: Scripted, tmp_path: Path
) -> None:
    scripted.loaded["m:1"] = 100
    async with ours(scripted, tmp_path) as models:
        assert (models.models[0].state, models.models[0].gpu_share) == ("loaded", None)
        scripted.vram["m:1"] = 25
        await models.refresh()
        assert models.models[0].gpu_share == 0.25


async def test_a_model_is_loading_until_it_answers(scripted: Scripted, tmp_path: Path) -> None:
    over = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        await over.wait()
        del scripted.on["/api/chat"]
        return await lines(request, {"message": {"content": "Hi"}, "done": True})

    scripted.on["/api/chat"] = handler
    there = ours(scripted, tmp_path)
    async with there as models:

        async def talk() -> None:
            async for _ in there.servers.chat("m:1", [{"role": "user", "content": "Hi"}]):
                pass

        talking = asyncio.create_task(talk())
        await until(lambda: models.models[0].state == "loading")
        over.set()
        await talking
        assert models.models[0].state == "present"


async def _wait(event: asyncio.Event) -> None:
    await event.wait()
