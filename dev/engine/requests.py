"""The bodies of requests, as Ollama documents them."""

import json
from typing import Annotated, Any, Literal, TypeVar

from fastapi import Request
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
    model_validator,
)

from dev.engine.durations import parse_keep_alive
from dev.engine.errors import EngineError

_Body = TypeVar("_Body", bound=BaseModel)


def _check_format(value: Any) -> dict[str, Any] | None:
    """Return the JSON schema that ``format`` means, or None."""
    if value in (None, ""):
        return None
    if value == "json":
        return {"type": "object"}
    if isinstance(value, dict):
        return value
    raise ValueError(
        f'invalid format: {json.dumps(value)}; expected "json" or a valid JSON Schema object'
    )


KeepAlive = Annotated[
    float | None, BeforeValidator(lambda v: v if v is None else parse_keep_alive(v))
]
Format = Annotated[Any, AfterValidator(_check_format)]
Think = bool | Literal["high", "medium", "low", "max", ""] | None
Rows = dict[str, Any]


class _Named(BaseModel):
    model: str = ""
    name: str = Field("", description="what older clients call it")

    @property
    def model_name(self) -> str:
        return self.model or self.name


class ShowRequest(_Named):
    """``POST /api/show``."""

    verbose: bool = False


class DeleteRequest(_Named):
    """``DELETE /api/delete``."""


class PullRequest(_Named):
    """``POST /api/pull``."""

    stream: bool | None = None


class CopyRequest(BaseModel):
    """``POST /api/copy``."""

    source: str = ""
    destination: str = ""


class _ModelRequest(BaseModel):
    """What every request that runs a model may carry. ``keep_alive`` is in seconds."""

    model: str = ""
    options: Rows | None = None
    keep_alive: KeepAlive = None
    received: Annotated[Rows, Field(exclude=True)] = {}

    @model_validator(mode="before")
    @classmethod
    def _keep_received(cls, data: Any) -> Any:
        return {**data, "received": data} if isinstance(data, dict) else data


class _WritingRequest(_ModelRequest):
    stream: bool | None = None
    format: Format = None
    think: Think = None
    truncate: bool | None = None
    shift: bool | None = None


class Message(BaseModel):
    """A message of a chat."""

    role: Annotated[str, AfterValidator(str.lower)]
    content: str = ""
    images: list[str] | None = None
    tool_calls: list[Rows] | None = None
    tool_name: str = ""
    tool_call_id: str = ""


class ChatRequest(_WritingRequest):
    """``POST /api/chat``."""

    messages: list[Message] | None = None
    tools: list[Rows] | None = None


class GenerateRequest(_WritingRequest):
    """``POST /api/generate``."""

    prompt: str = ""
    suffix: str = ""
    images: list[str] | None = None
    system: str = ""
    template: str = ""
    context: list[int] | None = None
    raw: bool = False


class EmbedRequest(_ModelRequest):
    """``POST /api/embed``."""

    input: str | list[str] | None = None
    truncate: bool | None = None
    dimensions: int = 0


class EmbeddingsRequest(_ModelRequest):
    """``POST /api/embeddings``, which ``/api/embed`` supersedes."""

    prompt: str = ""


async def read_body(request: Request, kind: type[_Body]) -> _Body:
    """Return the body, whatever content type it claims; EngineError 400 when it is not one."""
    body = await request.body()
    if not body:
        raise EngineError(400, "missing request body")
    try:
        return kind.model_validate_json(body)
    except ValidationError as err:
        problem = err.errors()[0]
        if problem["type"] == "value_error":
            raise EngineError(400, str(problem["ctx"]["error"])) from None
        where = ".".join(str(part) for part in problem["loc"])
        raise EngineError(400, f"{where}: {problem['msg']}" if where else problem["msg"]) from None
