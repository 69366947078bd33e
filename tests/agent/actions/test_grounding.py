"""What is stopped because it contradicts the person, what is asked about, and all else is done."""

from __future__ import annotations

from typing import Any

import pytest

from ollama_addon.agent.actions.grounding import Grounded, check
from ollama_addon.agent.actions.repair import Repaired, Verdict
from ollama_addon.home.model import Entity, House, State
from ollama_addon.understanding.interpretation import (
    Candidate,
    Clause,
    Interpretation,
    Mood,
    Question,
    Role,
    When,
    Word,
)
from ollama_addon.understanding.vocabulary import Action, Group, Target
from tests.agent.homes import family_home

HOUSE = family_home()
HOUSE.states["light.kitchen"] = State("on", {"brightness": 178})  # type: ignore[index]


def entities(*ids: str) -> tuple[Entity, ...]:
    return tuple(HOUSE.entities[each] for each in ids)


LIGHTS = entities(*(each for each in HOUSE.entities if each.startswith("light.")))


def does(intent: str, target: Target | str | None = None, **slots: Any) -> Repaired:
    found = HOUSE.entities[target] if isinstance(target, str) else target
    if isinstance(found, Entity):
        slots = {"name": found.id, **slots}
    elif found is not None:
        place = {"area": found.area_id, "floor": found.floor_id}
        slots = {"domain": found.domain, **{k: v for k, v in place.items() if v}, **slots}
    return Repaired(Verdict.AS_IT_WAS, Action(intent, slots), found)


def candidate(
    direction: str, *ids: str, intent: str = "HassTurnOn", whole: bool = False, **slots: Any
) -> Candidate:
    actions = tuple(Action(intent, {"name": each, **slots}) for each in ids or ("",))
    return Candidate(actions, entities(*ids), "…", 0.9, direction, whole)


def sentence(*clauses: Clause, text: str = "…") -> Interpretation:
    return Interpretation(text, "en", clauses)


def order(*candidates: Candidate, mood: Mood = Mood.ORDER, **more: Any) -> Clause:
    return Clause("…", mood, candidates, **more)


def codes(grounded: Grounded) -> list[str]:
    return [each.code for each in grounded.stopped]


KITCHEN = "light.kitchen"
OFF_KITCHEN = candidate("off", KITCHEN, intent="HassTurnOff")
NAMED: dict[str, Any] = {"named": entities(KITCHEN)}
DIMMED = candidate("", KITCHEN, intent="HassLightSet", brightness=40)
VALUE = (Word("40", 4, Role.VALUE, "40"),)

STOPPED: list[tuple[str, Interpretation, Repaired]] = [
    ("opposite", sentence(order(OFF_KITCHEN)), does("HassTurnOn", KITCHEN)),
    ("opposite", sentence(order(candidate("lock", "lock.front"))),
     does("HassTurnOff", "lock.front")),
    ("opposite", sentence(order(candidate("brighter", KITCHEN))), does("HassTurnOff", KITCHEN)),
    ("opposite", sentence(order(candidate("brighter", KITCHEN))),
     does("HassLightSet", KITCHEN, brightness=10)),
    ("opposite", sentence(order(candidate("warmer", "climate.living"))),
     does("HassClimateSetTemperature", "climate.living", temperature=18)),
    ("opposite", sentence(order(candidate("open", "cover.blinds"))),
     does("HassSetPosition", "cover.blinds", position=0)),
    ("opposite", sentence(order(candidate("quieter", "media_player.tv"))),
     does("HassSetVolumeRelative", "media_player.tv", volume_step="up")),
    ("negated", sentence(order(OFF_KITCHEN, mood=Mood.NEGATED, forbidden=entities(KITCHEN))),
     does("HassTurnOff", KITCHEN)),
    ("negated", sentence(order(mood=Mood.NEGATED)), does("HassTurnOff", KITCHEN)),
    ("past", sentence(order(OFF_KITCHEN, mood=Mood.REPORT)), does("HassTurnOff", KITCHEN)),
    ("past", sentence(order(mood=Mood.REPORT, words=(Word("turned off", 0, Role.SUBJECT),))),
     does("HassTurnOff", KITCHEN)),
    ("question", sentence(order(mood=Mood.QUESTION), text="is it cold in here?"),
     does("HassTurnOff", KITCHEN)),
    ("question",
     sentence(order(mood=Mood.QUESTION, question=Question("state", entities(KITCHEN), "on"))),
     does("HassTurnOn", KITCHEN)),
    ("question",
     sentence(order(mood=Mood.QUESTION, question=Question("list", entities("todo.shopping")))),
     does("HassTurnOff", "lock.front")),
    ("excluded",
     sentence(order(candidate("off", "light.counter"), forbidden=entities(KITCHEN))),
     does("HassTurnOff", KITCHEN)),
    ("another", sentence(order(OFF_KITCHEN, **NAMED)), does("HassTurnOff", "media_player.tv")),
    ("another", sentence(order(named=entities("todo.shopping"))),
     does("HassTurnOff", "lock.front")),
    ("no_place", sentence(order(missing_place="garden")),
     does("HassTurnOff", Group("light", "kitchen"))),
    ("no_place", sentence(order(missing_place="garden")), does("HassTurnOff", Group("light"))),
    ("value", sentence(order(DIMMED, words=VALUE)),
     does("HassLightSet", KITCHEN, brightness=90)),
    ("another", sentence(order(OFF_KITCHEN, certain=True)),
     does("HassTurnOff", "media_player.tv")),
    ("value", sentence(order(words=VALUE, named=entities(KITCHEN))),
     does("HassLightSet", KITCHEN, brightness=90)),
    ("value", sentence(order(candidate("", KITCHEN, intent="HassLightSet", color="red"))),
     does("HassLightSet", KITCHEN, color="blue")),
    ("value",
     sentence(order(candidate("add", "todo.shopping", intent="HassListAddItem", item="milk")),
              text="add milk to the shopping list"),
     does("HassListAddItem", "todo.shopping", item="a bomb")),
    ("value",
     sentence(order(named=entities("todo.shopping"), words=(Word("coffee", 15, Role.UNKNOWN),)),
              text="shopping list: coffee"),
     does("HassListAddItem", "todo.shopping", item="rat poison")),
    ("later", sentence(order(OFF_KITCHEN, when=When("in 10 minutes", delay=600))),
     does("HassTurnOff", KITCHEN)),
    ("later", sentence(order(when=When("when the movie ends", understood=False))),
     does("HassTurnOff", KITCHEN)),
    ("dropped", sentence(order(mood=Mood.NEVER_MIND)), does("HassTurnOff", KITCHEN)),
    ("talk", sentence(order(mood=Mood.TALK, words=(Word("hello", 0, Role.TALK),))),
     does("HassTurnOff", "lock.front")),
]  # fmt: skip

DONE: list[tuple[str, Interpretation, Repaired]] = [
    ("a remark that is read as a report",
     sentence(order(mood=Mood.REPORT, words=(Word("filthy", 0, Role.UNKNOWN),))),
     does("HassTurnOn", "fan.bedroom")),
    ("a remark that is read as a question", sentence(order(mood=Mood.QUESTION)),
     does("HassTurnOn", "fan.bedroom")),
    ("a level that no number was said for", sentence(order(DIMMED)),
     does("HassLightSet", KITCHEN, brightness=60)),
    ("both ways were said",
     sentence(order(candidate("on", KITCHEN), words=(Word("off", 0, Role.PARTICLE, "off"),))),
     does("HassTurnOff", KITCHEN)),
    ("what was said", sentence(order(OFF_KITCHEN, **NAMED)), does("HassTurnOff", KITCHEN)),
    ("a wish may be met in any way", sentence(order(mood=Mood.WISH)),
     does("HassSetVolumeRelative", "media_player.tv", volume_step="down")),
    ("a wish about one thing may move others",
     sentence(order(mood=Mood.WISH, named=entities("media_player.tv"))),
     does("HassTurnOff", KITCHEN)),
    ("a sentence in words that we do not have", sentence(order(mood=Mood.TALK)),
     does("HassTurnOn", "media_player.tv")),
    ("nothing was understood", sentence(), does("HassTurnOn", "media_player.tv")),
    ("another name in another language", sentence(order()),
     does("HassTurnOff", "media_player.tv")),
    ("a yes after a question of an automation", sentence(order(mood=Mood.YES)),
     does("HassTurnOff", Group("light", "bedroom"))),
    ("a value that was said", sentence(order(DIMMED, words=VALUE)),
     does("HassLightSet", KITCHEN, brightness=40)),
    ("a change by what was said",
     sentence(order(candidate("brighter", KITCHEN), words=(Word("10", 0, Role.VALUE, "10"),))),
     does("HassLightSet", KITCHEN, brightness=80)),
    ("a value in the other scale",
     sentence(order(named=entities("climate.living"), words=(Word("70", 0, Role.VALUE, "70"),))),
     does("HassClimateSetTemperature", "climate.living", temperature=21.1)),
    ("brighter by a value that is higher", sentence(order(candidate("brighter", KITCHEN))),
     does("HassLightSet", KITCHEN, brightness=90)),
    ("looking at something that was asked",
     sentence(order(mood=Mood.QUESTION, question=Question("state", entities(KITCHEN)))),
     does("HassGetState", KITCHEN)),
    ("an order after a question about the same",
     sentence(order(mood=Mood.QUESTION, forbidden=entities(KITCHEN)), order(OFF_KITCHEN)),
     does("HassTurnOff", KITCHEN)),
    ("an order beside a negated one about another",
     sentence(order(mood=Mood.NEGATED, forbidden=entities(KITCHEN)),
              order(candidate("off", "media_player.tv"))),
     does("HassTurnOff", "media_player.tv")),
    ("a timer has its own time", sentence(order(when=When("for 5 minutes", length=300))),
     does("HassStartTimer", None, minutes=5)),
    ("an item a little different",
     sentence(order(candidate("add", "todo.shopping", intent="HassListAddItem", item="eggs")),
              text="put eggs on the list"),
     does("HassListAddItem", "todo.shopping", item="Egg")),
    ("the readers cut the item wrongly",
     sentence(order(candidate("add", "todo.shopping", intent="HassListAddItem", item="bulbs")),
              text="add light bulbs to the list"),
     does("HassListAddItem", "todo.shopping", item="light bulbs")),
    ("an item that no reader made anything of",
     sentence(order(named=entities("todo.shopping"), words=(Word("coffee", 15, Role.UNKNOWN),)),
              text="shopping list: coffee"),
     does("HassListAddItem", "todo.shopping", item="Coffee")),
    ("small talk that is the name of a scene",
     sentence(order(mood=Mood.TALK, words=(Word("movie night", 0, Role.TALK),)),
              text="movie night!"),
     does("HassTurnOn", "scene.movie")),
    ("a floor is a place", sentence(order()), does("HassTurnOff", Group("light", None, "ground"))),
    ("all of a kind that was said to be all",
     sentence(order(words=(Word("all", 0, Role.QUANTIFIER, "all"),))),
     does("HassTurnOff", Group("light"))),
    ("all of a kind that was meant",
     sentence(order(Candidate((), LIGHTS, "…", 0.9, "off"))), does("HassTurnOff", Group("light"))),
]  # fmt: skip


@pytest.mark.parametrize(("code", "said", "item"), STOPPED)
def test_a_contradiction_is_stopped(code: str, said: Interpretation, item: Repaired) -> None:
    found = check([item], said, HOUSE)
    assert codes(found) == [code]
    assert (found.done, found.asked) == ((), ())
    assert found.stopped[0].item is item


@pytest.mark.parametrize(("why", "said", "item"), DONE)
def test_everything_else_is_done(why: str, said: Interpretation, item: Repaired) -> None:
    assert check([item], said, HOUSE) == Grounded((item,)), why


def test_what_reaches_the_whole_home_unsaid_is_asked_about() -> None:
    all_off = does("HassTurnOff", Group("light"))
    unsaid = Candidate((), LIGHTS, "…", 0.9, "off", whole_home=True)
    for clause in (order(), order(mood=Mood.WISH), order(unsaid)):
        said = sentence(clause)
        assert check([all_off], said, HOUSE).asked == (all_off,)
    each = [does("HassTurnOff", light.id) for light in LIGHTS]
    assert check(each, sentence(order(mood=Mood.WISH)), HOUSE).asked == tuple(each)
    assert check(each[:2], sentence(order(mood=Mood.WISH)), HOUSE).done == tuple(each[:2])


def test_one_room_is_not_the_whole_home() -> None:
    one = House({each: HOUSE.entities[each] for each in (KITCHEN, "light.counter")}, HOUSE.areas)
    item = does("HassTurnOff", Group("light"))
    assert check([item], sentence(order()), one).done == (item,)


def test_a_group_is_narrowed_to_all_but_what_was_left_out() -> None:
    others = [light for light in LIGHTS if light.id != KITCHEN]
    said = order(Candidate((), tuple(others), "…", 0.9, "off"), forbidden=entities(KITCHEN))
    found = check([does("HassTurnOff", Group("light"))], sentence(said), HOUSE)
    assert [item.target for item in found.done] == others
    assert all(item.action == Action("HassTurnOff", {"name": item.target.id})
               for item in found.done if isinstance(item.target, Entity))  # fmt: skip
    assert not found.stopped


def test_a_group_is_narrowed_to_what_was_named() -> None:
    found = check(
        [does("HassTurnOff", Group("light", "kitchen"))],
        sentence(order(OFF_KITCHEN, **NAMED)),
        HOUSE,
    )
    assert [item.target for item in found.done] == list(entities(KITCHEN))


def test_a_time_that_the_model_gave_keeps_it_from_being_later() -> None:
    when = When("in 10 minutes", delay=600)
    said = sentence(order(OFF_KITCHEN, when=when))
    item = does("HassTurnOff", KITCHEN)
    assert check([item], said, HOUSE, [when]).done == (item,)
    stopped = check([item], said, HOUSE).stopped[0]
    assert stopped.clause is not None
    assert stopped.clause.when == when


def test_each_action_is_judged_by_its_own_part_of_the_sentence() -> None:
    said = sentence(
        order(OFF_KITCHEN, **NAMED),
        order(candidate("on", "media_player.tv"), named=entities("media_player.tv")),
    )
    items = [does("HassTurnOff", KITCHEN), does("HassTurnOff", "media_player.tv"),
             does("HassTurnOff", "lock.front")]  # fmt: skip
    found = check(items, said, HOUSE)
    assert found.done == (items[0],)
    assert codes(found) == ["opposite", "another"]


def test_what_repair_refused_is_passed_on_with_its_reason() -> None:
    refused = Repaired(Verdict.REFUSED, reason="not_found")
    assert check([refused], sentence(order(OFF_KITCHEN)), HOUSE).done == (refused,)
