"""What cannot be done or was not understood is said with what to do, in whole turns."""

from __future__ import annotations

import re

import pytest

from ollama_addon.agent.replies.replies import Replies
from ollama_addon.agent.replies.texts import LANGUAGES
from ollama_addon.errors import AddonError
from ollama_addon.understanding.interpretation import Context, Mood
from ollama_addon.understanding.interpreter import Interpreter
from tests.agent.homes import family_home
from tests.agent.scripted_agent import Talk, do


def _without_model() -> Talk:
    talk = Talk()
    talk.agent.options = talk.agent.options.model_copy(update={"model": ""})
    return talk


async def test_a_word_that_is_not_known_is_named() -> None:
    said = await _without_model().say("turn on the kitchen light and the frobnicator")
    assert said.reply.startswith("I did not understand “frobnicator”. Say for example “turn on ")
    assert said.end.outcome == "failed"


async def test_what_a_thing_cannot_do_is_said_without_a_model() -> None:
    said = await _without_model().say("dim the coffee machine")
    assert said.reply == "Coffee machine cannot do that."


async def test_what_needs_a_model_says_so_and_what_works() -> None:
    said = await _without_model().say("tell me a story")
    assert said.reply == (
        "I have no language model for that. Clear commands work. "
        "Say for example “turn on Kitchen light”."
    )


async def test_each_language_has_its_own_sentence() -> None:
    replies = {
        (await _without_model().say("???", language=language)).reply for language in LANGUAGES
    }
    assert len(replies) == len(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_example_is_understood(language: str) -> None:
    """What is given as an example does what it says in this very house."""
    house = family_home(language)
    reply = Replies(language, house).not_understood()
    found = re.search("[“„«‘»”「]\\s?(.+?)\\s?[”“»’«」]", reply)
    assert found, reply
    interpretation = Interpreter(house, language).interpret(found[1], Context())
    (clause,) = interpretation.clauses
    assert (clause.mood, clause.certain) == (Mood.ORDER, True), found[1]
    (action,) = clause.candidates[0].actions
    assert action.intent == "HassTurnOn"
    assert house.entities[str(action.slots["name"])].name in found[1]


async def test_ambiguous_things_are_named() -> None:
    said = await Talk().say("turn on the ceiling light")
    assert said.reply == (
        "Which one do you mean: Ceiling light (Bedroom) or Ceiling light (Living room)?"
    )
    assert said.end.continue_conversation


async def test_a_value_out_of_range_says_the_range() -> None:
    talk = Talk(do("set Thermostat to 35 degrees"))
    said = await talk.say("set the thermostat to 35 degrees")
    assert said.reply == "Thermostat takes values from 7 to 30."
    assert talk.hands.done == []


async def test_a_place_that_is_not_there() -> None:
    said = await Talk(house=family_home("de")).say("schalte das Licht im Garten an", language="de")
    assert said.reply == "Garten gibt es hier nicht."


@pytest.mark.parametrize(
    ("code", "language", "sentence"),
    [
        ("engine_down", "en", "The language model is not running right now. Clear commands work."),
        (
            "home_away",
            "de",
            "Home Assistant ist gerade nicht erreichbar. Versuche es gleich noch einmal.",
        ),
        ("model_missing", "pl", "Model językowy nie jest pobrany."),
        ("engine_busy", "ja", "言語モデルは処理中です。"),
    ],
)
async def test_an_error_is_said_in_the_language_of_the_person(
    code: str, language: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = Talk("never said")

    async def down(model: str) -> None:
        raise AddonError(code, "English words of a program.", 503)

    monkeypatch.setattr(talk.agent._servers, "details", down)
    with pytest.raises(AddonError) as raised:
        await talk.say("tell me a story", language=language)
    assert raised.value.code == code
    assert raised.value.message.startswith(sentence)
