"""A turn goes on when the page that began it is gone, and can be asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.web.api.living_home import Living, living

LAMP = ("light.desk", {"name": "Desk lamp", "area_id": "kitchen"})


async def finished(there: Living, body: dict[str, Any]) -> dict[str, Any]:
    answer = await there.person.post("/api/turns", json=body)
    assert answer.status_code == 202, answer.text
    path = f"/api/turns/{answer.json()['id']}"
    while not (found := (await there.person.get(path)).json())["done"]:
        pass
    return dict(found)


async def test_a_turn_goes_on_and_is_taken_again(tmp_path: Path) -> None:
    """Row 31."""
    async with living(tmp_path, LAMP) as there:
        agent = (await there.person.get("/api/agents")).json()[0]["id"]
        found = await finished(there, {"agent_id": agent, "text": "is the Desk lamp on?"})
        names = [each["event"] for each in found["events"]]
        assert (names[0], names[-1]) == ("start", "end")
        assert "delta" in names
        kept = (await there.person.get(f"/api/history/{found['id']}")).json()
        assert (kept["turn_id"], kept["source"]) == (found["id"], "panel")
        again = await finished(there, {"again": found["id"]})
        assert again["id"] != found["id"]
        kept = (await there.person.get(f"/api/history/{again['id']}")).json()
        assert kept["text"] == "is the Desk lamp on?"


async def test_what_cannot_be_begun(tmp_path: Path) -> None:
    async with living(tmp_path, LAMP) as there:
        for body, status in (
            ({"agent_id": "nobody", "text": "hello"}, 404),
            ({"again": "unknown"}, 404),
            ({"agent_id": "", "text": ""}, 404),
        ):
            assert (await there.person.post("/api/turns", json=body)).status_code == status
        assert (await there.person.get("/api/turns/unknown")).status_code == 404
