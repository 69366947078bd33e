"""What the documented Ollama API promises, held against the embedded engine.

With OLLAMA_HOST set, the same tests also run against that server.
"""

import asyncio
import hashlib
import json
import math
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import ollama
import psutil
import pytest

MODEL = "smollm2:135m"
COPY = "ollama-addon-contract:copy"
UNKNOWN = "ollama-addon-contract:unknown"
GREEDY = {"temperature": 0, "num_predict": 12}
HELLO = [{"role": "user", "content": "Say hello."}]
TOOL = {
    "type": "function",
    "function": {
        "name": "turn_on",
        "description": "Turn on a device",
        "parameters": {
            "type": "object",
            "properties": {"name": {"type": "string"}},
            "required": ["name"],
        },
    },
}
# Bound to write some ten thousand tokens, so that only a cancellation ends it soon.
ENDLESS = {
    "type": "array",
    "items": {"const": "the quick brown fox jumps over it"},
    "minItems": 900,
}


@dataclass(frozen=True)
class Engine:
    """A server under test; the embedded one has a process and a folder of models."""

    url: str
    process: subprocess.Popen[bytes] | None = None
    models: Path = Path()

    @property
    def embedded(self) -> bool:
        return self.process is not None

    @asynccontextmanager
    async def http(self) -> AsyncIterator[httpx.AsyncClient]:
        async with httpx.AsyncClient(base_url=self.url, timeout=120, trust_env=False) as client:
            yield client

    @asynccontextmanager
    async def client(self) -> AsyncIterator[ollama.AsyncClient]:
        async with ollama.AsyncClient(self.url, timeout=120, trust_env=False) as client:
            yield client

    async def requests(self) -> list[dict[str, Any]]:
        """Return the embedded engine's own record of the requests it served."""
        async with self.http() as http:
            served: list[dict[str, Any]] = (await http.get("/dev/requests")).json()["requests"]
        return served


@contextmanager
def embedded_engine(models: Path, **environment: str) -> Iterator[Engine]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("OLLAMA_")}
    with (models.parent / f"{models.name}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "dev.engine", "serve"],
            env=inherited | {"OLLAMA_HOST": address, "OLLAMA_MODELS": str(models)} | environment,
            cwd=Path(__file__).parents[2],
            stderr=log,
        )
    try:
        wait_until_it_answers(process, address)
        yield Engine(f"http://{address}", process, models)
    finally:
        process.terminate()
        process.wait(timeout=30)


def wait_until_it_answers(process: subprocess.Popen[bytes], address: str) -> None:
    while process.poll() is None:
        try:
            if httpx.get(f"http://{address}/", trust_env=False).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    pytest.fail(f"the embedded engine ended with status {process.returncode}")


def given_server() -> str:
    host = os.environ.get("OLLAMA_HOST", "")
    return host if "://" in host or not host else f"http://{host}"


@pytest.fixture(scope="module", params=["embedded", *(["given"] if given_server() else [])])
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    if request.param == "given":
        yield Engine(given_server())
        return
    with embedded_engine(tmp_path_factory.mktemp("engine") / "models") as started:
        yield started


@pytest.fixture(scope="module")
def pulled(engine: Engine) -> list[dict[str, Any]]:
    """Pull the model; what was streamed meanwhile."""
    with httpx.Client(base_url=engine.url, timeout=None, trust_env=False) as http:
        answer = http.post("/api/pull", json={"model": MODEL})
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    return [json.loads(line) for line in answer.text.splitlines()]


@pytest.fixture
async def client(engine: Engine, pulled: list[dict[str, Any]]) -> AsyncIterator[ollama.AsyncClient]:
    async with engine.client() as opened:
        yield opened


@pytest.fixture
async def http(engine: Engine, pulled: list[dict[str, Any]]) -> AsyncIterator[httpx.AsyncClient]:
    async with engine.http() as opened:
        yield opened


async def models_running(client: ollama.AsyncClient) -> list[str]:
    return [model.model or "" for model in (await client.ps()).models]


async def until_unloaded(client: ollama.AsyncClient) -> None:
    async with asyncio.timeout(30):
        while MODEL in await models_running(client):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


class TestServer:
    async def test_says_that_it_runs(self, http: httpx.AsyncClient) -> None:
        assert (await http.get("/")).text == "Ollama is running"
        assert (await http.head("/")).status_code == 200

    async def test_has_a_version_that_clients_parse(self, http: httpx.AsyncClient) -> None:
        version = (await http.get("/api/version")).json()["version"]

        assert re.match(r"\d+\.\d+\.\d+", version)

    async def test_the_embedded_one_says_what_it_is(self, engine: Engine) -> None:
        if not engine.embedded:
            pytest.skip("only of the embedded engine")
        async with engine.http() as http:
            version = (await http.get("/api/version")).json()["version"]

        assert version.endswith("+embedded")
        assert "for development" in engine.models.with_suffix(".log").read_text()

    async def test_an_unknown_route_is_not_found(self, http: httpx.AsyncClient) -> None:
        assert (await http.get("/api/nothing")).status_code == 404


class TestModels:
    def test_a_pull_streams_real_progress(
        self, engine: Engine, pulled: list[dict[str, Any]]
    ) -> None:
        assert pulled[0] == {"status": "pulling manifest"}
        assert pulled[-1] == {"status": "success"}
        assert {"status": "verifying sha256 digest"} in pulled
        layers: dict[str, list[dict[str, Any]]] = {}
        for line in pulled:
            if "digest" in line:
                layers.setdefault(line["digest"], []).append(line)
        for digest, lines in layers.items():
            assert re.fullmatch(r"sha256:[0-9a-f]{64}", digest)
            assert lines[0]["status"] == f"pulling {digest[7:19]}"
            completed = [line.get("completed", 0) for line in lines]
            assert completed == sorted(completed)
            assert completed[-1] == lines[-1]["total"]
        if engine.embedded:
            weights = max(layers.values(), key=lambda lines: int(lines[0]["total"]))
            assert len(weights) > 10
            for digest in layers:
                blob = engine.models / "blobs" / digest.replace(":", "-")
                assert hashlib.sha256(blob.read_bytes()).hexdigest() == digest[7:]

    async def test_a_pull_without_stream_is_one_object(self, http: httpx.AsyncClient) -> None:
        answer = await http.post("/api/pull", json={"model": MODEL, "stream": False})

        assert answer.json() == {"status": "success"}

    async def test_a_pull_of_an_unknown_model_says_so(self, http: httpx.AsyncClient) -> None:
        streamed = await http.post("/api/pull", json={"model": UNKNOWN})
        gathered = await http.post("/api/pull", json={"model": UNKNOWN, "stream": False})

        error = json.loads(streamed.text.splitlines()[-1])
        assert error == {"error": "pull model manifest: file does not exist"}
        assert gathered.status_code == 500
        assert gathered.json() == error

    async def test_tags_list_it(self, client: ollama.AsyncClient) -> None:
        (model,) = [model for model in (await client.list()).models if model.model == MODEL]

        assert model.size
        assert model.size > 50_000_000
        assert re.fullmatch(r"[0-9a-f]{64}", model.digest or "")
        assert model.modified_at
        assert model.details
        assert model.details.format == "gguf"
        assert model.details.family == "llama"
        assert model.details.parameter_size == "134.52M"

    async def test_show_describes_it(self, client: ollama.AsyncClient) -> None:
        shown = await client.show(MODEL)

        assert set(shown.capabilities or []) == {"completion", "tools"}
        assert shown.modelinfo
        assert shown.modelinfo["general.architecture"] == "llama"
        assert shown.modelinfo["llama.context_length"] == 8192
        assert shown.modelinfo["tokenizer.ggml.tokens"] in (None, [])
        assert "<|im_start|>" in (shown.template or "")
        assert "stop" in (shown.parameters or "")
        assert "Apache License" in (shown.license or "")

    async def test_show_takes_the_older_name_of_the_field(self, http: httpx.AsyncClient) -> None:
        assert (await http.post("/api/show", json={"name": MODEL})).status_code == 200

    async def test_a_copy_is_listed_answers_and_can_be_deleted(
        self, client: ollama.AsyncClient
    ) -> None:
        await client.copy(MODEL, COPY)
        listed = {model.model: model for model in (await client.list()).models}
        answer = await client.chat(COPY, HELLO, options=GREEDY)
        await client.delete(COPY)

        assert listed[COPY].digest == listed[MODEL].digest
        assert answer.model == COPY
        assert answer.message.content
        assert COPY not in [model.model for model in (await client.list()).models]
        assert (await client.chat(MODEL, HELLO, options=GREEDY)).message.content

    async def test_what_does_not_exist_cannot_be_copied_deleted_or_shown(
        self, client: ollama.AsyncClient
    ) -> None:
        for attempt in (
            client.copy(UNKNOWN, COPY),
            client.delete(UNKNOWN),
            client.show(UNKNOWN),
        ):
            with pytest.raises(ollama.ResponseError, match="not found") as caught:
                await attempt
            assert caught.value.status_code == 404


class TestChat:
    async def test_answers_in_one_object(self, client: ollama.AsyncClient) -> None:
        answer = await client.chat(MODEL, HELLO, options=GREEDY)

        assert answer.model == MODEL
        assert answer.message.role == "assistant"
        assert answer.message.content
        assert answer.done
        assert answer.done_reason in ("stop", "length")

    async def test_counts_and_clocks(self, http: httpx.AsyncClient) -> None:
        body = {"model": MODEL, "messages": HELLO, "stream": False, "options": GREEDY}
        first, again = [(await http.post("/api/chat", json=body)).json() for _ in range(2)]

        assert 0 < again["eval_count"] <= 12
        assert again["prompt_eval_count"] == first["prompt_eval_count"] > 0
        for name in ("load_duration", "prompt_eval_duration", "eval_duration"):
            assert isinstance(again[name], int)
            assert 0 < again[name] < again["total_duration"]

    async def test_streams_the_same_answer_in_parts(self, http: httpx.AsyncClient) -> None:
        body = {"model": MODEL, "messages": HELLO, "options": GREEDY}
        whole = (await http.post("/api/chat", json={**body, "stream": False})).json()
        streamed = await http.post("/api/chat", json=body)

        parts = [json.loads(line) for line in streamed.text.splitlines()]
        assert streamed.headers["content-type"].startswith("application/x-ndjson")
        assert len(parts) > 2
        assert [part["done"] for part in parts] == [False] * (len(parts) - 1) + [True]
        assert all(part["model"] == MODEL and part["created_at"] for part in parts)
        assert "eval_count" not in parts[0]
        assert parts[-1]["eval_count"] == whole["eval_count"]
        text = "".join(part["message"]["content"] for part in parts)
        assert text == whole["message"]["content"]

    async def test_a_schema_binds_the_answer(self, client: ollama.AsyncClient) -> None:
        schema = {
            "type": "object",
            "properties": {
                "verb": {"enum": ["unlikely_verb", "other_verb"]},
                "level": {"type": "integer"},
            },
            "required": ["verb", "level"],
        }
        for question in ("Say hello.", "What is the capital of France?"):
            messages = [{"role": "user", "content": question}]
            answer = await client.chat(
                MODEL, messages, format=schema, options={"temperature": 0, "num_predict": 100}
            )
            said = json.loads(answer.message.content or "")
            assert said["verb"] in ("unlikely_verb", "other_verb")
            assert isinstance(said["level"], int)
            assert said.keys() == {"verb", "level"}

    async def test_the_json_format_gives_an_object(self, client: ollama.AsyncClient) -> None:
        messages = [{"role": "user", "content": "Name one colour. Respond using JSON."}]
        answer = await client.chat(MODEL, messages, format="json", options=GREEDY)

        assert (answer.message.content or "").lstrip().startswith("{")

    async def test_tools_are_called_with_arguments_as_an_object(
        self, engine: Engine, client: ollama.AsyncClient
    ) -> None:
        messages: list[dict[str, Any]] = []
        for name in ("kitchen light", "bedroom light", "hall light"):
            call = {"function": {"name": "turn_on", "arguments": {"name": name}}}
            messages += [
                {"role": "user", "content": f"Turn on the {name}."},
                {"role": "assistant", "content": "", "tool_calls": [call]},
                {"role": "tool", "tool_name": "turn_on", "content": "done"},
                {"role": "assistant", "content": "Done."},
            ]
        messages.append({"role": "user", "content": "Turn on the attic light."})
        options = {"temperature": 0, "num_predict": 60}
        whole = await client.chat(MODEL, messages, tools=[TOOL], options=options)
        parts = [
            part
            async for part in await client.chat(
                MODEL, messages, tools=[TOOL], options=options, stream=True
            )
        ]

        streamed = [call for part in parts for call in part.message.tool_calls or []]
        assert parts[-1].done
        assert streamed == list(whole.message.tool_calls or [])
        assert all(call.function.name == "turn_on" for call in streamed)
        if engine.embedded:
            (made,) = whole.message.tool_calls or []
            assert made.function.arguments == {"name": "attic light"}
            assert not whole.message.content

    async def test_num_predict_ends_it(self, client: ollama.AsyncClient) -> None:
        answer = await client.chat(
            MODEL, HELLO, options={"num_predict": 3}, format={"type": "array", "minItems": 5}
        )

        assert answer.eval_count == 3
        assert answer.done_reason == "length"

    async def test_stop_ends_it(self, client: ollama.AsyncClient) -> None:
        schema = {"const": "one two three"}
        whole = await client.chat(MODEL, HELLO, format=schema)
        cut = await client.chat(MODEL, HELLO, format=schema, options={"stop": ["two"]})

        assert whole.message.content == '"one two three"'
        assert cut.message.content == '"one '
        assert cut.done_reason == "stop"

    async def test_a_seed_repeats_the_answer(self, client: ollama.AsyncClient) -> None:
        def options(seed: int) -> dict[str, Any]:
            return {"temperature": 1.5, "num_predict": 12, "seed": seed}

        await client.chat(MODEL, HELLO, options=GREEDY)
        one, again, other = [
            (await client.chat(MODEL, HELLO, options=options(seed))).message.content
            for seed in (7, 7, 8)
        ]
        assert one == again
        assert one != other

    async def test_the_oldest_messages_give_way_but_not_the_system_one(
        self, engine: Engine, client: ollama.AsyncClient
    ) -> None:
        messages = [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "word " * 700},
            {"role": "assistant", "content": "Yes."},
            {"role": "user", "content": "Hello."},
        ]
        options = {"num_ctx": 512, **GREEDY}
        answer = await client.chat(MODEL, messages, options=options)
        without = await client.chat(MODEL, [messages[0], *messages[2:]], options=options)

        assert answer.prompt_eval_count == without.prompt_eval_count
        assert (without.prompt_eval_count or 0) < 512

    async def test_a_message_that_is_too_long_is_cut_without_a_word(
        self, client: ollama.AsyncClient
    ) -> None:
        message = [{"role": "user", "content": "word " * 700}]
        answer = await client.chat(MODEL, message, options={"num_ctx": 512, **GREEDY})

        assert 0 < (answer.prompt_eval_count or 0) <= 512

    async def test_what_may_not_be_cut_is_refused(self, http: httpx.AsyncClient) -> None:
        body = {
            "model": MODEL,
            "messages": [*HELLO, {"role": "user", "content": "word " * 700}],
            "truncate": False,
            "options": {"num_ctx": 512, **GREEDY},
        }
        answer = await http.post("/api/chat", json=body)

        assert answer.status_code == 400
        assert "exceeds the available context size" in answer.json()["error"]

    async def test_thinking_is_refused_by_a_model_that_cannot(
        self, client: ollama.AsyncClient
    ) -> None:
        with pytest.raises(ollama.ResponseError, match="does not support thinking") as caught:
            await client.chat(MODEL, HELLO, think=True)
        assert caught.value.status_code == 400
        assert (await client.chat(MODEL, HELLO, think=False, options=GREEDY)).message.content

    async def test_images_are_refused_by_a_model_that_cannot_see(
        self, client: ollama.AsyncClient
    ) -> None:
        message = {"role": "user", "content": "What is this?", "images": ["aGVsbG8="]}

        with pytest.raises(ollama.ResponseError):
            await client.chat(MODEL, [message])


class TestGenerate:
    async def test_answers_and_goes_on_from_a_context(self, client: ollama.AsyncClient) -> None:
        first = await client.generate(MODEL, "Say hello.", system="Be brief.", options=GREEDY)
        second = await client.generate(MODEL, "Again.", context=first.context, options=GREEDY)

        assert first.response
        assert first.done
        assert first.context
        assert second.prompt_eval_count
        assert first.prompt_eval_count
        assert second.prompt_eval_count > first.prompt_eval_count

    async def test_streams(self, client: ollama.AsyncClient) -> None:
        whole = await client.generate(MODEL, "Say hello.", options=GREEDY)
        parts = [
            part
            async for part in await client.generate(
                MODEL, "Say hello.", options=GREEDY, stream=True
            )
        ]

        assert len(parts) > 2
        assert "".join(part.response or "" for part in parts) == whole.response
        assert parts[-1].eval_count == whole.eval_count

    async def test_a_schema_binds_the_answer(self, client: ollama.AsyncClient) -> None:
        answer = await client.generate(MODEL, "Hello.", format={"enum": ["alpha", "omega"]})

        assert json.loads(answer.response or "") in ("alpha", "omega")

    async def test_raw_adds_no_template(self, client: ollama.AsyncClient) -> None:
        options = {**GREEDY, "num_predict": 1}
        raw = await client.generate(MODEL, "one two", raw=True, options=options)
        templated = await client.generate(MODEL, "one two", options=options)

        assert raw.prompt_eval_count == 2
        assert templated.prompt_eval_count
        assert templated.prompt_eval_count > 10
        assert not raw.context

    async def test_a_suffix_is_refused_by_a_model_that_cannot_insert(
        self, client: ollama.AsyncClient
    ) -> None:
        with pytest.raises(ollama.ResponseError, match="does not support insert") as caught:
            await client.generate(MODEL, "a", suffix="b")
        assert caught.value.status_code == 400


class TestEmbed:
    @pytest.fixture(autouse=True)
    async def able(self, engine: Engine, client: ollama.AsyncClient) -> None:
        capabilities = (await client.show(MODEL)).capabilities or []
        if not engine.embedded and "embedding" not in capabilities:
            pytest.skip("this server's model does not embed")

    async def test_gives_a_unit_vector_for_each_input(self, client: ollama.AsyncClient) -> None:
        answer = await client.embed(MODEL, ["turn on the light", "turn off the light", "bread"])

        light, dark, bread = answer.embeddings
        assert all(math.isclose(math.hypot(*vector), 1, abs_tol=1e-3) for vector in (light, bread))
        assert math.dist(light, dark) < math.dist(light, bread)
        assert answer.prompt_eval_count
        assert answer.total_duration

    async def test_cuts_to_the_dimensions_asked_for(self, client: ollama.AsyncClient) -> None:
        ((*vector,),) = (await client.embed(MODEL, "hello", dimensions=64)).embeddings

        assert len(vector) == 64
        assert math.isclose(math.hypot(*vector), 1, abs_tol=1e-3)

    async def test_the_older_route_gives_one(self, client: ollama.AsyncClient) -> None:
        assert len((await client.embeddings(MODEL, "hello")).embedding) == 576


class TestKeepAlive:
    async def test_an_empty_request_loads_and_one_with_zero_unloads(
        self, client: ollama.AsyncClient
    ) -> None:
        loaded = await client.generate(MODEL)
        running = await models_running(client)
        unloaded = await client.chat(MODEL, keep_alive=0)
        await until_unloaded(client)

        assert (loaded.done, loaded.done_reason, loaded.response) == (True, "load", "")
        assert MODEL in running
        assert (unloaded.done, unloaded.done_reason) == (True, "unload")

    async def test_zero_unloads_after_the_answer(self, client: ollama.AsyncClient) -> None:
        answer = await client.chat(MODEL, HELLO, options=GREEDY, keep_alive=0)
        await until_unloaded(client)

        assert answer.message.content

    @pytest.mark.parametrize(
        ("keep_alive", "least", "most"),
        [
            ("10m", timedelta(minutes=9), timedelta(minutes=11)),
            (1200, timedelta(minutes=19), timedelta(minutes=21)),
            (-1, timedelta(days=300), timedelta.max),
        ],
    )
    async def test_ps_says_until_when(
        self,
        client: ollama.AsyncClient,
        keep_alive: str | int,
        least: timedelta,
        most: timedelta,
    ) -> None:
        await client.generate(MODEL, keep_alive=keep_alive)
        (model,) = [model for model in (await client.ps()).models if model.model == MODEL]

        assert model.expires_at
        assert least < model.expires_at - datetime.now(UTC) < most
        assert model.size
        assert re.fullmatch(r"[0-9a-f]{64}", model.digest or "")

    async def test_it_is_unloaded_when_the_time_is_over(self, client: ollama.AsyncClient) -> None:
        await client.chat(MODEL, HELLO, options=GREEDY, keep_alive="200ms")

        await until_unloaded(client)

    async def test_another_num_ctx_loads_it_anew(self, client: ollama.AsyncClient) -> None:
        lengths = []
        for num_ctx in (1024, 2048.0, 1_000_000):
            await client.chat(MODEL, HELLO, options={**GREEDY, "num_ctx": num_ctx})
            (model,) = [model for model in (await client.ps()).models if model.model == MODEL]
            lengths.append(model.context_length)

        assert lengths == [1024, 2048, 8192]

    async def test_what_loads_it_anew(
        self, engine: Engine, client: ollama.AsyncClient, http: httpx.AsyncClient
    ) -> None:
        async def loaded(path: str, **fields: Any) -> int:
            body = {"model": MODEL, "messages": HELLO, "max_tokens": 2, **fields}
            before = (await http.get("/dev/requests")).json()["loads"]
            (await http.post(path, json=body)).raise_for_status()
            return int((await http.get("/dev/requests")).json()["loads"] - before)

        if not engine.embedded:
            pytest.skip("only the embedded engine counts its loads")
        default = {"num_ctx": 4096, "num_predict": 2}
        await client.chat(MODEL, HELLO, options=default)
        assert await loaded("/v1/chat/completions") == 0
        assert await loaded("/v1/messages") == 0
        assert await loaded("/api/chat", options=default, shift=True) == 0
        # What no request to `/v1` can say, it cannot have loaded either.
        assert await loaded("/api/chat", options=default, shift=False) == 1
        assert await loaded("/v1/chat/completions") == 1
        assert await loaded("/api/chat", options={**default, "num_thread": 1}) == 1
        assert await loaded("/v1/messages") == 1
        assert await loaded("/api/chat", options={**default, "num_ctx": 2048}) == 1


class TestErrors:
    @pytest.mark.parametrize("route", ["chat", "generate", "embed", "embeddings", "show"])
    async def test_an_unknown_model_is_not_found(self, http: httpx.AsyncClient, route: str) -> None:
        answer = await http.post(f"/api/{route}", json={"model": UNKNOWN})

        assert answer.status_code == 404
        assert "not found" in answer.json()["error"]
        assert UNKNOWN in answer.json()["error"]

    @pytest.mark.parametrize("body", ["", "{", "[]", '{"model": 5}', '{"messages": "x"}', "{}"])
    async def test_a_broken_body_is_a_bad_request(self, http: httpx.AsyncClient, body: str) -> None:
        answer = await http.post("/api/chat", content=body)

        assert answer.status_code == 400
        assert answer.json()["error"]

    async def test_the_content_type_does_not_matter(self, http: httpx.AsyncClient) -> None:
        form = {"content-type": "application/x-www-form-urlencoded"}
        answer = await http.post("/api/show", content=json.dumps({"model": MODEL}), headers=form)

        assert answer.status_code == 200

    @pytest.mark.parametrize(
        ("field", "value", "message"),
        [
            ("format", "xml", "invalid format"),
            ("format", {"type": "nonsense"}, "schema"),
            ("options", {"num_ctx": "many"}, 'option "num_ctx" must be of type integer'),
            ("options", {"temperature": "hot"}, 'option "temperature" must be of type float32'),
            ("options", {"stop": "."}, 'option "stop" must be of type array'),
            ("keep_alive", "5 parsecs", "invalid duration"),
            ("keep_alive", [], ""),
        ],
    )
    async def test_a_wrong_value_is_refused(
        self, http: httpx.AsyncClient, field: str, value: Any, message: str
    ) -> None:
        answer = await http.post(
            "/api/chat", json={"model": MODEL, "messages": HELLO, field: value}
        )

        assert answer.status_code >= 400
        assert message in answer.json()["error"]

    @pytest.mark.parametrize("options", [{"num_batch": 0}, {"num_ctx": 1}, {"num_thread": -1}])
    async def test_the_smallest_values_do_no_harm(
        self, client: ollama.AsyncClient, options: dict[str, int]
    ) -> None:
        answer = await client.chat(MODEL, HELLO, options={"num_predict": 2, **options})

        assert answer.done

    async def test_an_unknown_option_does_no_harm(self, client: ollama.AsyncClient) -> None:
        answer = await client.chat(MODEL, HELLO, options={**GREEDY, "num_dreams": 3})

        assert answer.message.content


class TestConcurrency:
    @pytest.mark.parametrize("stream", [True, False])
    async def test_a_client_that_goes_away_stops_the_work(
        self, engine: Engine, client: ollama.AsyncClient, http: httpx.AsyncClient, stream: bool
    ) -> None:
        await client.generate(MODEL)
        body = {"model": MODEL, "messages": HELLO, "format": ENDLESS, "stream": stream}
        if stream:
            async with http.stream("POST", "/api/chat", json=body) as answer:
                assert "message" in json.loads(await anext(answer.aiter_lines()))
        else:
            with pytest.raises(httpx.ReadTimeout):
                await http.post("/api/chat", json=body, timeout=1)

        # The only slot was taken for minutes, had the work gone on.
        async with asyncio.timeout(60):
            answered = await client.chat(MODEL, HELLO, options=GREEDY)
        assert answered.message.content
        if engine.embedded:
            cancelled, served = (await engine.requests())[-2:]
            assert cancelled["done_reason"] == "cancelled"
            assert served["done_reason"] in ("stop", "length")

    async def test_requests_at_the_same_time_are_all_answered(
        self, client: ollama.AsyncClient
    ) -> None:
        answers = await asyncio.gather(
            *(client.generate(MODEL, f"Count to {n}.", options=GREEDY) for n in range(4)),
            client.generate(MODEL, "Hello.", options={**GREEDY, "num_ctx": 1024}),
        )

        assert all(answer.done for answer in answers)

    async def test_a_prefix_is_not_computed_twice(
        self, engine: Engine, client: ollama.AsyncClient
    ) -> None:
        if not engine.embedded:
            pytest.skip("only the embedded engine tells what it reused")
        system = {"role": "system", "content": " ".join(f"Rule {n} holds." for n in range(60))}
        for question in ("Hello.", "Goodbye."):
            messages = [system, {"role": "user", "content": question}]
            await client.chat(MODEL, messages, options=GREEDY)
        await client.generate(MODEL, "Something else entirely.", options=GREEDY)
        await client.chat(MODEL, messages, options=GREEDY)

        first, second, _, third = (await engine.requests())[-4:]
        assert first["cached_tokens"] < 0.1 * first["prompt_tokens"]
        assert second["cached_tokens"] > 0.9 * second["prompt_tokens"]
        assert third["cached_tokens"] > 0.9 * third["prompt_tokens"]
        assert second["body"]["messages"][-1]["content"] == "Goodbye."


class TestOpenAI:
    async def test_chat_and_models(self, http: httpx.AsyncClient) -> None:
        listed = (await http.get("/v1/models")).json()
        body = {"model": MODEL, "messages": HELLO, "max_tokens": 4}
        answer = (await http.post("/v1/chat/completions", json=body)).json()
        streamed = await http.post("/v1/chat/completions", json={**body, "stream": True})

        assert MODEL in [model["id"] for model in listed["data"]]
        assert answer["choices"][0]["message"]["content"]
        assert answer["usage"]["completion_tokens"] <= 4
        assert streamed.headers["content-type"].startswith("text/event-stream")
        assert streamed.text.rstrip().endswith("data: [DONE]")

    async def test_an_unknown_model_is_not_found(self, http: httpx.AsyncClient) -> None:
        body = {"model": UNKNOWN, "messages": HELLO}
        answer = await http.post("/v1/chat/completions", json=body)

        assert answer.status_code == 404
        assert UNKNOWN in answer.json()["error"]["message"]


class TestProcess:
    """How the embedded engine starts and ends."""

    def pull(self, engine: Engine) -> list[dict[str, Any]]:
        answer = httpx.post(
            f"{engine.url}/api/pull", json={"model": MODEL}, timeout=60, trust_env=False
        )
        return [json.loads(line) for line in answer.text.splitlines()]

    def load(self, engine: Engine, **options: int) -> None:
        body = {"model": MODEL, "options": options}
        answer = httpx.post(f"{engine.url}/api/generate", json=body, timeout=60, trust_env=False)
        assert answer.json()["done_reason"] == "load"

    def running(self, engine: Engine) -> dict[str, Any]:
        answer = httpx.get(f"{engine.url}/api/ps", trust_env=False)
        (model,) = answer.json()["models"]
        assert isinstance(model, dict)
        return model

    def test_a_pull_goes_on_where_it_was_cut_off(self, tmp_path: Path) -> None:
        with embedded_engine(tmp_path / "models") as engine:
            lines = self.pull(engine)
            weights = max(lines, key=lambda line: int(line.get("total", 0)))
            blob = engine.models / "blobs" / weights["digest"].replace(":", "-")
            part = blob.rename(f"{blob}-partial")
            os.truncate(part, 50_000_000)
            resumed = [
                line for line in self.pull(engine) if line.get("digest") == weights["digest"]
            ]
            assert resumed[0]["completed"] == 50_000_000
            assert hashlib.sha256(blob.read_bytes()).hexdigest() == weights["digest"][7:]

            part = blob.rename(f"{blob}-partial")
            with part.open("r+b") as file:
                file.write(b"damaged")
            assert "digest mismatch" in self.pull(engine)[-1]["error"]
            assert not part.exists()
            assert self.pull(engine)[-1] == {"status": "success"}

    def test_it_obeys_ollamas_environment_and_ends_with_its_model(self, tmp_path: Path) -> None:
        with embedded_engine(
            tmp_path / "models", OLLAMA_CONTEXT_LENGTH="2048", OLLAMA_KEEP_ALIVE="-1"
        ) as engine:
            self.pull(engine)
            self.load(engine)
            model = self.running(engine)
            assert model["context_length"] == 2048
            assert datetime.fromisoformat(model["expires_at"]).year > datetime.now(UTC).year
            assert engine.process
            children = psutil.Process(engine.process.pid).children(recursive=True)
            assert children

            engine.process.send_signal(signal.SIGTERM)
            assert engine.process.wait(timeout=30) == 0
            assert all(gone(child) for child in children)

    def test_a_smaller_kv_cache_needs_flash_attention(self, tmp_path: Path) -> None:
        for flash, status in (("1", 200), ("0", 500)):
            with embedded_engine(
                tmp_path / "models", OLLAMA_KV_CACHE_TYPE="q8_0", OLLAMA_FLASH_ATTENTION=flash
            ) as engine:
                self.pull(engine)
                answer = httpx.post(
                    f"{engine.url}/api/generate", json={"model": MODEL}, timeout=60, trust_env=False
                )
                assert answer.status_code == status
        assert "flash_attn" in answer.json()["error"]

    def test_its_model_does_not_outlive_it(self, tmp_path: Path) -> None:
        with embedded_engine(tmp_path / "models") as engine:
            self.pull(engine)
            self.load(engine)
            assert engine.process
            children = psutil.Process(engine.process.pid).children(recursive=True)
            assert children

            engine.process.kill()
            engine.process.wait()
            assert all(gone(child) for child in children)

    def test_loading_anew_frees_the_earlier_one(self, tmp_path: Path) -> None:
        with embedded_engine(tmp_path / "models") as engine:
            self.pull(engine)
            assert engine.process
            parent = psutil.Process(engine.process.pid)
            self.load(engine, num_ctx=1024)
            (first,) = parent.children()
            self.load(engine, num_ctx=2048)
            (second,) = parent.children()

            assert first.pid != second.pid
            assert gone(first)

    def test_a_model_process_that_dies_is_started_again(self, tmp_path: Path) -> None:
        with embedded_engine(tmp_path / "models") as engine:
            self.pull(engine)
            self.load(engine)
            assert engine.process
            (child,) = psutil.Process(engine.process.pid).children()
            child.kill()
            assert gone(child)
            self.load(engine)
            assert self.running(engine)["name"] == MODEL


def gone(process: psutil.Process) -> bool:
    """Whether a process ends, waiting for it; one that nobody collected counts as ended."""
    for _ in range(200):
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False
