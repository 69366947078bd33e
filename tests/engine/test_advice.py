from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from ollama_addon.engine import servers as servers_module
from ollama_addon.engine.advice import Measured, memory_needed, need, recommend
from ollama_addon.engine.catalogue import CATALOGUE
from ollama_addon.engine.hardware import Gpu, Machine
from ollama_addon.engine.server import Server
from ollama_addon.engine.servers import Servers
from ollama_addon.engine.speeds import Speed, Speeds
from ollama_addon.errors import AddonError
from ollama_addon.model_name import is_valid
from ollama_addon.options import AgentOptions, EngineOptions

from .scripted import Scripted

GB = 10**9
PI = Machine(
    processor="Raspberry Pi 5",
    cores=4,
    physical_cores=4,
    instructions=("asimddp",),
    memory=8 * GB,
    memory_available=6 * GB,
    disk=64 * GB,
    disk_free=30 * GB,
    gpus=(),
    vulkan=False,
    rocm=False,
)
CARD = Gpu("AMD", "amdgpu", "/dev/dri/renderD128", 16 * GB)


def answer(load: float, read: int, took: float, written: int, wrote: float) -> dict[str, Any]:
    return {
        "load_duration": load * 1e9,
        "prompt_eval_count": read,
        "prompt_eval_duration": took * 1e9,
        "eval_count": written,
        "eval_duration": wrote * 1e9,
    }


# Speed


def test_cached_prompts_say_nothing_about_the_speed_of_reading() -> None:
    speeds = Speeds()
    assert speeds.of("m") == Speed(None, None)
    speeds.learn("m", answer(1.0, 200, 2.0, 1, 0.05))
    speeds.learn("m:latest", answer(0.0, 2000, 0.1, 20, 1.0))
    speeds.learn("m", answer(0.001, 2000, 0.1, 60, 1.0))
    assert speeds.of("M") == Speed(100.0, 40.0)
    assert speeds.models == ("m:latest",)


def test_who_waited_for_another_calls_loading_is_not_taken_for_fast() -> None:
    speeds = Speeds()
    speeds.learn("m", answer(1.0, 200, 2.0, 1, 0.05))
    speeds.learn("m", answer(1.0, 200, 0.1, 10, 0.5))
    assert speeds.of("m") == Speed(100.0, 20.0)


@given(
    st.dictionaries(
        st.sampled_from(sorted(answer(0, 0, 0, 0, 0))), st.none() | st.integers(0, 10**12)
    )
)
def test_any_last_chunk_is_understood(last: dict[str, Any]) -> None:
    speeds = Speeds()
    speeds.learn("m", last)
    speed = speeds.of("m")
    assert speed.prompt is None or speed.prompt > 0
    assert speed.decode is None or speed.decode > 0


# Memory


def test_memory_grows_with_the_context_and_shrinks_with_its_type() -> None:
    small = memory_needed(2 * GB, 147_456, 4096, "f16")
    assert memory_needed(2 * GB, 147_456, 8192, "f16") - small == 147_456 * 4096
    assert memory_needed(2 * GB, 147_456, 8192, "q8_0") < 2 * small


@pytest.mark.parametrize(
    ("needed", "freed", "gpus", "fits"),
    [
        (3 * GB, 0, (), "yes"),
        (5.5 * GB, 0, (), "tight"),
        (6.2 * GB, 0, (), "tight"),  # within the error of the estimate
        (9 * GB, 0, (), "no"),
        (9 * GB, 5 * GB, (), "yes"),
        (9 * GB, 0, (CARD,), "yes"),
        (9 * GB, 0, (replace(CARD, memory=None),), "tight"),
        (9 * GB, 0, (replace(CARD, node=""),), "no"),
    ],
)
def test_what_fits(needed: float, freed: int, gpus: tuple[Gpu, ...], fits: str) -> None:
    found = need(int(needed), replace(PI, gpus=gpus, vulkan=True), freed)
    assert found.fits == fits
    assert bool(found.sentence("m", 8192)) is (fits != "yes")


# Recommendations


def test_the_table_is_sound() -> None:
    assert len({known.name for known in CATALOGUE}) == len(CATALOGUE)
    assert all(is_valid(known.name) for known in CATALOGUE)
    assert [known.size for known in CATALOGUE] == sorted(known.size for known in CATALOGUE)
    # From an eighth of a byte to two bytes a weight.
    assert all(0.4 < known.size / known.parameters < 2.2 for known in CATALOGUE)


def test_a_small_machine_is_given_a_small_model() -> None:
    rows = recommend(PI, [], 8192, "f16")
    (suggested,) = [row for row in rows if row.suggested]
    assert suggested.fits == "yes"
    assert {row.basis for row in rows} == {"expected"}
    fits = {row.known.name: row.fits for row in rows}
    assert fits["qwen3:1.7b"] == "yes"
    assert fits["qwen3:14b"] == "no"
    seconds = [row.seconds_per_command for row in rows]
    assert seconds == sorted(seconds)


def test_a_graphics_card_is_given_a_large_one() -> None:
    desk = replace(PI, gpus=(CARD,), vulkan=True, instructions=("avx2",), cores=8)
    (suggested,) = [row for row in recommend(desk, [], 8192, "f16") if row.suggested]
    assert suggested.known.parameters > 3e9


def test_what_was_measured_goes_before_experience() -> None:
    known = next(each for each in CATALOGUE if each.name == "qwen3:1.7b")
    fast = Measured("qwen3:1.7b", known.parameters, known.size, Speed(1000.0, 100.0))
    rows = {row.known.name: row for row in recommend(PI, [fast], 8192, "f16")}
    assert rows["qwen3:1.7b"].basis == "measured"
    assert rows["qwen3:1.7b"].seconds_per_command == pytest.approx(250 / 1000 + 16 / 100)
    larger = rows["qwen3:4b-instruct"]
    assert larger.basis == "scaled"
    assert larger.seconds_per_command > rows["qwen3:1.7b"].seconds_per_command
    slow = replace(fast, speed=Speed(1.0, 1.0))
    (suggested,) = [row for row in recommend(PI, [slow], 8192, "f16") if row.suggested]
    assert suggested.known == CATALOGUE[0]


def test_when_nothing_fits_nothing_is_suggested() -> None:
    full = replace(PI, memory_available=GB // 4)
    assert not any(row.suggested for row in recommend(full, [], 8192, "f16"))


# Before a model is loaded


async def bundled(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch, available: float, size: int
) -> Servers:
    """Servers whose bundled one has a model of `size` bytes, on a machine with little memory."""
    info = {
        "general.architecture": "a",
        "a.block_count": 36,
        "a.attention.head_count": 32,
        "a.attention.head_count_kv": 8,
        "a.attention.key_length": 128,
        "a.embedding_length": 2560,
    }
    scripted.info, scripted.size = info, size
    monkeypatch.setattr(
        servers_module, "machine", lambda data: replace(PI, memory_available=int(available))
    )
    agent = AgentOptions(id="a", name="A", model="m:1", context_window=8192)
    servers = Servers([], None, agents=[agent], engine=EngineOptions())
    servers.bundled = Server(scripted.url, bundled=True)
    servers.all = [servers.bundled]
    await servers.refresh()
    return servers


async def say(servers: Servers) -> str:
    message = {"role": "user", "content": "hello"}
    return "".join([chunk["message"]["content"] async for chunk in servers.chat("m:1", [message])])


async def test_what_would_starve_home_assistant_is_not_loaded(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers = await bundled(scripted, monkeypatch, 3 * GB, int(2.5 * GB))
    with pytest.raises(AddonError, match="Choose a smaller model") as raised:
        await say(servers)
    assert (raised.value.code, raised.value.status) == ("model_too_large", 507)
    assert "needs about 4.1 GB" in raised.value.message
    assert scripted.asked("/api/chat") == []
    await servers.stop()


async def test_what_is_tight_is_loaded_and_said(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers = await bundled(scripted, monkeypatch, 4.3 * GB, int(2.5 * GB))
    assert await say(servers) == "Hello"
    assert "may become slow" in servers.tight
    await servers.stop()


async def test_what_is_in_memory_already_fits(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers = await bundled(scripted, monkeypatch, GB, int(2.5 * GB))
    scripted.loaded = {"m:1": 4 * GB}
    assert await say(servers) == "Hello"
    # Another model would take its place, so that its memory counts as free.
    assert servers.in_memory() == 4 * GB
    await servers.stop()


async def test_other_machines_know_themselves(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers = await bundled(scripted, monkeypatch, GB, 40 * GB)
    assert servers.bundled
    servers.bundled.bundled = False
    assert await say(servers) == "Hello"
    await servers.stop()


@pytest.mark.parametrize("info", [{}, {"general.architecture": "a"}, {"a.block_count": "x"}])
async def test_a_model_that_tells_little(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch, info: dict[str, Any]
) -> None:
    servers = await bundled(scripted, monkeypatch, 8 * GB, GB)
    scripted.info = info
    assert await say(servers) == "Hello"
    await servers.stop()


async def test_a_hybrid_model_lists_its_heads(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers = await bundled(scripted, monkeypatch, 8 * GB, GB)
    scripted.info["a.attention.head_count_kv"] = [0, 0, 0, 4] * 8
    scripted.info["a.attention.key_length"] = 256
    assert (await servers.details("m:1")).kv_bytes == 2 * 8 * 4 * 256 * 2
    await servers.stop()


# Settings that change while answers run


async def test_running_answers_are_waited_for(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers = await bundled(scripted, monkeypatch, 8 * GB, GB)
    message = {"role": "user", "content": "hello"}
    chat = servers.chat("m:1", [message])
    await anext(chat)
    await servers.wait_idle(0.01)  # not for ever
    assert not servers._idle.is_set()
    await chat.aclose()
    await servers.wait_idle(60)
    assert servers._idle.is_set()
    await servers.stop()


def test_the_data_folder_of_no_daemon() -> None:
    assert Servers([], None).data == Path()
