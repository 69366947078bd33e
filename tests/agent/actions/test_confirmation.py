"""What `confirm` names is never done without a yes, and a yes is one only when it is plain."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ollama_addon.home.model import Entity, House, State
from tests.agent.homes import family_home
from tests.agent.scripted_agent import Talk, call, do, say

KINDS = ("unlock", "alarm", "garage_door")


def home() -> House:
    """Return a house with more of what opens: groups, a scene, an alias, an alarm."""
    plain = family_home()
    front = replace(plain.entities["lock.front"], aliases=("Main entrance",))
    more = [
        front,
        Entity("lock.back", "Back door", area_id="kitchen"),
        Entity("cover.all", "All covers", area_id="hallway", supported_features=15),
        Entity("cover.outside", "Outside covers", area_id="hallway", supported_features=15),
        Entity("scene.welcome", "Welcome home", area_id="hallway"),
        Entity("alarm_control_panel.home", "House alarm", area_id="hallway"),
        Entity("cover.gate", "Drive gate", (), None, None, "gate", 15),
    ]
    members = {
        "cover.all": ["cover.blinds", "cover.garage"],
        "cover.outside": ["cover.unseen"],
        "scene.welcome": ["light.kitchen", "lock.front"],
        "scene.movie": ["light.kitchen"],
    }
    states = {each: State("closed", {"entity_id": ids}) for each, ids in members.items()}
    return replace(
        plain,
        entities={**plain.entities, **{each.id: each for each in more}},
        states={**plain.states, **states},
    )


HOME = home()
RISKY: list[tuple[str, str, dict[str, Any]]] = [
    ("unlock the front door", "unlock Front door", call("HassTurnOff", name="Front door")),
    ("unlock the main entrance", "", call("HassTurnOff", name="Main entrance")),
    ("unlock all doors", "unlock all locks", call("HassTurnOff", domain="lock")),
    ("open the garage door", "open Garage door", call("HassTurnOn", name="cover.garage")),
    ("open all covers", "open All covers", call("HassTurnOn", name="All covers")),
    ("open the outside covers", "open Outside covers", call("HassTurnOn", name="Outside covers")),
    ("open the drive gate", "", call("HassOpenCover", name="Drive gate")),
    ("set the drive gate to 50", "", call("HassSetPosition", name="Drive gate", position=50)),
    ("open all covers in the hallway", "", call("HassTurnOn", domain="cover", area="Hallway")),
    ("welcome home", "activate Welcome home", call("HassTurnOn", name="Welcome home")),
    (
        "disarm the house alarm",
        "disarm House alarm",
        call("alarm_control_panel.alarm_disarm", name="House alarm"),
    ),
]


@pytest.mark.parametrize(("sentence", "phrase", "tool"), RISKY)
async def test_nothing_that_asks_first_is_done_at_once(
    sentence: str, phrase: str, tool: dict[str, Any]
) -> None:
    light = call("HassTurnOn", name="Kitchen light")
    talks = [
        Talk([{"tool_calls": [tool]}], house=HOME, strategy="native", confirm=KINDS),
        Talk([{"tool_calls": [light, tool]}], house=HOME, strategy="native", confirm=KINDS),
    ]
    if phrase:
        talks += [
            Talk(do(phrase), house=HOME, confirm=KINDS),
            Talk(do("turn on Kitchen light", phrase), house=HOME, confirm=KINDS),
        ]
    for talk in talks:
        talk.model.script += [say("Hm.")] * 8
        for words in (f"{sentence} and turn on the kitchen light", "no", sentence, "no"):
            await talk.say(words)
            done = [slots for _, slots in talk.hands.done]
            assert done in ([], [{"name": "light.kitchen"}]), words


@pytest.mark.parametrize(("sentence", "phrase", "tool"), RISKY)
async def test_all_of_it_is_done_after_a_yes(
    sentence: str, phrase: str, tool: dict[str, Any]
) -> None:
    talk = Talk([{"tool_calls": [tool]}], house=HOME, strategy="native", confirm=KINDS)
    asked = await talk.say(sentence)
    assert talk.hands.done == []
    assert asked.end.continue_conversation
    said = await talk.say("yes please")
    assert len(talk.hands.done) == 1, said.reply


@pytest.mark.parametrize(
    ("sentence", "tool"),
    [
        ("lock the front door", call("HassTurnOn", name="Front door")),
        ("close the garage door", call("HassTurnOff", name="Garage door")),
        ("movie night", call("HassTurnOn", name="Movie night")),
        ("open the bedroom blinds", call("HassTurnOn", name="Bedroom blinds")),
        ("arm the house alarm", call("alarm_control_panel.alarm_arm_away", name="House alarm")),
    ],
)
async def test_what_closes_asks_nothing(sentence: str, tool: dict[str, Any]) -> None:
    talk = Talk([{"tool_calls": [tool]}], house=HOME, strategy="native", confirm=KINDS)
    said = await talk.say(sentence)
    assert len(talk.hands.done) == 1, said.reply


@pytest.mark.parametrize(
    ("answer", "agrees"),
    [
        ("yes", True),
        ("yes please", True),
        ("yes, do it", True),
        ("ok, go ahead", True),
        ("yes, unlock it", True),
        ("yes, the front door", True),
        ("sure", True),
        ("I am sure", True),
        ("I'm sure", True),
        ("I am not sure", False),
        ("don't", False),
        ("no", False),
        ("yes... no, stop", False),
        ("ok turn on the kitchen light", False),
        ("ok, unlock the back door", False),
        ("I am sure it is raining", False),
        ("yes I would like to hear a joke", False),
        ("sure, what time is it", False),
        ("yesterday", False),
    ],
)
async def test_only_a_plain_yes_is_one(answer: str, agrees: bool) -> None:
    calls = [{"tool_calls": [call("HassTurnOff", name="Front door")]}]
    talk = Talk(calls, *[say("Hm.")] * 4, house=HOME, strategy="native", confirm=KINDS)
    await talk.say("unlock the front door")
    await talk.say(answer)
    assert bool(talk.hands.done) is agrees
    # And what was not agreed to then is not agreed to later.
    talk.hands.done.clear()
    await talk.say("yes")
    assert talk.hands.done == []


@pytest.mark.parametrize(
    ("language", "sentence", "yes", "other"),
    [
        ("de", "schließ die Front door auf", "ja, bitte", "ja, mach das Licht in der Küche an"),
        ("fr", "déverrouille Front door", "oui, vas-y", "si tu peux, allume la lumière"),
        ("es", "desbloquea Front door", "sí, claro", "claro que llueve"),
        ("nl", "ontgrendel Front door", "ja, graag", "oké, doe de lamp in de keuken aan"),
        ("it", "sblocca Front door", "sì, certo", "sì, accendi la luce"),
    ],
)
async def test_a_yes_in_other_languages(language: str, sentence: str, yes: str, other: str) -> None:
    for answer, done in ((yes, 1), (other, 0)):
        calls = [{"tool_calls": [call("HassTurnOff", name="Front door")]}]
        talk = Talk(calls, say("Hm."), say("Hm."), house=HOME, strategy="native", confirm=KINDS)
        await talk.say(sentence, language=language)
        await talk.say(answer, language=language)
        assert len(talk.hands.done) == done, answer
