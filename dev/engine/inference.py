"""Chat, generate and embed: requests in, Ollama's answers out."""

import math
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

from dev.engine.errors import EngineError
from dev.engine.journal import RequestLog
from dev.engine.messages import ChatParser, Piece, Usage, read_completion, response_format, to_llama
from dev.engine.options import Options
from dev.engine.requests import ChatRequest, EmbedRequest, GenerateRequest, Message
from dev.engine.runner import PromptTooLongError, Runner
from dev.engine.scheduler import Scheduler
from dev.engine.store import Store, StoredModel

Answer = dict[str, Any]


def timestamp(moment: datetime | None = None) -> str:
    """Return a moment (now, by default) as Ollama writes it."""
    return (moment or datetime.now(UTC)).isoformat().replace("+00:00", "Z")


class Inference:
    """Runs requests on models; ``context_length`` holds where a request names no ``num_ctx``."""

    def __init__(
        self, store: Store, scheduler: Scheduler, journal: RequestLog, context_length: int
    ) -> None:
        self._store = store
        self._scheduler = scheduler
        self._journal = journal
        self._context_length = context_length

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Answer, None]:
        """Yield the parts of an answer, the last with ``done``. EngineError when it cannot be."""
        model = self._store.find(request.model)
        messages = request.messages or []
        if not messages and request.keep_alive == 0:
            self._scheduler.expire(model)
            yield _chat_answer(request, done=True, done_reason="unload")
            return
        _refuse(request, images=any(message.images for message in messages))
        turn = _Turn(self._journal, "/api/chat", request)
        options = self.options(model, request.options)
        async with self._scheduler.use(model, options, request.keep_alive, request.shift) as runner:
            turn.loaded()
            if not messages:
                yield _chat_answer(request, done=True, done_reason="load")
                return
            asked = _chat_pieces(runner, request, messages, options)
            async with aclosing(turn.follow(asked)) as pieces:
                async for piece in pieces:
                    if piece.tool_calls:
                        yield _chat_answer(request, tool_calls=piece.tool_calls)
                    if piece.usage:
                        yield _chat_answer(request, piece.content) | turn.ending(piece)
                    elif piece.content:
                        yield _chat_answer(request, piece.content)

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Answer, None]:
        """Yield the parts of an answer, the last with ``done``. EngineError when it cannot be."""
        model = self._store.find(request.model)
        if not request.prompt and request.keep_alive == 0:
            self._scheduler.expire(model)
            yield _generate_answer(request, done=True, done_reason="unload")
            return
        _refuse(request, images=bool(request.images))
        if request.suffix:
            raise EngineError(400, f"{model.name} does not support insert")
        if request.template:
            raise EngineError(400, "this development engine does not support template")
        if request.raw and (request.system or request.context):
            raise EngineError(400, "raw mode does not support template, system, or context")
        turn = _Turn(self._journal, "/api/generate", request)
        options = self.options(model, request.options)
        async with self._scheduler.use(model, options, request.keep_alive, request.shift) as runner:
            turn.loaded()
            if not request.prompt:
                yield _generate_answer(request, done=True, done_reason="load")
                return
            prompt = await _prompt(runner, request)
            body = {"prompt": prompt, "cache_prompt": True, **options.sampling(runner.num_ctx)}
            if request.format is not None:
                body["json_schema"] = request.format
            written = ""
            async with aclosing(turn.follow(_completion_pieces(runner, body))) as pieces:
                async for piece in pieces:
                    written += piece.content
                    if piece.usage:
                        answer = _generate_answer(request, piece.content) | turn.ending(piece)
                        if not request.raw:
                            answer["context"] = await _tokens(runner, prompt + written)
                        yield answer
                    elif piece.content:
                        yield _generate_answer(request, piece.content)

    async def embed(self, request: EmbedRequest) -> Answer:
        """Return an embedding for each input; EngineError when one is too long, or cannot be."""
        model = self._store.find(request.model)
        texts = [request.input] if isinstance(request.input, str) else request.input or []
        turn = _Turn(self._journal, "/api/embed", request)
        options = self.options(model, request.options)
        embeddings: list[list[float]] = []
        count = 0
        async with self._scheduler.use(model, options, request.keep_alive) as runner:
            turn.loaded()
            limit = min(runner.num_ctx, options.num_batch) - 1
            for text in filter(None, texts):
                tokens = await _tokens(runner, text)
                if len(tokens) > limit and request.truncate is False:
                    raise EngineError(400, "the input length exceeds the context length")
                answer = await runner.post("/embedding", {"content": tokens[:limit]})
                embeddings.append(_shorten(answer[0]["embedding"][0], request.dimensions))
                count += min(len(tokens), limit)
        usage = Usage(count, 0, 0, turn.milliseconds(), 0.0)
        self._journal.add(turn.path, turn.body, "stop", turn.load_seconds, usage)
        return {
            "model": request.model,
            "embeddings": embeddings,
            **turn.durations(),
            "prompt_eval_count": count,
        }

    def options(self, model: StoredModel, requested: dict[str, Any] | None) -> Options:
        """Return the options that hold for a request; EngineError when one is of a wrong type."""
        defaults = {"num_ctx": self._context_length}
        return Options.merge(defaults, model.parameters, requested or {})


class _Turn:
    """The clock and the record of one request."""

    def __init__(
        self,
        journal: RequestLog,
        path: str,
        request: ChatRequest | GenerateRequest | EmbedRequest,
    ) -> None:
        self.path = path
        self.body = request.received
        self.load_seconds = 0.0
        self._journal = journal
        self._started = time.perf_counter()

    def loaded(self) -> None:
        """Note that the model is in memory."""
        self.load_seconds = time.perf_counter() - self._started

    def milliseconds(self) -> float:
        """Return the time since the model was in memory."""
        return (time.perf_counter() - self._started - self.load_seconds) * 1000

    def durations(self) -> dict[str, int]:
        """Return the times so far, in nanoseconds."""
        return {
            "total_duration": int((time.perf_counter() - self._started) * 1e9),
            "load_duration": int(self.load_seconds * 1e9),
        }

    def ending(self, piece: Piece) -> Answer:
        """Return what the last part of an answer carries."""
        assert piece.usage
        return {
            "done": True,
            "done_reason": piece.done_reason,
            **self.durations(),
            **piece.usage.metrics(),
        }

    async def follow(self, pieces: AsyncGenerator[Piece, None]) -> AsyncGenerator[Piece, None]:
        """Pass the pieces on, and keep a record of how it ended."""
        reason, usage = "cancelled", None
        try:
            async with aclosing(pieces):
                async for piece in pieces:
                    if piece.usage:
                        reason, usage = piece.done_reason, piece.usage
                    yield piece
        except EngineError as err:
            reason = f"error: {err.message}"
            raise
        finally:
            self._journal.add(self.path, self.body, reason, self.load_seconds, usage)


def _chat_answer(
    request: ChatRequest,
    content: str = "",
    *,
    done: bool = False,
    done_reason: str = "",
    **message: Any,
) -> Answer:
    answer = {
        "model": request.model,
        "created_at": timestamp(),
        "message": {"role": "assistant", "content": content, **message},
        "done": done,
    }
    return answer | ({"done_reason": done_reason} if done_reason else {})


def _generate_answer(
    request: GenerateRequest, response: str = "", *, done: bool = False, done_reason: str = ""
) -> Answer:
    answer = {
        "model": request.model,
        "created_at": timestamp(),
        "response": response,
        "done": done,
    }
    return answer | ({"done_reason": done_reason} if done_reason else {})


def _refuse(request: ChatRequest | GenerateRequest, *, images: bool) -> None:
    if request.think:
        raise EngineError(400, f'"{request.model}" does not support thinking')
    if images:
        raise EngineError(400, f"{request.model} does not support vision")


async def _chat_pieces(
    runner: Runner, request: ChatRequest, messages: list[Message], options: Options
) -> AsyncGenerator[Piece, None]:
    """Ask llama.cpp. Where that is allowed, what does not fit into the window is left out.

    The oldest messages go first, but not the system one; the newest is cut at its head.
    """
    kept = list(messages)
    while True:
        body = {
            "messages": [to_llama(message) for message in kept],
            "cache_prompt": True,
            **options.sampling(runner.num_ctx),
            **response_format(request.format),
        }
        if request.tools:
            body["tools"] = request.tools
        parser = ChatParser()
        try:
            async with aclosing(runner.stream("/v1/chat/completions", body)) as events:
                async for event in events:
                    yield parser.read(event)
            return
        except PromptTooLongError:
            if request.truncate is False:
                raise
        dropped = next((m for m in kept[:-1] if m.role != "system"), None)
        if dropped is None:
            break
        kept.remove(dropped)
    answer = await runner.post("/apply-template", {"messages": [to_llama(m) for m in kept]})
    tokens = await _tokens(runner, answer["prompt"])
    head = max(0, min(options.num_keep, runner.num_ctx - 2))
    room = (runner.num_ctx - head) // 2  # as much as one shift of the context would leave
    cut = {"prompt": tokens[:head] + tokens[-room:], "cache_prompt": True}
    if request.format is not None:
        cut["json_schema"] = request.format
    async with aclosing(
        _completion_pieces(runner, cut | options.sampling(runner.num_ctx))
    ) as pieces:
        async for piece in pieces:
            yield piece


async def _completion_pieces(runner: Runner, body: dict[str, Any]) -> AsyncGenerator[Piece, None]:
    async with aclosing(runner.stream("/completion", body)) as events:
        async for event in events:
            yield read_completion(event)


async def _prompt(runner: Runner, request: GenerateRequest) -> str:
    if request.raw:
        return request.prompt
    messages = [{"role": "user", "content": request.prompt}]
    if request.system:
        messages.insert(0, {"role": "system", "content": request.system})
    answer = await runner.post("/apply-template", {"messages": messages})
    prompt: str = answer["prompt"]
    if request.context:
        answer = await runner.post("/detokenize", {"tokens": request.context})
        prompt = answer["content"] + prompt
    return prompt


async def _tokens(runner: Runner, text: str) -> list[int]:
    answer = await runner.post("/tokenize", {"content": text, "parse_special": True})
    tokens: list[int] = answer["tokens"]
    return tokens


def _shorten(embedding: list[float], dimensions: int) -> list[float]:
    """Cut to so many dimensions (0: all) and bring back to unit length."""
    vector = embedding[:dimensions] if dimensions > 0 else embedding
    length = math.hypot(*vector) or 1.0
    return [value / length for value in vector]
