"""OpenAI's API, as vLLM, llama-server, LiteLLM, SGLang and others speak it."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import httpx
import ollama

from ollama_addon.model_name import canonical

from . import wire as wires
from .api import Details, Kind
from .wire import Wire

_PASSED = ("temperature", "seed", "presence_penalty", "frequency_penalty")
"""Options that are called the same."""
_END = b"[DONE]"
_TYPES = {"/9j/": "jpeg", "iVBO": "png", "R0lG": "gif", "UklG": "webp"}
"""Kinds of pictures, by how they begin in base64."""


class OpenAiApi:
    """Speaks OpenAI's API over a wire, whose address ends before `/models`."""

    kind: Kind = "openai"
    manages = False

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._listed: dict[str, Mapping[str, Any]] = {}

    async def models(self) -> Mapping[str, ollama.ListResponse.Model]:
        """Return the models that are there, by canonical name."""
        found = await self._wire.get("/models")
        self._listed = {canonical(str(each["id"])): each for each in found["data"]}
        return {
            name: ollama.ListResponse.Model(model=str(each["id"]))
            for name, each in self._listed.items()
        }

    async def loaded(self) -> Mapping[str, ollama.ProcessResponse.Model]:
        """Return nothing: what is in memory is not told, and not ours to say."""
        return {}

    async def details(self, model: str) -> Details:
        """Tell what the list of models says; vLLM and llama-server say more than OpenAI."""
        listed = self._listed.get(canonical(model), {})
        meta = listed.get("meta") or {}
        context = listed.get("max_model_len") or meta.get("n_ctx") or meta.get("n_ctx_train")
        return Details(
            capabilities=frozenset({"completion", "tools"}),
            parameters=meta.get("n_params"),
            parameter_size="",
            context_length=context if isinstance(context, int) else None,
            family="",
            quantization="",
            kv_bytes=0,
        )

    async def chat(self, request: Mapping[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """Send a request of Ollama's as one of OpenAI's; yield the answer in Ollama's chunks."""
        listed = self._listed.get(canonical(request["model"]), {})
        body = _body(request, str(listed.get("id", request["model"])))
        reader = _Reader()
        first, further = wires.FIRST_LINE, wires.NEXT_LINE
        path = "/chat/completions"
        async with aclosing(self._wire.lines(path, body, first, further)) as lines:
            async for line in lines:
                data = line.strip()
                if not data.startswith(b"data:"):
                    continue  # comments and names of events
                data = data[5:].strip()
                if data == _END:
                    break
                if (chunk := reader.read(json.loads(data))) and request.get("stream", True):
                    yield chunk
        yield reader.end(whole=not request.get("stream", True))

    async def close(self) -> None:
        """Do nothing: the wire is not ours."""


class _Reader:
    """Puts the events of a stream together."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._first: float | None = None
        self._text = ""
        self._thought = ""
        self._calls: dict[int, dict[str, str]] = {}
        self._reason = ""
        self._usage: Mapping[str, Any] = {}
        self._timings: Mapping[str, Any] = {}

    def read(self, event: Mapping[str, Any]) -> dict[str, Any] | None:
        """Take in an event; return a chunk when it says something.

        Raises `ollama.ResponseError` for an error, ValueError and others for what is no event.
        """
        if error := event.get("error"):
            text = error.get("message") if isinstance(error, dict) else error
            raise ollama.ResponseError(str(text))
        self._usage = event.get("usage") or self._usage
        self._timings = event.get("timings") or self._timings
        for choice in event.get("choices") or ():
            delta = choice.get("delta") or {}
            self._reason = choice.get("finish_reason") or self._reason
            for call in delta.get("tool_calls") or ():
                kept = self._calls.setdefault(call.get("index", 0), {"name": "", "arguments": ""})
                function = call.get("function") or {}
                kept["name"] += function.get("name") or ""
                kept["arguments"] += function.get("arguments") or ""
            text = delta.get("content") or ""
            thought = delta.get("reasoning_content") or delta.get("reasoning") or ""
            if text or thought:
                self._first = self._first or time.monotonic()
                self._text += text
                self._thought += thought
                message = {"role": "assistant", "content": text}
                return {"message": message | ({"thinking": thought} if thought else {})}
        return None

    def end(self, *, whole: bool) -> dict[str, Any]:
        """Return the last chunk, with the counts; `whole` is the answer in one piece.

        Raises `httpx.RemoteProtocolError` when the answer broke off.
        """
        if not self._reason:
            raise httpx.RemoteProtocolError("the answer stopped in the middle")
        message: dict[str, Any] = {"role": "assistant", "content": self._text if whole else ""}
        if whole and self._thought:
            message["thinking"] = self._thought
        if self._calls:
            message["tool_calls"] = [_call(call) for _, call in sorted(self._calls.items())]
        now = time.monotonic()
        first = self._first or now
        read = self._timings.get("prompt_ms", (first - self._began) * 1000)
        wrote = self._timings.get("predicted_ms", (now - first) * 1000)
        return {
            "message": message,
            "done": True,
            "done_reason": "length" if self._reason == "length" else "stop",
            "load_duration": 0,
            "prompt_eval_count": self._usage.get("prompt_tokens") or 0,
            "prompt_eval_duration": int(read * 1e6),
            "eval_count": self._usage.get("completion_tokens") or 0,
            "eval_duration": int(wrote * 1e6),
        }


def _body(request: Mapping[str, Any], model: str) -> dict[str, Any]:
    options = request.get("options") or {}
    body: dict[str, Any] = {
        "model": model,
        "messages": _messages(request["messages"]),
        "stream": True,
        "stream_options": {"include_usage": True},
        **{name: options[name] for name in _PASSED if name in options},
    }
    if (limit := options.get("num_predict")) is not None and limit > 0:
        body["max_tokens"] = limit
    if tools := request.get("tools"):
        body["tools"] = tools
    schema = request.get("format")
    if schema == "json":
        body["response_format"] = {"type": "json_object"}
    elif schema:
        described = {"name": "answer", "schema": schema, "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": described}
    return body


def _messages(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return messages of Ollama's as OpenAI's: calls have ids there, and results name them."""
    found: list[dict[str, Any]] = []
    waiting: list[str] = []
    for message in messages:
        role, content = message["role"], message.get("content") or ""
        put: dict[str, Any] = {"role": role, "content": content}
        if images := message.get("images"):
            parts = [{"type": "image_url", "image_url": {"url": _url(str(i))}} for i in images]
            put["content"] = [{"type": "text", "text": content}, *parts]
        if calls := message.get("tool_calls"):
            put["tool_calls"] = []
            for call in calls:
                function = call.get("function") or {}
                identity = f"call_{len(found)}_{len(put['tool_calls'])}"
                waiting.append(identity)
                arguments = json.dumps(function.get("arguments") or {}, ensure_ascii=False)
                described = {"name": function.get("name", ""), "arguments": arguments}
                put["tool_calls"].append(
                    {"id": identity, "type": "function", "function": described}
                )
        if role == "tool":
            put["tool_call_id"] = waiting.pop(0) if waiting else "call_0_0"
        found.append(put)
    return found


def _url(image: str) -> str:
    kind = next((kind for start, kind in _TYPES.items() if image.startswith(start)), "png")
    return f"data:image/{kind};base64,{image}"


def _call(call: Mapping[str, str]) -> dict[str, Any]:
    arguments = json.loads(call["arguments"] or "{}")
    return {"function": {"name": call["name"], "arguments": arguments}}
