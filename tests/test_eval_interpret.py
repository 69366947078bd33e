"""The interpretation's evaluation judges by what would happen to the house."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from eval.cases import Case
from eval.home import load_homes
from eval.interpret import run
from eval.interpret_report import as_json, text, why
from eval.metamorphic import turned
from ollama_addon.home.model import Entity, House
from ollama_addon.understanding.interpretation import (
    Candidate,
    Clause,
    Context,
    Interpretation,
    Moment,
    Mood,
    Question,
    When,
)
from ollama_addon.understanding.vocabulary import Action

HOMES = load_homes()
LIGHT = "light.kitchen_light"


def order(intent: str, entity: str, *, certain: bool = True, **slots: Any) -> Clause:
    """Return a clause that wants one thing done to one entity of the cottage."""
    action = Action(intent, {"name": entity, **slots})
    candidate = Candidate((action,), (Entity(entity, entity),), f"{intent} {entity}", 1.0)
    return Clause(entity, Mood.ORDER, (candidate,), certain=certain)


ON = order("HassTurnOn", LIGHT)
OFF = order("HassTurnOff", LIGHT)
NOTHING = Clause("", Mood.NEGATED, certain=True)
WHETHER = Clause("", Mood.QUESTION, certain=True, question=Question("state", (Entity(LIGHT, "x"),)))
IN_TEN = When("in ten minutes", delay=600)


class Scripted:
    """Plays exactly what it was given, turn after turn, whatever is said."""

    def __init__(self, clauses: Mapping[str, tuple[Clause, ...]]) -> None:
        self._clauses = clauses
        self.contexts: list[Context] = []

    def __call__(self, house: House, language: str) -> "Scripted":
        return self

    def interpret(self, text: str, context: Context) -> Interpretation:
        self.contexts.append(context)
        return Interpretation(text, "en", self._clauses[text])


def graded(case: dict[str, Any], *clauses: tuple[Clause, ...]) -> str:
    """Return the grade of a case whose turns are read as these clauses."""
    say = [f"turn {number}" for number in range(len(clauses))]
    fields = {"id": "case-1", "kind": "plain", "home": "cottage_en", "language": "en"}
    made = Case.model_validate({**fields, "say": say, **case})
    scripted = Scripted(dict(zip(say, clauses, strict=True)))
    return run([made], HOMES, scripted, most=0).readings[0].grade


@pytest.mark.parametrize(
    ("case", "clauses", "grade"),
    [
        ({"change": {LIGHT: "on"}}, (ON,), "right"),
        ({"change": {LIGHT: "on"}}, (OFF,), "opposite"),
        ({"change": {LIGHT: "on"}}, (replace(ON, certain=False),), "missed"),
        ({"change": {LIGHT: "on"}}, (order("HassTurnOn", "light.lamp_1"),), "wrong"),
        ({"change": {LIGHT: "on"}}, (ON, order("HassTurnOff", "light.chandelier")), "wrong"),
        ({"change": {LIGHT: "on"}}, (ON, replace(OFF, certain=False)), "missed"),
        ({"change": {LIGHT: "on"}}, (order("HassFly", LIGHT),), "wrong"),
        ({"kind": "negated", "nothing": True}, (ON,), "opposite"),
        ({"kind": "negated", "nothing": True}, (OFF,), "opposite"),
        ({"kind": "negated", "nothing": True}, (NOTHING,), "right"),
        ({"kind": "negated", "nothing": True}, (replace(ON, certain=False),), "missed"),
        ({"kind": "wish", "nothing": True, "free": [LIGHT]}, (ON,), "right"),
        ({"kind": "missing", "missing": True}, (replace(ON, certain=False),), "missed"),
        (
            {"kind": "missing", "missing": True},
            (replace(ON, certain=False, missing_place="cellar"),),
            "right",
        ),
        ({"asks": True}, (replace(ON, certain=False, same_name=(Entity(LIGHT, "x"),)),), "asked"),
        ({"asks": True}, (ON,), "wrong"),
        ({"kind": "question", "ask": {"kind": "state", "about": [LIGHT]}}, (WHETHER,), "right"),
        ({"kind": "question", "ask": {"kind": "state", "about": ["light"]}}, (WHETHER,), "missed"),
        ({"kind": "question", "ask": {"kind": "which", "about": [LIGHT]}}, (WHETHER,), "missed"),
        ({"kind": "question", "ask": {"kind": "state"}}, (ON,), "wrong"),
        ({"kept": {"change": {LIGHT: "on"}, "delay": 600}}, (replace(ON, when=IN_TEN),), "right"),
        ({"kept": {"change": {LIGHT: "on"}, "delay": 60}}, (replace(ON, when=IN_TEN),), "wrong"),
        ({"kept": {"change": {LIGHT: "off"}, "delay": 600}}, (replace(ON, when=IN_TEN),), "wrong"),
        ({"kept": {"change": {LIGHT: "on"}, "delay": 600}}, (ON,), "wrong"),
        ({"change": {LIGHT: "on"}}, (replace(ON, when=IN_TEN),), "wrong"),
        (
            {"change": {LIGHT: "on"}, "kept": {"change": {LIGHT: "on"}, "length": 600}},
            (replace(ON, when=When("for ten minutes", length=600)),),
            "right",
        ),
        (
            {"kept": {"at": "18:00"}},
            (replace(ON, when=When("at six", at=Moment(6, half_day=True))),),
            "right",
        ),
        (
            {"change": {LIGHT: {"brightness_pct": [20, 30]}}},
            (order("HassLightSet", LIGHT, brightness=25),),
            "right",
        ),
        (
            {"change": {"light.chandelier": {"brightness_pct": [80, 100]}}},
            (order("light.turn_on", "light.chandelier", brightness_step_pct=-20),),
            "opposite",
        ),
        (
            {"change": {"todo.shopping_list": {"added": ["milk"]}}},
            (order("HassListAddItem", "todo.shopping_list", item="milk"),),
            "right",
        ),
    ],
)
def test_what_would_happen_decides(
    case: dict[str, Any], clauses: tuple[Clause, ...], grade: str
) -> None:
    assert graded(case, clauses) == grade


def test_what_asks_first_waits_for_a_yes() -> None:
    unlock = order("HassTurnOff", "lock.back_door")
    yes, no = (Clause("", mood, certain=True) for mood in (Mood.YES, Mood.NO))
    case = {"kind": "confirm", "change": {"lock.back_door": "unlocked"}}
    assert graded(case, (unlock,), (yes,)) == "right"
    assert graded(case, (unlock,), (no,)) == "missed"
    assert graded({"kind": "confirm", "nothing": True}, (unlock,), (no,)) == "right"


def test_a_case_needs_no_model_when_none_of_its_turns_does() -> None:
    turns = {"a": (ON,), "b": (replace(OFF, certain=False),), "c": (WHETHER,)}
    needed = {("a",): True, ("c",): True, ("b",): False, ("a", "b"): False, ("a", "c"): True}
    for said, instant in needed.items():
        fields = {"id": "case-1", "kind": "plain", "home": "cottage_en", "language": "en"}
        case = Case.model_validate({**fields, "say": list(said), "change": {LIGHT: "on"}})
        assert run([case], HOMES, Scripted(turns), most=0).readings[0].instant is instant, said


def test_a_timer_runs_where_it_was_started() -> None:
    start = Action("HassStartTimer", {"minutes": 5})
    clause = Clause("", Mood.ORDER, (Candidate((start,), (), "start timer", 1.0),), certain=True)
    case = {"at": "kitchen_satellite", "timers": [{"seconds": 300}]}
    assert graded(case, (clause,)) == "right"
    assert graded({**case, "timers": [{"seconds": 360}]}, (clause,)) == "wrong"


def test_a_turn_is_said_into_what_came_before() -> None:
    scripted = Scripted({"one": (ON,), "two": (NOTHING,)})
    case = Case.model_validate(
        {
            "id": "case-1",
            "kind": "follow_up",
            "home": "cottage_en",
            "language": "en",
            "at": "kitchen_satellite",
            "say": ["one", "two"],
        }
    )
    run([case], HOMES, scripted, most=0)
    first, second = scripted.contexts
    assert (first.area_id, first.has_satellite, first.previous) == ("kitchen", True, ())
    assert [candidate.phrase for candidate in second.previous] == [ON.candidates[0].phrase]


def test_what_was_done_with_certainty_is_turned_and_must_not_act() -> None:
    case = Case.model_validate(
        {
            "id": "case-1",
            "kind": "plain",
            "home": "cottage_en",
            "language": "en",
            "say": "turn on the kitchen light",
            "change": {LIGHT: "on"},
        }
    )

    class Deaf(Scripted):
        """Hears nothing but the order in all that is said."""

        def interpret(self, text: str, context: Context) -> Interpretation:
            return Interpretation(text, "en", (ON,))

    shown = run([case], HOMES, Deaf({}))
    assert {each.way for each in shown.acted} >= {"negated", "question", "report", "later", "place"}
    assert shown.tried["en"] == len(shown.acted)
    assert "don't turn on the kitchen light" in {each.said for each in shown.acted}
    assert as_json(shown)["metamorphic"]["wrong"] == len(shown.acted)


def test_what_is_held_back_is_never_listed_word_by_word() -> None:
    fields = {"kind": "plain", "home": "cottage_en", "language": "en", "change": {LIGHT: "on"}}
    cases = [
        Case.model_validate({**fields, "id": "case-1", "say": "tuned"}),
        Case.model_validate({**fields, "id": "case-2", "say": "secret"}),
    ]
    shown = run(cases, HOMES, Scripted({"tuned": (OFF,), "secret": (OFF,)}), most=0)
    told = text(shown) + why(shown)
    assert "tuned" in told
    assert "secret" not in told
    assert "case-2" not in told
    assert "1 held back" in told
    report = as_json(shown)
    assert (report["rate"], report["wrong_rate"], report["opposite"]) == (0.0, 1.0, 2)


def test_what_stands_behind_several_orders_is_not_said_of_the_first() -> None:
    fields = {"id": "case-1", "kind": "several", "home": "cottage_en", "language": "en"}
    case = Case.model_validate({**fields, "say": "turn on lamp 1 and turn off lamp 10"})
    both = Interpretation(case.say[0], "en", (ON, OFF))
    said = {each.said for each in turned(case, HOMES["cottage_en"], both)}
    assert "don't turn on lamp 1 and turn off lamp 10" in said
    assert not any(sentence.startswith("turn on") for sentence in said)
    one = {each.said for each in turned(case, HOMES["cottage_en"], replace(both, clauses=(ON,)))}
    assert "turn on lamp 1 and turn off lamp 10 tomorrow" in one


def test_what_is_for_later_already_is_not_turned() -> None:
    fields = {"id": "case-1", "kind": "later", "home": "cottage_en", "language": "en"}
    case = Case.model_validate(
        {**fields, "say": "turn on lamp 1 in ten minutes", "kept": {"delay": 600}}
    )
    assert not list(turned(case, HOMES["cottage_en"], Interpretation("", "en", (ON,))))
