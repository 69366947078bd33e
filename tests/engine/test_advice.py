from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from ollama_addon.__main__ import main
from ollama_addon.engine import fitting as fitting_module
from ollama_addon.engine.advice import Measured, recommend
from ollama_addon.engine.catalogue import CATALOGUE
from ollama_addon.engine.fitting import in_memory
from ollama_addon.engine.hardware import Gpu, Machine
from ollama_addon.engine.machines import MACHINES
from ollama_addon.engine.measurements import Measurements
from ollama_addon.engine.memory import available_always, available_now, memory_needed, need
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
    speeds = Speeds(clock=lambda: 7.0)
    assert speeds.of("m") == Speed(None, None)
    for _ in range(3):
        speeds.learn("m", answer(1.0, 200, 2.0, 1, 0.05))
        speeds.learn("m:latest", answer(0.0, 2000, 0.1, 40, 1.0))
    assert speeds.of("M") == Speed(100.0, 40.0, 7.0)
    assert speeds.models == ("m:latest",)


def test_a_load_from_a_busy_disk_does_not_rule() -> None:
    speeds = Speeds()
    for seconds in (2.0, 2.1, 60.0, 1.9, 2.0, 2.0):
        speeds.learn("m", answer(1.0, 200, seconds, 40, 1.0))
    assert speeds.of("m").prompt == pytest.approx(100)
    # Only the last six count.
    for _ in range(4):
        speeds.learn("m", answer(1.0, 200, 4.0, 40, 1.0))
    assert speeds.of("m").prompt == pytest.approx(50)


def test_the_fixed_task_counts_until_there_are_three_measurements() -> None:
    speeds = Speeds()
    speeds.learn("m", answer(1.0, 200, 1.0, 40, 1.0))
    assert speeds.of("m") == replace(speeds.of("m"), prompt=None, decode=None)
    assert not speeds.has_task("m")
    speeds.learn_task("m", answer(0.0, 300, 2.0, 24, 2.0))
    assert speeds.has_task("M:latest")
    assert (speeds.of("m").prompt, speeds.of("m").decode) == (150, 12)
    for _ in range(2):
        speeds.learn("m", answer(1.0, 200, 1.0, 40, 1.0))
    assert (speeds.of("m").prompt, speeds.of("m").decode) == (200, 40)


def test_a_task_that_broke_off_is_none() -> None:
    speeds = Speeds()
    speeds.learn_task("m", answer(0.0, 300, 2.0, 1, 2.0))
    assert not speeds.has_task("m")


@given(
    st.fixed_dictionaries(
        {},
        optional={key: st.none() | st.integers(0, 10**12) for key in answer(0, 0, 0, 0, 0)},
    )
)
def test_any_last_chunk_is_understood(last: dict[str, Any]) -> None:
    speeds = Speeds()
    for _ in range(3):
        speeds.learn("m", last)
    speed = speeds.of("m")
    assert speed.prompt is None or speed.prompt > 0
    assert speed.decode is None or speed.decode > 0


def test_what_was_measured_outlives_a_restart_but_not_a_move(tmp_path: Path) -> None:
    now = 1_000_000.0
    path = tmp_path / "measurements.json"
    first = Measurements(path, "this machine", lambda: now)
    Speeds(first).learn_task("m", answer(0.0, 300, 2.0, 24, 2.0))
    first.note_memory(3 * GB)
    first.keep()
    again = Measurements(path, "this machine", lambda: now + 3600)
    assert Speeds(again).of("m").prompt == 150
    assert again.highest_memory == 3 * GB
    again.note_memory(2 * GB)
    assert again.highest_memory == 3 * GB
    assert Measurements(path, "this machine", lambda: now + 90_000).highest_memory is None
    moved = Measurements(path, "another machine", lambda: now)
    assert (Speeds(moved).of("m").prompt, moved.highest_memory) == (None, None)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[1]",
        '{"speeds": 3}',
        '{"machine": "m", "speeds": {"a": 1, "b:latest": {"task": 2}}}',
    ],
)
def test_a_file_that_is_damaged_is_measured_anew(tmp_path: Path, content: str) -> None:
    path = tmp_path / "measurements.json"
    path.write_text(content)
    found = Measurements(path, "m")
    speeds = Speeds(found)
    assert speeds.models == ()
    speeds.learn_task("b", answer(0.0, 300, 2.0, 24, 2.0))
    found.keep()
    assert Speeds(Measurements(path, "m")).models == ("b:latest",)


# Memory


def test_memory_grows_with_all_that_the_options_add() -> None:
    plain = EngineOptions(cache_ram=0)
    small = memory_needed(2 * GB, 147_456, 4096, plain)
    assert memory_needed(2 * GB, 147_456, 8192, plain) - small == 147_456 * 4096
    two = EngineOptions(cache_ram=0, num_parallel=2)
    assert memory_needed(2 * GB, 147_456, 4096, two) - small == 147_456 * 4096
    cached = EngineOptions(cache_ram=512)
    assert memory_needed(2 * GB, 147_456, 4096, cached) - small == 512 * 2**20
    quantized = EngineOptions(cache_ram=0, kv_cache_type="q8_0")
    assert memory_needed(2 * GB, 147_456, 8192, quantized) < 2 * small


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
    here = replace(PI, gpus=gpus, vulkan=True)
    found = need(int(needed), available_now(here, freed), here)
    assert found.fits == fits
    assert bool(found.sentence("m", 8192)) is (fits != "yes")


def test_what_can_be_counted_on_does_not_change_with_the_moment() -> None:
    busy = replace(PI, memory_available=GB // 4)
    assert available_always(busy, 2 * GB) == available_always(PI, 2 * GB) == 6 * GB
    assert available_always(PI, 9 * GB) == 0
    assert available_always(PI, None) < PI.memory


# Recommendations


def test_the_table_is_sound() -> None:
    assert len(CATALOGUE) >= 12
    assert len({known.name for known in CATALOGUE}) == len(CATALOGUE)
    assert all(is_valid(known.name) for known in CATALOGUE)
    assert [known.size for known in CATALOGUE] == sorted(known.size for known in CATALOGUE)
    # From an eighth of a byte to two bytes a weight.
    assert all(0.4 < known.size / known.parameters < 2.2 for known in CATALOGUE)
    assert all(known.active <= known.parameters for known in CATALOGUE)


@pytest.mark.parametrize("name", MACHINES)
def test_every_machine_is_told_the_truth_about_every_model(name: str) -> None:
    rows = recommend(MACHINES[name], [], 8192, EngineOptions())
    assert len(rows) == len(CATALOGUE)
    for row in rows:
        assert row.command.low <= row.command.middle <= row.command.high or row.command.high == 0.1
        assert row.question.middle > row.command.middle
        if row.recommended:
            assert (row.fits, row.known.trial) == ("yes", False)
            assert row.command.middle <= 5
    assert sum(row.recommended for row in rows) <= 3
    assert sum(row.suggested for row in rows) <= 1
    assert all(row.recommended for row in rows if row.suggested)
    # What does not fit does not fit with a longer context either.
    longer = recommend(MACHINES[name], [], 32768, EngineOptions())
    for short, long in zip(rows, longer, strict=True):
        assert short.fits != "no" or long.fits == "no"


def test_more_of_a_machine_is_never_worse() -> None:
    def fitting(name: str) -> set[str]:
        rows = recommend(MACHINES[name], [], 8192, EngineOptions())
        return {row.known.name for row in rows if row.fits != "no"}

    assert fitting("n100-8") < fitting("n100-16")
    assert fitting("i5-16") < fitting("i5-32")
    assert fitting("gpu-6") <= fitting("gpu-8") <= fitting("gpu-12") <= fitting("gpu-24")

    def seconds(name: str, model: str) -> float:
        rows = recommend(MACHINES[name], [], 8192, EngineOptions())
        return next(row.command.middle for row in rows if row.known.name == model)

    for model in ("qwen3:1.7b", "qwen3:8b"):
        order = [seconds(name, model) for name in ("pi5-8", "n100-16", "i5-16", "gpu-6", "gpu-24")]
        assert order == sorted(order, reverse=True)


def test_the_suggested_model_knows_the_language_of_the_home() -> None:
    rows = recommend(MACHINES["n100-16"], [], 8192, EngineOptions(), language="pl")
    assert all(row.known.knows("pl") for row in rows if row.recommended)
    assert not next(known for known in CATALOGUE if known.name == "llama3.2:3b").knows("pl")


def test_what_was_measured_goes_before_experience() -> None:
    known = next(each for each in CATALOGUE if each.name == "qwen3:1.7b")
    fast = Measured("qwen3:1.7b", known.parameters, known.size, Speed(1000.0, 100.0))
    rows = {row.known.name: row for row in recommend(PI, [fast], 8192, EngineOptions())}
    assert rows["qwen3:1.7b"].basis == "measured"
    assert rows["qwen3:1.7b"].command.middle == pytest.approx(250 / 1000 + 16 / 100)
    larger = rows["qwen3:4b-instruct"]
    assert (larger.basis, larger.basis_model) == ("scaled", "qwen3:1.7b")
    assert larger.command.middle > rows["qwen3:1.7b"].command.middle
    slow = replace(fast, speed=Speed(1.0, 1.0))
    assert not any(row.suggested for row in recommend(PI, [slow], 8192, EngineOptions()))


def test_a_suggestion_stays_while_nothing_that_counts_changes() -> None:
    kept = Measurements()
    i5 = MACHINES["i5-16"]

    def suggested(**changed: Any) -> str:
        more: dict[str, Any] = {"others": 2 * GB, "kept": kept} | changed
        here, context = more.pop("machine", i5), more.pop("context", 8192)
        measured = more.pop("measured", [])
        rows = recommend(here, measured, context, EngineOptions(), **more)
        return next((row.known.name for row in rows if row.suggested), "")

    first = suggested()
    assert first
    # More is free, or less: it stays as long as it fits.
    assert suggested(machine=replace(i5, memory_available=GB)) == first
    assert suggested(others=9 * GB) == first
    known = next(each for each in CATALOGUE if each.name == first)
    slow = Measured(first, known.parameters, known.size, Speed(30.0, 3.0))
    changed = suggested(measured=[slow])
    assert changed != first
    # A measurement that is a little different is no reason.
    slightly = replace(slow, speed=Speed(90.0, 9.0))
    assert suggested(measured=[slightly]) == changed
    assert suggested(others=15.9 * GB) == ""


def test_when_nothing_fits_nothing_is_suggested() -> None:
    rows = recommend(PI, [], 8192, EngineOptions(), others=int(7.9 * GB))
    assert not any(row.suggested or row.recommended for row in rows)


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
        fitting_module, "machine", lambda data: replace(PI, memory_available=int(available))
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
    assert "needs about 4.6 GB" in raised.value.message
    assert scripted.asked("/api/chat") == []
    await servers.stop()


async def test_what_is_tight_is_loaded_and_said(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers = await bundled(scripted, monkeypatch, 4.3 * GB, int(2.5 * GB))
    assert await say(servers) == "Hello"
    assert "may become slow" in servers.fitting.tight
    await servers.stop()


async def test_what_is_in_memory_already_fits(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers = await bundled(scripted, monkeypatch, GB, int(2.5 * GB))
    scripted.loaded = {"m:1": 4 * GB}
    assert await say(servers) == "Hello"
    # Another model would take its place, so that its memory counts as free.
    assert in_memory(servers.bundled) == 4 * GB
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
    await servers.places.wait_idle(0.01)  # not for ever
    assert not servers.places._idle.is_set()
    await chat.aclose()
    await servers.places.wait_idle(60)
    assert servers.places._idle.is_set()
    await servers.stop()


def test_the_data_folder_of_no_daemon() -> None:
    assert Servers([], None).data == Path()


# On the command line


@pytest.mark.parametrize("name", ["n100-16", "all"])
def test_the_table_is_printed(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["ollama-addon", "recommend", "--machine", name])
    assert main() == 0
    said = capsys.readouterr().out
    machines = MACHINES if name == "all" else {name: MACHINES[name]}
    for each, here in machines.items():
        part = said[said.index(f"{each}: ") :]
        for row in recommend(here, [], 8192, EngineOptions()):
            line = next(line for line in part.splitlines() if f" {row.known.name} " in line)
            assert line.startswith(">") is row.suggested
            assert f"{row.known.size / 1e9:.1f} GB" in line


def test_a_machine_that_nobody_knows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["ollama-addon", "recommend", "--machine", "zx81"])
    assert main() == 1
    assert "n100-16" in capsys.readouterr().out
