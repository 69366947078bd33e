"""What became of a turn and what can be done about it, from turns that were really taken."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
import yaml

from eval.cases import Case
from ollama_addon.agent.trace import Trace
from ollama_addon.errors import AddonError
from ollama_addon.history.fixes import fixes
from ollama_addon.history.placeholders import Placeholders
from ollama_addon.history.sentences import sentences
from ollama_addon.history.verdict import Verdict, used, verdict
from ollama_addon.home.model import Entity, State
from tests.agent.homes import family_home
from tests.agent.scripted_agent import Talk, do, say

COFFEE = Entity("switch.coffee", "Coffee machine", ("espresso",))


async def kept(talk: Talk, text: str) -> dict[str, Any]:
    records: list[Trace] = []
    talk.agent.on_turn = records.append
    with suppress(AddonError):
        await talk.say(text)
    return records[0].as_json()


def became(turn: dict[str, Any], *unexposed: Entity) -> tuple[Verdict, list[str]]:
    house = family_home()
    found = verdict(turn, house, unexposed)
    return found, [fix.code for fix in fixes(turn, found, house, unexposed)]


def moving(talk: Talk, entity_id: str, state: str) -> None:
    """Have something change when it is acted on, as a real house does."""
    act = talk.hands.handle_intent

    async def handle(name: str, slots: Any, **more: Any) -> Any:
        before = talk.house.states[entity_id]
        talk.house.states[entity_id] = State(state, before.attributes)  # type: ignore[index]
        return await act(name, slots, **more)

    talk.hands.handle_intent = handle  # type: ignore[method-assign]


async def test_what_was_done_is_told_with_its_effect() -> None:
    talk = Talk()
    talk.house.states["light.kitchen"] = State("off")  # type: ignore[index]
    moving(talk, "light.kitchen", "on")
    turn = await kept(talk, "turn on the kitchen light")
    found, offered = became(turn)
    assert (found.code, offered) == ("done", [])
    assert found.params["changed"][0] | {"before": "", "after": ""} == {
        "id": "light.kitchen", "name": "Kitchen light", "before": "", "after": "", "state": "on",
    }  # fmt: skip
    assert used(turn["actions"], turn["clauses"]) == ["light.kitchen"]


async def test_what_did_not_change_is_not_told_as_done() -> None:
    talk = Talk()
    talk.house.states["light.kitchen"] = State("on")  # type: ignore[index]
    found, _ = became(await kept(talk, "turn on the kitchen light"))
    assert (found.code, found.params["names"]) == ("no_change", ["Kitchen light"])


async def test_what_is_not_exposed_is_named_and_can_be_exposed() -> None:
    turn = await kept(Talk(say("I cannot find that.")), "turn on the coffee machine")
    turn |= {"outcome": "not_understood"}
    found, offered = became(turn, COFFEE)
    assert found == Verdict("not_exposed", {"name": "Coffee machine", "entity_id": COFFEE.id})
    assert offered[0] == "expose"
    assert "run_again" in offered
    assert len(offered) <= 3
    # The same sentence in a home that has no such thing at all.
    assert became(turn)[0].code in ("no_match", "not_understood")


async def test_what_nothing_is_called_can_be_given_as_an_alias() -> None:
    turn = await kept(Talk(say("I cannot find that.")), "turn on the glow worm")
    turn |= {"outcome": "not_understood"}
    found, offered = became(turn)
    assert (found.code, found.params) == ("no_match", {"words": "glow worm"})
    assert offered == ["add_alias", "run_again"]
    house = family_home()
    alias = fixes(turn, found, house, ())[0].as_json()
    assert alias["call"]["body"]["params"]["alias"] == "glow worm"
    assert {each["entity_id"] for each in alias["params"]["entities"]} <= house.entities.keys()


async def test_a_model_that_is_on_its_way_is_no_fault_of_the_sentence() -> None:
    talk = Talk(say("unused"))
    talk.agent.options = replace_model(talk, "")
    found, offered = became(await kept(talk, "tell me a joke"))
    assert (found.code, offered) == ("model_missing", ["choose_model"])


def replace_model(talk: Talk, model: str) -> Any:
    return talk.agent.options.model_copy(update={"model": model})


@pytest.mark.parametrize(
    ("code", "verdict_code"),
    [
        ("home_away", "home_away"),
        ("engine_down", "engine_down"),
        ("model_missing", "model_missing"),
        ("bad_answer", "unusable"),
        ("internal", "error"),
    ],
)
async def test_what_broke_a_turn_off(code: str, verdict_code: str) -> None:
    talk = Talk(say("unused"))

    async def broken(*_: Any, **__: Any) -> Any:
        raise AddonError(code, "Something.", 503)
        yield {}

    talk.agent._calls._servers.chat = broken  # type: ignore[method-assign]
    turn = await kept(talk, "tell me a joke")
    assert became(turn)[0].code == verdict_code
    assert became(turn)[1], "there is always something to do"


async def test_words_only_are_no_success() -> None:
    turn = await kept(Talk(say("A joke.")), "tell me a joke")
    assert became(turn)[0].code in ("talked", "answered")
    assert became(turn)[1] == []


async def test_rated_turns_are_sentences_of_an_evaluation() -> None:
    talk = Talk(do("turn on Kitchen light"))
    talk.house.states["light.kitchen"] = State("off")  # type: ignore[index]
    moving(talk, "light.kitchen", "on")
    right = await kept(talk, "turn on the kitchen light") | {"rating": "right"}
    wrong = {**right, "text": "make it cosy", "rating": "wrong"}
    told = {**wrong, "expected": [{"entity_id": "light.desk", "state": "on"}]}
    nothing = {**wrong, "text": "I had turned on the light", "expected": []}
    words = {**wrong, "text": "be\nnice", "expected": "The heating should go up"}
    document = sentences([right, told, nothing, words, {**right, "rating": ""}], "own", "en")
    assert "# be nice -> The heating should go up" in document
    found = yaml.safe_load(document)
    shared = {"home": found["home"], "language": found["language"]}
    cases = [Case.model_validate({**shared, **case}) for case in found["cases"]]
    assert [case.say for case in cases] == [
        ["turn on the kitchen light"], ["make it cosy"], ["I had turned on the light"],
    ]  # fmt: skip
    assert [case.change for case in cases] == [{"light.kitchen": "on"}, {"light.desk": "on"}, {}]
    assert cases[2].nothing


async def test_a_report_holds_no_name() -> None:
    house = family_home()
    ada = Entity("person.ada", "Ada Lovelace")
    placeholders = Placeholders(house, [ada, COFFEE], ["Bob"], ["nas.lan"])
    turn = await kept(Talk(do("turn on Kitchen light")), "Ada and bob: turn on the kitchen light")
    turn["asked"][0]["server"] = "http://nas.lan:11434"
    shown = str(placeholders.all(turn)).casefold()
    for name in ("ada", "lovelace", "bob", "nas.lan", "kitchen light", "light.kitchen'"):
        assert name not in shown
    assert "light_" in shown
    assert placeholders.text("Kitchen lights") == placeholders.text("Kitchen lights")
    first, second = placeholders.text("espresso, Espresso").split(", ")
    assert first == second != "espresso"


def test_placeholders_of_an_empty_house() -> None:
    house = replace(family_home(), entities={}, areas={}, floors={}, name="x")
    assert Placeholders(house).text("x y") == "x y"
