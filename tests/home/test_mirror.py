"""The mirror: what it makes of Home Assistant's lists and events, and when."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from ollama_addon.errors import AddonError
from ollama_addon.home import mirror as module
from ollama_addon.home.connection import Connection
from ollama_addon.home.mirror import Mirror
from ollama_addon.home.model import House, Satellite, State

from .scripted_home import TOKEN, ScriptedHome, eventually
from .scripted_house import ScriptedHouse

TV = {"supported_features": 128 | 256, "source_list": ["TV", "Radio"], "device_class": "tv"}


@pytest.fixture
def mirror(connection: Connection) -> Mirror:
    return Mirror(connection)


async def read(connection: Connection, mirror: Mirror) -> House:
    await connection.start()
    return await mirror.wait_ready(10)


async def settled(mirror: Mirror) -> None:
    """Wait until everything that the mirror was told of is in its house."""
    await asyncio.sleep(0.1)
    await eventually(lambda: not mirror._wake.is_set())


async def test_reads_the_house(
    house: ScriptedHouse, connection: Connection, mirror: Mirror
) -> None:
    house.add(
        "light.kitchen",
        state="on",
        original_name="Kitchen light",
        area_id="kitchen",
        aliases=[None, "lamp"],
        attributes={"supported_color_modes": ["hs"], "brightness": 3, "supported_features": 4},
    )
    house.add("switch.pump", original_name="Pump", exposed=False)
    found = await read(connection, mirror)
    assert list(found.entities) == ["light.kitchen"]
    light = found.entities["light.kitchen"]
    assert (light.name, light.aliases, light.domain) == ("Kitchen light", ("lamp",), "light")
    assert light.supported_features == 4
    assert light.capabilities == {"supported_color_modes": ["hs"]}
    assert found.states["light.kitchen"].state == "on"
    assert found.states["light.kitchen"].attributes["brightness"] == 3
    area = found.area_of(light)
    floor = found.floor_of(area)
    assert area is not None
    assert area.name == "Kitchen"
    assert floor is not None
    assert (floor.name, floor.level, floor.aliases) == ("Ground floor", 0, ("downstairs",))
    assert found.areas["hall"].aliases == ("entry", "hallway")
    assert (found.name, found.language) == ("Willow House", "en")
    assert (found.temperature_unit, found.time_zone) == ("°C", "Europe/London")


@pytest.mark.parametrize(
    ("fields", "attributes", "names"),
    [
        # The name and its aliases in the user's order; null is the composed name.
        ({"original_name": "Lamp"}, {}, ["Lamp"]),
        ({"original_name": "Lamp", "name": "Best lamp"}, {}, ["Best lamp"]),
        ({"original_name": "Lamp", "aliases": ["Glow", None]}, {}, ["Glow", "Lamp"]),
        ({"original_name": "Lamp", "aliases": ["Glow"]}, {}, ["Glow"]),
        ({"original_name": "Lamp", "aliases": []}, {}, ["Lamp"]),
        ({"original_name": " Lamp ", "aliases": [None, "Lamp", " ", "Lamp"]}, {}, ["Lamp"]),
        # A device gives its name, as far as its entity does not stand elsewhere.
        ({"original_name": "Light", "device_id": "dev"}, {}, ["Oven Light"]),
        ({"device_id": "dev"}, {}, ["Oven"]),
        (
            {"original_name": "Light", "device_id": "dev", "next_name_part": "area"},
            {},
            ["Light"],
        ),
        ({"original_name": "Light", "device_id": "part"}, {}, ["Oven Top Light"]),
        ({"device_id": "dev", "next_name_part": "area"}, {"friendly_name": "Oven"}, ["Oven"]),
        ({"device_id": "dev", "next_name_part": "area"}, {}, ["Oven"]),
        ({}, {}, ["some thing"]),
    ],
)
async def test_names(
    house: ScriptedHouse,
    connection: Connection,
    mirror: Mirror,
    fields: dict[str, Any],
    attributes: dict[str, Any],
    names: list[str],
) -> None:
    house.devices = [
        {"id": "dev", "name": "Model 7", "name_by_user": "Oven", "area_id": None},
        {"id": "part", "name": "Top", "parent_device_id": "dev", "area_id": None}
        | {"name_by_user": None, "next_name_part": "parent_device"},
    ]
    house.add("light.some_thing", attributes=attributes, **fields)
    entity = (await read(connection, mirror)).entities["light.some_thing"]
    assert [entity.name, *entity.aliases] == names


async def test_names_of_an_older_home_assistant(
    house: ScriptedHouse, connection: Connection, mirror: Mirror
) -> None:
    house.add("light.lamp", aliases=["Glow"], attributes={"friendly_name": "Lamp"})
    del house.entities[0]["next_name_part"]
    entity = (await read(connection, mirror)).entities["light.lamp"]
    assert (entity.name, entity.aliases) == ("Lamp", ("Glow",))


async def test_areas_come_from_the_entity_then_its_device_then_the_device_that_has_it(
    house: ScriptedHouse, connection: Connection, mirror: Mirror
) -> None:
    house.devices = [
        {"id": "whole", "name": "Whole", "area_id": "hall"},
        {"id": "part", "name": "Part", "area_id": None, "parent_device_id": "whole"},
        {"id": "lost", "name": "Lost", "area_id": "no such area"},
    ]
    house.add("light.own", device_id="whole", area_id="kitchen")
    house.add("light.device", device_id="whole")
    house.add("light.part", device_id="part")
    house.add("light.lost", device_id="lost")
    house.add("assist_satellite.ear", device_id="part", exposed=False)
    house.add("assist_satellite.eye", area_id="kitchen", device_id="whole", exposed=False)
    found = await read(connection, mirror)
    areas = {entity.id: entity.area_id for entity in found.entities.values()}
    assert areas == {
        "light.own": "kitchen",
        "light.device": "hall",
        "light.part": "hall",
        "light.lost": None,
    }
    assert found.device_areas == {"part": "hall", "whole": "hall"}
    eye = found.satellite("whole", "assist_satellite.eye")
    assert eye == Satellite("whole", "assist_satellite.eye", "kitchen")
    assert found.satellite("part", None).area_id == "hall"
    assert found.satellite(None, None).area_id is None


async def test_what_is_exposed(
    house: ScriptedHouse, connection: Connection, mirror: Mirror
) -> None:
    house.add("light.yes")
    house.add("light.no", exposed=False)
    house.add("light.never_asked", exposed=None)
    house.add("light.disabled", disabled_by="user")
    house.add("light.without_state")
    del house.states["light.without_state"]
    house.states["light.yaml"] = {"s": "on", "a": {"friendly_name": "Yaml"}}
    house.unregistered = {"light.yaml": True}
    found = await read(connection, mirror)
    assert list(found.entities) == ["light.yaml", "light.yes"]
    assert found.entities["light.yaml"].name == "Yaml"


async def test_nothing_exposed(
    house: ScriptedHouse, connection: Connection, mirror: Mirror
) -> None:
    house.add("light.no", exposed=False)
    found = await read(connection, mirror)
    assert found.entities == {}
    assert not house.home.asked("subscribe_entities")


async def test_a_state_changes_and_the_house_does_not(
    house: ScriptedHouse, connection: Connection, mirror: Mirror
) -> None:
    house.add("media_player.tv", state="on", attributes={**TV, "volume_level": 0.4})
    house.add("light.lamp", attributes={"supported_color_modes": ["brightness"]})
    found = await read(connection, mirror)
    changes: list[House] = []
    mirror.on_change(changes.append)
    await house.change("light.lamp", s="on", a={"brightness": 9})
    await house.change(
        "media_player.tv",
        s="off",
        a={"supported_features": 128},
        gone=["source_list", "volume_level"],
    )
    await eventually(lambda: found.states["media_player.tv"].state == "off")
    await settled(mirror)
    assert found.states["light.lamp"] == State(
        "on", {"supported_color_modes": ["brightness"], "brightness": 9}
    )
    assert found.states["media_player.tv"].attributes == {
        "supported_features": 128,
        "device_class": "tv",
    }
    assert mirror.house is found
    assert changes == []


def fail(house: House) -> None:
    raise RuntimeError("a fault of the one who listens")


async def test_a_new_ability_makes_another_house(
    house: ScriptedHouse, connection: Connection, mirror: Mirror
) -> None:
    house.add("media_player.tv", attributes=TV)
    before = await read(connection, mirror)
    changes: list[House] = []
    mirror.on_change(changes.append)
    mirror.on_change(lambda house: house.floors["none"] and None)  # type: ignore[arg-type]
    mirror.on_change(changes.append)
    await house.change("media_player.tv", a={"source_list": ["TV", "Radio", "Game"]})
    await eventually(lambda: len(changes) == 2)
    assert changes[0] is changes[1] is mirror.house
    assert mirror.house.revision != before.revision
    assert mirror.house.entities["media_player.tv"].capabilities["source_list"][-1] == "Game"
    assert before.entities["media_player.tv"].capabilities["source_list"] == ["TV", "Radio"]


async def test_the_same_house_has_the_same_revision(
    house: ScriptedHouse, connection: Connection, mirror: Mirror
) -> None:
    house.add("light.a", original_name="A", attributes={"supported_color_modes": ["hs"]})
    house.add("light.b", original_name="B")
    first = await read(connection, mirror)
    house.areas = [{**area, "aliases": area["aliases"][::-1]} for area in house.areas[::-1]]
    house.entities.reverse()
    house.states["light.a"]["s"] = "on"
    other_connection = Connection.from_url(house.home.url, TOKEN)
    other = await read(other_connection, Mirror(other_connection))
    await other_connection.stop()
    assert other.revision == first.revision
    house.entity("light.a")["aliases"] = [None, "Alpha"]
    await house.home.fire("entity_registry_updated", action="update", changes={"aliases": []})
    await eventually(lambda: mirror.house.revision != first.revision)


@pytest.mark.parametrize(
    ("event", "change"),
    [
        ("area_registry_updated", lambda house: house.areas[0].update(name="Galley")),
        ("floor_registry_updated", lambda house: house.floors[0].update(name="Below")),
        ("device_registry_updated", lambda house: house.devices[0].update(area_id="kitchen")),
        ("entity_registry_updated", lambda house: house.entities[0].update(name="Other")),
        ("core_config_updated", lambda house: house.config.update(language="de")),
        ("homeassistant_started", lambda house: house.areas[0].update(name="Galley")),
    ],
)
async def test_follows_the_registries(
    house: ScriptedHouse, connection: Connection, mirror: Mirror, event: str, change: Any
) -> None:
    house.devices = [{"id": "dev", "name": "Dev", "area_id": "hall"}]
    house.add("light.lamp", original_name="Lamp")
    before = await read(connection, mirror)
    change(house)
    await house.home.fire(event, action="update", changes={"name": "old"})
    await eventually(lambda: mirror.house.revision != before.revision)


async def test_what_makes_no_other_house_is_not_read_again(
    house: ScriptedHouse, connection: Connection, mirror: Mirror
) -> None:
    house.add("light.lamp")
    await read(connection, mirror)
    reads = len(house.home.asked("config/entity_registry/list"))
    await house.home.fire("entity_registry_updated", action="update", changes={"icon": None})
    await house.home.fire("service_registered", domain="light", service="fly")
    await house.change("light.lamp", s="on")
    await eventually(lambda: mirror.house.states["light.lamp"].state == "on")
    await settled(mirror)
    assert len(house.home.asked("config/entity_registry/list")) == reads
    assert not house.home.asked("get_services")


async def test_follows_the_exposure(
    house: ScriptedHouse, connection: Connection, mirror: Mirror
) -> None:
    house.add("light.lamp")
    house.add("lock.door", exposed=False)
    before = await read(connection, mirror)
    house.entity("lock.door")["options"] = {"conversation": {"should_expose": True}}
    house.entity("light.lamp")["options"] = {"conversation": {"should_expose": False}}
    await house.home.fire("entity_registry_updated", action="update", changes={"options": {}})
    await eventually(lambda: list(mirror.house.entities) == ["lock.door"])
    assert list(mirror.house.states) == ["lock.door"]
    assert list(before.entities) == ["light.lamp"]
    await settled(mirror)
    assert len(house.home.subscribed("subscribe_entities")) == 1
    await house.change("light.lamp", s="on")
    await house.change("lock.door", s="locked")
    await eventually(lambda: mirror.house.states["lock.door"].state == "locked")
    assert "light.lamp" not in mirror.house.states
    house.entity("lock.door")["options"] = {"conversation": {"should_expose": False}}
    await house.home.fire("entity_registry_updated", action="update", changes={"options": {}})
    await eventually(lambda: not mirror.house.entities)
    assert mirror.house.states == {}


async def test_looks_at_the_exposure_of_what_is_in_no_registry(
    house: ScriptedHouse,
    connection: Connection,
    mirror: Mirror,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "POLL", 0.05)
    house.states["light.yaml"] = {"s": "on", "a": {}}
    assert not (await read(connection, mirror)).entities
    house.unregistered = {"light.yaml": True}
    await eventually(lambda: list(mirror.house.entities) == ["light.yaml"])
    house.unregistered = {}
    await eventually(lambda: not mirror.house.entities)


async def test_entities_come_and_go(
    house: ScriptedHouse, connection: Connection, mirror: Mirror
) -> None:
    house.add("light.a")
    house.add("light.b")
    del house.states["light.b"]
    await read(connection, mirror)
    await house.home.send("subscribe_entities", {"a": {"light.b": {"s": "on", "a": {}}}})
    await eventually(lambda: list(mirror.house.entities) == ["light.a", "light.b"])
    await house.home.send("subscribe_entities", {"r": ["light.a"]})
    await eventually(lambda: list(mirror.house.entities) == ["light.b"])
    await house.home.send("subscribe_entities", {"r": ["light.a"], "c": {"light.a": {"+": {}}}})
    await house.change("light.b", s="off")
    await eventually(lambda: mirror.house.states["light.b"].state == "off")
    assert list(mirror.house.states) == ["light.b"]


async def test_fields_of_scripts(
    house: ScriptedHouse, connection: Connection, mirror: Mirror
) -> None:
    house.add("script.renamed", unique_id="good_night", original_name="Good night")
    house.services["script"] = {"good_night": {"fields": {"minutes": {"default": 5}}}}
    found = await read(connection, mirror)
    fields = {"minutes": {"default": 5}}
    assert found.entities["script.renamed"].capabilities == {"fields": fields}
    house.services["script"] = {"good_night": {"fields": {}}}
    await house.home.fire("service_registered", domain="script", service="good_night")
    await eventually(lambda: mirror.house.entities["script.renamed"].capabilities == {})


async def test_after_a_drop_the_house_is_read_anew(
    house: ScriptedHouse, connection: Connection, mirror: Mirror
) -> None:
    house.add("light.a")
    house.add("light.b")
    before = await read(connection, mirror)
    house.states["light.a"]["s"] = "on"
    await house.home.drop()
    await eventually(lambda: before.states["light.a"].state == "on")
    assert mirror.house is before
    house.entities.pop()
    await house.home.drop()
    await eventually(lambda: list(mirror.house.entities) == ["light.a"])
    assert list(mirror.house.states) == ["light.a"]


async def test_while_home_assistant_starts_the_house_stays(
    house: ScriptedHouse, connection: Connection, mirror: Mirror
) -> None:
    house.add("light.a")
    before = await read(connection, mirror)
    states, house.states = house.states, {}
    house.config["state"] = "STARTING"
    connections = house.home.connections
    await house.home.drop()
    await eventually(lambda: house.home.connections > connections and connection.connected)
    await eventually(
        lambda: house.home.subscribed("subscribe_events", event_type="homeassistant_started")
    )
    await asyncio.sleep(0.1)
    assert mirror.house is before
    house.states = states
    house.config["state"] = "RUNNING"
    house.states["light.a"]["s"] = "on"
    await house.home.fire("homeassistant_started")
    await eventually(lambda: mirror.house.states["light.a"].state == "on")
    assert mirror.house is before


async def test_the_first_house_does_not_wait_for_the_start(
    house: ScriptedHouse, connection: Connection, mirror: Mirror
) -> None:
    house.config["state"] = "STARTING"
    house.add("light.a")
    assert list((await read(connection, mirror)).entities) == ["light.a"]


async def test_what_cannot_be_read_is_read_again(
    house: ScriptedHouse, connection: Connection, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY", 0.02)
    house.add("light.a")
    devices = house.home.answers["config/device_registry/list"]
    house.home.answers["config/device_registry/list"] = ValueError("broken")
    await connection.start()
    await eventually(lambda: len(house.home.asked("config/device_registry/list")) > 1)
    house.home.answers["config/device_registry/list"] = [{"no": "id"}]
    await eventually(lambda: len(house.home.asked("config/device_registry/list")) > 3)
    assert not mirror.ready
    house.home.answers["config/device_registry/list"] = devices
    await mirror.wait_ready(10)
    # Each attempt listens again only where it did not listen yet.
    assert len(house.home.subscribed("subscribe_events")) == len(module._EVENTS) + 1


async def test_states_that_do_not_come(
    house: ScriptedHouse, connection: Connection, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY", 0.05)
    house.add("light.a")
    watched = house.home.answers["subscribe_entities"]
    house.home.answers["subscribe_entities"] = []
    await connection.start()
    await eventually(lambda: len(house.home.asked("subscribe_entities")) > 1)
    house.home.answers["subscribe_entities"] = watched
    await mirror.wait_ready(10)
    await eventually(lambda: len(house.home.subscribed("subscribe_entities")) == 1)


async def test_not_ready(home: ScriptedHome, connection: Connection, mirror: Mirror) -> None:
    with pytest.raises(AddonError) as caught:
        await mirror.wait_ready(0.01)
    assert caught.value.code == "home_away"
    assert mirror.house.entities == {}
    home.token = "another"
    await connection.start()
    await eventually(lambda: connection.state == "refused")
    with pytest.raises(AddonError) as caught:
        await mirror.wait_ready(0.01)
    assert caught.value.code == "home_refused"


async def test_stop(house: ScriptedHouse, connection: Connection, mirror: Mirror) -> None:
    house.add("light.a")
    found = await read(connection, mirror)
    await mirror.stop()
    await mirror.stop()
    assert mirror.house is found


async def test_a_large_house_that_never_rests(
    house: ScriptedHouse, connection: Connection, mirror: Mirror
) -> None:
    for number in range(5000):
        house.add(
            f"light.lamp_{number}",
            original_name=f"Lamp {number}",
            area_id="kitchen",
            exposed=number % 5 == 0,
            attributes={"supported_color_modes": ["hs"], "brightness": 1},
        )
    found = await read(connection, mirror)
    assert len(found.entities) == 1000
    reads = len(house.home.asked("config/entity_registry/list"))
    for change in range(3000):
        number = change % 1000 * 5
        await house.change(f"light.lamp_{number}", s="on", a={"brightness": change % 256})
    await eventually(lambda: found.states["light.lamp_4995"].attributes["brightness"] == 2999 % 256)
    await settled(mirror)
    assert all(state.state == "on" for state in found.states.values())
    assert mirror.house is found
    assert len(house.home.asked("config/entity_registry/list")) == reads


ATTRIBUTES = st.dictionaries(
    st.sampled_from(["brightness", "supported_color_modes", "supported_features", "friendly_name"]),
    st.one_of(st.integers(0, 9), st.none(), st.lists(st.text(max_size=3), max_size=2)),
)
STATES = st.lists(st.one_of(st.none(), st.tuples(st.text(max_size=3), ATTRIBUTES)), max_size=8)


def difference(old: Any, new: Any) -> dict[str, Any]:
    """Return the event by which Home Assistant tells of a change, as its source says."""
    if new is None:
        return {"r": ["light.a"]}
    if old is None:
        return {"a": {"light.a": {"s": new[0], "a": new[1], "lc": 1.0, "c": "x"}}}
    plus: dict[str, Any] = {"lu": 2.0}
    change: dict[str, Any] = {"+": plus}
    if old[0] != new[0]:
        plus["s"] = new[0]
    if added := {k: v for k, v in new[1].items() if k not in old[1] or old[1][k] != v}:
        plus["a"] = added
    if removed := old[1].keys() - new[1]:
        change["-"] = {"a": list(removed)}
    return {"c": {"light.a": change}}


@settings(max_examples=200, deadline=None)
@given(STATES)
def test_diffs_add_up_to_the_state(history: list[tuple[str, dict[str, Any]] | None]) -> None:
    async def follow() -> None:
        mirror = Mirror(Connection.from_url("http://127.0.0.1:1", TOKEN))
        first = asyncio.Event()
        first.set()
        old = None
        for new in history:
            if old is not None or new is not None:
                mirror._states_changed(first, difference(old, new))
            old = new
            expected = {} if new is None else {"light.a": State(new[0], new[1])}
            assert mirror.house.states == expected

    asyncio.run(follow())
