"""What was done is said with names, numbers and plurals, and nothing else is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ollama_addon.agent.actions.opposites import target_of
from ollama_addon.agent.actions.repair_outcome import Repaired, Verdict
from ollama_addon.agent.replies.done import Done
from ollama_addon.agent.replies.replies import Replies
from ollama_addon.home.model import Area, Entity, House, State
from ollama_addon.understanding.vocabulary import Action

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def lamps(count: int, *, area: str = "Kitchen", country: str = "") -> House:
    """Return a house with so many lamps in one room, and a lock and a shutter elsewhere."""
    entities = [Entity(f"light.l{n}", f"Lamp {n}", (), "room") for n in range(1, count + 1)]
    entities += [
        Entity("lock.door", "Front door", (), "hall"),
        Entity("cover.blind", "Blind", (), "hall", supported_features=15),
        Entity("climate.heat", "Thermostat", (), "hall"),
        Entity("todo.list", "Shopping list"),
    ]
    return House(
        {each.id: each for each in entities},
        {"room": Area("room", area), "hall": Area("hall", "Hall")},
        {},
        {each.id: State("off") for each in entities},
        country=country,
    )


def done(house: House, intent: str, slots: dict[str, Any], **more: Any) -> Done:
    """Return a result; before it everything was as the house says."""
    action = Action(intent, slots)
    before = {each: state.state for each, state in house.states.items()}
    return Done(action, target_of(action, house), more.pop("ok", True), before=before, **more)


def said(house: House, language: str, *results: Done) -> str:
    return Replies(language, house).combined(results, "", NOW)


@pytest.mark.parametrize(
    ("language", "count", "sentence"),
    [
        ("en", 4, "Turned on 4 lights in the kitchen."),
        ("en", 2, "Turned on Lamp 1 and Lamp 2."),
        ("de", 5, "5 Lichter im Bereich Kitchen eingeschaltet."),
        ("fr", 4, "J'ai allumé 4 lumières dans la zone Kitchen."),
        ("pl", 4, "Włączono: 4 światła w obszarze Kitchen."),
        ("pl", 5, "Włączono: 5 świateł w obszarze Kitchen."),
        ("pl", 22, "Włączono: 22 światła w obszarze Kitchen."),
        ("pl", 25, "Włączono: 25 świateł w obszarze Kitchen."),
        ("cs", 4, "Zapnuto: 4 světla v oblasti Kitchen."),
        ("cs", 5, "Zapnuto: 5 světel v oblasti Kitchen."),
        ("ja", 4, "Kitchenの照明4台をオンにしました。"),
        ("zh", 4, "已打开Kitchen的4盏灯。"),
    ],
)
def test_many_are_counted_and_few_are_named(language: str, count: int, sentence: str) -> None:
    house = lamps(count)
    result = done(house, "HassTurnOn", {"domain": "light", "area": "room"})
    assert said(house, language, result) == sentence


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("Kitchen light", "Turned on the kitchen light."),
        ("TV", "Turned on the TV."),
        ("Emma's lamp", "Turned on Emma's lamp."),
        ("Hue Go", "Turned on Hue Go."),
    ],
)
def test_an_english_name_has_its_article(name: str, sentence: str) -> None:
    house = House({"light.a": Entity("light.a", name)}, states={"light.a": State("off")})
    assert said(house, "en", done(house, "HassTurnOn", {"name": "light.a"})) == sentence


def test_one_verb_is_said_once() -> None:
    house = lamps(2)
    results = [
        done(house, "HassTurnOn", {"name": "light.l1"}),
        done(house, "HassTurnOn", {"name": "lock.door"}),
        done(house, "HassTurnOn", {"name": "light.l2"}),
    ]
    assert said(house, "en", *results) == "Turned on Lamp 1 and Lamp 2. Locked the front door."
    assert said(house, "de", *results) == (
        "Lamp 1 und Lamp 2 eingeschaltet. Front door abgeschlossen."
    )


def test_what_was_so_before_is_not_claimed() -> None:
    house = lamps(5)
    states = house.states
    assert isinstance(states, dict)
    states["light.l1"] = states["light.l2"] = State("on")
    whole = done(house, "HassTurnOn", {"domain": "light", "area": "room"})
    assert said(house, "en", whole) == "Turned on Lamp 3, Lamp 4 and Lamp 5."
    one = done(house, "HassTurnOn", {"name": "light.l1"})
    assert said(house, "en", one) == "Lamp 1 is already on."
    assert said(house, "pl", one) == "Bez zmian: Lamp 1 – włączone."
    other = done(house, "HassTurnOn", {"name": "light.l3"})
    assert said(house, "fr", one, other) == ("J'ai allumé Lamp 3. Déjà fait : Lamp 1 (allumé).")


def test_what_did_not_respond_is_not_counted() -> None:
    house = lamps(6)
    result = done(house, "HassTurnOn", {"domain": "light", "area": "room"}, failed=("Lamp 2",))
    assert said(house, "en", result) == (
        "Turned on 5 lights in the kitchen. Lamp 2 did not respond. "
        "Check its power and its connection."
    )
    assert said(house, "pl", result).startswith("Włączono: 5 świateł w obszarze Kitchen. Brak odp")


@pytest.mark.parametrize(
    ("code", "reason", "sentence"),
    [
        ("failed_to_handle", "Home Assistant could not reach Lamp 1.", "hat nicht reagiert"),
        ("not_exposed", "light.l1 is not exposed.", "nicht für Assist freigegeben"),
        ("failed_to_handle", "Entity light.l1 does not support this.", "kann das nicht"),
        ("no_valid_targets", "", "nicht finden"),
        (
            "failed_to_handle",
            "Multiple entities matched, but a single target is required",
            "mehrere",
        ),
        ("failed_to_handle", "no answer in time", "nicht rechtzeitig"),
        ("failed_to_handle", "Something odd", "Das hat nicht geklappt: Lamp 1."),
    ],
)
def test_reasons_of_home_assistant_are_said_in_the_language_of_the_person(
    code: str, reason: str, sentence: str
) -> None:
    house = lamps(1)
    result = done(house, "HassTurnOn", {"name": "light.l1"}, ok=False, code=code, reason=reason)
    reply = said(house, "de", result)
    assert sentence in reply
    assert "eingeschaltet" not in reply
    assert reason not in reply or not reason


@pytest.mark.parametrize(
    ("language", "intent", "slots", "sentence"),
    [
        ("en", "HassLightSet", {"name": "light.l1", "brightness": 40}, "Set Lamp 1 to 40 %."),
        ("de", "HassLightSet", {"name": "light.l1", "color": "red"}, "Lamp 1 auf rot gestellt."),
        (
            "de",
            "HassClimateSetTemperature",
            {"name": "climate.heat", "temperature": 20.5},
            "Thermostat auf 20,5 °C gestellt.",
        ),
        ("it", "HassTurnOff", {"name": "cover.blind"}, "Chiudo Blind."),
        ("en", "HassTurnOff", {"name": "lock.door"}, "Unlocked the front door."),
        ("de", "HassStartTimer", {"minutes": 12}, "Timer auf 12 Minuten gestellt."),
        (
            "en",
            "HassStartTimer",
            {"hours": 1, "minutes": 20},
            "Timer set for 1 hour and 20 minutes.",
        ),
        ("pl", "HassStartTimer", {"minutes": 5}, "Minutnik ustawiono: 5 minut."),
        ("zh", "HassStartTimer", {"hours": 1, "minutes": 30}, "计时器已设为1小时30分钟。"),
        ("ja", "HassStartTimer", {"minutes": 3}, "タイマーを3分にセットしました。"),
        (
            "nl",
            "HassListAddItem",
            {"name": "todo.list", "item": "melk"},
            "Shopping list: melk toegevoegd.",
        ),
    ],
)
def test_values_are_said(language: str, intent: str, slots: dict[str, Any], sentence: str) -> None:
    house = lamps(1)
    assert said(house, language, done(house, intent, slots)) == sentence


def test_items_of_one_list_are_said_together() -> None:
    house = lamps(1)
    items = [
        done(house, "HassListAddItem", {"name": "todo.list", "item": each})
        for each in ("milk", "eggs")
    ]
    assert said(house, "en", *items) == "Added milk and eggs to the shopping list."


@pytest.mark.parametrize(
    ("language", "question"),
    [
        ("en", "Shall I unlock the front door and turn off 4 lights in the kitchen?"),
        ("de", "Soll ich Front door aufschließen und 4 Lichter im Bereich Kitchen ausschalten?"),
        ("fr", "Dois-je déverrouiller Front door et éteindre 4 lumières dans la zone Kitchen ?"),
        ("pl", "Czy mam otworzyć zamek: Front door i wyłączyć: 4 światła w obszarze Kitchen?"),
        (
            "ja",
            "Front doorを解錠する、Kitchenの照明4台をオフにする、でよろしいですか？",
        ),
    ],
)
def test_a_question_says_what_would_be_done(language: str, question: str) -> None:
    house = lamps(4)
    actions = [
        Action("HassTurnOff", {"name": "lock.door"}),
        Action("HassTurnOff", {"domain": "light", "area": "room"}),
    ]
    items = [Repaired(Verdict.AS_IT_WAS, each, target_of(each, house)) for each in actions]
    assert Replies(language, house).proposal(items) == question


def test_a_language_without_texts_is_confirmed_by_home_assistant() -> None:
    house = lamps(1)
    reply = said(house, "fi", done(house, "HassTurnOn", {"name": "light.l1"}))
    assert reply
    assert "Turned" not in reply
