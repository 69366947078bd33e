"""What a sentence may mean, and what a model may answer to it."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from hypothesis import given, strategies as st

from ollama_addon.agent.conversations import EXPIRY, Conversations, Exchange
from ollama_addon.agent.replies.phrases import is_yes
from ollama_addon.agent.replies.replies import Done, Replies
from ollama_addon.agent.strategies.prompt import wide_prefix
from ollama_addon.agent.strategies.structured import (
    Choices,
    SayStream,
    choose_narrow,
    choose_wide,
    read,
)
from ollama_addon.understanding.later import is_later
from ollama_addon.understanding.offers import offers, said_duration, said_numbers
from ollama_addon.understanding.old_clauses import clauses
from ollama_addon.understanding.shortlist import Index
from ollama_addon.understanding.vocabulary import Action
from ollama_addon.understanding.words import tokens, words_of
from tests.agent.homes import family_home

HOUSE = family_home()
INDEX = Index(HOUSE, words_of("en"))


def choices(text: str, *, narrow: bool = True) -> Choices:
    parts = [
        offers(part, INDEX.look_up(part), INDEX, has_satellite=True)
        for part in clauses(text, INDEX, None)
    ]
    return choose_narrow(parts) if narrow else choose_wide(parts)


@pytest.mark.parametrize(
    ("text", "best"),
    [
        ("turn on the kitchen light", "turn on Kitchen light"),
        ("switch the coffee machine off", "turn off Coffee machine"),
        ("shut the bedroom blinds", "close Bedroom blinds"),
        ("unlock the front door", "unlock Front door"),
        ("is the kitchen window open?", "check Kitchen window"),
        ("all lights in the kitchen off", "turn off all lights in Kitchen"),
        ("movie night please", "activate Movie night"),
    ],
)
def test_the_likeliest_thing_comes_first(text: str, best: str) -> None:
    assert choices(text).clauses[0][0].phrase() == best


@pytest.mark.parametrize("text", ["tell me a joke", "thank you", "turn on the attic pump"])
def test_a_tiny_model_may_only_talk_where_nothing_is_meant(text: str) -> None:
    found = choices(text)
    assert not found.may_do
    assert list(found.schema()["properties"]) == ["say"]


def test_a_tiny_model_may_not_talk_where_it_is_clear() -> None:
    assert list(choices("turn on the kitchen light").schema()["properties"]) == ["do"]


def test_several_things_are_taken_apart() -> None:
    found = choices("turn on the kitchen light and the coffee machine and close the blinds")
    assert [clause[0].phrase() for clause in found.clauses] == [
        "turn on Kitchen light",
        "turn on Coffee machine",
        "close Bedroom blinds",
    ]


def test_a_capable_model_may_always_talk() -> None:
    assert choices("turn on the kitchen light", narrow=False).may_say


def test_an_answer_becomes_actions() -> None:
    found = choices("set the kitchen light to 40 percent")
    result = read(json.dumps({"do": ["set Kitchen light brightness to 40"]}), found)
    assert isinstance(result, list)
    assert [action for _, action in result] == [
        Action("HassLightSet", {"name": "light.kitchen", "brightness": 40})
    ]


def test_words_are_words() -> None:
    assert read('{"say": "Hello."}', choices("hello")) == "Hello."


@pytest.mark.parametrize("answer", ["", "nonsense", "[]", "{}", '{"do": ["fly away"]}'])
def test_an_answer_that_means_nothing_is_an_error(answer: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - JSON's own is one as well
        read(answer, choices("turn on the kitchen light"))


@given(st.text(max_size=40), st.integers(1, 5))
def test_words_are_streamed_as_they_are_whatever_the_pieces(text: str, size: int) -> None:
    whole = json.dumps({"say": text})
    stream = SayStream()
    pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
    assert "".join(stream.feed(piece) for piece in pieces) == text


def test_actions_are_never_streamed_as_words() -> None:
    assert SayStream().feed('{"do": ["turn on Kitchen light"]}') == ""


@pytest.mark.parametrize(
    ("text", "language", "numbers"),
    [("to 40 percent", "en", [40]), ("auf zwanzig", "de", [20]), ("21.5 degrees", "en", [21.5])],
)
def test_numbers_are_heard(text: str, language: str, numbers: list[float]) -> None:
    assert said_numbers(tokens(text), words_of(language)) == numbers


def test_lengths_of_time_are_heard() -> None:
    said = tokens("a timer for one hour and five minutes")
    assert said_duration(said, words_of("en")) == {"hours": 1, "minutes": 5}


@pytest.mark.parametrize(
    ("text", "language", "later"),
    [
        ("turn it off in ten minutes", "en", True),
        ("when i get home", "en", True),
        ("turn it off", "en", False),
        ("mach das licht morgen an", "de", True),
    ],
)
def test_what_is_for_later(text: str, language: str, later: bool) -> None:
    assert is_later(tokens(text), language) is later


@pytest.mark.parametrize(("text", "yes"), [("yes please", True), ("nein", False), ("blue", None)])
def test_yes_and_no(text: str, yes: bool | None) -> None:
    assert is_yes(text) is yes


def test_the_prefix_does_not_follow_states() -> None:
    other = family_home()
    changed = Index(other, words_of("en"))
    for state in list(other.states):
        other.states[state] = other.states["light.counter"]  # type: ignore[index]
    assert wide_prefix(changed, "", 8000) == wide_prefix(INDEX, "", 8000)


def test_a_large_home_keeps_to_its_budget() -> None:
    assert len(wide_prefix(INDEX, "", 420)) < len(wide_prefix(INDEX, "", 8000))


def test_failures_are_said() -> None:
    replies = Replies(INDEX.words, HOUSE)
    kitchen, counter = HOUSE.entities["light.kitchen"], HOUSE.entities["light.counter"]
    reply = replies.combined(
        [
            Done(Action("HassTurnOff", {"name": kitchen.id}), kitchen, ok=True),
            Done(Action("HassTurnOff", {"name": counter.id}), counter, ok=False),
        ],
        "turn both off",
        datetime(2026, 11, 23, 12, 0),
    )
    assert reply == "Turned off the light. Counter light did not respond."


def exchange(user: str, assistant: str) -> Exchange:
    return Exchange(
        ({"role": "user", "content": user}, {"role": "assistant", "content": assistant})
    )


def test_conversations_do_not_meet_and_end_by_themselves() -> None:
    now = [0.0]
    history = Conversations(lambda: now[0])
    history.open("a").add(exchange("hello", "hi"), max_history=20, budget=1000)
    assert history.open("b").messages() == []
    assert len(history.open("a").messages()) == 2
    now[0] += EXPIRY + 1
    assert history.open("a").messages() == []


def test_history_is_trimmed_in_whole_turns_and_large_steps() -> None:
    conversation = Conversations().open("a")
    for number in range(7):
        conversation.add(exchange(f"q{number}", "a"), max_history=6, budget=10_000)
    assert [each.messages[0]["content"] for each in conversation.exchanges] == [
        "q3",
        "q4",
        "q5",
        "q6",
    ]
