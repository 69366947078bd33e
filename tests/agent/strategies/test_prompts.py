"""What a capable model is shown: a prefix that never changes, and what changes behind it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from hypothesis import given, strategies as st

from ollama_addon.agent.strategies import overflow, prefix, situation
from ollama_addon.agent.strategies.labels import Labels
from ollama_addon.agent.strategies.thinking import answer_of, think_of
from ollama_addon.agent.strategies.token_rates import TokenRates
from ollama_addon.home.model import Entity, Satellite, State
from ollama_addon.understanding.interpretation import Candidate, Clause, Interpretation, Mood
from tests.agent.homes import family_home

HOUSE = family_home()
LABELS = Labels(HOUSE)
NOW = datetime(2026, 11, 25, 20, 15, tzinfo=UTC)


def test_the_prefix_is_the_same_whatever_the_states_are() -> None:
    changed = family_home()
    changed.states["light.kitchen"] = State("on")  # type: ignore[index]
    for make in (prefix.structured, prefix.native):
        assert make(LABELS, "Be kind.") == make(Labels(changed), "Be kind.")
        assert make(LABELS, "Be kind.").text.endswith("Be kind.")


def test_the_house_is_shown_by_area() -> None:
    text = prefix.structured(LABELS, "").text
    assert "Kitchen (Ground floor) — binary_sensor: Kitchen window; light: " in text
    assert "look" not in text


def test_a_large_house_is_shown_in_steps() -> None:
    more = {f"light.l{n}": Entity(f"light.l{n}", f"Lamp number {n}", (), "kitchen")
            for n in range(60)}  # fmt: skip
    labels = Labels(replace(HOUSE, entities={**HOUSE.entities, **more}))
    length = len(prefix.structured(labels, "").text)
    steps = [
        prefix.structured(labels, "", partial(fits, size=size))
        for size in (length, length - 1, length - 500, 10)
    ]
    assert [step.whole for step in steps] == [True, True, False, False]
    assert '{"look"' in steps[2].text
    assert "62 light" in steps[2].text
    assert "Lamp number 7" not in steps[2].text
    assert len({step.text for step in steps}) == 4


def fits(text: str, size: int) -> bool:
    return len(text) <= size


def meaning(*ids: str) -> Interpretation:
    entities = tuple(HOUSE.entities[each] for each in ids)
    candidates = (Candidate((), entities, "…", 0.9),)
    return Interpretation("…", "en", (Clause("…", Mood.ORDER, candidates),))


def message(said: Interpretation | None, **more: Any) -> str:
    satellite = more.pop("satellite", Satellite("satellite", None, "bedroom"))
    return situation.message("it's dark", LABELS, said, now=NOW, satellite=satellite, **more)


def test_the_states_of_what_may_be_meant_of_the_area_and_of_what_is_on_are_shown() -> None:
    first, states, active, text = message(meaning("climate.living")).split("\n")
    assert first == "[Wednesday 2026-11-25 20:15, in Bedroom]"
    assert states.startswith("[Thermostat: heat, set to 20, now 19; ")
    assert "Bedroom fan: off" in states
    assert "Kitchen window" in active.partition("open: ")[2]
    assert "Counter light" in active
    assert "TV" in active
    assert text == "it's dark"


def test_what_was_spoken_of_last_and_what_a_pipeline_adds_is_shown() -> None:
    text = message(None, previous=[HOUSE.entities["lock.front"]], extra="They left.\n")
    assert "[They left.]" in text
    assert "[Front door: unlocked" in text


def test_what_was_looked_at_is_shown_with_its_states() -> None:
    seen = [HOUSE.entities["lock.front"], HOUSE.entities["sensor.outside"]]
    shown = situation.looked_at(LABELS, seen, "is it cold?")
    assert shown == "[Front door: unlocked; Outdoor temperature: 12.5]\nis it cold?"


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("turn on the light " * 40, 160), ("打开厨房灯" * 60, 420), ("άναψε το φως " * 40, 300)],
)
def test_tokens_are_learned_by_script(text: str, tokens: int) -> None:
    rates = TokenRates()
    english = rates.tokens("hello " * 100)
    for _ in range(4):
        rates.learn(text, tokens)
    assert rates.tokens(text) == pytest.approx(tokens, rel=0.02)
    if not text.isascii():
        assert rates.tokens("hello " * 100) == pytest.approx(english, rel=0.25)


@given(st.text(), st.integers(-5, 100_000))
def test_rates_stay_within_reason(text: str, tokens: int) -> None:
    rates = TokenRates()
    for _ in range(3):
        rates.learn(text, tokens)
    assert 0 <= rates.tokens(text) <= 4 * len(text) + 1


def turns(count: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [{"role": "system", "content": "rules"}]
    for number in range(count):
        found.append({"role": "user", "content": f"say {number}"})
        found.append({"role": "assistant", "content": "yes"})
    return [*found, {"role": "user", "content": f"[{'Lamp: on; ' * 60}]\nlast"}]


def test_a_prompt_that_is_too_long_is_shortened_until_nothing_is_left_to_leave_out() -> None:
    messages: list[dict[str, Any]] | None = turns(5)
    sizes = []
    while messages is not None:
        sizes.append(sum(len(each["content"]) for each in messages))
        assert messages[0]["content"] == "rules"
        assert messages[-1]["content"].endswith("\nlast")
        assert [each["role"] for each in messages[1:3]] != ["assistant", "user"]
        messages = overflow.trimmed(messages)
    assert len(sizes) > 3
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == len(sizes)


@pytest.mark.parametrize(
    ("counted", "guessed", "cut"),
    [(8190, 9000, True), (4000, 9000, True), (8000, 8100, False), (3000, 3100, False),
     (0, 9000, False)],
)  # fmt: skip
def test_a_cut_prompt_is_found_by_its_count(counted: int, guessed: int, cut: bool) -> None:
    assert overflow.was_cut(counted, guessed, 8192) is cut


@pytest.mark.parametrize(
    ("model", "capabilities", "wanted", "structured", "think"),
    [
        ("qwen3:4b", {"thinking"}, True, False, True),
        ("qwen3:4b", {"thinking"}, True, True, False),
        ("qwen3:4b", {"thinking"}, False, False, False),
        ("qwen3:4b-instruct", {"tools"}, True, False, None),
        ("gpt-oss:20b", {"thinking"}, False, True, "low"),
        ("gpt-oss:20b", {"thinking"}, True, False, "medium"),
    ],
)
def test_a_model_is_told_how_much_to_think(
    model: str, capabilities: set[str], wanted: bool, structured: bool, think: Any
) -> None:
    assert think_of(model, capabilities, wanted=wanted, structured=structured) == think


def test_an_answer_may_stand_in_the_thoughts() -> None:
    assert answer_of("", '{"do": ["x"]}', structured=True) == '{"do": ["x"]}'
    assert answer_of("", "they want light", structured=True) == ""
    assert answer_of("", '{"do": ["x"]}', structured=False) == ""
    assert answer_of("yes", "hm {}", structured=True) == "yes"
