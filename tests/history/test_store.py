"""The journal: what is kept of a turn, how it is found again, and what happens to its file."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ollama_addon.agent.trace import Trace
from ollama_addon.agent.turn import Turn
from ollama_addon.errors import AddonError
from ollama_addon.history.filter import Filter
from ollama_addon.history.store import HistoryStore
from tests.agent.scripted_agent import Talk, call, do, say

ALL = Filter()


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[HistoryStore]:
    journal = HistoryStore(tmp_path / "journal.sqlite", 30)
    await journal.start()
    yield journal
    await journal.stop()


def record(number: int = 1, **more: Any) -> Trace:
    said = {"text": f"sentence {number}", "language": "en", "source": "assist", **more}
    return Trace(turn_id=f"t{number}", agent=said.pop("agent", "home"), model="m", **said)


def files(folder: Path, pattern: str = "*") -> list[Path]:
    return list(folder.glob(pattern))


async def texts(journal: HistoryStore, which: Filter = ALL) -> list[str]:
    turns, _ = await journal.page(which, 100)
    return [turn["text"] for turn in turns]


async def told(talk: Talk, text: str, **more: Any) -> Trace:
    """Say a sentence and return what is to be known of it afterwards."""
    records: list[Trace] = []
    talk.agent.on_turn = records.append
    await talk.say(text, **more)
    return records[0]


async def test_a_turn_explains_itself() -> None:
    kept = await told(Talk(do("turn on Kitchen light")), "turn on the kitchen light")
    assert (kept.agent, kept.model, kept.mode, kept.outcome) == ("home", "m", "wide", "done")
    assert kept.reasons == ["option"]
    assert kept.clauses[0]["candidates"][0]["phrase"] == "turn on Kitchen light"
    assert {
        "text": "turn on",
        "role": "verb",
        "meaning": "on",
        "used": True,
        "exact": True,
    } in kept.clauses[0]["words"]
    asked = kept.asked[0]
    assert asked.message.endswith("turn on the kitchen light")
    assert asked.answer == do("turn on Kitchen light")
    assert (asked.prompt_tokens, asked.completion_tokens) == (10, 2)
    assert kept.proposals[0]["verdict"] == "as_it_was"
    assert kept.actions[0]["name"] == "HassTurnOn"
    assert kept.actions[0]["ok"] is True
    assert kept.reply
    assert kept.usage["model_calls"] == 1
    assert {"first_word", "total", "engine", "home"} <= kept.timings.keys()


async def test_what_was_mended_and_refused_is_kept() -> None:
    calls = [{"tool_calls": [call("HassTurnOn", name="kichen light")]}]
    talk = Talk(calls, strategy="native")
    kept = await told(talk, "turn on the kitchen light")
    assert kept.mode == "native"
    assert kept.asked[0].calls == [
        {"name": "HassTurnOn", "arguments": {"name": "kichen light"}},
    ]
    proposal = kept.proposals[0]
    assert proposal["proposed"]["arguments"] == {"name": "kichen light"}
    assert proposal["verdict"] == "mended"
    assert "'kichen light' was read as 'Kitchen light'" in proposal["mended"]
    assert proposal["action"]["arguments"]["name"] == "light.kitchen"


async def test_a_turn_knows_where_it_was_said() -> None:
    kept = await told(Talk(say("Hello.")), "hello there", area_id="kitchen", user_name="Ada")
    assert (kept.area, kept.user) == ("Kitchen", "Ada")
    kept = await told(Talk(say("Hello.")), "hello there", area_id="nowhere")
    assert kept.area == ""


async def test_a_turn_that_breaks_off_is_kept_too() -> None:
    talk = Talk()  # The model has nothing to answer with.
    records: list[Trace] = []
    talk.agent.on_turn = records.append
    with pytest.raises(IndexError):
        await talk.say("tell me a joke")
    assert records[0].outcome == "error"
    assert records[0].error is not None
    assert records[0].error["code"] == "internal"


async def test_a_turn_that_was_stopped_is_kept_too() -> None:
    talk = Talk(say("A long story. It is about a house and the people who live in it."))
    records: list[Trace] = []
    talk.agent.on_turn = records.append
    turn = talk.agent.converse(Turn("tell me a story", "en", "one"))
    async for event in turn:
        if event.name == "delta":
            break
    await turn.aclose()  # type: ignore[attr-defined]
    assert records[0].outcome == "stopped"
    assert records[0].reply == "A long story."


async def test_turns_are_found_again(journal: HistoryStore) -> None:
    journal.keep(record(1, text="Turn on the KÜCHE light", reply="Done."))
    journal.keep(record(2, agent="guest", outcome="failed"))
    journal.keep(record(3, source="panel", conversation_id="c"))
    assert await texts(journal) == ["sentence 3", "sentence 2", "Turn on the KÜCHE light"]
    assert await texts(journal, Filter(agent="guest")) == ["sentence 2"]
    assert await texts(journal, Filter(outcome="failed")) == ["sentence 2"]
    assert await texts(journal, Filter(source="panel")) == ["sentence 3"]
    assert await texts(journal, Filter(conversation="c")) == ["sentence 3"]
    assert await texts(journal, Filter(search="done küche")) == ["Turn on the KÜCHE light"]
    assert await texts(journal, Filter(search="100%")) == []
    assert await texts(journal, Filter(since=time.time() + 1)) == []


async def test_pages_hold_every_turn_once_while_more_are_said(journal: HistoryStore) -> None:
    for number in range(7):
        journal.keep(record(number))
    seen, following = await journal.page(ALL, 3)
    journal.keep(record(7))
    while following is not None:
        page, following = await journal.page(ALL, 3, following)
        seen += page
    assert [turn["id"] for turn in seen] == [f"t{number}" for number in reversed(range(7))]


async def test_everything_is_exported(journal: HistoryStore) -> None:
    for number in range(120):
        journal.keep(record(number))
    exported = [turn async for turn in journal.export(Filter(search="sentence"))]
    assert [turn["turn_id"] for turn in exported] == [f"t{number}" for number in range(120)]
    assert exported[0]["clauses"] == []


async def test_what_is_deleted_is_gone_from_the_disk(journal: HistoryStore, tmp_path: Path) -> None:
    journal.keep(record(1, text="the secret of the house"))
    journal.keep(record(2))
    assert await journal.delete("t1") == 1
    assert await texts(journal) == ["sentence 2"]
    assert not any(b"the secret" in file.read_bytes() for file in files(tmp_path))
    with pytest.raises(AddonError) as raised:
        await journal.get("t1")
    assert raised.value.code == "unknown_turn"
    assert await journal.delete() == 1
    assert await texts(journal) == []


async def test_old_turns_go(tmp_path: Path) -> None:
    journal = HistoryStore(tmp_path / "journal.sqlite", 365)
    await journal.start()
    day = 86_400
    journal.keep(record(1, began=time.time() - 31 * day))
    journal.keep(record(2, began=time.time() - 29 * day))
    assert len(await texts(journal)) == 2
    await journal.stop()
    journal = HistoryStore(tmp_path / "journal.sqlite", 30)
    await journal.start()
    async with asyncio.timeout(5):
        while await texts(journal) != ["sentence 2"]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await journal.stop()


async def test_nothing_is_kept_with_zero_days(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    before = HistoryStore(path, 30)
    await before.start()
    before.keep(record())
    await before.stop()
    journal = HistoryStore(path, 0)
    await journal.start()
    journal.keep(record())
    assert await texts(journal) == []
    assert files(tmp_path) == []
    with pytest.raises(AddonError, match="journal_days"):
        await journal.get("t1")
    await journal.stop()


async def test_a_crash_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    journal = HistoryStore(path, 30)
    await journal.start()
    journal.keep(record())
    await texts(journal)
    # The files as a kill leaves them: without the log being folded in.
    left = tmp_path / "left"
    left.mkdir()
    for file in files(tmp_path, "journal.sqlite*"):
        (left / file.name).write_bytes(file.read_bytes())
    await journal.stop()
    again = HistoryStore(left / "journal.sqlite", 30)
    await again.start()
    assert await texts(again) == ["sentence 1"]
    assert again.message == ""
    await again.stop()


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"SQLite format 3\0" * 512])
async def test_a_broken_file_is_set_aside_and_said(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(content)
    journal = HistoryStore(path, 30)
    await journal.start()
    (aside,) = files(tmp_path, "journal-broken-*.sqlite")
    assert aside.read_bytes() == content
    assert aside.name in journal.message
    journal.keep(record())
    assert await texts(journal) == ["sentence 1"]
    assert aside.name in journal.message
    await journal.stop()


async def test_a_file_that_breaks_meanwhile_is_set_aside_too(
    journal: HistoryStore, tmp_path: Path
) -> None:
    assert await texts(journal) == []
    other = sqlite3.connect(tmp_path / "journal.sqlite")
    other.execute("DROP TABLE turns")
    other.close()
    journal.keep(record())
    assert await texts(journal) == ["sentence 1"]


async def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    journal = HistoryStore(tmp_path / "file" / "journal.sqlite", 30)
    await journal.start()
    journal.keep(record())
    with pytest.raises(AddonError) as raised:
        await texts(journal)
    assert raised.value.code == "journal_away"
    assert "cannot be" in journal.message
    await journal.stop()
