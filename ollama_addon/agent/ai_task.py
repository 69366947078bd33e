"""AI tasks: a text, or data of a given form, made by an agent's model. The house is not touched."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from jsonschema import Draft202012Validator, SchemaError, ValidationError

from ollama_addon.agent.agent import Agent
from ollama_addon.agent.events import Usage
from ollama_addon.agent.images import ImageError, check as check_image
from ollama_addon.agent.strategies.formats import THOUGHTS
from ollama_addon.agent.strategies.loose_json import containers
from ollama_addon.agent.strategies.prompt import task_prefix
from ollama_addon.agent.strategies.thinking import answer_of, think_of
from ollama_addon.engine.queue import Priority
from ollama_addon.engine.servers import Servers
from ollama_addon.errors import AddonError

MAX_INSTRUCTIONS = 50_000
MAX_SCHEMA = 50_000
MAX_IMAGES = 8
MAX_IMAGE = 20 * 1024 * 1024
"""Bytes of one image."""
MAX_PIXELS = 50_000_000
"""Pixels of one image: what is packed small may be very large unpacked."""
_DEPTH = 32
_ANSWER_TOKENS = 2048
_THOUGHT_TOKENS = 4096
"""Tokens for the thoughts of a model that is told to think first."""
_TRIED = 4
"""Objects in an answer that are tried, where it is not JSON as a whole."""
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
    nothing valid after one repair, `empty_answer`, `cut_off` when the answer did not fit, and what
    servers raise.
    """
    images = await asyncio.to_thread(_check, task)
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
        asked["images"] = images
    system = task_prefix(await agent.instructions(), structured=schema is not None)
    messages: list[dict[str, Any]] = [{"role": "system", "content": system}, asked]
    made = Made()
    if task.structure is None:
        made.text = answer_text(await _ask(agent, servers, messages, None, made.usage))
        if not made.text:  # Empty answers happen, and the next one mostly is not.
            made.text = answer_text(await _ask(agent, servers, messages, None, made.usage))
        if not made.text:
            raise AddonError("empty_answer", f"{model} gave an empty answer. Try again.", 502)
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


def _check(task: Task) -> list[str]:
    """Return the images as the engine takes them. Raises AddonError for what cannot be asked."""
    if not task.instructions.strip():
        raise _invalid("the instructions are empty")
    if len(task.instructions) > MAX_INSTRUCTIONS:
        raise _invalid(f"the instructions have more than {MAX_INSTRUCTIONS:,} characters")
    if len(task.images) > MAX_IMAGES:
        raise _invalid(f"there are more than {MAX_IMAGES} images")
    images: list[str] = []
    for number, image in enumerate(task.images, 1):
        try:
            plain, _ = check_image(image, most_bytes=MAX_IMAGE, most_pixels=MAX_PIXELS)
        except ImageError as error:
            raise _invalid(f"image {number} {error}") from None
        images.append(plain)
    if task.structure is None:
        return images
    try:
        if len(json.dumps(task.structure)) > MAX_SCHEMA:
            raise _invalid(f"the structure has more than {MAX_SCHEMA:,} characters")
        Draft202012Validator.check_schema(task.structure)
    except SchemaError as error:
        raise _invalid(f"the structure is no JSON schema: {error.message[:200]}") from None
    except RecursionError:
        raise _invalid("the structure is nested too deeply") from None
    return images


async def _ask(
    agent: Agent,
    servers: Servers,
    messages: Sequence[Mapping[str, Any]],
    schema: Mapping[str, Any] | None,
    usage: Usage,
) -> str:
    options = agent.options
    usage.model_calls += 1
    answer: list[str] = []
    thoughts: list[str] = []
    reason = ""
    capabilities = await servers.capabilities(options.model)
    think = think_of(
        options.model, capabilities, wanted=options.think, structured=schema is not None
    )
    room = _ANSWER_TOKENS + (_THOUGHT_TOKENS if think else 0)
    chat = servers.chat(
        options.model,
        messages,
        format=schema,
        think=think,
        num_predict=min(room, options.context_window // 2),
        temperature=0.0 if schema is not None else options.temperature,
        keep_alive=options.keep_alive,
        priority=Priority.TASK,
    )
    # Closed at once when the caller goes away, so that the engine stops too.
    async with aclosing(chat) as chunks:
        async for chunk in chunks:
            message = chunk.get("message") or {}
            answer.append(message.get("content") or "")
            thoughts.append(message.get("thinking") or "")
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
    return answer_of("".join(answer), "".join(thoughts), structured=schema is not None)


def _problem(answer: str, validator: Draft202012Validator, made: Made) -> str:
    """Keep an answer's data when it is valid, else return what is wrong with it."""
    text = answer_text(answer)
    try:
        found = [json.loads(text)]
    except (ValueError, RecursionError):
        found = containers(text)  # Words around it, a comma too many, an end that is missing.
    wrong = "it is no JSON."
    for data in found[:_TRIED]:
        try:
            validator.validate(data)
        except ValidationError as error:
            wrong = f"{error.json_path}: {error.message[:300]}."
            continue
        except RecursionError:
            continue
        made.data = data
        return ""
    return wrong


def answer_text(answer: str) -> str:
    """Return an answer without the thoughts before it and the fence around it."""
    text = answer
    for form in THOUGHTS:
        for end in form.closes:
            text = text.rpartition(end)[2]
    for form in THOUGHTS:
        for opening in form.opens:  # One that never ends.
            text = text.partition(opening)[0]
    text = re.sub(r"<\|channel\|>final<\|message\|>", "assistantfinal", text)
    text = re.sub(r"<\|[a-z_]{1,32}\|>", "", text.rpartition("assistantfinal")[2]).strip()
    fenced = re.fullmatch(r"```[\w-]{0,20}\n(.*?)\n?```", text, re.DOTALL)
    return (fenced[1] if fenced and "```" not in fenced[1] else text).strip()


def _invalid(what: str) -> AddonError:
    return AddonError("invalid_task", f"The task cannot be done: {what}.", 422)
