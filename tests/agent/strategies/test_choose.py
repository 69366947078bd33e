"""A tiny model's choice: one of a few phrases, or none."""

from __future__ import annotations

import json

import pytest

from ollama_addon.agent.strategies import choose

PHRASES = ["turn on Kitchen light", "turn off Kitchen light", 'turn on "TV"']


@pytest.mark.parametrize(
    ("answer", "index"),
    [
        ('{"do":"turn on Kitchen light"}', 0),
        ('{"do":"turn off Kitchen light"}', 1),
        ('{"do":["turn off Kitchen light"]}', 1),
        ('{"do":"turn on TV"}', 2),
        ('{"do":"none of these"}', None),
        ('```json\n{"do":"turn off kitchen light"}', 1),
        ("turn on Kitchen light", 0),
        ('{"do":"turn on Bedroom lamp"}', None),
        ('{"do":"turn of Kitchen light"}', None),  # On or off?
        ('{"do":5}', None),
        ("", None),
    ],
)
def test_the_choice_is_read(answer: str, index: int | None) -> None:
    assert choose.read(answer, PHRASES) == index


def test_none_can_always_be_chosen_and_six_are_enough() -> None:
    many = [f"turn on Lamp {number}" for number in range(9)]
    options = choose.schema(many)["properties"]["do"]["enum"]
    assert options == [*many[:6], choose.NONE]
    assert choose.message("lamp on", many).count("Lamp") == 6


def test_the_first_messages_never_change_and_show_a_refusal() -> None:
    first = choose.messages("Be kind.")
    assert json.dumps(first) == json.dumps(choose.messages("Be kind."))
    assert [message["role"] for message in first] == ["system", *["user", "assistant"] * 3]
    assert choose.NONE in first[-1]["content"]
