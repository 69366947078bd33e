"""Automations and orders in a real Home Assistant: made, run, changed, left alone, removed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
import pytest_asyncio

from dev.homeassistant.core import HomeAssistant, home_assistant
from dev.stack import ROOT
from ollama_addon.agent.agent import Agent
from ollama_addon.agent.orders import Answer, Proposal, Refused, Speaker
from ollama_addon.home import automations as home_automations
from ollama_addon.home.connection import Connection
from ollama_addon.home.mirror import Mirror
from ollama_addon.home.model import Satellite
from ollama_addon.home.translations import Translations
from ollama_addon.home.users import Users
from ollama_addon.options import AgentOptions
from ollama_addon.scheduling import automator as module
from ollama_addon.scheduling.automator import Automator
from ollama_addon.scheduling.planner import Planner
from ollama_addon.scheduling.scheduler import Scheduler
from ollama_addon.scheduling.store import OrderStore
from ollama_addon.understanding.interpretation import Moment, Repeat, Trigger, When
from ollama_addon.understanding.vocabulary import Action
from tests.scheduling.scripted import Hands, Mouth

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]

LAMP = "light.desk_lamp"
WINDOW = "binary_sensor.kitchen_window"
LAMP_ON = Action("HassTurnOn", {"name": LAMP})
EVERY_DAY = When("every day at seven", every=Repeat(at=Moment(7, half_day=True)))


@dataclass
class Link:
    """What plans automations for a real Home Assistant."""

    core: HomeAssistant
    connection: Connection
    mirror: Mirror
    planner: Planner
    automator: Automator
    store: OrderStore
    owner: str
    """The id of an administrator."""

    async def propose(self, when: When, *actions: Action, **more: Any) -> Proposal:
        speaker = more.pop("speaker", Speaker("home", "en", user_id=self.owner, user_name="Dev"))
        answer = await self.planner.keep(actions or (LAMP_ON,), when, "said", speaker, **more)
        assert isinstance(answer, Proposal), answer
        return answer

    async def make(self, when: When, *actions: Action, **more: Any) -> str:
        """Make an automation and return its id."""
        before = {each.id for each in self.planner.planned()}
        answer = await self.planner.set_up(await self.propose(when, *actions, **more))
        assert isinstance(answer, Answer), answer
        (made,) = {each.id for each in self.planner.planned()} - before
        return made

    async def config(self, automation_id: str) -> dict[str, Any] | None:
        return await self.connection.get(f"config/automation/config/{automation_id}")

    async def entity(self, automation_id: str) -> dict[str, Any]:
        found = await self.core.command("config/entity_registry/list")
        return next(dict(each) for each in found if each["unique_id"] == automation_id)

    async def state(self, entity_id: str) -> str:
        return str((await self.core.states())[entity_id]["state"])

    async def put(self, entity_id: str, state: str) -> None:
        data = {"entity_id": entity_id, "state": state}
        await self.core.post("services/dev_house/set_state", data)

    async def notifications(self) -> dict[str, str]:
        """Return the notifications that are shown, by id."""
        found = await self.core.command("persistent_notification/get")
        return {each["notification_id"]: each["message"] for each in found}


async def until(check: Callable[[], Awaitable[Any]]) -> Any:
    """Wait until something is so, and return it."""
    for _ in range(200):
        if found := await check():
            return found
        await asyncio.sleep(0.1)
    raise AssertionError("It did not come to be so.")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def core(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[HomeAssistant]:
    folder = tmp_path_factory.mktemp("core")
    house = ROOT / "dev" / "inventory" / "house.yaml"
    async with home_assistant(folder, house, companion=False) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def link(
    core: HomeAssistant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Link]:
    monkeypatch.setattr(module, "_SETTLE", 0.3)
    connection = Connection.from_url(core.url, core.token)
    mirror = Mirror(connection)
    users = Users(connection)
    store = OrderStore(tmp_path / "orders.sqlite")

    async def ready() -> bool:
        return True

    scheduler = Scheduler(
        store,
        Hands(),
        Mouth(),
        ready=ready,
        house=lambda: mirror.house,
        wording=lambda key, order: key,
    )
    automator = Automator(
        store, connection, lambda: mirror.house, Translations(connection).states, users.ask
    )
    options = AgentOptions(id="home", name="Home", model="m", confirm=("unlock",))
    agent = cast("Agent", SimpleNamespace(options=options))
    planner = Planner(scheduler, automator, {"home": agent}, lambda: mirror.house)
    await connection.start()
    await mirror.wait_ready(30)
    await scheduler.start()
    automator.start()
    owner = (await connection.command("auth/current_user"))["id"]
    made = Link(core, connection, mirror, planner, automator, store, owner)
    yield made
    for each in planner.planned():
        await connection.delete(f"config/automation/config/{each.id}")
    await automator.stop()
    await scheduler.stop()
    await mirror.stop()
    await connection.stop()


async def test_read_back_made_labelled_and_removed(link: Link) -> None:
    before = await link.core.command("config/entity_registry/list")
    proposal = await link.propose(EVERY_DAY)
    assert proposal.sentence == ("Every day at 07:00: turn on Desk lamp. Shall I set that up?")
    assert await link.core.command("config/entity_registry/list") == before
    made = await link.planner.set_up(proposal)
    assert isinstance(made, Answer)
    (planned,) = link.planner.planned([LAMP])
    config = await link.config(planned.id)
    assert config is not None
    assert config["alias"] == planned.phrase == "Every day at 07:00: turn on Desk lamp"
    assert "said" in config["description"]
    assert config["actions"] == [{"action": "light.turn_on", "target": {"entity_id": [LAMP]}}]
    entity = await link.entity(planned.id)
    labels = {
        each["label_id"]: each["name"]
        for each in await link.core.command("config/label_registry/list")
    }
    assert [labels[each] for each in entity["labels"]] == [home_automations.LABEL]
    gone = await link.planner.cancel([planned.id], "en")
    assert gone == Answer("Cancelled: Every day at 07:00: turn on Desk lamp.")
    assert await link.config(planned.id) is None
    assert link.planner.planned() == ()


async def test_it_runs_when_its_condition_comes_true(link: Link) -> None:
    await link.put(WINDOW, "off")
    await link.put(LAMP, "off")
    opens = When("when the window opens", triggers=(Trigger("state", _of(link, WINDOW), "open"),))
    proposal = await link.propose(opens)
    # Home Assistant's own word for what is `on` to it.
    assert proposal.sentence.startswith("When Kitchen window is open: turn on Desk lamp.")
    made = await link.make(opens)
    await link.put(WINDOW, "on")
    await until(lambda: _is(link, LAMP, "on"))
    assert await link.config(made) is not None


async def test_once_it_removes_itself_after_it_ran(link: Link) -> None:
    await link.put(WINDOW, "on")
    closes = When("when it closes", triggers=(Trigger("state", _of(link, WINDOW), "closed"),))
    tell = Action("HassBroadcast", {"message": "The window is closed."})
    made = await link.make(closes, tell)
    await link.put(WINDOW, "off")

    async def told() -> bool:
        return "The window is closed." in (await link.notifications()).values()

    async def removed() -> bool:
        return await link.config(made) is None

    await until(told)
    await until(removed)
    assert await link.store.automations() == []


async def test_what_a_person_changed_is_left_alone(link: Link) -> None:
    made = await link.make(EVERY_DAY)
    config = await link.config(made)
    assert config is not None
    changed = {**config, "alias": "Mine", "mode": "restart"}
    await link.connection.post(f"config/automation/config/{made}", changed)

    async def seen() -> bool:
        return link.planner.planned()[0].changed

    await until(seen)
    refused = await link.planner.cancel([made], "en")
    assert isinstance(refused, Refused)
    assert refused.code == "changed"
    assert "Mine" in refused.sentence
    now = await link.config(made)
    assert now is not None
    assert now["alias"] == "Mine"


async def test_what_a_person_deleted_is_forgotten(link: Link) -> None:
    made = await link.make(EVERY_DAY)
    await link.connection.delete(f"config/automation/config/{made}")

    async def forgotten() -> bool:
        return link.planner.planned() == () and await link.store.automations() == []

    await until(forgotten)


async def test_a_target_that_is_hidden_is_told(link: Link) -> None:
    await link.make(EVERY_DAY)
    assert link.planner.summary()["missing"] == []
    await _expose(link, LAMP, False)
    try:

        async def told() -> Any:
            return link.planner.summary()["missing"]

        assert await until(told) == ["Every day at 07:00: turn on Desk lamp"]
    finally:
        await _expose(link, LAMP, True)
    await until(lambda: _exposed(link, LAMP))


async def test_only_administrators(link: Link) -> None:
    created = await link.core.command("config/auth/create", name="Kim", group_ids=["system-users"])
    kim = Speaker("home", "en", user_id=created["user"]["id"])
    refused = await link.planner.keep([LAMP_ON], EVERY_DAY, "said", kim)
    assert isinstance(refused, Refused)
    assert refused.code == "admin"
    # Also who is none any more when the yes comes.
    proposal = await link.propose(EVERY_DAY)
    demoted = Proposal(proposal.sentence, replace(proposal.draft, speaker=kim))
    late = await link.planner.set_up(demoted)
    assert isinstance(late, Refused)
    assert late.code == "admin"
    assert link.planner.planned() == ()
    satellite = Speaker("home", "en", Satellite(None, "assist_satellite.hall"))
    made = await link.make(EVERY_DAY, speaker=satellite)
    assert f"ollama_addon_{made}" in await link.notifications()


async def test_nothing_that_asks_first(link: Link) -> None:
    unlock = Action("HassTurnOff", {"name": "lock.front_door"})
    speaker = Speaker("home", "en", user_id=link.owner)
    refused = await link.planner.keep([unlock], EVERY_DAY, "said", speaker, confirmed=True)
    assert isinstance(refused, Refused)
    assert refused.code == "asks_first"


async def test_every_kind_of_trigger_is_taken(link: Link) -> None:
    thermometer = _of(link, "sensor.outdoor_temperature")
    window = _of(link, WINDOW)
    for when in (
        When("", every=Repeat((0, 2), Moment(sun="sunset", offset=-1800))),
        When("", every=Repeat(interval=600.0)),
        When("", every=Repeat(at=Moment(6)), length=900.0),
        When("", triggers=(Trigger("numeric", thermometer, above=25, lasting=60),)),
        When("", triggers=(Trigger("sun", event="sunrise"),)),
        When("", triggers=(Trigger("state", window, "open", lasting=300),), length=60.0),
        When(
            "",
            at=Moment(days=0, part="night"),
            triggers=(Trigger("state", window, "wet", condition=True),),
        ),
        When(
            "",
            at=Moment(7, half_day=True, days=1),
            triggers=(Trigger("numeric", thermometer, below=5, condition=True),),
        ),
        When(
            "",
            triggers=(
                Trigger("state", _of(link, "media_player.tv"), "on"),
                Trigger("sun", event="sunset", condition=True),
                Trigger("state", _of(link, "climate.thermostat"), "on", condition=True),
            ),
        ),
    ):
        made = await link.make(when)
        assert await link.state((await link.entity(made))["entity_id"]) == "on", when
        await link.planner.cancel([made], "en")


async def test_every_service_is_taken(link: Link) -> None:
    actions = (
        Action("HassLightSet", {"name": LAMP, "brightness": 40, "color": "red"}),
        Action("HassTurnOff", {"name": "cover.bedroom_blinds"}),
        Action("HassSetPosition", {"name": "cover.bedroom_blinds", "position": 30}),
        Action("HassClimateSetTemperature", {"name": "climate.thermostat", "temperature": 21}),
        Action("climate.set_hvac_mode", {"name": "climate.thermostat", "hvac_mode": "heat"}),
        Action("HassSetVolume", {"name": "media_player.tv", "volume_level": 30}),
        Action("HassFanSetSpeed", {"name": "fan.bedroom_fan", "percentage": 50}),
        Action("HassVacuumStart", {"name": "vacuum.robot"}),
        Action("HassListAddItem", {"name": "todo.shopping_list", "item": "milk"}),
        Action("HassTurnOn", {"name": "scene.movie_night"}),
        Action("HassTurnOn", {"name": "script.good_night"}),
        Action("HassTurnOn", {"name": "lock.front_door"}),
    )
    made = await link.make(EVERY_DAY, *actions)
    await link.put("lock.front_door", "unlocked")
    await link.planner.do_now(made)
    await until(lambda: _is(link, "lock.front_door", "locked"))
    states = await link.core.states()
    assert states[LAMP]["attributes"]["brightness"] == 102
    assert states["climate.thermostat"]["attributes"]["temperature"] == 21
    assert states["fan.bedroom_fan"]["attributes"]["percentage"] == 50


async def test_without_the_line_in_the_configuration(
    tmp_path: Path, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home_automations, "PATIENCE", 1.0)
    # As where automations.yaml is not included: what is written there is not loaded.
    monkeypatch.setattr(home_automations.Automations, "entries", _none)
    refused = await link.planner.set_up(await link.propose(EVERY_DAY))
    assert isinstance(refused, Refused)
    assert refused.code == "not_set_up"
    assert module.INCLUDE in refused.sentence
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(
            f"{link.core.url}/api/states",
            headers={"Authorization": f"Bearer {link.core.token}"},
        )
    assert not [each for each in answer.json() if each["entity_id"].startswith("automation.")]


async def _none(self: Any) -> list[Any]:
    return []


def _of(link: Link, entity_id: str) -> tuple[Any, ...]:
    return (link.mirror.house.entities[entity_id],)


async def _is(link: Link, entity_id: str, state: str) -> bool:
    return await link.state(entity_id) == state


async def _exposed(link: Link, entity_id: str) -> bool:
    return entity_id in link.mirror.house.entities


async def _expose(link: Link, entity_id: str, exposed: bool) -> None:
    await link.core.command(
        "homeassistant/expose_entity",
        assistants=["conversation"],
        entity_ids=[entity_id],
        should_expose=exposed,
    )
