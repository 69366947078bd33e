"""Questions are answered from the states of the house, and from what was read of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ollama_addon.agent.replies.done import Done
from ollama_addon.agent.replies.replies import Replies
from ollama_addon.home.model import Area, Entity, House, State
from ollama_addon.understanding.interpretation import Question, QuestionKind
from ollama_addon.understanding.vocabulary import Action
from tests.agent.scripted_agent import Talk

NOW = datetime(2026, 11, 25, 21, 40, tzinfo=UTC)
GERMAN = {
    "component.binary_sensor.entity_component.window.state.on": "Offen",
    "component.binary_sensor.entity_component.window.state.off": "Geschlossen",
    "component.weather.entity_component._.state.rainy": "Regnerisch",
    "component.light.entity_component._.state.on": "An",
}
"""What Home Assistant calls states in German."""


@pytest.fixture
def house() -> House:
    """Two lamps of three are on, one window of two is open, one lock cannot be reached."""
    rows: list[tuple[str, str, str | None, str, dict[str, Any]]] = [
        ("light.desk", "Desk lamp", None, "off", {}),
        ("light.sofa", "Sofa lamp", None, "on", {"brightness": 102}),
        ("light.hall", "Hall light", None, "on", {}),
        ("binary_sensor.w1", "Kitchen window", "window", "on", {}),
        ("binary_sensor.w2", "Bedroom window", "window", "off", {}),
        ("lock.front", "Front door", None, "locked", {}),
        ("lock.back", "Back door", None, "unavailable", {}),
        (
            "climate.heat",
            "Thermostat",
            None,
            "heat",
            {"temperature": 21, "current_temperature": 19.5},
        ),
        ("sensor.nursery", "Nursery", "temperature", "20.5", {"unit_of_measurement": "°C"}),
        ("media_player.tv", "TV", None, "playing", {"volume_level": 0.3, "media_title": "News"}),
        ("weather.home", "Weather", None, "rainy", {"temperature": 7.2, "temperature_unit": "°C"}),
        ("todo.shopping", "Shopping list", None, "2", {}),
        ("calendar.family", "Family", None, "off", {}),
        ("person.ada", "Ada", None, "not_home", {}),
    ]
    entities = {
        id_: Entity(id_, name, (), "study" if id_ == "light.desk" else None, None, kind)
        for id_, name, kind, _, _ in rows
    }
    states = {id_: State(state, attributes) for id_, _, _, state, attributes in rows}
    return House(entities, {"study": Area("study", "Study")}, {}, states, country="GB")


def ask(
    house: House, language: str, kind: QuestionKind, about: str = "", state: str = "", **more: Any
) -> str:
    """Ask about the entities whose ids begin with one of the words of `about`."""
    entities = tuple(
        each
        for each in house.entities.values()
        if about and each.id.startswith(tuple(about.split()))
    )
    translations = GERMAN if language == "de" else {}
    replies = Replies(language, house, translations)
    return replies.answer(Question(kind, entities, state, **more), NOW)


@pytest.mark.parametrize(
    ("language", "kind", "about", "state", "answer"),
    [
        ("en", "state", "light.desk", "on", "No, Desk lamp is off."),
        ("en", "state", "light.sofa", "on", "Yes, Sofa lamp is on."),
        ("en", "state", "lock.back", "locked", "Back door is unavailable."),
        ("en", "any", "light", "on", "Yes, Sofa lamp and Hall light are on."),
        ("en", "any", "light.desk light.x", "on", "No, Desk lamp is off."),
        ("en", "all", "light", "on", "No, Desk lamp is off."),
        ("en", "all", "light.sofa light.hall", "on", "Yes, all of them."),
        ("en", "all", "lock", "locked", "Back door is unavailable."),
        ("en", "which", "light", "on", "Sofa lamp and Hall light are on."),
        ("en", "which", "lock.front", "unlocked", "None."),
        ("en", "how_many", "light", "on", "2 lights: Sofa lamp and Hall light."),
        ("en", "how_many", "light.desk", "on", "None."),
        ("en", "which", "light media_player", "on", "Sofa lamp, Hall light and TV are on."),
        ("en", "any", "person", "home", "No, Ada is away."),
        ("de", "state", "light.desk", "on", "Nein, Desk lamp ist aus."),
        ("de", "any", "binary_sensor", "open", "Ja, Kitchen window ist offen."),
        ("de", "which", "light", "on", "Sofa lamp und Hall light sind an."),
        ("fr", "state", "light.desk", "on", "Non, Desk lamp : éteint."),
        ("fr", "any", "binary_sensor", "open", "Oui, Kitchen window : ouvert."),
        ("pl", "how_many", "light", "on", "2 światła: Sofa lamp i Hall light."),
        ("pl", "state", "light.desk", "on", "Nie: Desk lamp – wyłączone."),
        ("ja", "how_many", "light", "on", "照明2台：Sofa lampとHall light。"),
        ("ja", "state", "light.desk", "on", "いいえ、Desk lampはオフです。"),
        ("zh", "state", "light.sofa", "on", "是的，Sofa lamp开着。"),
        ("cs", "any", "binary_sensor", "open", "Ano: Kitchen window – otevřeno."),
    ],
)
def test_states(
    house: House, language: str, kind: QuestionKind, about: str, state: str, answer: str
) -> None:
    assert ask(house, language, kind, about, state) == answer


@pytest.mark.parametrize(
    ("language", "kind", "about", "attribute", "answer"),
    [
        ("en", "value", "sensor.nursery", "temperature", "Nursery: 20.5 °C."),
        ("de", "value", "sensor.nursery", "temperature", "Nursery: 20,5 °C."),
        ("en", "value", "climate", "temperature", "Thermostat: 19.5 °C."),
        ("en", "value", "climate", "", "Thermostat: heat, 19.5 °C, set to 21 °C."),
        ("en", "value", "light.sofa", "brightness", "Sofa lamp: 40 %."),
        ("en", "value", "media_player", "volume", "TV: 30 %."),
        ("en", "value", "media_player", "song", "TV: News."),
        ("en", "value", "lock.front", "", "Front door is locked."),
        ("en", "where", "light.desk", "", "Desk lamp: Study."),
        ("en", "where", "person.ada", "", "Ada: away."),
        ("en", "how_many", "light", "", "3 lights: Desk lamp, Sofa lamp and Hall light."),
        ("de", "weather", "weather", "", "Regnerisch, 7,2 °C."),
        ("en", "time", "", "", "It is 21:40."),
        ("de", "date", "", "", "Heute ist Mittwoch, 25. November 2026."),
        ("fr", "date", "", "", "Nous sommes le mercredi 25 novembre 2026."),
        ("pl", "date", "", "", "Dzisiaj jest środa, 25 listopada 2026."),
        ("ja", "date", "", "", "今日は2026年11月25日水曜日です。"),
    ],
)
def test_values(
    house: House, language: str, kind: QuestionKind, about: str, attribute: str, answer: str
) -> None:
    assert ask(house, language, kind, about, attribute=attribute) == answer


def test_a_negated_question_is_the_other_way_around(house: House) -> None:
    assert ask(house, "en", "which", "light", "on", negated=True) == "Desk lamp is off."


def test_a_date_in_another_country(house: House) -> None:
    american = House(house.entities, house.areas, {}, house.states, country="US")
    assert ask(american, "en", "time") == "It is 9:40 PM."
    assert ask(american, "en", "date", days=1) == "That is Thursday, November 26, 2026."


def _read(
    house: House, language: str, intent: str, entity: str, slots: dict[str, Any], **data: Any
) -> str:
    target = house.entities[entity] if entity else None
    named = {"name": entity} if entity else {}
    done = Done(Action(intent, {**named, **slots}), target, True, data=data)
    return Replies(language, house, GERMAN if language == "de" else {}).combined([done], "", NOW)


FORECAST = [
    {
        "datetime": "2026-11-25T12:00:00+00:00",
        "condition": "sunny",
        "temperature": 11,
        "templow": 2,
    },
    {
        "datetime": "2026-11-26T12:00:00+00:00",
        "condition": "rainy",
        "temperature": 8.5,
        "templow": 3,
        "precipitation_probability": 70,
    },
]


def test_a_forecast_is_that_of_the_day(house: House) -> None:
    def read(language: str, days: int) -> str:
        slots = {"days": days}
        return _read(
            house, language, "weather.get_forecasts", "weather.home", slots, forecast=FORECAST
        )

    assert read("de", 1) == ("Donnerstag: regnerisch, 3 bis 8,5 °C, 70 % Regenwahrscheinlichkeit.")
    assert read("en", 1) == "Thursday: rainy, 3 to 8.5 °C, 70 % chance of rain."
    assert read("en", 5) == "I have no forecast for that day."


def test_lists_and_calendars(house: House) -> None:
    def listed(language: str, *items: str) -> str:
        return _read(house, language, "todo.get_items", "todo.shopping", {}, items=list(items))

    assert listed("en", "milk", "eggs") == "Shopping list: milk and eggs."
    assert listed("de", "Milch", "Eier") == "Shopping list: Milch und Eier."
    assert listed("en") == "Shopping list is empty."
    events = [
        {"summary": "Dentist", "start": "2026-11-26T10:00:00+00:00"},
        {"summary": "Holiday", "start": "2026-11-30"},
    ]
    said = _read(house, "en", "calendar.get_events", "calendar.family", {}, events=events)
    assert said == "Family: Dentist, Thursday 10:00; Holiday, Monday."
    none = _read(house, "fr", "calendar.get_events", "calendar.family", {}, events=[])
    assert none == "Il n'y a rien dans Family."


def test_timers(house: House) -> None:
    def left(language: str, *timers: dict[str, Any]) -> str:
        return _read(house, language, "HassTimerStatus", "", {}, timers=list(timers))

    assert left("en", {"total_seconds_left": 90}) == "1 minute and 30 seconds left."
    assert left("pl", {"total_seconds_left": 120, "name": "jajka"}) == ("Jajka, zostało: 2 minuty.")
    assert left("de") == "Es läuft kein Timer."


async def test_the_forecast_is_read_from_home_assistant(house: House) -> None:
    talk = Talk(house=house)
    asked: list[tuple[str, str]] = []

    async def forecast(entity_id: str, kind: str = "daily") -> list[dict[str, Any]]:
        asked.append((entity_id, kind))
        today = datetime.now(UTC).date().toordinal()
        days = (datetime.fromordinal(today + n).date() for n in range(3))
        return [
            {"datetime": f"{day}T12:00:00+00:00", "condition": "rainy", "temperature": 9 + n}
            for n, day in enumerate(days)
        ]

    talk.hands.weather_forecast = forecast  # type: ignore[attr-defined]
    said = await talk.say("what will the weather be like tomorrow?")
    assert asked == [("weather.home", "daily")]
    assert "rainy, 10 °C" in said.reply
    assert said.end.outcome == "answered"
