"""The mirror, actions and templates on a real Home Assistant."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import yaml

from dev.stack import ROOT, Stack
from eval.house import house_of
from eval.values import observe
from ollama_addon.errors import AddonError
from ollama_addon.home import mirror as mirror_module
from ollama_addon.home.actions import Actions
from ollama_addon.home.connection import Connection
from ollama_addon.home.mirror import Mirror
from ollama_addon.home.model import Entity, House
from ollama_addon.home.templates import Templates

from .scripted_home import eventually

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]

INVENTORY = ROOT / "dev" / "inventory" / "house.yaml"
LIGHT = "light.kitchen_light"
HIDDEN = "switch.router"


@pytest_asyncio.fixture(loop_scope="session")
async def connection(stack: Stack) -> AsyncIterator[Connection]:
    connection = Connection.from_url(stack.home.url, stack.home.token)
    await connection.start()
    await eventually(lambda: connection.connected)
    yield connection
    await connection.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def mirror(stack: Stack) -> AsyncIterator[Mirror]:
    connection = Connection.from_url(stack.home.url, stack.home.token)
    mirror = Mirror(connection)
    await connection.start()
    await mirror.wait_ready(20)
    yield mirror
    await mirror.stop()
    await connection.stop()


@pytest.fixture
def actions(connection: Connection, mirror: Mirror) -> Actions:
    return Actions(connection, mirror)


def inventory() -> dict[str, Any]:
    return dict(yaml.safe_load(Path(INVENTORY).read_text()))


async def update(connection: Connection, entity_id: str, **changes: Any) -> None:
    await connection.command("config/entity_registry/update", entity_id=entity_id, **changes)


async def expose(connection: Connection, entity_id: str, exposed: bool) -> None:
    await connection.command(
        "homeassistant/expose_entity",
        assistants=["conversation"],
        entity_ids=[entity_id],
        should_expose=exposed,
    )


async def test_the_evaluation_makes_the_same_house_without_home_assistant(mirror: Mirror) -> None:
    real, made = mirror.house, house_of(inventory())
    assert made.entities.keys() == real.entities.keys()
    for entity_id, entity in real.entities.items():
        ours = made.entities[entity_id]
        assert abilities(ours) == abilities(entity)
        theirs, mine = (
            observe(entity_id, {"state": state.state, "attributes": state.attributes})
            for state in (real.states[entity_id], made.states[entity_id])
        )
        assert mine.keys() == theirs.keys(), entity_id
        assert {key: mine[key] for key in mine if key != "happened"} == {
            key: theirs[key] for key in theirs if key != "happened"
        }, entity_id


def abilities(entity: Entity) -> tuple[Any, ...]:
    """Return what an entity can do, and what it is called."""
    capabilities = {
        key: sorted(value) if isinstance(value, list) else value
        for key, value in entity.capabilities.items()
    }
    return (
        entity.id,
        entity.name,
        set(entity.aliases),
        entity.device_class,
        entity.supported_features,
        capabilities,
    )


async def test_the_mirror_is_the_inventory(mirror: Mirror) -> None:
    house, written = mirror.house, inventory()
    assert (house.name, house.language) == (written["name"], written["language"])
    assert (house.time_zone, house.temperature_unit) == (written["time_zone"], "°C")
    assert {floor.name: (floor.level, set(floor.aliases)) for floor in house.floors.values()} == {
        floor["name"]: (floor["level"], set(floor["aliases"])) for floor in written["floors"]
    }
    floors = {floor["id"]: floor["name"] for floor in written["floors"]}
    areas = {area["id"]: area["name"] for area in written["areas"]}
    assert {
        area.name: (floor_name(house, area.id), set(area.aliases)) for area in house.areas.values()
    } == {
        area["name"]: (floors[area["floor"]], set(area.get("aliases", ())))
        for area in written["areas"]
    }
    exposed = [each for each in written["entities"] if each.get("exposed", True)]
    assert {
        entity.id: (entity.name, set(entity.aliases), area_name(house, entity.area_id))
        for entity in house.entities.values()
    } == {
        each["id"]: (each["name"], set(each.get("aliases", ())), areas.get(each.get("area", "")))
        for each in exposed
    }
    assert set(house.states) == set(house.entities)
    assert {area_name(house, area_id) for area_id in house.device_areas.values()} == {
        areas[satellite["area"]] for satellite in written["satellites"]
    }


def floor_name(house: House, area_id: str) -> str | None:
    floor = house.floor_of(house.areas[area_id])
    return floor.name if floor else None


def area_name(house: House, area_id: str | None) -> str | None:
    return house.areas[area_id].name if area_id else None


async def test_the_states_are_home_assistants(stack: Stack, mirror: Mirror) -> None:
    reported = await stack.home.states()
    assert {
        entity_id: {"state": state.state, "attributes": state.attributes}
        for entity_id, state in mirror.house.states.items()
    } == {entity_id: reported[entity_id] for entity_id in mirror.house.entities}


async def test_what_entities_can_do(mirror: Mirror) -> None:
    entities = mirror.house.entities
    assert entities[LIGHT].capabilities["supported_color_modes"] == ["brightness"]
    thermostat = entities["climate.thermostat"].capabilities
    assert (thermostat["min_temp"], thermostat["max_temp"]) == (7, 30)
    assert thermostat["hvac_modes"] == ["off", "heat", "auto"]
    assert entities["media_player.tv"].capabilities["source_list"][1] == "Netflix"
    assert entities["cover.bedroom_blinds"].device_class == "blind"
    assert entities["cover.bedroom_blinds"].supported_features & 4


async def test_through_the_supervisor(stack: Stack, mirror: Mirror) -> None:
    connection = Connection.from_supervisor(stack.supervisor.url, stack.supervisor.addon.token)
    through = Mirror(connection)
    await connection.start()
    house = await through.wait_ready(20)
    outcome = await Actions(connection, through).handle_intent("HassTurnOn", {"name": LIGHT})
    await eventually(lambda: house.states[LIGHT].state == "on")
    await connection.stop()
    assert outcome.ok
    assert house.revision == mirror.house.revision


async def test_a_change_of_a_state_is_seen_and_makes_no_other_house(
    actions: Actions, mirror: Mirror
) -> None:
    house = mirror.house
    assert house.states[LIGHT].state == "off"
    outcome = await actions.handle_intent("HassLightSet", {"name": LIGHT, "brightness": 40})
    assert [target.id for target in outcome.success_targets] == [LIGHT]
    await eventually(lambda: house.states[LIGHT].attributes.get("brightness") == 102)
    assert house.states[LIGHT].state == "on"
    await actions.handle_intent("HassTurnOff", {"name": "media_player.tv"})
    await eventually(lambda: house.states["media_player.tv"].state == "off")
    assert mirror.house.revision == house.revision


async def test_a_change_of_exposure_is_seen(connection: Connection, mirror: Mirror) -> None:
    before = mirror.house.revision
    await expose(connection, HIDDEN, True)
    try:
        await eventually(lambda: HIDDEN in mirror.house.entities)
        assert mirror.house.states[HIDDEN].state == "on"
    finally:
        await expose(connection, HIDDEN, False)
    await eventually(lambda: HIDDEN not in mirror.house.entities)
    assert HIDDEN not in mirror.house.states
    assert mirror.house.revision == before


async def test_names_are_those_that_home_assistant_matches(
    connection: Connection, mirror: Mirror, actions: Actions
) -> None:
    async def understood(name: str) -> bool:
        outcome = await actions.handle_intent("HassGetState", {"name": name})
        return LIGHT in [target.id for target in outcome.success_targets]

    await update(connection, LIGHT, name="Stove light", aliases=["Hob", None], area_id=None)
    try:
        await eventually(lambda: mirror.house.entities[LIGHT].name == "Hob")
        entity = mirror.house.entities[LIGHT]
        assert entity.aliases == ("Stove light",)
        assert entity.area_id is None
        assert await understood("Hob")
        assert await understood("stove light")
        await update(connection, LIGHT, aliases=["Hob"])
        await eventually(lambda: mirror.house.entities[LIGHT].aliases == ())
        assert not await understood("stove light")
    finally:
        await update(connection, LIGHT, name=None, aliases=[None], area_id="kitchen")
    await eventually(lambda: mirror.house.entities[LIGHT].name == "Kitchen light")


async def test_an_entity_in_no_registry(
    stack: Stack, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror_module, "POLL", 0.2)
    polling = Connection.from_url(stack.home.url, stack.home.token)
    mirror = Mirror(polling)
    await polling.start()
    await mirror.wait_ready(20)
    # Home Assistant remembers the exposure of what it has once seen: a new one each time.
    entity_id = f"light.from_yaml_{secrets.token_hex(4)}"
    headers = {"Authorization": f"Bearer {stack.home.token}"}
    url = f"{stack.home.url}/api/states/{entity_id}"
    async with httpx.AsyncClient(headers=headers, trust_env=False) as client:
        await client.post(url, json={"state": "on", "attributes": {"friendly_name": "Yaml"}})
        try:
            await eventually(lambda: entity_id in mirror.house.entities)
            assert mirror.house.entities[entity_id].name == "Yaml"
            await expose(connection, entity_id, False)
            outcome = await Actions(polling, mirror).call_service(
                "light", "turn_on", {}, [entity_id]
            )
            assert outcome.code == "not_exposed"
            await eventually(lambda: entity_id not in mirror.house.entities)
        finally:
            await client.delete(url)
            await polling.stop()


async def test_an_area_is_renamed(connection: Connection, mirror: Mirror) -> None:
    area = next(area for area in mirror.house.areas.values() if area.name == "Office")
    await connection.command("config/area_registry/update", area_id=area.id, name="Study")
    try:
        await eventually(lambda: mirror.house.areas[area.id].name == "Study")
    finally:
        await connection.command("config/area_registry/update", area_id=area.id, name="Office")
    await eventually(lambda: mirror.house.areas[area.id].name == "Office")


async def test_an_intent_for_an_area(actions: Actions, mirror: Mirror) -> None:
    outcome = await actions.handle_intent("HassTurnOn", {"area": "kitchen", "domain": ["light"]})
    assert {target.id for target in outcome.success_targets if target.type == "entity"} == {
        LIGHT,
        "light.counter_lights",
    }
    await eventually(lambda: mirror.house.states[LIGHT].state == "on")


async def test_what_is_not_exposed_is_refused(stack: Stack, actions: Actions) -> None:
    before = (await stack.home.states())[HIDDEN]
    outcome = await actions.handle_intent("HassTurnOff", {"name": HIDDEN})
    assert (outcome.ok, outcome.code) == (False, "failed_to_handle")
    assert "exposed" in outcome.reason
    outcome = await actions.call_service("switch", "turn_off", {}, [HIDDEN])
    assert (outcome.ok, outcome.code) == (False, "not_exposed")
    assert (await stack.home.states())[HIDDEN] == before


@pytest.mark.parametrize(
    ("intent", "slots"),
    [("HassFly", {}), ("HassLightSet", {"name": LIGHT, "brightness": "very"})],
)
async def test_what_home_assistant_does_not_take(
    actions: Actions, intent: str, slots: dict[str, Any]
) -> None:
    outcome = await actions.handle_intent(intent, slots)
    assert (outcome.ok, outcome.code) == (False, "invalid_intent")


async def test_a_service_is_called(actions: Actions, mirror: Mirror) -> None:
    outcome = await actions.call_service("light", "turn_on", {"brightness_pct": 40}, [LIGHT])
    assert outcome.ok
    await eventually(lambda: mirror.house.states[LIGHT].attributes.get("brightness") == 102)
    outcome = await actions.call_service("light", "turn_on", {"brightness_pct": 999}, [LIGHT])
    assert (outcome.ok, outcome.code) == (False, "failed_to_handle")


async def test_what_is_not_in_a_state(actions: Actions) -> None:
    items = await actions.todo_items("todo.shopping_list")
    assert [item["summary"] for item in items] == ["bread"]
    done = await actions.todo_items("todo.shopping_list", ["completed"])
    assert [item["summary"] for item in done] == ["milk"]
    assert (await actions.weather_forecast("weather.home"))[0]["condition"] == "cloudy"
    with pytest.raises(AddonError, match="not exposed"):
        await actions.todo_items("todo.of_another")


async def test_a_token_that_is_wrong(stack: Stack) -> None:
    connection = Connection.from_url(stack.home.url, "wrong")
    await connection.start()
    await eventually(lambda: connection.state == "refused")
    await connection.stop()


async def test_templates(connection: Connection, mirror: Mirror, actions: Actions) -> None:
    templates = Templates(connection)
    template = f"{{{{ name }}}}: {{{{ states('{LIGHT}') }}}}"
    rendered = await templates.render(template, {"name": "Light"})
    assert (rendered.text, rendered.follows) == ("Light: off", (LIGHT,))
    assert not rendered.changes_with_time
    await actions.handle_intent("HassTurnOn", {"name": LIGHT})
    while (await templates.render(template, {"name": "Light"})).text != "Light: on":
        await eventually(lambda: mirror.house.states[LIGHT].state == "on")
    assert (await templates.render("{{ now().year }}", {})).changes_with_time


@pytest.mark.parametrize("template", ["{{ 1 / 0 }}", "{{ foo", "{{ bla.fasel }}"])
async def test_templates_that_are_wrong(connection: Connection, template: str) -> None:
    rendered = await Templates(connection).render(template, {})
    assert rendered.text == ""
    assert rendered.error
    assert not rendered.fallback
