"""The replay of answers: enough of them, in every form, each of its own; and it can fail."""

from __future__ import annotations

from dataclasses import replace

import pytest

from eval.answers import forms, written
from eval.answers.replay import Answer, Replay, replay
from eval.cases import Case, load_cases
from eval.home import load_homes
from ollama_addon.understanding.vocabulary import Action

HOMES = load_homes()
ENGLISH = [case for case in load_cases() if case.language == "en" and len(case.say) == 1]


@pytest.fixture(scope="module")
def family() -> Replay:
    return Replay(HOMES["family_40"], "en")


def case(said: str, **more: object) -> Case:
    return Case.model_validate(
        {"id": "x-plain-01", "kind": "plain", "home": "family_40", "language": "en", "say": said}
        | more
    )


def test_there_are_enough_answers_in_every_form_and_no_two_alike() -> None:
    outcomes = list(replay(ENGLISH, HOMES))
    answers = [outcome.answer for outcome in outcomes]
    assert len(answers) + len(written.load()) >= 400
    for strategy, possible in (
        ("native", forms.native_forms([Action("HassTurnOn", {"name": "x"})])),
        ("structured", forms.structured_forms(["turn on X"])),
    ):
        of_it = [answer for answer in answers if answer.strategy == strategy]
        assert {answer.form.partition(", ")[0] for answer in of_it} >= {
            form.partition(", ")[0] for form in possible
        }
    written_down = [repr((a.case.id, a.strategy, a.form, a.message)) for a in answers]
    assert len(set(written_down)) == len(written_down)


LIGHT = "light.kitchen"
ON = {"change": {LIGHT: "on"}}


@pytest.mark.parametrize(
    ("said", "change", "call", "wanted", "result"),
    [
        ("turn on the kitchen light", ON, ("HassTurnOn", LIGHT), "done", "right"),
        ("turn on the kitchen light", ON, ("HassTurnOn", "light.hallway"), "done", "missed"),
        ("make it nice in here", ON, ("HassTurnOn", LIGHT), "done", "right"),
        ("make it nice in here", ON, ("HassTurnOn", "light.garden"), "done", "wrong"),
        ("make it nice in here", {}, ("HassTurnOn", LIGHT), "stopped", "wrong"),
        ("don't turn on the kitchen light", {}, ("HassTurnOn", LIGHT), "stopped", "stopped"),
        ("unlock the front door", {"change": {"lock.front_door": "unlocked"}},
         ("HassTurnOff", "lock.front_door"), "done", "asked"),
    ],
)  # fmt: skip
def test_an_answer_is_judged_by_what_comes_of_it(
    family: Replay, said: str, change: dict[str, object], call: tuple[str, str], wanted: str,
    result: str,
) -> None:  # fmt: skip
    action = Action(call[0], {"name": call[1]})
    message = forms.native_forms([action])["tool calls"]
    answer = Answer(case(said, **change), "native", "tool calls", message, "done", (action,))
    if wanted == "stopped":
        answer = replace(answer, wanted="stopped")
    assert family.outcome(answer).result == result
