"""AI tasks: a text, or data of a given form, made by an agent's model. The house is not touched."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from jsonschema import Draft202012Validator, SchemaError, ValidationError

from ollama_addon.agent.agent import Agent
from ollama_addon.agent.events import Usage
from ollama_addon.agent.strategies.model_output import SpeechFilter
from ollama_addon.agent.strategies.prompt import task_prefix
from ollama_addon.engine.queue import Priority
from ollama_addon.engine.servers import Servers
from ollama_addon.errors import AddonError

MAX_INSTRUCTIONS = 50_000
MAX_SCHEMA = 50_000
MAX_IMAGES = 8
MAX_IMAGE = 20 * 1024 * 1024
"""Bytes of one image."""
_DEPTH = 32
_ANSWER_TOKENS = 2048
_DROPPED = frozenset(
    {"$schema", "$id", "$comment", "$defs", "definitions", "default", "examples", "title"}
)
"""Keywords that mean nothing to an engine's grammar."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be made."""

    instructions: str
    structure: Mapping[str, Any] | None = None
    """A JSON schema that the data must be valid under; free text without one."""
    images: Sequence[str] = ()
    """Base64."""


@dataclass(slots=True)
class Made:
    """What was made: `data` when a structure was asked for, else `text`."""

    text: str | None = None
    data: Any = None
    usage: Usage = field(default_factory=Usage)


async def generate(agent: Agent, servers: Servers, task: Task) -> Made:
    """Carry out an AI task with an agent's model, instructions and context window.

    Raises AddonError: `invalid_task` for what cannot be asked, `bad_data` when the model gives
    nothing valid after one repair, `cut_off` when the answer did not fit, and what servers raise.
    """
    _check(task)
    model = agent.options.model
    if not model:
        name = agent.options.name
        raise AddonError("no_model", f"{name} has no model. Choose one in its settings.", 503)
    if task.images and "vision" not in await servers.capabilities(model):
        raise AddonError(
            "no_vision",
            f"{model} cannot see images. Choose a model with vision for {agent.options.name}, "
            "such as qwen3-vl or gemma3.",
            422,
        )
    schema = reduced(task.structure) if task.structure is not None else None
    asked: dict[str, Any] = {"role": "user", "content": task.instructions}
    if task.images:
        asked["images"] = list(task.images)
    system = task_prefix(await agent.instructions(), structured=schema is not None)
    messages: list[dict[str, Any]] = [{"role": "system", "content": system}, asked]
    made = Made()
    if task.structure is None:
        made.text = _speech(await _ask(agent, servers, messages, None, made.usage))
        return made
    validator = Draft202012Validator(task.structure)
    answer = await _ask(agent, servers, messages, schema, made.usage)
    wrong = _problem(answer, validator, made)
    if not wrong:
        return made
    messages += [
        {"role": "assistant", "content": answer},
        {
            "role": "user",
            "content": f"That is not valid: {wrong} Answer again with the whole JSON.",
        },
    ]
    wrong = _problem(await _ask(agent, servers, messages, schema, made.usage), validator, made)
    if wrong:
        raise AddonError(
            "bad_data",
            f"{model} did not give the data in the form that was asked for: {wrong}",
            502,
            private=True,
        )
    return made


def reduced(schema: Any, root: Mapping[str, Any] | None = None, depth: int = 0) -> Any:
    """Return a JSON schema with local references put in place and what engines ignore left out.

    Raises AddonError (`invalid_task`) for references elsewhere, or to themselves without end.
    """
    if depth > _DEPTH:
        raise _invalid("the structure is nested too deeply, or refers to itself")
    if isinstance(schema, list):
        return [reduced(item, root, depth + 1) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    root = schema if root is None else root
    if isinstance(reference := schema.get("$ref"), str):
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        return reduced({**_referred(reference, root), **rest}, root, depth + 1)
    return {
        key: (
            # Names of properties are no keywords: one may well be called "title".
            {name: reduced(inner, root, depth + 1) for name, inner in value.items()}
            if key in ("properties", "patternProperties") and isinstance(value, Mapping)
            else value
            if key in ("enum", "const", "required")
            else reduced(value, root, depth + 1)
        )
        for key, value in schema.items()
        if key not in _DROPPED
    }


def _referred(reference: str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    if not reference.startswith("#"):
        raise _invalid(f"the structure refers to {reference[:80]}, which is not part of it")
    found: Any = root
    for part in reference[1:].split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        found = found.get(key) if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping):
        raise _invalid(f"the structure refers to {reference[:80]}, which it does not have")
    return found


def _check(task: Task) -> None:
    if not task.instructions.strip():
        raise _invalid("the instructions are empty")
    if len(task.instructions) > MAX_INSTRUCTIONS:
        raise _invalid(f"the instructions have more than {MAX_INSTRUCTIONS:,} characters")
    if len(task.images) > MAX_IMAGES:
        raise _invalid(f"there are more than {MAX_IMAGES} images")
    for number, image in enumerate(task.images, 1):
        if len(image) > MAX_IMAGE * 4 // 3 + 4:
            raise _invalid(f"image {number} is larger than {MAX_IMAGE // 2**20} MiB")
        try:
            base64.b64decode(image, validate=True)
        except binascii.Error:
            raise _invalid(f"image {number} is not base64") from None
    if task.structure is None:
        return
    try:
        if len(json.dumps(task.structure)) > MAX_SCHEMA:
            raise _invalid(f"the structure has more than {MAX_SCHEMA:,} characters")
        Draft202012Validator.check_schema(task.structure)
    except SchemaError as error:
        raise _invalid(f"the structure is no JSON schema: {error.message[:200]}") from None
    except RecursionError:
        raise _invalid("the structure is nested too deeply") from None


async def _ask(
    agent: Agent,
    servers: Servers,
    messages: Sequence[Mapping[str, Any]],
    schema: Mapping[str, Any] | None,
    usage: Usage,
) -> str:
    options = agent.options
    usage.model_calls += 1
    answer, reason = "", ""
    think = None
    if "thinking" in await servers.capabilities(options.model):
        think = options.think and schema is None
    chat = servers.chat(
        options.model,
        messages,
        format=schema,
        think=think,
        num_predict=min(_ANSWER_TOKENS, options.context_window // 2),
        temperature=0.0 if schema is not None else options.temperature,
        keep_alive=options.keep_alive,
        priority=Priority.TASK,
    )
    # Closed at once when the caller goes away, so that the engine stops too.
    async with aclosing(chat) as chunks:
        async for chunk in chunks:
            answer += (chunk.get("message") or {}).get("content") or ""
            if chunk.get("done"):
                usage.prompt_tokens += chunk.get("prompt_eval_count") or 0
                usage.completion_tokens += chunk.get("eval_count") or 0
                reason = str(chunk.get("done_reason") or "")
    if reason == "length" and schema is not None:
        raise AddonError(
            "cut_off",
            "The data became too long for the model's answer. Ask for less at once, or give the "
            "agent a larger context window.",
            502,
        )
    return answer


def _problem(answer: str, validator: Draft202012Validator, made: Made) -> str:
    """Keep an answer's data when it is valid, else return what is wrong with it."""
    text = re.sub(r"^\s*```(?:json)?\s*|\s*```\s*$", "", answer)
    try:
        data = json.loads(text)
        validator.validate(data)
    except ValidationError as error:
        return f"{error.json_path}: {error.message[:300]}."
    except (ValueError, RecursionError) as error:
        return f"it is no JSON ({error})."
    made.data = data
    return ""


def _speech(answer: str) -> str:
    speech = SpeechFilter()
    # An answer that is JSON was asked for here, and is kept.
    if answer.lstrip()[:1] in ("{", "["):
        return answer.strip()
    return (speech.feed(answer) + speech.finish()).strip()


def _invalid(what: str) -> AddonError:
    return AddonError("invalid_task", f"The task cannot be done: {what}.", 422)
