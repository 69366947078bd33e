"""What this project relies on of Ollama's API, held against everything that speaks it here.

The scripted server of the tests, the embedded engine of development, that engine behind the
gateway, and any server that OLLAMA_HOST names: what one of them answers, all of them do.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from typing import Any

import ollama
import pytest
import pytest_asyncio

from ollama_addon.engine.servers import Servers
from ollama_addon.options import ServerOptions
from ollama_addon.web.gateway.gateway import make_gateway
from ollama_addon.web.gateway.key import Key
from ollama_addon.web.listener import Listener

from .scripted import MODEL, Scripted

KEY = "key"
HELLO = [{"role": "user", "content": "Say hello."}]
UNKNOWN = "ollama-addon-contract:unknown"


class Target:
    def __init__(self, kind: str, url: str, key: str = "") -> None:
        self.kind = kind
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.client = ollama.AsyncClient(url, headers=headers, timeout=120, trust_env=False)


@pytest_asyncio.fixture(params=["scripted", "embedded", "gateway", "real"])
async def target(request: pytest.FixtureRequest) -> AsyncIterator[Target]:
    kind = request.param
    if kind == "scripted":
        async with Scripted(MODEL) as server:
            yield Target(kind, server.url)
        return
    if kind == "real":
        if not (host := os.environ.get("OLLAMA_HOST")):
            pytest.skip("OLLAMA_HOST names no server")
        yield Target(kind, host)
        return
    engine = request.getfixturevalue("engine")
    if kind == "embedded":
        yield Target(kind, engine)
        return
    servers = Servers([ServerOptions(url=engine)], None)
    await servers.refresh()
    listener = Listener(make_gateway(servers, Key(KEY), allow_changes=True), "127.0.0.1", 0)
    await listener.start()
    yield Target(kind, f"http://127.0.0.1:{listener.port}", KEY)
    await listener.stop()
    await servers.stop()


@pytest_asyncio.fixture
async def model(target: Target) -> str:
    """The model, pulled where it is not there yet."""
    await target.client.pull(MODEL)
    return MODEL


async def refused(call: Any) -> ollama.ResponseError:
    with pytest.raises(ollama.ResponseError) as raised:
        await call
    assert raised.value.error
    return raised.value


async def test_models_are_listed(target: Target, model: str) -> None:
    found = {each.model: each for each in (await target.client.list()).models}
    assert found[model].digest
    await target.client.ps()


async def test_a_model_tells_what_it_can_do(target: Target, model: str) -> None:
    shown = await target.client.show(model)
    assert "completion" in (shown.capabilities or ())
    info = shown.modelinfo or {}
    architecture = info["general.architecture"]
    assert info[f"{architecture}.context_length"] > 0


async def test_an_answer_comes_in_chunks_and_ends_with_counts(target: Target, model: str) -> None:
    options = {"num_ctx": 2048, "num_predict": 8}
    chunks = [
        chunk
        async for chunk in await target.client.chat(model, HELLO, stream=True, options=options)
    ]
    assert [chunk.done for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert "".join(chunk.message.content or "" for chunk in chunks)
    assert chunks[0].message.role == "assistant"
    last = chunks[-1]
    assert (last.prompt_eval_count or 0) > 0
    assert (last.eval_count or 0) > 0
    assert (last.prompt_eval_duration or 0) > 0
    assert last.load_duration is not None


async def test_a_schema_is_kept_to(target: Target, model: str) -> None:
    schema = {
        "type": "object",
        "properties": {"word": {"enum": ["yes", "no"]}},
        "required": ["word"],
        "additionalProperties": False,
    }
    if target.kind == "scripted":
        pytest.skip("a script says what it says")
    answer = await target.client.chat(
        model, HELLO, format=schema, options={"num_ctx": 2048, "temperature": 0}
    )
    assert json.loads(answer.message.content or "")["word"] in ("yes", "no")


async def test_a_model_that_is_not_there(target: Target) -> None:
    assert (await refused(target.client.chat(UNKNOWN, HELLO))).status_code == 404
    assert (await refused(target.client.show(UNKNOWN))).status_code == 404
    assert (await refused(target.client.delete(UNKNOWN))).status_code == 404


async def test_a_pull_of_what_no_library_has(target: Target) -> None:
    error = await refused(target.client.pull(UNKNOWN))
    assert "file does not exist" in error.error


async def test_a_pull_ends_with_success(target: Target) -> None:
    steps = [step async for step in await target.client.pull(MODEL, stream=True)]
    assert steps[-1].status == "success"


async def test_a_model_is_unloaded_on_request(target: Target, model: str) -> None:
    await target.client.chat(model, HELLO, options={"num_ctx": 2048, "num_predict": 1})
    assert model in {each.model for each in (await target.client.ps()).models}
    await target.client.generate(model, keep_alive=0)
    assert model not in {each.model for each in (await target.client.ps()).models}
