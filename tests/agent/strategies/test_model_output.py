"""What is spoken of a model's words, and the calls that hide in them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from ollama_addon.agent.strategies.model_output import Call, SpeechFilter, written_calls

TOOLS = frozenset({"HassTurnOn", "HassTurnOff", "HassLightSet"})
KITCHEN = {"name": "Kitchen"}


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ('<tool_call>{"name":"HassTurnOn","arguments":{"name":"Kitchen"}}</tool_call>', 1),
        ('[TOOL_CALLS][{"name": "HassTurnOn", "arguments": {"name": "Kitchen"}}]', 1),
        ('<|python_tag|>{"name": "HassTurnOn", "parameters": {"name": "Kitchen"}}', 1),
        ('```json\n{"name": "HassTurnOn", "parameters": {"name": "Kitchen"}}\n```', 1),
        ('```tool_code\nHassTurnOn(name="Kitchen")\n```', 1),
        ('[HassTurnOn(name="Kitchen")]', 1),
        ("functions.HassTurnOn({'name': 'Kitchen',})", 1),
        ('{"function":{"name":"HassTurnOn","arguments":"{\\"name\\":\\"Kitchen\\"}"}}', 1),
        ('{"tool_calls":[{"function":{"name":"HassTurnOn","arguments":{"name":"Kitchen"}}}]}', 1),
        ('{"name": "HassTurnOn", "arguments": {"name": "Kitchen"', 1),
        ('{"name": "hass_turn_on_lights", "arguments": {}}', 0),
        ('Say {"name": "something", "arguments": {}} to me', 0),
        ("Turning on (the kitchen).", 0),
    ],
)
def test_calls_are_recognised_in_every_form(text: str, calls: int) -> None:
    assert written_calls(text, TOOLS) == [Call("HassTurnOn", KITCHEN)] * calls


def test_several_calls_come_in_order_and_each_once() -> None:
    text = "\n".join(
        f'<tool_call>{{"name": "{name}", "arguments": {{}}}}</tool_call>'
        for name in ("HassTurnOn", "HassTurnOff", "HassTurnOn")
    )
    assert [call.name for call in written_calls(text, TOOLS)] == ["HassTurnOn", "HassTurnOff"]


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("It is on.", "It is on."),
        ("<think>hm</think>It is on.", "It is on."),
        ("It is on.<think>never ends", "It is on."),
        ("<think>first</think> <think>second</think>Yes", "Yes"),
        ('Sure. <tool_call>{"name": "HassTurnOn"}</tool_call>', "Sure. "),
        ('{"name": "HassTurnOn"} done', ""),
        ("```json\n{}\n```", ""),
        ("Now HassTurnOn(name='x') it is", "Now  it is"),
        ("2 < 3 and a `word` [here]", "2 < 3 and a `word` [here]"),
        ("Done.<|im_end|>", "Done."),
        ("<|channel|>analysis thinking<|end|>Yes.", "Yes."),
    ],
)
def test_only_speech_is_spoken(text: str, spoken: str) -> None:
    filtered = SpeechFilter(TOOLS)
    assert filtered.feed(text) + filtered.finish() == spoken


PIECES = st.lists(
    st.sampled_from(
        [
            *"<think> </think> <tool_call> </tool_call> ``` { } HassTurnOn( ) functions.".split(),
            *"<| |> <|channel|> analysis <|end|> [TOOL_CALLS] a < Hass".split(),
            *(" ", "\n\n", "word "),
        ]
    ),
    max_size=12,
).map("".join)


@given(PIECES | st.text(), st.lists(st.integers(0, 60)))
def test_what_is_spoken_does_not_hang_on_how_it_was_cut(text: str, cuts: list[int]) -> None:
    whole = SpeechFilter(TOOLS)
    expected = whole.feed(text) + whole.finish()
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    pieces = SpeechFilter(TOOLS)
    spoken = "".join(pieces.feed(text[start:end]) for start, end in pairwise(places))
    assert spoken + pieces.finish() == expected


@given(st.text())
def test_reading_calls_never_fails(text: str) -> None:
    written_calls(text, TOOLS)


@given(st.text(alphabet="abc ,.!?äé", min_size=1))
def test_plain_words_are_spoken_at_once(text: str) -> None:
    assert SpeechFilter(TOOLS).feed(text) == text.lstrip()
