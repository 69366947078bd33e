"""The history over the API: verdicts, ratings, figures, exports, and what is deleted."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ollama_addon.agent.trace import Trace
from tests.web.running import Sidecar, sidecar


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Sidecar]:
    async with sidecar(tmp_path) as running:
        yield running


def turn(number: int, **more: Any) -> Trace:
    said = {"outcome": "talked", "agent": "home", "model": "m:1", **more}
    return Trace(f"sentence {number}", "en", "panel", turn_id=f"t{number}", **said)


async def test_a_turn_says_what_became_of_it(running: Sidecar) -> None:
    history = running.parts.journal
    history.keep(turn(1, outcome="failed", waiting="downloading"))
    history.keep(turn(2))
    found = (await running.browser.get("/api/history/t1")).json()
    assert found["verdict"] == {"code": "downloading", "params": {"model": "m:1"}}
    assert [fix["code"] for fix in found["fixes"]] == ["run_again", "choose_model"]
    assert found["fixes"][0]["call"] == {
        "method": "POST", "path": "api/turns", "body": {"again": "t1"},
    }  # fmt: skip
    assert (found["rating"], found["expected"], found["entity_ids"]) == ("", None, [])
    assert (await running.browser.get("/api/history/t2")).json()["verdict"]["code"] == "talked"


async def test_ratings_are_kept_found_again_and_taken_back(running: Sidecar) -> None:
    ask = running.browser
    for number in (1, 2, 3):
        running.parts.journal.keep(turn(number))
    expected = [{"entity_id": "light.desk", "state": "on", "attributes": {"brightness_pct": 40}}]
    for which, body in (
        ("t1", {"right": True, "expected": "is not asked of what was right"}),
        ("t2", {"right": False, "expected": expected}),
        ("t3", {"right": False, "expected": "The lamp"}),
    ):
        assert (await ask.put(f"/api/history/{which}/rating", json=body)).status_code == 204
    assert (await ask.get("/api/history/t1")).json()["expected"] is None
    assert (await ask.get("/api/history/t2")).json()["expected"] == expected
    wrong = (await ask.get("/api/history?rating=wrong")).json()["turns"]
    assert [each["id"] for each in wrong] == ["t3", "t2"]
    document = (await ask.get("/api/history/export?rating=wrong")).text
    assert yaml.safe_load(document)["cases"][0]["change"] == {
        "light.desk": {"state": "on", "brightness_pct": 40}
    }
    assert "# sentence 3 -> The lamp" in document
    await ask.put("/api/history/t3/rating", json={"right": None})
    assert (await ask.get("/api/history/t3")).json()["rating"] == ""
    assert (await ask.put("/api/history/t9/rating", json={"right": True})).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"right": "perhaps"},
        {"right": False, "expected": "x" * 1001},
        {"right": False, "expected": [{"entity_id": "no id", "state": "on"}]},
        {"right": True, "more": 1},
    ],
)
async def test_what_is_no_rating(running: Sidecar, body: dict[str, Any]) -> None:
    running.parts.journal.keep(turn(1))
    assert (await running.browser.put("/api/history/t1/rating", json=body)).status_code == 422


async def test_the_summary_compares_only_what_can_be_compared(running: Sidecar) -> None:
    def timed(first: float, load: float = 0.0) -> dict[str, float]:
        return {"first_word": first, "total": first, "load": load}

    keep = running.parts.journal.keep
    keep(turn(1, outcome="done", timings=timed(200)))
    keep(turn(2, outcome="done", timings=timed(400)))
    keep(turn(3, outcome="answered", timings=timed(600)))
    keep(turn(4, outcome="done", timings=timed(57_000, 50_000)))
    keep(turn(5, outcome="stopped", timings=timed(90_000)))
    keep(turn(6, outcome="talked", timings=timed(10), agent="poet", model="m:2"))
    keep(turn(7, outcome="failed", timings=timed(400)))
    keep(turn(8, outcome="done", began=time.time() - 3 * 86_400, timings=timed(1)))
    await running.browser.put("/api/history/t3/rating", json={"right": False})
    found = (await running.browser.get("/api/history/summary?days=1")).json()
    assert found["requests"] == 6
    assert (found["not_done"], found["rated_wrong"], found["cold"]) == (1, 1, 1)
    assert found["first_word"] == [
        {"agent": "home", "model": "m:1", "median": 400, "turns": 4},
        {"agent": "poet", "model": "m:2", "median": 10, "turns": 1},
    ]


async def test_only_what_is_shown_is_deleted(running: Sidecar) -> None:
    for number in range(4):
        running.parts.journal.keep(turn(number, outcome="done" if number % 2 else "failed"))
    deleted = await running.browser.delete("/api/history?outcome=failed")
    assert deleted.json() == {"deleted": 2}
    left = (await running.browser.get("/api/history")).json()["turns"]
    assert [each["id"] for each in left] == ["t3", "t1"]
    assert (await running.browser.delete("/api/history")).json() == {"deleted": 2}


async def test_what_was_used_goes_with_its_turn(running: Sidecar) -> None:
    history = running.parts.journal
    acted = [{"arguments": {"name": "light.desk"}, "result": {"changed": [{"id": "fan.hall"}]}}]
    history.keep(turn(1, actions=acted, began=1_800_000_000.0))
    history.keep(turn(2, actions=acted[:1], clauses=[{"asked_ids": ["sensor.out"]}]))
    uses = await history.uses(0)
    assert {key: times for key, (_, times) in uses.items()} == {
        "light.desk": 2, "fan.hall": 2, "sensor.out": 1,
    }  # fmt: skip
    await history.delete("t2")
    assert set(await history.uses(0)) == {"light.desk", "fan.hall"}
    await history.delete()
    assert await history.uses(0) == {}
