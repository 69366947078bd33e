"""AI tasks: a text, or data of a given form, made by an agent's model. The house is not touched."""

from __future__ import annotations

import asyncio
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from ollama_addon.agent.agent import Agent
from ollama_addon.agent.events import Usage
from ollama_addon.agent.images import ImageError, picture_of
from ollama_addon.agent.strategies.formats import THOUGHTS
from ollama_addon.agent.strategies.loose_json import containers
from ollama_addon.agent.strategies.prompt import task_prefix
from ollama_addon.agent.strategies.thinking import answer_of, think_of
from ollama_addon.agent.task_schema import Structure, invalid
from ollama_addon.engine.queue import Priority
from ollama_addon.engine.servers import Servers
from ollama_addon.errors import AddonError

MAX_INSTRUCTIONS = 50_000
MAX_IMAGES = 8
MAX_IMAGE = 10 * 1024 * 1024
"""Bytes of one image."""
MAX_PIXELS = 50_000_000
"""Pixels of one image: what is packed small may be very large unpacked."""
_ANSWER_TOKENS = 2048
_THOUGHT_TOKENS = 4096
"""Tokens for the thoughts of a model that is told to think first."""
_LONGEST_ANSWER = 64 * 1024
"""Characters; so many tokens never have more, unless what answers is no model."""
_STEP = 2**20
"""Characters of an image that are read at once; four of them are three bytes."""


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
    images = await _check(task)
    structure = Structure(task.structure) if task.structure is not None else None
    if structure is not None:
        await structure.check()
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
    asked: dict[str, Any] = {"role": "user", "content": task.instructions}
    if task.images:
        asked["images"] = images
    system = task_prefix(await agent.instructions(), structured=structure is not None)
    messages: list[dict[str, Any]] = [{"role": "system", "content": system}, asked]
    made = Made()
    if structure is None:
        made.text = answer_text(await _ask(agent, servers, messages, None, made.usage))
        if not made.text:  # Empty answers happen, and the next one mostly is not.
            made.text = answer_text(await _ask(agent, servers, messages, None, made.usage))
        if not made.text:
            raise AddonError("empty_answer", f"{model} gave an empty answer. Try again.", 502)
        return made
    answer = await _ask(agent, servers, messages, structure.schema, made.usage)
    made.data, wrong = await structure.read(_json_text(answer))
    if not wrong:
        return made
    messages += [
        {"role": "assistant", "content": answer},
        {
            "role": "user",
            "content": f"That is not valid: {wrong} Answer again with the whole JSON.",
        },
    ]
    answer = await _ask(agent, servers, messages, structure.schema, made.usage)
    made.data, wrong = await structure.read(_json_text(answer))
    if wrong:
        raise AddonError(
            "bad_data",
            f"{model} did not give the data in the form that was asked for: {wrong}",
            502,
            private=True,
        )
    return made


async def _check(task: Task) -> list[str]:
    """Return the images as the engine takes them. Raises AddonError (`invalid_task`)."""
    if not task.instructions.strip():
        raise invalid("the instructions are empty")
    if len(task.instructions) > MAX_INSTRUCTIONS:
        raise invalid(f"the instructions have more than {MAX_INSTRUCTIONS:,} characters")
    if len(task.images) > MAX_IMAGES:
        raise invalid(f"there are more than {MAX_IMAGES} images")
    found: list[str] = []
    for number, given in enumerate(task.images, 1):
        image = given.partition(",")[2] if given.startswith("data:") else given
        if len(image) > MAX_IMAGE * 4 // 3 + 4:
            raise invalid(f"image {number} is larger than {MAX_IMAGE // 2**20} MiB")
        if not await _is_base64(image):
            raise invalid(f"image {number} is not base64")
        try:
            picture_of(image, most_pixels=MAX_PIXELS)
        except ImageError as error:
            raise invalid(f"image {number} {error}") from None
        found.append(image)
    return found


async def _is_base64(text: str) -> bool:
    """Tell whether a text is base64; others have their turn while a large one is read."""
    if -1 < text.find("=") < len(text) - 2:
        return False
    for start in range(0, len(text), _STEP):
        try:
            binascii.a2b_base64(text[start : start + _STEP], strict_mode=True)
        except ValueError:
            return False
        await asyncio.sleep(0)
    return True


async def _ask(
    agent: Agent,
    servers: Servers,
    messages: Sequence[Mapping[str, Any]],
    schema: Mapping[str, Any] | None,
    usage: Usage,
) -> str:
    options = agent.options
    usage.model_calls += 1
    answer, thoughts, reason = "", "", ""
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
            answer += message.get("content") or ""
            thoughts = (thoughts + (message.get("thinking") or ""))[:_LONGEST_ANSWER]
            if len(answer) > _LONGEST_ANSWER:
                raise AddonError("bad_answer", f"{options.model} does not stop.", 502)
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
    return answer_of(answer, thoughts, structured=schema is not None)


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


def _json_text(answer: str) -> str:
    """Return the JSON of an answer, whatever stands around it and as far as it is written well."""
    text = answer_text(answer)
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        found = next(iter(containers(text)), None)
        # Values without names are brackets, and no data.
        named = isinstance(found, list) or (isinstance(found, dict) and "_0" not in found)
        return json.dumps(found, ensure_ascii=False) if found and named else text
    return text
