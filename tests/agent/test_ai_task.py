"""AI tasks: text, data of a form, images, one repair."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, strategies as st
from jsonschema import Draft202012Validator

from ollama_addon.agent.ai_task import Task, generate, reduced
from ollama_addon.errors import AddonError
from tests.agent.scripted_agent import Answer, Talk

PERSON = {
    "type": "object",
    "title": "Person",
    "properties": {"title": {"type": "string"}, "age": {"$ref": "#/$defs/age"}},
    "required": ["title", "age"],
    "$defs": {"age": {"type": "integer", "minimum": 0, "default": 3}},
}
PIXEL = base64.b64encode(b"\x89PNG").decode()


async def made(talk: Talk, task: Task) -> Any:
    return await generate(talk.agent, talk.agent._servers, task)


async def test_free_text_comes_without_thoughts() -> None:
    talk = Talk("<think>short</think>Two lines.", instructions="Be brief.")
    assert (await made(talk, Task("Write two lines."))).text == "Two lines."
    assert "Be brief." in talk.model.asked[0]["messages"][0]["content"]


async def test_data_is_valid_under_the_structure() -> None:
    talk = Talk('{"title": "Dr", "age": 40}')
    result = await made(talk, Task("Who?", PERSON))
    assert result.data == {"title": "Dr", "age": 40}
    assert result.usage.model_calls == 1
    sent = talk.model.asked[0]["format"]
    assert sent["properties"] == {
        "title": {"type": "string"},
        "age": {"type": "integer", "minimum": 0},
    }
    assert "title" not in {key for key in sent if key != "properties"}


@pytest.mark.parametrize("bad", ["not json", '{"title": "Dr"}', '{"title": "Dr", "age": -1}'])
async def test_wrong_data_is_repaired_once(bad: str) -> None:
    talk = Talk(bad, '{"title": "Dr", "age": 40}')
    result = await made(talk, Task("Who?", PERSON))
    assert result.data["age"] == 40
    assert result.usage.model_calls == 2
    assert "not valid" in talk.model.asked[1]["messages"][-1]["content"]


async def test_data_that_stays_wrong_is_an_error() -> None:
    talk = Talk("no", "no")
    with pytest.raises(AddonError) as caught:
        await made(talk, Task("Who?", PERSON))
    assert caught.value.code == "bad_data"


async def test_images_go_to_a_model_that_can_see() -> None:
    talk = Talk("A cat.", capabilities=("completion", "vision"))
    assert (await made(talk, Task("What is it?", images=[PIXEL]))).text == "A cat."
    assert talk.model.asked[0]["messages"][-1]["images"] == [PIXEL]
    with pytest.raises(AddonError) as caught:
        await made(Talk(), Task("What is it?", images=[PIXEL]))
    assert caught.value.code == "no_vision"


@pytest.mark.parametrize(
    "task",
    [
        Task(" "),
        Task("x" * 60_000),
        Task("x", {"type": "nonsense"}),
        Task("x", {"$ref": "http://example.com/schema"}),
        Task("x", {"$ref": "#"}),
        Task("x", {"$ref": "#/$defs/nowhere"}),
        Task("x", images=["not base64!"]),
        Task("x", images=[PIXEL] * 9),
    ],
)
async def test_what_cannot_be_asked_is_refused_in_words(task: Task) -> None:
    talk = Talk(capabilities=("completion", "vision"))
    with pytest.raises(AddonError) as caught:
        await made(talk, task)
    assert (caught.value.code, caught.value.status) == ("invalid_task", 422)


async def test_data_that_did_not_fit_is_said_to_be_cut_off() -> None:
    answer: Answer = '{"title": "'
    talk = Talk(answer)
    plain = talk.model.chat

    async def cut(*args: Any, **more: Any) -> Any:
        async for chunk in plain(*args, **more):
            yield {**chunk, "done_reason": "length"} if chunk.get("done") else chunk

    talk.agent._servers.chat = cut  # type: ignore[method-assign]
    with pytest.raises(AddonError) as caught:
        await made(talk, Task("Who?", PERSON))
    assert caught.value.code == "cut_off"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "properties", "items", "title", "$ref", "enum", "x"]), inner
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_reducing_never_fails_but_in_words(schema: Any) -> None:
    with suppress(AddonError):
        json.dumps(reduced(schema))


@given(st.dictionaries(st.sampled_from(["title", "age", "x"]), st.integers(-3, 3) | st.text()))
def test_a_reduced_schema_accepts_what_the_whole_one_does(data: Any) -> None:
    whole, less = (Draft202012Validator(schema) for schema in (PERSON, reduced(PERSON)))
    assert whole.is_valid(data) == less.is_valid(data)
