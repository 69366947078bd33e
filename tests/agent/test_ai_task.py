"""AI tasks: text, data of a form, images, one repair."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, strategies as st
from jsonschema import Draft202012Validator

from ollama_addon import isolated
from ollama_addon.agent import images, task_schema, validation
from ollama_addon.agent.ai_task import MAX_IMAGE, Task, generate
from ollama_addon.agent.task_schema import Structure
from ollama_addon.errors import AddonError
from tests.agent.scripted_agent import Answer, Talk

PERSON = {
    "type": "object",
    "title": "Person",
    "properties": {"title": {"type": "string"}, "age": {"$ref": "#/$defs/age"}},
    "required": ["title", "age"],
    "$defs": {"age": {"type": "integer", "minimum": 0, "default": 3}},
}


def png(width: int = 1, height: int = 1) -> str:
    """Return the beginning of a PNG of a size, which is all that is looked at."""
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height)
    return base64.b64encode(head + b"\x08\x02\x00\x00\x00").decode()


def jpeg(width: int, height: int) -> str:
    described = b"\xff\xe1" + struct.pack(">H", 9_000) + b"x" * 8_998
    size = b"\xff\xc0" + struct.pack(">HBHH", 17, 8, height, width)
    return base64.b64encode(b"\xff\xd8" + described + size + b"\x03" * 10).decode()


def webp(width: int, height: int) -> str:
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return base64.b64encode(b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + size + b"\0" * 8).decode()


PIXEL = png()


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
        Task("x", {"$dynamicRef": "http://example.com/schema"}),
        Task("x", images=["not base64!"]),
        Task("x", images=[""]),
        Task("x", images=[base64.b64encode(b"\x89PNG").decode()]),
        Task("x", images=[base64.b64encode(b"GIF89a" + b"x" * 40).decode()]),
        Task("x", images=[base64.b64encode(b"<svg></svg>" * 9).decode()]),
        Task("x", images=[png(0, 5)]),
        Task("x", images=[png(60_000, 60_000)]),
        Task("x", images=["A" * (30 * 2**20)]),
        Task("x", images=["AAAA=AAA"]),
        Task("x", images=["AAA"]),
        Task("x", images=["ä" * 8]),
        Task("x", images=["A" * (MAX_IMAGE * 2)]),
        Task("x", images=[PIXEL] * 9),
    ],
)
async def test_what_cannot_be_asked_is_refused_in_words(task: Task) -> None:
    talk = Talk(capabilities=("completion", "vision"))
    with pytest.raises(AddonError) as caught:
        await made(talk, task)
    assert (caught.value.code, caught.value.status) == ("invalid_task", 422)


@pytest.mark.parametrize("picture", [png(40, 30), jpeg(40, 30), webp(40, 30)])
async def test_pictures_of_every_kind_reach_the_engine(picture: str) -> None:
    for sent in (picture, f"data:image/png;base64,{picture}"):
        talk = Talk("A cat.", capabilities=("completion", "vision"))
        assert (await made(talk, Task("What is it?", images=[sent]))).text == "A cat."
        assert talk.model.asked[0]["messages"][-1]["images"] == [picture]
    found = images.picture_of(picture, most_pixels=10**6)
    assert (found.width, found.height) == (40, 30)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("<think>hm</think>Two\n\n- **lines**", "Two\n\n- **lines**"),
        ("They want lines.\n</think>\n\nTwo lines.", "Two lines."),
        ("```text\nTwo lines.\n```", "Two lines."),
        ("See:\n```python\nx = 1\n```", "See:\n```python\nx = 1\n```"),
        ("<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>Two.",
         "Two."),
        ('{"a": 1}', '{"a": 1}'),
    ],
)  # fmt: skip
async def test_thoughts_and_fences_are_taken_off_and_markup_stays(answer: str, text: str) -> None:
    assert (await made(Talk(answer), Task("Write two lines."))).text == text


@pytest.mark.parametrize(
    "answer",
    [
        '```json\n{"title": "Dr", "age": 40}\n```',
        '<think>{"age": 3}</think>{"title": "Dr", "age": 40}',
        'Here it is:\n{"title": "Dr", "age": 40}\nAnything else?',
        '{"title": "Dr", "age": 40,}',
        "{'title': 'Dr', 'age': 40}",
    ],
)
async def test_data_is_found_whatever_stands_around_it(answer: str) -> None:
    result = await made(Talk(answer), Task("Who?", PERSON))
    assert result.data == {"title": "Dr", "age": 40}
    assert result.usage.model_calls == 1


async def test_data_in_the_thoughts_of_a_model_that_always_thinks_counts() -> None:
    talk = Talk([{"content": ""}], capabilities=("completion", "thinking"))
    talk.agent.options = talk.agent.options.model_copy(update={"model": "gpt-oss:20b"})
    plain = talk.model.chat

    async def thinks(*args: Any, **more: Any) -> Any:
        yield {"message": {"content": "", "thinking": '{"title": "Dr", "age": 40}'}}
        async for chunk in plain(*args, **more):
            yield chunk

    talk.agent._servers.chat = thinks  # type: ignore[method-assign]
    assert (await made(talk, Task("Who?", PERSON))).data["age"] == 40
    assert talk.model.asked[0]["think"] == "low"


async def test_an_empty_text_is_asked_for_again_once() -> None:
    assert (await made(Talk("", "Two lines."), Task("Write."))).text == "Two lines."
    with pytest.raises(AddonError) as caught:
        await made(Talk("", "<think>hm"), Task("Write."))
    assert caught.value.code == "empty_answer"


async def test_the_engine_stops_when_the_caller_goes_away() -> None:
    talk = Talk()
    began, closed = asyncio.Event(), asyncio.Event()

    async def endless(*args: Any, **more: Any) -> Any:
        try:
            while True:
                yield {"message": {"content": "x"}}
                began.set()
                await asyncio.sleep(0)
        finally:
            closed.set()

    talk.agent._servers.chat = endless  # type: ignore[method-assign]
    task = asyncio.create_task(made(talk, Task("Write.")))
    await began.wait()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert closed.is_set()


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


@given(st.dictionaries(st.sampled_from(["type", "properties", "$ref", "anyOf", "x"]), JSON))
def test_reducing_never_fails_but_in_words(schema: Any) -> None:
    with suppress(AddonError):
        json.dumps(Structure(schema).schema)


@given(st.dictionaries(st.sampled_from(["title", "age", "x"]), st.integers(-3, 3) | st.text()))
def test_a_reduced_schema_accepts_what_the_whole_one_does(data: Any) -> None:
    whole, less = (Draft202012Validator(schema) for schema in (PERSON, Structure(PERSON).schema))
    assert whole.is_valid(data) == less.is_valid(data)


def doubling(levels: int) -> dict[str, Any]:
    """Return a schema of which each level refers twice to the next: 2 ** levels parts."""
    both = [{"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(levels)]
    defs = {f"d{n}": schema for n, schema in enumerate(both)}
    return {"$ref": "#/$defs/d0", "$defs": {**defs, f"d{levels}": {"type": "string"}}}


def nested(depth: int, key: str = "items") -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        schema = {key: [schema] if key == "anyOf" else schema}
    return schema


HOSTILE = {
    "doubling": doubling(30),
    "doubling, deep": doubling(100),
    "deep": nested(5_000),
    "deep choices": nested(400, "anyOf"),
    "wide": {"properties": {f"p{n}": {"type": "string"} for n in range(20_000)}},
    "many values": {"enum": list(range(20_000))},
    "long words": {"properties": {"x" * 60_000: {}}},
    "in a circle": {"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}] * 9}}, "$ref": "#/$defs/a"},
    "around itself": {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]},
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_structure_is_refused_before_it_is_expanded(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_parts = 0
    count = task_schema._Reducing._count

    def counted(self: Any, more: int) -> None:
        nonlocal made_parts
        made_parts += more
        count(self, more)

    monkeypatch.setattr(task_schema._Reducing, "_count", counted)
    with pytest.raises(AddonError) as caught:
        Structure(HOSTILE[name])
    assert caught.value.code == "invalid_task"
    assert made_parts <= task_schema.MAX_PARTS + 1


async def test_a_structure_of_many_parts_is_used_all_the_same() -> None:
    names = [f"p{n}" for n in range(300)]
    schema = {"properties": {name: {"type": "integer"} for name in names}, "required": names}
    talk = Talk("{}", json.dumps(dict.fromkeys(names, 1)))
    assert (await made(talk, Task("Which?", schema))).data["p299"] == 1
    assert talk.model.asked[1]["messages"][-1]["content"].startswith("That is not valid: $: 'p0'")
    with pytest.raises(AddonError, match="no JSON schema: 5 is not"):
        await made(Talk(), Task("Which?", {**schema, "type": 5}))


@pytest.mark.parametrize(
    ("schema", "answer"),
    [
        ({"type": "string", "pattern": "^(a+)+$"}, json.dumps("a" * 40 + "!")),
        ({"items": {"type": "string", "pattern": "(x*)*y"}}, json.dumps(["x" * 30] * 9)),
        ({"anyOf": [{"items": {"const": n}} for n in range(900)]}, json.dumps([0.5] * 9_000)),
        ({"uniqueItems": True}, json.dumps([{"a": n} for n in range(5_000)])),
    ],
)
async def test_what_takes_long_is_checked_elsewhere_and_given_up(
    schema: dict[str, Any], answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def here(*_: Any) -> Any:
        raise AssertionError("It would hold up the app.")

    monkeypatch.setattr(validation, "read", here)
    monkeypatch.setattr(isolated, "PATIENCE", 3.0)
    with pytest.raises(AddonError) as caught:
        await made(Talk(answer, answer), Task("x", schema))
    assert caught.value.code in ("invalid_task", "bad_data")


@pytest.mark.parametrize(
    "answer",
    [
        "{" * 64_000,
        "[" * 64_000,
        " " * 60_000 + "x",
        "```" + "\n" * 60_000,
        '"' + "\\" * 60_000,
        "9" * 60_000,
        "[" + "1," * 30_000,
        "x" * 70_000,
    ],
)
async def test_no_answer_holds_up_the_app(answer: str) -> None:
    talk = Talk(answer, answer)
    with pytest.raises(AddonError) as caught:
        await made(talk, Task("x", {"type": "object"}))
    assert caught.value.code in ("bad_data", "bad_answer")


@pytest.mark.parametrize("around", ["{}", "```json\n{}\n```", "```\n{}```", "  {}\n"])
async def test_what_models_put_around_json_is_taken_away(around: str) -> None:
    talk = Talk(around.replace("{}", '{"title": "Dr", "age": 40}'))
    assert (await made(talk, Task("Who?", PERSON))).data == {"title": "Dr", "age": 40}
