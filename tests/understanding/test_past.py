"""Questions about the past: which figure of which period is wanted, and of what."""

from __future__ import annotations

import pytest

from ollama_addon.home.model import Area, Entity, House
from ollama_addon.understanding.interpretation import Clause, Mood
from ollama_addon.understanding.interpreter import Interpreter
from ollama_addon.understanding.lexicon import languages, lexicon

_NAMES = {
    "en": ("Back door", "Heating pump", "Nursery temperature", "Desk lamp", "Energy meter"),
    "de": ("Hintertür", "Heizungspumpe", "Temperatur Kinderzimmer", "Schreibtischlampe", "Zähler"),
    "nl": ("Achterdeur", "Pomp", "Temperatuur kinderkamer", "Bureaulamp", "Energiemeter"),
    "fr": ("Porte arrière", "Pompe", "Température chambre", "Lampe de bureau", "Compteur"),
    "es": ("Puerta trasera", "Bomba", "Temperatura del cuarto", "Flexo", "Contador"),
    "it": ("Porta sul retro", "Pompa", "Temperatura cameretta", "Lampada", "Contatore"),
    "pl": ("Tylne drzwi", "Pompa", "Temperatura w pokoju", "Lampka", "Licznik"),
    "sv": ("Bakdörren", "Pumpen", "Temperatur i barnkammaren", "Skrivbordslampan", "Elmätaren"),
    "ja": ("裏口のドア", "ポンプ", "子供部屋の温度", "デスクランプ", "電力計"),
}
_DOOR, _PUMP, _NURSERY, _LAMP, _METER = (
    "binary_sensor.door",
    "switch.pump",
    "sensor.nursery",
    "light.desk",
    "sensor.meter",
)


def _read(language: str, text: str) -> Clause:
    door, pump, nursery, lamp, meter = _NAMES[language]
    entities = (
        Entity(_DOOR, door, area_id="hall", device_class="door"),
        Entity(_PUMP, pump, area_id="hall"),
        Entity(_NURSERY, nursery, device_class="temperature"),
        Entity(_LAMP, lamp),
        Entity(_METER, meter, device_class="energy"),
    )
    house = House({e.id: e for e in entities}, {"hall": Area("hall", "Zzz")}, language=language)
    (clause,) = Interpreter(house, language).interpret(text).clauses
    return clause


@pytest.mark.parametrize(
    ("language", "text", "entity", "figure", "period"),
    [
        ("en", "when was the back door last opened", _DOOR, "last", ""),
        ("en", "how long was the heating pump on yesterday?", _PUMP, "duration", "yesterday"),
        ("en", "how often did the back door open in the last 3 days?", _DOOR, "count", "days"),
        ("en", "was the desk lamp on last night?", _LAMP, "was", "last_night"),
        ("en", "what was the lowest nursery temperature this week?", _NURSERY, "min", "week"),
        ("de", "wann wurde die Hintertür zuletzt geöffnet", _DOOR, "last", ""),
        ("de", "wie lange war die Heizungspumpe gestern an?", _PUMP, "duration", "yesterday"),
        ("de", "wie oft wurde die Hintertür letzte Woche geöffnet?", _DOOR, "count", "last_week"),
        ("de", "seit wann ist die Schreibtischlampe an?", _LAMP, "since", ""),
        ("nl", "wanneer is de achterdeur voor het laatst geopend?", _DOOR, "last", ""),
        ("nl", "hoe vaak is de achterdeur vandaag geopend?", _DOOR, "count", "today"),
        (
            "fr",
            "combien de fois la porte arrière a été ouverte hier ?",
            _DOOR,
            "count",
            "yesterday",
        ),
        ("fr", "combien de temps la pompe a été allumée hier ?", _PUMP, "duration", "yesterday"),
        ("es", "¿cuántas veces se abrió ayer la puerta trasera?", _DOOR, "count", "yesterday"),
        ("it", "quante volte è stata aperta la porta sul retro ieri?", _DOOR, "count", "yesterday"),
        ("pl", "ile razy otwarto wczoraj tylne drzwi?", _DOOR, "count", "yesterday"),
        ("sv", "hur länge var pumpen på igår?", _PUMP, "duration", "yesterday"),
        ("ja", "昨日裏口のドアは何回開いた？", _DOOR, "count", "yesterday"),
    ],
)
def test_a_question_about_the_past_has_its_figure_and_its_period(
    language: str, text: str, entity: str, figure: str, period: str
) -> None:
    clause = _read(language, text)
    assert clause.mood is Mood.QUESTION
    assert clause.question is not None
    assert clause.question.kind == "past"
    assert [each.id for each in clause.question.entities] == [entity]
    assert clause.question.detail["figure"] == figure
    assert clause.question.detail["period"] == period
    assert not clause.candidates


def test_the_number_of_hours_is_read_in_words_and_digits() -> None:
    for said, number in (("six", 6), ("48", 48)):
        clause = _read("en", f"how long was the heating pump on in the last {said} hours?")
        assert clause.question is not None
        assert clause.question.detail["period"] == "hours"
        assert clause.question.detail["number"] == number


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "is the desk lamp on?"),
        ("en", "is the back door still open?"),
        ("en", "turn on the desk lamp today"),
        ("en", "turn on the desk lamp at most for five minutes"),
        ("en", "I turned on the desk lamp yesterday"),
        ("de", "wie lange ist die Heizungspumpe noch an?"),
        ("de", "mach die Schreibtischlampe heute an"),
        ("fr", "allume la lampe de bureau ce matin"),
        ("nl", "is de achterdeur open?"),
    ],
)
def test_nothing_else_becomes_a_question_about_the_past(language: str, text: str) -> None:
    clause = _read(language, text)
    assert clause.question is None or clause.question.kind != "past"


def test_who_did_it_is_left_to_a_model() -> None:
    clause = _read("en", "who turned off the desk lamp?")
    assert clause.question is not None
    assert clause.question.detail["figure"] == "who"
    assert not clause.certain


@pytest.mark.parametrize("tag", languages())
def test_every_language_has_all_that_is_asked_of_the_past(tag: str) -> None:
    wanted = {each for each in lexicon("en").asked_past if not each.endswith("_temperature")}
    assert wanted <= {meaning for meaning, listed in lexicon(tag).asked_past.items() if listed}
