"""Every word of a sentence is accounted for before anything of it is certain."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from eval.house import house_of, read_inventory
from ollama_addon.understanding.interpretation import Clause, Context, Mood
from ollama_addon.understanding.interpreter import Interpreter

HOMES = Path(__file__).parents[2] / "eval/homes"


@cache
def interpreter(home: str, language: str) -> Interpreter:
    return Interpreter(house_of(read_inventory(HOMES / f"{home}.yaml")), language)


def clauses(home: str, text: str) -> tuple[Clause, ...]:
    language = "en" if home == "family_40" else home[-2:]
    return interpreter(home, language).interpret(text, Context()).clauses


def done(home: str, text: str) -> list[str]:
    """Return the phrases of all that would be done at once."""
    return [
        clause.candidates[0].phrase
        for clause in clauses(home, text)
        if clause.certain and clause.mood is Mood.ORDER and clause.candidates and not clause.when
    ]


@pytest.mark.parametrize(
    ("home", "text", "left"),
    [
        ("family_40", "except the floor lamp, turn off all the lights", "light.floor_lamp"),
        ("casa_it", "a parte la piantana, spegni tutte le luci", "light.piantana"),
        ("haus_de", "Bis auf die Stehlampe bitte alle Lichter ausmachen", "light.stehlampe"),
        ("ie_ja", "玄関ライト以外の電気を全部消して", "light.hall"),
    ],
)
def test_what_is_excepted_in_front_is_left_alone(home: str, text: str, left: str) -> None:
    (clause,) = clauses(home, text)
    assert clause.mood is Mood.ORDER
    assert left in {entity.id for entity in clause.forbidden}
    for candidate in clause.candidates:
        assert left not in {entity.id for entity in candidate.entities}
        assert all("name" in action.slots for action in candidate.actions)


@pytest.mark.parametrize(
    ("home", "text"),
    [
        ("family_40", "turn off the kitchen light, when I leave"),
        ("family_40", "cancel the timer in ten minutes"),
        ("family_40", "my brother said turn on the kitchen light"),
        ("family_40", "in the pantry turn on, no wait turn off the kitchen light"),
        ("family_40", "later turn on, I mean turn off the kitchen light"),
        ("haus_de", "Später auf die Einkaufsliste: Tee"),
    ],
)
def test_nothing_is_done_at_once_while_something_is_not_understood(home: str, text: str) -> None:
    assert done(home, text) == []


@pytest.mark.parametrize(
    ("home", "text", "expected"),
    [
        ("family_40", "floor lamp to 30, sorry, 40 percent", ["set Floor lamp brightness to 40"]),
        ("family_40", "turn on, I mean turn off the floor lamp", ["turn off Floor lamp"]),
        ("family_40", "turn on the desk lamp, sorry, the floor lamp", ["turn on Floor lamp"]),
        (
            "haus_de",
            "Mach die Stehlampe an, Entschuldigung, das Gartenlicht",
            ["turn on Gartenlicht"],
        ),
        ("family_40", "set the floor lamp to 1/4", ["set Floor lamp brightness to 25"]),
        (
            "family_40",
            "turn off the tv and in an hour turn off the floor lamp",
            ["turn off Television"],
        ),
        ("family_40", "turn on the floor lamp and turn it off in an hour", ["turn on Floor lamp"]),
        ("family_40", "send Shaun out", ["start Shaun"]),
        ("jia_zh", "加湿器设为55%", ["set 加湿器 humidity to 55"]),
    ],
)
def test_what_is_corrected_or_put_off_is_not_done(
    home: str, text: str, expected: list[str]
) -> None:
    assert done(home, text) == expected


def test_everything_is_asked_about_and_leaves_out_what_is_excepted() -> None:
    (clause,) = clauses("family_40", "everything off but the coffee machine")
    assert not clause.certain
    assert clause.candidates[0].whole_home
    assert "switch.coffee_machine" not in {e.id for e in clause.candidates[0].entities}


@pytest.mark.parametrize(
    ("home", "text", "kind"),
    [
        ("haus_de", "Ist ein Fenster offen?", "any"),
        ("haus_de", "Sind alle Fenster zu?", "all"),
        ("haus_de", "Welche Lichter sind an?", "which"),
        ("family_40", "which blinds are closed?", "which"),
        ("family_40", "how many lights are on?", "how_many"),
        ("maison_fr", "est-ce qu'une fenêtre est ouverte ?", "any"),
    ],
)
def test_a_question_about_a_kind_is_certain(home: str, text: str, kind: str) -> None:
    (clause,) = clauses(home, text)
    assert clause.certain
    assert clause.question is not None
    assert clause.question.kind == kind


def test_a_value_out_of_range_is_refused_and_not_asked_of_a_model() -> None:
    (clause,) = clauses("family_40", "set the floor lamp to 140 percent")
    assert clause.refusal is not None
    assert clause.refusal.reason == "range"
