"""What is put right in Home Assistant's registries keeps what was there, and can be taken back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.web.api.living_home import Living, living


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Living]:
    async with living(
        tmp_path,
        ("light.floor", {"name": "Floor lamp", "aliases": [None, "reading lamp"]}),
        ("light.desk", {"name": "Desk lamp", "area_id": "kitchen"}),
        ("light.other", {"name": "desk lamp"}),
        ("switch.coffee", {"name": "Coffee machine", "exposed": False}),
    ) as found:
        yield found


async def fix(there: Living, code: str, **params: Any) -> str:
    answer = await there.person.post("/api/fixes", json={"code": code, "params": params})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["undo"])


async def undo(there: Living, change: str) -> int:
    return (await there.person.post(f"/api/fixes/{change}/undo")).status_code


def aliases(there: Living, entity_id: str = "light.floor") -> Any:
    return there.house.entity(entity_id)["aliases"]


async def test_an_alias_is_added_to_the_others_and_taken_back(there: Living) -> None:
    change = await fix(there, "add_alias", entity_id="light.floor", alias=" glow worm ")
    assert aliases(there) == [None, "reading lamp", "glow worm"]
    assert await undo(there, change) == 204
    assert aliases(there) == [None, "reading lamp"]
    assert await undo(there, change) == 404


async def test_an_alias_that_is_there_stays_when_that_is_undone(there: Living) -> None:
    change = await fix(there, "add_alias", entity_id="light.floor", alias="Reading Lamp")
    assert await undo(there, change) == 204
    assert aliases(there) == [None, "reading lamp"]


async def test_the_name_stays_where_there_were_no_aliases(there: Living) -> None:
    there.house.entity("light.desk")["aliases"] = []
    change = await fix(there, "add_alias", entity_id="light.desk", alias="writing lamp")
    assert aliases(there, "light.desk") == [None, "writing lamp"]
    assert await undo(there, change) == 204
    assert aliases(there, "light.desk") == []


async def test_what_others_changed_since_then_stays(there: Living) -> None:
    change = await fix(there, "add_alias", entity_id="light.floor", alias="glow worm")
    there.house.entity("light.floor")["aliases"] = [None, "glow worm", "theirs"]
    assert await undo(there, change) == 204
    assert aliases(there) == [None, "theirs"]
    change = await fix(there, "add_alias", entity_id="light.floor", alias="glow worm")
    there.house.entity("light.floor")["aliases"] = [None]
    assert await undo(there, change) == 409
    change = await fix(there, "set_area", entity_id="light.desk", area_id="hall")
    there.house.entity("light.desk")["area_id"] = None
    assert await undo(there, change) == 409
    assert there.house.entity("light.desk")["area_id"] is None


async def test_an_area_is_set_and_set_back(there: Living) -> None:
    change = await fix(there, "set_area", entity_id="light.desk", area_id="hall")
    assert there.house.entity("light.desk")["area_id"] == "hall"
    assert await undo(there, change) == 204
    assert there.house.entity("light.desk")["area_id"] == "kitchen"
    body = {"code": "set_area", "params": {"entity_id": "light.desk", "area_id": "moon"}}
    answer = await there.person.post("/api/fixes", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_area")


async def test_what_is_exposed_at_once_is_unexposed_at_once(there: Living) -> None:
    ids = ["switch.coffee", "light.floor"]
    answer = await there.person.post("/api/entities/expose", json={"ids": ids, "expose": True})
    while "switch.coffee" not in await there.entities():
        pass
    assert await undo(there, answer.json()["undo"]) == 204
    while "switch.coffee" in await there.entities():
        pass
    # What was exposed before has not become unexposed by undoing.
    assert "light.floor" in await there.entities()
    assert "switch.coffee" in await there.entities("?show=unexposed")


async def test_entities_tell_what_is_odd_about_them(there: Living) -> None:
    found = await there.entities()
    assert found.keys() == {"light.floor", "light.desk", "light.other"}
    assert found["light.floor"]["flags"] == ["no_area", "never_used"]
    assert found["light.desk"]["flags"] == ["same_name", "never_used"]
    assert (found["light.desk"]["area"], found["light.desk"]["times_used"]) == ("Kitchen", 0)
    assert found["light.floor"]["tokens"] > 0
    assert found["light.floor"]["aliases"] == ["reading lamp"]
    assert (await there.entities("?show=same_name")).keys() == {"light.desk", "light.other"}
    assert (await there.entities("?search=READING%20floor")).keys() == {"light.floor"}
    whole = (await there.person.get("/api/entities")).json()
    (agent,) = whole["agents"]
    assert agent["tokens"] > 0
    assert (agent["left_out"], whole["exposed"], whole["connected"]) == ("", 3, True)


@pytest.mark.parametrize(
    "body",
    [
        {"code": "delete", "params": {}},
        {"code": "add_alias", "params": {"entity_id": "light.floor", "alias": "  "}},
        {"code": "add_alias", "params": {"entity_id": "all", "alias": "x"}},
        {"code": "expose", "params": {"entity_ids": []}},
        {"code": "expose", "params": {"entity_ids": ["light.x"], "assistants": ["cloud.alexa"]}},
    ],
)
async def test_what_is_no_fix(there: Living, body: dict[str, Any]) -> None:
    assert (await there.person.post("/api/fixes", json=body)).status_code == 422
    assert not there.house.home.asked("homeassistant/expose_entity")


async def test_what_is_in_no_registry_is_not_changed(there: Living) -> None:
    body = {"code": "add_alias", "params": {"entity_id": "light.ghost", "alias": "boo"}}
    answer = await there.person.post("/api/fixes", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_registered")


async def test_a_program_with_the_token_changes_nothing(there: Living) -> None:
    alias = {"code": "add_alias", "params": {"entity_id": "light.floor", "alias": "x"}}
    for path, body in (
        ("/api/fixes", alias),
        ("/api/fixes/x/undo", {}),
        ("/api/entities/expose", {"ids": ["switch.coffee"], "expose": True}),
    ):
        answer = await there.program.post(path, json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "person_only")
    assert aliases(there) == [None, "reading lamp"]
