from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from ollama_addon.engine import pulling as pull_module
from ollama_addon.engine.downloads import Downloads
from ollama_addon.engine.inventory import Inventory
from ollama_addon.engine.pull import Pull
from ollama_addon.engine.servers import Servers
from ollama_addon.errors import AddonError
from ollama_addon.options import ServerOptions

from .scripted import MODEL, Scripted, cut, lines, until

GB = 10**9
MANIFEST = {"status": "pulling manifest"}
SUCCESS = {"status": "success"}


def part(completed: int, total: int = 4 * GB, digest: str = "sha256:a") -> dict[str, object]:
    return {"status": "pulling a", "digest": digest, "completed": completed, "total": total}


@asynccontextmanager
async def inventory(url: str, wanted: Sequence[str] = ()) -> AsyncIterator[Inventory]:
    servers = Servers([ServerOptions(url=url)], None)
    result = Inventory(servers, wanted)
    await servers.start()
    await result.start()
    try:
        yield result
    finally:
        await result.stop()
        await servers.stop()


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait between attempts, and tell of every step."""
    monkeypatch.setattr(pull_module, "_FIRST_DELAY", 0.01)
    monkeypatch.setattr(pull_module, "_LONGEST_DELAY", 0.02)
    monkeypatch.setattr(pull_module, "_TELL_EVERY", 0.0)


async def ended(inventory: Inventory, model: str) -> Pull:
    def find() -> list[Pull]:
        return [each for each in inventory.pulls if each.name == model and not each.active]

    await until(lambda: find() != [])
    return find()[0]


# For real


async def test_a_wanted_model_is_downloaded_and_can_be_deleted(engine: str) -> None:
    async with inventory(engine) as models:
        await models.remove(MODEL)
        with pytest.raises(AddonError) as raised:
            await models.remove(MODEL)
        assert (raised.value.code, raised.value.status) == ("model_missing", 404)
    async with inventory(engine, [MODEL]) as models:
        news: list[Pull] = []
        following = asyncio.create_task(_collect(models.subscribe(), news))
        assert (await ended(models, MODEL)).state == "done"
        await until(lambda: news[-1].state == "done")
        following.cancel()
        sizes = [each.completed for each in news]
        assert sizes == sorted(sizes)
        assert news[-1].percent == 100
        assert {"pulling", "verifying"} <= {each.state for each in news}
        assert models.progress(MODEL) is None
        (model,) = models.models
        assert (model.name, model.present, model.wanted, model.pulling) == (
            MODEL,
            True,
            True,
            False,
        )
        assert model.size is not None
        assert model.size > 90_000_000


async def test_a_model_that_does_not_exist(engine: str) -> None:
    async with inventory(engine, ["nonsense:1b"]) as models:
        failed = await ended(models, "nonsense:1b")
        assert failed.state == "failed"
        assert "no such model" in failed.message
        assert models.progress("nonsense:1b") == failed
        assert [(m.name, m.present) for m in models.models if m.wanted] == [("nonsense:1b", False)]


async def _collect(news: AsyncIterator[Pull], into: list[Pull]) -> None:
    async for each in news:
        into.append(each)  # noqa: PERF401 - it never ends


# What goes wrong on the way


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "a b", "m\nHost: x", "http://h/n/m"])
async def test_names_are_checked(name: str, scripted: Scripted) -> None:
    async with inventory(scripted.url) as models:
        for action in (models.pull, models.cancel, models.remove):
            with pytest.raises(AddonError, match="cannot be the name") as raised:
                await action(name)
            assert (raised.value.code, raised.value.status) == ("bad_model_name", 422)
    assert scripted.requests == []


async def test_a_download_that_is_cut_off_is_resumed(scripted: Scripted) -> None:
    attempts = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            return await cut(request, MANIFEST, part(1 * GB))
        if attempts == 2:
            return await lines(request, MANIFEST, part(2 * GB))  # ends politely, but too early
        if attempts == 3:
            return await lines(request, {"error": "max retries exceeded: EOF"})
        scripted.models["new:1"] = "sha256:2"
        return await lines(request, MANIFEST, part(2 * GB), part(4 * GB), SUCCESS)

    scripted.on["/api/pull"] = handler
    async with inventory(scripted.url) as models:
        news: list[Pull] = []
        following = asyncio.create_task(_collect(models.subscribe(), news))
        await models.pull("new:1")
        assert (await ended(models, "new:1")).state == "done"
        following.cancel()
        assert [model.name for model in models.models] == ["m:1", "new:1"]
    assert [each.state for each in news].count("retrying") == 3
    assert any("max retries exceeded" in each.message for each in news)
    assert any("broke it off" in each.message for each in news)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        ("pull model manifest: file does not exist", "no such model"),
        ("write blob: no space left on device", "disk is full"),
        ("pull model manifest: 412: requires a newer version of Ollama", "Update the app"),
    ],
)
async def test_what_cannot_get_better_is_not_tried_again(
    error: str, sentence: str, scripted: Scripted
) -> None:
    scripted.on["/api/pull"] = lambda request: lines(request, part(GB), {"error": error})
    async with inventory(scripted.url) as models:
        await models.pull("new:1")
        failed = await ended(models, "new:1")
        assert (failed.state, failed.percent) == ("failed", 25)
        assert sentence in failed.message
    assert len(scripted.asked("/api/pull")) == 1


async def test_it_is_given_up_in_the_end_and_can_be_asked_for_again(scripted: Scripted) -> None:
    scripted.on["/api/pull"] = cut
    async with inventory(scripted.url) as models:
        await models.pull("new:1")
        failed = await ended(models, "new:1")
        assert failed.state == "failed"
        assert "Try again later" in failed.message
        del scripted.on["/api/pull"]
        assert (await models.pull("new:1")).state == "waiting"
        await until(lambda: models.pulls[0].state == "done")


async def test_garbage_is_not_progress(scripted: Scripted) -> None:
    async def handler(_request: web.Request) -> web.Response:
        return web.Response(text="<html>\n")

    scripted.on["/api/pull"] = handler
    async with inventory(scripted.url) as models:
        await models.pull("new:1")
        assert (await ended(models, "new:1")).state == "failed"


# The queue


async def test_one_download_at_a_time(scripted: Scripted) -> None:
    over = asyncio.Event()
    under_way = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal under_way
        under_way += 1
        assert under_way == 1
        response = await lines(request, MANIFEST, part(GB), then=_wait(over))
        await response.write(b'{"status": "success"}\n')
        under_way -= 1
        return response

    scripted.on["/api/pull"] = handler
    async with inventory(scripted.url) as models:
        await models.pull("first:1")
        await models.pull("second:1")
        assert await models.pull("FIRST:1") == models.pulls[0]
        await until(lambda: models.pulls[0].percent == 25)
        assert [(each.name, each.state) for each in models.pulls] == [
            ("first:1", "pulling"),
            ("second:1", "waiting"),
        ]
        progress = models.progress("first:1")
        assert progress is not None
        assert "25 % of 4.0 GB" in progress.message
        with pytest.raises(AddonError, match="Cancel the download first") as raised:
            await models.remove("second:1")
        assert raised.value.status == 409
        over.set()
        assert (await ended(models, "second:1")).state == "done"
    assert [body["model"] for body in scripted.asked("/api/pull")] == ["first:1", "second:1"]


async def test_downloads_can_be_cancelled(scripted: Scripted) -> None:
    left = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        try:
            return await lines(request, part(GB), then=_wait(asyncio.Event()))
        finally:
            left.set()

    scripted.on["/api/pull"] = handler
    async with inventory(scripted.url) as models:
        await models.pull("first:1")
        await models.pull("second:1")
        await models.cancel("second:1")
        await until(lambda: models.pulls[0].percent == 25)
        await models.cancel("first:1")
        assert [each.state for each in models.pulls] == ["cancelled", "cancelled"]
        async with asyncio.timeout(60):
            await left.wait()
        for name in ("first:1", "never:1"):
            with pytest.raises(AddonError, match="not being downloaded"):
                await models.cancel(name)
        # The queue goes on with the next one.
        del scripted.on["/api/pull"]
        await models.pull("second:1")
        assert (await ended(models, "second:1")).state == "done"
    assert [body["model"] for body in scripted.asked("/api/pull")] == ["first:1", "second:1"]


async def test_a_model_that_another_server_has_is_not_downloaded(scripted: Scripted) -> None:
    async with inventory(scripted.url, ["m:1", "new:1"]) as models:
        assert (await ended(models, "new:1")).state == "done"
    assert [body["model"] for body in scripted.asked("/api/pull")] == ["new:1"]


async def test_who_listens_too_slowly_gets_the_newest(scripted: Scripted) -> None:
    scripted.on["/api/pull"] = lambda request: lines(
        request, *(part(n, total=300) for n in range(301)), SUCCESS
    )
    async with inventory(scripted.url) as models:
        news = models.subscribe()
        await models.pull("new:1")
        await ended(models, "new:1")
        heard = [await anext(news) for _ in range(100)]
        assert heard[-1].state == "done"
        await news.aclose()


async def test_without_a_server_a_download_fails_with_the_reason() -> None:
    servers = Servers([], None)
    models = Inventory(servers, [])
    await models.start()
    await models.pull("new:1")
    assert "Add one to 'servers'" in (await ended(models, "new:1")).message
    with pytest.raises(AddonError):
        await models.remove("new:1")
    await models.stop()
    await servers.stop()


# The disk


async def test_a_disk_that_is_too_full(scripted: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted.on["/api/pull"] = lambda request: lines(
        request, MANIFEST, part(0), then=_wait(asyncio.Event())
    )
    monkeypatch.setattr(Downloads, "free", lambda self: int(4.5 * GB))
    async with inventory(scripted.url) as models:
        models._servers.all[0].bundled = True
        await models.pull("large:1")
        failed = await ended(models, "large:1")
    assert failed.state == "failed"
    assert "needs 4.0 GB, and of the 4.5 GB that are free" in failed.problem
    assert "Delete models" in failed.problem


async def test_a_disk_that_fills_up_on_the_way(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = [8 * GB, 8 * GB, 2 * GB]
    scripted.on["/api/pull"] = lambda request: lines(
        request, part(GB), part(2 * GB), part(2 * GB + 1), then=_wait(asyncio.Event())
    )
    monkeypatch.setattr(Downloads, "free", lambda self: free.pop(0))
    async with inventory(scripted.url) as models:
        models._servers.all[0].bundled = True
        await models.pull("large:1")
        assert "needs 2.0 GB" in (await ended(models, "large:1")).problem


async def test_what_has_arrived_is_not_needed_again(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted.on["/api/pull"] = lambda request: lines(request, part(4 * GB - 1), SUCCESS)
    monkeypatch.setattr(Downloads, "free", lambda self: int(1.1 * GB))
    async with inventory(scripted.url) as models:
        models._servers.all[0].bundled = True
        await models.pull("large:1")
        assert (await ended(models, "large:1")).state == "done"


# Other wishes


async def test_other_wishes_are_downloaded_and_nothing_is_deleted(scripted: Scripted) -> None:
    async with inventory(scripted.url, ["m:1", "old:1"]) as models:
        await ended(models, "old:1")
        await models.want(["m:1", "new:1"])
        assert (await ended(models, "new:1")).state == "done"
        assert {(each.name, each.wanted) for each in models.models} == {
            ("m:1", True),
            ("new:1", True),
            ("old:1", False),
        }
    assert scripted.asked("/api/delete") == []


async def test_a_newer_version_is_downloaded_while_the_old_one_answers(
    scripted: Scripted,
) -> None:
    over = asyncio.Event()
    scripted.on["/api/pull"] = lambda request: lines(request, part(GB), SUCCESS, then=_wait(over))
    async with inventory(scripted.url) as models:
        await models.pull("m:1")
        await models.pull("new:1")
        assert models.waits_for("m:1") is None
        waiting = models.waits_for("new:1")
        assert waiting is not None
        assert "waits to be downloaded" in waiting.message
        over.set()
        await ended(models, "new:1")


async def _wait(event: asyncio.Event) -> None:
    await event.wait()


@pytest.mark.parametrize(
    ("pull", "sentence"),
    [
        (Pull("m", "waiting"), "waits"),
        (Pull("m", "pulling"), "is being downloaded."),
        (Pull("m", "pulling", GB, 4 * GB, 50e6), "25 % of 4.0 GB, 50.0 MB/s, 1 min left."),
        (Pull("m", "verifying"), "is being checked"),
        (Pull("m", "retrying", problem="Cable."), "interrupted: Cable."),
        (Pull("m", "failed", problem="Disk."), "could not be downloaded. Disk."),
        (Pull("m", "cancelled"), "can be resumed"),
        (Pull("m", "done"), "is ready"),
    ],
)
def test_how_far_it_is_in_words(pull: Pull, sentence: str) -> None:
    assert sentence in pull.message
