"""The evaluation's judgement: what passes, what fails, and how a rate is reported."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from eval.cases import Case, Kept, Reply
from eval.home import Home
from eval.orders import Order, complaints as order_complaints, orders_of
from eval.report import as_json, comparison, failures
from eval.result import Result
from eval.scoring import Spoken, Verdict, judge
from eval.statistics import sign_test, wilson
from eval.values import House, Values, meets, observe
from eval.words import claims, complaints, says

ENTITIES: list[dict[str, Any]] = [
    {"id": "light.desk", "area": "study"},
    {"id": "light.ceiling", "area": "study"},
    {"id": "light.bed", "area": "bedroom"},
    {"id": "light.cellar", "area": "study", "exposed": False},
    {"id": "cover.blind", "area": "bedroom"},
    {"id": "climate.all"},
    {"id": "fan.study"},
    {"id": "todo.shopping"},
    {"id": "script.water"},
    {"id": "scene.film", "sets": {"light.bed": "off", "cover.blind": "closed"}},
]
HOME = Home(
    id="small",
    path=Path("small.yaml"),
    language="en",
    entities={entity["id"]: entity for entity in ENTITIES},
    floor_of={"study": "ground", "bedroom": "upstairs"},
    floors=frozenset({"ground", "upstairs"}),
    satellites={"study_satellite": "Study satellite"},
)
BEFORE: dict[str, dict[str, Any]] = {
    "light.desk": {"state": "off"},
    "light.ceiling": {"state": "on"},
    "light.bed": {"state": "on", "brightness_pct": 80, "color": (0, 100)},
    "light.cellar": {"state": "on"},
    "cover.blind": {"state": "open", "current_position": 100},
    "fan.study": {"state": "off", "percentage": 0},
    "climate.all": {"state": "heat", "temperature": 20},
    "todo.shopping": {"items": {"Milk": "needs_action", "Eggs": "needs_action"}},
    "script.water": {"happened": None},
    "scene.film": {"happened": "unknown"},
}
ON = {"state": "on", "brightness_pct": 100}
LIT: House = {"light.desk": ON, "fan.study": {"state": "on", "percentage": 100}}


def verdict(
    after: dict[str, dict[str, Any]] | None = None,
    reply: str = "Done.",
    *,
    asks: bool = False,
    error: str | None = None,
    running: tuple[int, ...] = (),
    **case: Any,
) -> Verdict:
    house: House = {**BEFORE, **(after or {})}
    full = {"id": "x-01", "kind": "plain", "home": "small", "language": "en", "say": "…", **case}
    spoken = Spoken(reply, asks, error, running)
    return judge(Case.model_validate(full), HOME, BEFORE, house, spoken, LIT)


def test_the_expected_change_passes() -> None:
    result = verdict({"light.desk": ON}, change={"light.desk": "on"})
    assert result.passed
    assert result.touched == ()


def test_doing_nothing_fails_when_something_is_expected() -> None:
    assert verdict(change={"light.desk": "on"}).problems == ("light.desk: state is off, not on",)


def test_anything_else_that_changes_fails_and_counts_as_touched() -> None:
    result = verdict(
        {"light.desk": ON, "light.cellar": {"state": "off"}}, change={"light.desk": "on"}
    )
    assert result.problems == ("light.cellar must not change: state on → off",)
    assert result.touched == ("light.cellar",)


def test_the_wrong_value_of_the_right_entity_touches_nothing_else() -> None:
    after = {"light.bed": {"state": "on", "brightness_pct": 30, "color": (0, 100)}}
    result = verdict(after, change={"light.bed": {"brightness_pct": 50}})
    assert result.problems == ("light.bed: brightness_pct is 30, not 50",)
    assert result.touched == ()


def test_what_was_not_asked_of_the_entity_must_stay() -> None:
    after = {"light.bed": {"state": "on", "brightness_pct": 50, "color": (240, 100)}}
    assert not verdict(after, change={"light.bed": {"brightness_pct": 50}}).passed
    after = {"climate.all": {"state": "off", "temperature": 22}}
    assert not verdict(after, change={"climate.all": {"temperature": 22}}).passed


def test_a_light_that_is_set_has_to_be_on() -> None:
    after = {"light.desk": {"state": "on", "brightness_pct": 50}}
    assert verdict(after, change={"light.desk": {"brightness_pct": 50}}).passed
    after = {"light.desk": {"state": "off", "brightness_pct": 50}}
    assert not verdict(after, change={"light.desk": {"brightness_pct": 50}}).passed


def test_closed_is_all_the_way() -> None:
    change = {"cover.blind": "closed"}
    closed = {"state": "closed", "current_position": 0}
    assert verdict({"cover.blind": closed}, change=change).passed
    half = {"state": "closed", "current_position": 40}
    assert not verdict({"cover.blind": half}, change=change).passed
    assert verdict(
        {"cover.blind": {"state": "open", "current_position": 40}},
        change={"cover.blind": {"current_position": 40}},
    ).passed


@pytest.mark.parametrize(
    ("selector", "lights"),
    [
        ("light@study", {"light.desk", "light.ceiling"}),
        ("light@upstairs", {"light.bed"}),
        ("light", {"light.desk", "light.ceiling", "light.bed"}),
        ("light.cellar", {"light.cellar"}),
    ],
)
def test_a_selector_stands_for_what_is_exposed_there(selector: str, lights: set[str]) -> None:
    assert set(HOME.select(selector)) == lights


def test_a_selector_that_stands_for_nothing_is_refused() -> None:
    with pytest.raises(LookupError, match="fan@study"):
        HOME.select("fan@study")


def test_every_member_of_a_group_counts() -> None:
    change = {"light": "off"}
    dark = {each: {"state": "off"} for each in ("light.desk", "light.ceiling", "light.bed")}
    assert verdict(dark, change=change).passed
    assert not verdict({**dark, "light.bed": BEFORE["light.bed"]}, change=change).passed
    assert verdict({**dark, "light.cellar": {"state": "off"}}, change=change).touched


def test_a_scene_changes_what_it_sets() -> None:
    after: dict[str, dict[str, Any]] = {
        "scene.film": {"happened": "2026-11-23T09:00:00"},
        "light.bed": {"state": "off"},
        "cover.blind": {"state": "closed", "current_position": 0},
    }
    assert verdict(after, change={"scene.film": "activated"}).passed
    not_activated = {key: after[key] for key in ("light.bed", "cover.blind")}
    assert not verdict(not_activated, change={"scene.film": "activated"}).passed


def test_a_script_runs() -> None:
    ran = {"script.water": {"happened": "2026-11-23T09:00:00"}}
    assert verdict(ran, change={"script.water": "ran"}).passed
    assert not verdict(change={"script.water": "ran"}).passed


def test_what_is_merely_turned_on_is_as_it_always_is() -> None:
    change = {"light.desk": "on"}
    assert not verdict({"light.desk": {**ON, "brightness_pct": 20}}, change=change).passed
    assert not verdict({"light.desk": {**ON, "color": (240, 100)}}, change=change).passed
    change = {"fan.study": "on"}
    assert verdict({"fan.study": {"state": "on", "percentage": 100}}, change=change).passed
    assert not verdict({"fan.study": {"state": "on", "percentage": 33}}, change=change).passed


@pytest.mark.parametrize(
    ("items", "change", "passes"),
    [
        ({"tea": "needs_action"}, {"added": ["Tea"]}, True),
        ({"oeufs": "needs_action"}, {"added": ["œufs|oeufs"]}, True),
        ({"tea please": "needs_action"}, {"added": ["Tea"]}, False),
        ({"tea": "needs_action", "bread": "needs_action"}, {"added": ["tea"]}, False),
        ({"Milk": "completed"}, {"completed": ["milk"]}, True),
        ({"Milk": "completed", "Eggs": "completed"}, {"completed": ["milk"]}, False),
        ({}, {"completed": ["milk"]}, False),
        ({}, {"added": ["tea"]}, False),
    ],
)
def test_lists(items: dict[str, str], change: dict[str, Any], passes: bool) -> None:
    after = {"todo.shopping": {"items": {**BEFORE["todo.shopping"]["items"], **items}}}
    assert verdict(after, change={"todo.shopping": change}).passed is passes


def test_an_item_is_removed() -> None:
    after = {"todo.shopping": {"items": {"Milk": "needs_action"}}}
    assert verdict(after, change={"todo.shopping": {"removed": ["eggs"]}}).passed
    assert not verdict(after, change={"todo.shopping": {"removed": ["milk"]}}).passed


def test_one_of_several_outcomes_is_enough() -> None:
    either: dict[str, Any] = {"any_of": [{"asks": True}, {"change": {"light.desk": "on"}}]}
    assert verdict({"light.desk": ON}, **either).passed
    assert verdict(reply="Which lamp?", asks=True, **either).passed
    assert not verdict(**either).passed
    other = verdict({"light.ceiling": {"state": "off"}}, reply="Which?", asks=True, **either)
    assert other.touched == ("light.ceiling",)


def test_what_is_free_may_be_either_way() -> None:
    either: dict[str, Any] = {"change": {"light.desk": "on"}, "free": ["light.bed"]}
    assert verdict({"light.desk": ON}, **either).passed
    assert verdict({"light.desk": ON, "light.bed": {"state": "off"}}, **either).passed
    assert not verdict({"light.bed": {"state": "off"}}, **either).passed


def test_timers_have_to_be_those_that_were_asked_for() -> None:
    asked: dict[str, Any] = {"at": "study_satellite", "timers": [{"seconds": 300}]}
    assert verdict(running=(298,), **asked).passed
    assert not verdict(running=(240,), **asked).passed
    assert not verdict(running=(300, 60), **asked).passed
    assert not verdict(**asked).passed
    assert not verdict(running=(300,)).passed


def test_a_turn_that_fails_or_is_silent_never_passes() -> None:
    assert not verdict(error="engine_down: …").passed
    assert not verdict(reply=" ").passed


@pytest.mark.parametrize(
    ("language", "reply", "is_claim"),
    [
        ("en", "Turned off the light.", True),
        ("en", "The kettle will be switched off in ten minutes.", True),
        ("en", "I can't do that later. Nothing was turned off.", False),
        ("en", "There is no light called kettle.", False),
        ("de", "Heizkessel ausgeschaltet", True),
        ("de", "Den Heizkessel kann ich nicht ausschalten.", False),
        ("fr", "Lumière éteinte.", True),
        ("fr", "Je ne peux pas le faire plus tard.", False),
        ("es", "Luz apagada", True),
        ("es", "Eso no es posible.", False),
    ],
)
def test_what_cannot_be_done_must_not_be_claimed(language: str, reply: str, is_claim: bool) -> None:
    assert claims(reply, language) is is_claim
    for kind in ("impossible", "unexposed"):
        assert verdict(reply=reply, language=language, kind=kind).passed is not is_claim


@pytest.mark.parametrize(
    ("reply", "phrase", "found"),
    [
        ("It is 11.5 °C.", "11.5", True),
        ("Es sind 11,5 Grad.", "11.5", True),
        ("It is 11.5 °C.", "11", False),
        ("It is 11.", "11", True),
        ("It is -18 °C", "-18", True),
        ("It is −18 °C", "-18", True),
        ("The door is unlocked.", "locked", False),
        ("No, it isn’t.", "isn't", True),
        ("Nothing is open", "no", False),
        ("OUI", "oui", True),
    ],
)
def test_words_are_whole(reply: str, phrase: str, found: bool) -> None:
    assert says(reply, phrase) is found


def test_a_reply_is_held_to_its_words() -> None:
    wanted = Reply.model_validate(
        {"any": ["no", "closed"], "all": ["left", ["garage", "gate"]], "none": ["yes"]}
    )
    assert complaints("No, the left gate is shut.", wanted) == []
    assert complaints("Yes.", wanted) == [
        "the reply has none of no, closed",
        "the reply lacks left",
        "the reply lacks garage or gate",
        "the reply must not say yes",
    ]


@pytest.mark.parametrize(
    ("key", "wanted", "value", "met"),
    [
        ("brightness_pct", 40, 41, True),
        ("brightness_pct", 40, 43, False),
        ("temperature", 20, 20.5, False),
        ("temperature", [20.5, 22], 21, True),
        ("temperature", [20.5, 22], 20, False),
        ("temperature", 20, None, False),
        ("is_volume_muted", True, True, True),
        ("volume_level", 1, True, False),
        ("state", ["docked", "returning"], "returning", True),
        ("state", ["docked", "returning"], "cleaning", False),
        ("color", "blue", (240, 100), True),
        ("color", "red", (359, 98), True),
        ("color", "green", (240, 100), False),
        ("color", "blue", None, False),
        ("color", (0, 100), (240, 100), False),
    ],
)
def test_values(key: str, wanted: Any, value: Any, met: bool) -> None:
    assert meets(key, wanted, value) is met


def test_states_are_looked_at_in_the_terms_of_the_cases() -> None:
    def seen(entity_id: str, state: str, **attributes: Any) -> Values:
        return observe(entity_id, {"state": state, "attributes": attributes})

    colored = seen("light.x", "on", brightness=128, color_mode="hs", hs_color=(240, 100), icon="x")
    assert colored == {"state": "on", "brightness_pct": 50, "color": (240, 100)}
    white = {"color_mode": "color_temp", "color_temp_kelvin": 2700, "hs_color": (28, 65)}
    assert seen("light.x", "on", **white) == {"state": "on", "color_temp_kelvin": 2700}
    assert seen("media_player.x", "off", volume_level=None) == {"state": "off"}
    assert seen("scene.x", "2026") == {"happened": "2026"}
    items = {"milk": "completed"}
    assert observe("todo.x", {"state": "1", "attributes": {}}, items) == {"items": items}


def test_wilson_intervals() -> None:
    assert wilson(0, 0) == (0, 1)
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson(0, 20) == pytest.approx((0, 0.1611), abs=1e-4)


def test_sign_test() -> None:
    assert sign_test(0, 0) == 1
    assert sign_test(5, 5) == 1
    assert sign_test(9, 1) == pytest.approx(0.0215, abs=1e-4)
    assert sign_test(1, 9) == sign_test(9, 1)


def result(name: str, *, passed: bool = True, touched: bool = False) -> Result:
    return Result(
        id=f"{name}-01",
        kind=name,
        set="tune",
        home="small",
        language="en",
        passed=passed,
        problems=[] if passed else ["light.desk: state is off, not on"],
        touched=["light.bed"] if touched else [],
        turns=[{"said": "…", "reply": "Done.", "actions": []}],
        calls=1,
        tokens=200,
        seconds=0.5,
    )


def test_one_object_for_programs() -> None:
    results = [result("plain"), result("plain", passed=False), result("value", touched=True)]
    found = as_json(results)
    assert found["kinds"]["plain"] == {"rate": 0.5, "n": 2, "low": 0.0945, "high": 0.9055}
    assert found["kinds"]["value"]["rate"] == 1
    assert found["untouched"] == {"rate": 0.6667, "n": 3}
    assert (found["calls"], found["tokens"], found["seconds"]) == (3, 600, 1.5)


def test_only_what_failed_is_shown() -> None:
    shown = failures([result("plain", passed=False), result("value")])
    assert "plain-01" in shown
    assert "light.desk: state is off, not on" in shown
    assert "value-01" not in shown


def test_runs_are_compared_pair_by_pair() -> None:
    first = [result("plain", passed=False), result("value"), result("group")]
    second = [result("value", passed=False), result("plain")]
    lines = comparison(first, second).splitlines()
    assert "won: plain-01" in lines
    assert "lost: value-01" in lines
    assert not any("group" in line for line in lines), "only what ran in both is compared"


SAID = datetime(2026, 11, 25, 20, 0, tzinfo=UTC)
LATER = Home(**{**{f: getattr(HOME, f) for f in HOME.__slots__}, "time_zone": "Europe/Berlin"})


@pytest.mark.parametrize(
    ("kept", "due", "right"),
    [
        ({"delay": 600}, "2026-11-25T20:10:04+00:00", True),
        ({"delay": 600}, "2026-11-25T21:10:00+00:00", False),
        ({"length": 900}, "2026-11-25T20:15:00+00:00", True),
        ({"at": "23:00"}, "2026-11-25T22:00:00+00:00", True),
        ({"at": "23:00"}, "2026-11-25T23:00:00+00:00", False),
        ({"at": "7:00", "days": 1}, "2026-11-26T06:00:00+00:00", True),
        ({"at": "7:00", "days": 1}, "2026-11-27T06:00:00+00:00", False),
        ({"at": "6:15", "weekday": 4}, "2026-11-27T05:15:00+00:00", True),
        ({"at": "6:15", "weekday": 4}, "2026-11-28T05:15:00+00:00", False),
        ({"sun": "sunset"}, "2026-11-26T15:00:00+00:00", True),
        ({"sun": "sunset"}, None, False),
        (None, "2026-11-26T15:00:00+00:00", False),
    ],
)
def test_an_order_is_kept_for_when_it_was_said(
    kept: dict[str, Any] | None, due: str | None, right: bool
) -> None:
    orders = orders_of({"orders": [{"id": "1", "due": due, "entity_ids": ["light.bed"]}]})
    wanted = Kept.model_validate({"change": {"light.bed": "off"}, **kept}) if kept else None
    assert (order_complaints(wanted, orders, LATER, SAID, asks=False) == []) is right


def test_what_is_kept_is_for_what_was_named_and_what_repeats_asks_first() -> None:
    kept = Kept.model_validate({"change": {"light.desk": "off"}, "delay": 0})
    other = Order("1", SAID, frozenset({"light.bed"}))
    assert order_complaints(kept, [other], LATER, SAID, asks=False)
    assert order_complaints(kept, [], LATER, SAID, asks=False)
    daily = Kept.model_validate({"change": {"light.desk": "off"}, "every": "daily"})
    assert order_complaints(daily, [], LATER, SAID, asks=True) == []
    assert order_complaints(daily, [], LATER, SAID, asks=False)
