"""What is spoken of a model's words, and the calls that hide in them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from ollama_addon.agent.strategies.formats import CALLS, FORMATS, HARMONY, RESULTS, THOUGHTS
from ollama_addon.agent.strategies.model_output import Call, ModelOutput, written_calls

TOOLS = frozenset({"HassTurnOn", "HassTurnOff", "HassLightSet"})
KITCHEN = Call("HassTurnOn", {"name": "Kitchen light"})
EXAMPLES = [(form.name, example) for form in FORMATS for example in form.examples]
MARKS = sorted(
    {mark for form in (*THOUGHTS, *CALLS, *RESULTS, HARMONY) for mark in form.opens + form.closes}
)


def output(text: str, size: int = 0) -> tuple[str, list[Call]]:
    """Return what is spoken of a text and the calls in it, read in pieces of a size."""
    read = ModelOutput(TOOLS)
    pieces = [text[at : at + size] for at in range(0, len(text), size)] if size else [text]
    said = "".join([read.feed(piece) for piece in pieces])
    return said + read.finish(), read.calls


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_every_format_is_read_and_never_spoken(name: str, example: str) -> None:
    assert output(example) == ("", [KITCHEN])
    assert output(example, 1) == ("", [KITCHEN])


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_words_around_a_call_are_spoken_and_the_call_is_not(name: str, example: str) -> None:
    said, calls = output(f"I will do that. {example}")
    assert said == "I will do that."
    assert calls == [KITCHEN]


def test_every_format_of_calls_has_an_example() -> None:
    assert [form.name for form in (*CALLS, HARMONY) if not form.examples] == []


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ('<tool_call>{"name":"HassTurnOn","parameters":{"name":"Kitchen light"}}</tool_call>', 1),
        ('{"name": "hass_turn_on", "arguments": {"name": "Kitchen light"}}', 1),
        ('{"name": "intent__HassTurnOn", "arguments": {"name": "Kitchen light"}}', 1),
        ('Sure! {"name": "HassTurnOn", "arguments": {"name": "Kitchen light"}} Done.', 1),
        ('<think>Call it: HassTurnOn(name="Kitchen light")</think>', 1),
        ('<think>HassTurnOn(name="Kitchen light")?</think>No, which one?', 0),
        ('{"name": "hass_turn_on_lights", "arguments": {}}', 0),
        ('Say {"name": "something", "arguments": {}} to me', 0),
        ("Turning on (the kitchen).", 0),
    ],
)
def test_calls_are_recognised_in_every_form(text: str, calls: int) -> None:
    assert written_calls(text, TOOLS) == [KITCHEN] * calls


def test_several_calls_come_in_order_and_each_once() -> None:
    text = "\n".join(
        f'<tool_call>{{"name": "{name}", "arguments": {{}}}}</tool_call>'
        for name in ("HassTurnOn", "HassTurnOff", "HassTurnOn")
    )
    assert [call.name for call in written_calls(text, TOOLS)] == ["HassTurnOn", "HassTurnOff"]


@pytest.mark.parametrize(
    "text",
    [
        '[TOOL_CALLS]HassTurnOn[ARGS]{"name": "A"}[TOOL_CALLS]HassTurnOff[ARGS]{"name": "B"}',
        "<function=HassTurnOn>{'name': 'A'}</function><function=HassTurnOff>{'name': 'B'}"
        "</function>",
        '[HassTurnOn(name="A"), HassTurnOff(name="B")]',
        "<|tool_call>call:HassTurnOn{name:A}<tool_call|>"
        "<|tool_call>call:HassTurnOff{name:B}<tool_call|>",
        '[{"name": "HassTurnOn", "arguments": {"name": "A"}}, '
        '{"name": "HassTurnOff", "arguments": {"name": "B"}}]',
    ],
)
def test_two_calls_in_one_answer(text: str) -> None:
    wanted = [Call("HassTurnOn", {"name": "A"}), Call("HassTurnOff", {"name": "B"})]
    assert output(text) == ("", wanted)


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("It is on.", "It is on."),
        ("<think>hm</think>It is on.", "It is on."),
        ("It is on.<think>never ends", "It is on."),
        ("<think>first</think> <think>second</think>Yes", "Yes"),
        ("The person greets me. I keep it short.\n</think>\n\nI am well!", "I am well!"),
        ("Okay, so they ask for the light. " * 40 + "</think>It is on.", "It is on."),
        ('Sure. <tool_call>{"name": "HassTurnOn"}</tool_call>', "Sure."),
        ('{"name": "HassTurnOn"} done', ""),
        ('{"say": "It is **on**."}', "It is on."),
        ("```json\n{}\n```", ""),
        ("Now HassTurnOn(name='x') it is", "Now it is"),
        ("Now light.turn_on(entity_id='light.x') it is", "Now it is"),
        ("2 < 3 and a `word` [here]", "2 < 3 and a word here"),
        ("[Kitchen light] is on", "Kitchen light is on"),
        ("Done.<|im_end|>", "Done."),
        ("Done.<|im_end|>\n<|im_start|>user\nand the other?", "Done."),
        ("<|im_start|>assistant\nDone.", "Done."),
        ("<|channel|>analysis thinking<|end|>Yes.", "Yes."),
        ("<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>Yes.",
         "Yes."),
        ("analysisThey want light.assistantfinalIt is on.", "It is on."),
        ("**Lights**: I can *dim* them.\n- Turn on\n- Turn off",
         "Lights: I can dim them.\nTurn on\nTurn off"),
        ("| Room | °C |\n|---|---|\n| Bath | 21 |", "Room, °C\nBath, 21"),
        ("See [the page](https://a.example/b_c) or https://www.example.org/x.", "See the page or."),
        ("# It is warm\n> 21 °C<br>outside", "It is warm\n21 °C\noutside"),
        ("打开了。**好的**！", "打开了。好的！"),
        ("It's 3 p.m. (about) & 50% – ok?", "It's 3 p.m. (about) & 50% – ok?"),
    ],
)  # fmt: skip
def test_only_speech_is_spoken(text: str, spoken: str) -> None:
    assert output(text)[0] == spoken
    assert output(text, 1)[0] == spoken


PIECES = st.lists(
    st.sampled_from(
        [
            *MARKS,
            *"{ } [ ] ( ) < > | ` * ** _ HassTurnOn( functions. analysis final a Hass".split(),
            *'{" "} [{" : , \' \\ </ <| |> https://a.b/c](x) | # - to= <|message|>'.split(),
            *(" ", "\n", "\n\n", "word ", "Okay, ", "。"),
        ]
    ),
    max_size=14,
).map("".join)


@given(PIECES | st.text(), st.lists(st.integers(0, 90)))
def test_what_is_read_does_not_hang_on_how_it_was_cut(text: str, cuts: list[int]) -> None:
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    pieces = ModelOutput(TOOLS)
    spoken = "".join([pieces.feed(text[start:end]) for start, end in pairwise(places)])
    assert (spoken + pieces.finish(), pieces.calls) == output(text)


@given(PIECES)
def test_no_mark_is_ever_spoken(text: str) -> None:
    said, _ = output(text)
    assert not [mark for mark in MARKS if mark.strip() and mark in said]
    assert "**" not in said
    assert "://" not in said
    assert "HassTurnOn(" not in said


@given(st.lists(st.text("abc,.!?äé", min_size=1).map(lambda word: f"a{word}")))
def test_plain_words_are_spoken_as_they_are(words: list[str]) -> None:
    assert output(" ".join(words))[0].split() == words


def test_a_long_reply_is_spoken_while_it_is_written() -> None:
    read = ModelOutput(TOOLS)
    said = [read.feed(f"word {number} and ") for number in range(20)]
    assert sum(bool(words) for words in said) > 10


HOSTILE = ["{", "<", "[", "(", "`", '"', "\\", "{[", '{"', '{"a":', "[{", "<t", "</", "<|", "f(",
           "a_b(", "a_b(1)", '{"a":1}', "<b>", "<think>", "</think>", "[TOOL_CALLS]", "call:a{",
           "<function=a>", "to=a{", "**", "|", "]( ", "www.a", "&a;",
           "HassTurnOn(name='", "\n- "]  # fmt: skip


@pytest.mark.parametrize("unit", HOSTILE)
def test_64_kb_of_anything_is_read(unit: str) -> None:
    text = (unit * 65_536)[:65_536]
    for start in ("", "Well, ", '{"say": "', "<tool_call>"):
        said, calls = output(start + text)
        assert len(said) <= 2 * len(text)
        assert calls in ([], [Call("HassTurnOn", {})])
