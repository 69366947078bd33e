"""The structured strategy: what can be answered, in patterns that engines keep, and its reading."""

from __future__ import annotations

import json
import re
import string
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, strategies as st

from ollama_addon.agent.strategies.patterns import escaped, number_pattern
from ollama_addon.agent.strategies.phrases import Phrases
from ollama_addon.agent.strategies.structured import AnswerStream, Structured
from ollama_addon.agent.strategies.when_forms import EXAMPLES, parted
from ollama_addon.home.model import Area, Entity, House, State
from ollama_addon.understanding.interpretation import (
    Candidate,
    Clause,
    Interpretation,
    Mood,
    When,
)
from ollama_addon.understanding.vocabulary import Action
from tests.agent.homes import family_home

HOUSE = family_home()
PHRASES = Phrases(HOUSE)
KEPT_ESCAPES = "^$.[]()|{}*+?"
ODD_NAMES = [
    *(f"Lamp {sign} one" for sign in string.printable if sign.isprintable() and sign not in '"\\'),
    "TV-lamp", "A/C", "Kid's room (left)", "Küche über Öl ß", "灯 厨房", "Lampe 💡", "Été à côté",
    "50% [dim] {x} <y> $1 ^2", 'The "big" one', "Back\\slash", "Tab\tand\nline", "Łódź – „okno“",
]  # fmt: skip


def odd_home() -> House:
    entities = {
        f"light.odd_{number}": Entity(f"light.odd_{number}", name, (), "kitchen")
        for number, name in enumerate(ODD_NAMES)
    }
    states = {entity_id: State("off") for entity_id in entities}
    return House(entities, {"kitchen": Area("kitchen", "Küche & (Bar)")}, {}, states)


def allows(schema: dict[str, Any], phrase: str) -> bool:
    items = schema["anyOf"][0]["properties"]["do"]["items"]["anyOf"]
    return any(re.fullmatch(item["pattern"][1:-1], phrase) for item in items)


def is_kept(pattern: str) -> bool:
    """Tell whether llama.cpp's converter understands a pattern: FIELD.md has its rules."""
    if not (pattern.startswith("^") and pattern.endswith("$")):
        return False
    inside, at, depth = pattern[1:-1], 0, 0
    while at < len(inside):
        sign = inside[at]
        if sign == "\\":
            if at + 1 >= len(inside) or inside[at + 1] not in KEPT_ESCAPES:
                return False
            at += 2
            continue
        if sign == "[":
            end = inside.find("]", at)
            if end < 0 or not re.fullmatch(r"\[\^?(?:\\[\\n]|[^\\\]])+\]", inside[at : end + 1]):
                return False
            at = end + 1
            continue
        if sign == "{":
            count = re.match(r"\{\d+(?:,\d*)?\}", inside[at:])
            if count is None:
                return False
            at += count.end()
            continue
        if inside[at : at + 2] in ("(?", "(|", "||", "|)", "()"):
            return False
        depth += (sign == "(") - (sign == ")")
        if depth < 0 or (sign == "|" and depth == 0) or sign in ".^$*+":
            return False
        at += 1
    return depth == 0


@pytest.mark.parametrize("house", [HOUSE, odd_home()], ids=["family", "odd"])
def test_every_pattern_is_one_that_llama_cpp_keeps(house: House) -> None:
    for item in Phrases(house).items(timed=True, timers=True):
        assert is_kept(item["pattern"]), item["pattern"]
        assert '"' not in item["pattern"].replace('[^"\\\\\\n]', "")


def test_the_check_of_patterns_finds_what_frees_an_item() -> None:
    for wrong in (
        r"^TV\-lamp$",
        r"^A\/C$",
        r"^\d+$",
        "^(|x)$",
        "^a.b$",
        "^(a$",
        "^(?:a)$",
        "^a|b$",
    ):
        assert not is_kept(wrong), wrong


@pytest.mark.parametrize("number", range(len(ODD_NAMES)))
def test_every_name_can_be_said_and_is_read_back(number: int) -> None:
    phrases = Phrases(odd_home())
    label = phrases.labels.of_entity[f"light.odd_{number}"]
    assert allows(Structured(phrases).schema(), f"turn on {label}")
    found = phrases.read(f"turn on {label}")
    assert found is not None
    assert found.action == Action("HassTurnOn", {"name": f"light.odd_{number}"})


def test_two_things_never_have_one_label() -> None:
    labels = list(Phrases(odd_home()).labels.of_entity.values())
    assert len({label.casefold() for label in labels}) == len(labels) == len(ODD_NAMES)


@given(st.integers(-300, 3000), st.integers(0, 3000), st.integers(-400, 7000))
def test_numbers_are_held_to_their_range(low: int, width: int, number: int) -> None:
    pattern = number_pattern(low, low + width, 1)
    assert bool(re.fullmatch(pattern, str(number))) is (low <= number <= low + width)
    assert is_kept(f"^{pattern}$")


@pytest.mark.parametrize("sign", sorted({*filter(str.isprintable, string.printable)} - {*'"\\'}))
def test_an_escaped_text_matches_itself(sign: str) -> None:
    assert re.fullmatch(escaped(f"a{sign}b"), f"a{sign}b")


@pytest.mark.parametrize(
    ("phrase", "possible"),
    [
        ("turn on Kitchen light", True),
        ("turn off all lights", True),
        ("turn off all lights in Kitchen", True),
        ("turn off all lights on Ground floor", True),
        ("set Kitchen light brightness to 100", True),
        ("set Kitchen light brightness to 101", False),
        ("set Kitchen light color to red", False),  # It is only dimmed.
        ("set Ceiling light (Bedroom) color to red", True),
        ("set Thermostat to 21.5 degrees", True),
        ("set Thermostat to 40 degrees", False),
        ("set Thermostat mode to heat", True),
        ("set Thermostat mode to disco", False),
        ("quieter TV", True),
        ("pause TV", True),
        ("lock Front door", True),
        ("add to Shopping list: milk", True),
        ("turn on Attic pump", False),
        ("turn on TV in 10 minutes", True),
        ("turn on TV at 22:30", True),
        ("turn on TV at 25:30", False),
        ("start timer 5 minutes", True),
    ],
)
def test_what_the_house_can_do_can_be_said_and_nothing_else(phrase: str, possible: bool) -> None:
    schema = Structured(PHRASES, has_satellite=True).schema()
    assert allows(schema, phrase) is possible


def test_the_same_house_has_the_same_schema_byte_for_byte() -> None:
    made = [json.dumps(Structured(Phrases(family_home())).schema()) for _ in range(2)]
    assert made[0] == made[1]


def test_the_schema_grows_with_the_sum_of_verbs_and_names() -> None:
    sizes = []
    for count in (100, 200, 400):
        entities = {
            f"light.l{n}": Entity(f"light.l{n}", f"Light number {n}", (), None, None, None, 0,
                                  {"supported_color_modes": ["hs", "color_temp"]})
            for n in range(count)
        }  # fmt: skip
        sizes.append(len(json.dumps(Structured(Phrases(House(entities))).schema())))
    assert sizes[2] - sizes[1] < 2.2 * (sizes[1] - sizes[0])
    assert sizes[2] < 400 * 200


def test_a_time_can_be_said_only_where_one_was() -> None:
    plain = Clause("turn on the tv", Mood.ORDER)
    later = replace(plain, when=When("in 10 minutes", delay=600))
    for clause, possible in ((plain, False), (later, True)):
        schema = Structured(PHRASES, Interpretation("…", "en", (clause,))).schema()
        assert allows(schema, "turn on TV in 10 minutes") is possible


@pytest.mark.parametrize(
    ("phrase", "intent", "slots", "when"),
    [
        ("turn on Kitchen light", "HassTurnOn", {"name": "light.kitchen"}, ""),
        ("Turn On kitchen light", "HassTurnOn", {"name": "light.kitchen"}, ""),
        ("turn on the kitchen light", "HassTurnOn", {"name": "light.kitchen"}, ""),
        ("turn off all lights in Kitchen", "HassTurnOff",
         {"domain": "light", "area": "kitchen"}, ""),
        ("set Kitchen light brightness to 40", "HassLightSet",
         {"name": "light.kitchen", "brightness": 40}, ""),
        ("set Kitchen light brightness to 40%", "HassLightSet",
         {"name": "light.kitchen", "brightness": 40}, ""),
        ("set Thermostat to 21.5 degrees", "HassClimateSetTemperature",
         {"name": "climate.living", "temperature": 21.5}, ""),
        ("cooler Thermostat by 2", "HassClimateSetTemperature",
         {"name": "climate.living", "step": -2}, ""),
        ("set Bedroom blinds position to 55 for 2 hours", "HassSetPosition",
         {"name": "cover.blinds", "position": 55}, "for 2 hours"),
        ("unlock Front door", "HassTurnOff", {"name": "lock.front"}, ""),
        ("open Front door", "open", {"name": "lock.front"}, ""),
        ("turn off TV in 10 minutes", "HassTurnOff", {"name": "media_player.tv"}, "in 10 minutes"),
        ("turn off TV tomorrow at 07:00", "HassTurnOff", {"name": "media_player.tv"},
         "tomorrow at 07:00"),
        ("add to Shopping list: milk at 20:00", "HassListAddItem",
         {"name": "todo.shopping", "item": "milk at 20:00"}, ""),
        ("start timer 1 hour 5 minutes", "HassStartTimer", {"hours": 1, "minutes": 5}, ""),
        ("broadcast: dinner is ready", "HassBroadcast", {"message": "dinner is ready"}, ""),
        ("turn on Attic pump", "HassTurnOn", {"name": "Attic pump"}, ""),
    ],
)  # fmt: skip
def test_a_phrase_is_read(phrase: str, intent: str, slots: dict[str, Any], when: str) -> None:
    found = PHRASES.read(phrase)
    assert found is not None
    assert found.action.intent == intent
    assert dict(found.action.slots) == slots
    assert (found.when.words if found.when else "") == when


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_form_of_a_time_is_read(example: str) -> None:
    rest, when = parted(f"turn off TV {example}")
    assert rest == "turn off TV"
    assert when is not None
    assert when.words == example
    assert when.delay or when.length or when.at


ANSWERS: list[tuple[str, list[str], str]] = [
    ('{"do": ["turn on Kitchen light"]}', ["light.kitchen"], ""),
    ('```json\n{"do": ["turn on Kitchen light"]}\n```', ["light.kitchen"], ""),
    ('<think>Kitchen, so {"do": ["x"]}</think>{"do": ["turn on Kitchen light"]}',
     ["light.kitchen"], ""),
    ('They want light.\n</think>\n{"do": ["turn on Kitchen light"]}', ["light.kitchen"], ""),
    ('Sure! {"do": ["turn on Kitchen light"]} Done.', ["light.kitchen"], ""),
    ('{"do": "turn on Kitchen light"}', ["light.kitchen"], ""),
    ('{"do": ["turn on Kitchen light", "turn off TV"', ["light.kitchen", "media_player.tv"], ""),
    ("{'do': ['turn on Kitchen light',],}", ["light.kitchen"], ""),
    ('{"do": ["turn on Kitchen light", "turn on Kitchen light"]}', ["light.kitchen"], ""),
    ('{"do": [{"action": "turn on", "name": "Kitchen light"}]}', ["light.kitchen"], ""),
    ('{"do": [{"intent": "HassTurnOn", "name": "Kitchen light"}]}', ["Kitchen light"], ""),
    ('{"actions": ["turn on Kitchen light"]}', ["light.kitchen"], ""),
    ('{"do": ["turn on Kitchen light"], "say": "It was **off**."}', ["light.kitchen"],
     "It was off."),
    ('{"say": "Which light?"}', [], "Which light?"),
    ('{"do": [], "say": "I am fine."}', [], "I am fine."),
    ("I am fine, thank you.", [], "I am fine, thank you."),
    ('{"say": "See https://www.example.org for **more**"}', [], "See for more"),
    ('{"say": "Half of a ch', [], "Half of a ch"),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "names", "say"), ANSWERS)
def test_an_answer_is_read_whatever_stands_around_it(
    answer: str, names: list[str], say: str
) -> None:
    read = Structured(PHRASES).read(answer)
    assert [each.action.slots.get("name") for each in read.actions] == names
    assert read.say == say
    assert not read.empty


@pytest.mark.parametrize("answer", ["", "{}", '{"do": []}', "<think>hm", '{"do": [5, null]}', "[]"])
def test_an_answer_of_nothing_is_empty(answer: str) -> None:
    assert Structured(PHRASES).read(answer).empty


@given(st.text() | st.recursive(st.none() | st.text(), st.lists).map(json.dumps))
def test_reading_never_fails(answer: str) -> None:
    Structured(PHRASES).read(answer)


def test_values_belong_to_their_action() -> None:
    answer = json.dumps(
        {"do": ["set Ceiling light (Bedroom) color to red",
                "set Ceiling light (Living room) color to blue"]}
    )  # fmt: skip
    slots = [dict(each.action.slots) for each in Structured(PHRASES).read(answer).actions]
    assert slots == [
        {"name": "light.ceiling_bedroom", "color": "red"},
        {"name": "light.ceiling_living", "color": "blue"},
    ]


def test_in_a_large_house_what_may_be_meant_can_be_said_and_the_rest_after_a_look() -> None:
    lamp = HOUSE.entities["light.kitchen"]
    meant = Candidate((Action("HassTurnOn", {"name": lamp.id}),), (lamp,), "turn on …", 1.0)
    sentence = Interpretation("…", "en", (Clause("…", Mood.ORDER, (meant,)),))
    tv = HOUSE.entities["media_player.tv"]
    narrow = Structured(PHRASES, sentence, previous=[tv], whole=False)
    assert allows(narrow.schema(), "turn on Kitchen light")
    assert allows(narrow.schema(), "turn off TV")
    assert allows(narrow.schema(), "turn off all lights in Bedroom")
    assert not allows(narrow.schema(), "lock Front door")
    assert "Hallway" in narrow.places
    assert narrow.read('{"look": ["Hallway", "Moon"]}').look == ("Hallway",)
    seen = narrow.looked(["Hallway"])
    assert [entity.id for entity in seen] == ["cover.garage", "lock.front"]
    assert allows(narrow.schema(), "lock Front door")
    assert len(narrow.schema()["anyOf"]) == 2  # Once is enough.
    assert Structured(PHRASES, sentence).places == ()


def stream(answer: str, size: int = 0, language: str = "en") -> tuple[str, str]:
    read = AnswerStream(language)
    pieces = [answer[at : at + size] for at in range(0, len(answer), size)] if size else [answer]
    return "".join([read.feed(piece) for piece in pieces]) + read.finish(), read.withheld


@pytest.mark.parametrize(
    ("answer", "said", "withheld"),
    [
        ('{"say": "It is on."}', "It is on.", ""),
        ('{"say": "It is 21.5 \\u00b0C. Shall I?"}', "It is 21.5 °C. Shall I?", ""),
        ('{"say": "I have turned it on. Anything else?"}', "Anything else?",
         "I have turned it on. "),
        ('{"say": "\\ud83d\\ude00 **Hello**"}', "😀 Hello", ""),
        ('{"do": ["turn on TV"], "say": "It is on."}', "", ""),
        ("I am fine. Thank you!", "I am fine. Thank you!", ""),
        ('```json\n{"say": "It is on."}\n```', "It is on.", ""),
        ("<think>hm</think>It is on.", "It is on.", ""),
        ('<think>hm</think>{"say": "It is on."}', "It is on.", ""),
    ],
)  # fmt: skip
def test_words_are_given_sentence_by_sentence(answer: str, said: str, withheld: str) -> None:
    assert stream(answer) == (said, withheld)
    assert stream(answer, 1) == (said, withheld)


def test_the_first_sentence_is_given_before_the_second_is_whole() -> None:
    read = AnswerStream("en")
    assert read.feed('{"say": "It is on. And the oth') == "It is on."
    assert read.feed('er is off."}') == ""
    assert read.finish() == " And the other is off."


@given(st.sampled_from([answer for answer, *_ in ANSWERS]) | st.text(), st.integers(1, 9))
def test_what_is_given_does_not_hang_on_the_pieces(answer: str, size: int) -> None:
    assert stream(answer, size) == stream(answer)
