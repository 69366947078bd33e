"""One answer in all the forms in which models give it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ollama_addon.agent.strategies.labels import Labels
from ollama_addon.home.model import Entity, House
from ollama_addon.understanding.verb_table import TARGETLESS, verbs_for, verbs_for_group
from ollama_addon.understanding.vocabulary import (
    Action,
    Duration,
    Group,
    Number,
    Target,
    Text,
    Verb,
    value_of,
)

Message = Mapping[str, Any]
"""A message as an engine sends it: `content`, `thinking`, `tool_calls`."""


def native_forms(actions: Sequence[Action]) -> dict[str, Message]:
    """Return an answer as a model with tools gives it, by the name of the form."""
    calls = [(action.intent.replace(".", "_"), dict(action.slots)) for action in actions]
    dicts = [{"name": name, "arguments": slots} for name, slots in calls]
    forms: dict[str, Callable[[], str]] = {
        "JSON": lambda: json.dumps(dicts if len(dicts) > 1 else dicts[0]),
        "JSON with parameters": lambda: json.dumps(
            [{"name": name, "parameters": slots} for name, slots in calls]
        ),
        "fenced": lambda: f"```json\n{json.dumps(dicts, indent=1)}\n```",
        "tool_call": lambda: "\n".join(
            f"<tool_call>\n{json.dumps(each, ensure_ascii=False)}\n</tool_call>" for each in dicts
        ),
        "functioncall": lambda: "\n".join(f"<functioncall> {json.dumps(each)}" for each in dicts),
        "function tag": lambda: "".join(
            f"<function={name}>{json.dumps(slots)}</function>" for name, slots in calls
        ),
        "qwen-coder": lambda: "".join(
            f"<tool_call>\n<function={name}>\n{_parameters(slots)}</function>\n</tool_call>"
            for name, slots in calls
        ),
        "mistral": lambda: f"[TOOL_CALLS] {json.dumps(dicts)}",
        "mistral, new": lambda: "".join(
            f"[TOOL_CALLS]{name}[ARGS]{json.dumps(slots)}" for name, slots in calls
        ),
        "harmony": lambda: "<|channel|>analysis<|message|>They want this.<|end|>" + "".join(
            f"<|start|>assistant<|channel|>commentary to=functions.{name} <|constrain|>json"
            f"<|message|>{json.dumps(slots)}<|call|>"
            for name, slots in calls
        ),
        "deepseek": lambda: "<｜tool▁calls▁begin｜>" + "".join(
            f"<｜tool▁call▁begin｜>function<｜tool▁sep｜>{name}\n```json\n{json.dumps(slots)}\n```"
            "<｜tool▁call▁end｜>"
            for name, slots in calls
        ) + "<｜tool▁calls▁end｜>",
        "GLM": lambda: "".join(f"<tool_call>{name}\n{_keyed(slots)}</tool_call>"
                               for name, slots in calls),
        "python": lambda: "[" + ", ".join(f"{name}({_keywords(slots)})" for name, slots in calls)
        + "]",
        "tool_code": lambda: "```tool_code\n" + "\n".join(
            f"{name}({_keywords(slots)})" for name, slots in calls) + "\n```",
        "after a thought": lambda: "They want this done.\n</think>\n\n" + json.dumps(dicts),
        "within words": lambda: f"Sure, I will do that.\n{json.dumps(dicts)}",
    }  # fmt: skip
    found: dict[str, Message] = {
        "tool calls": {
            "content": "",
            "tool_calls": [{"function": each} for each in dicts],
        },
        "tool calls with words": {
            "content": "I will do that.",
            "thinking": "They want this done.",
            "tool_calls": [{"function": each} for each in dicts],
        },
        "arguments as text": {
            "content": "",
            "tool_calls": [
                {"function": {"name": name, "arguments": json.dumps(slots)}}
                for name, slots in calls
            ],
        },
    }
    return found | {name: {"content": write()} for name, write in forms.items()}


def structured_forms(phrases: Sequence[str]) -> dict[str, Message]:
    """Return a structured answer, by the name of the form."""
    data = {"do": list(phrases)}
    plain = json.dumps(data, ensure_ascii=False)
    one = data["do"][0] if len(phrases) == 1 else data["do"]
    return {
        "JSON": {"content": plain},
        "escaped": {"content": json.dumps(data)},
        "pretty": {"content": json.dumps(data, indent=2)},
        "fenced": {"content": f"```json\n{plain}\n```"},
        "after a thought": {"content": f"They want this.\n</think>\n{plain}"},
        "in a thought": {"content": "", "thinking": plain},
        "with words": {"content": json.dumps({**data, "say": "All right."})},
        "words first": {"content": json.dumps({"say": "All right.", **data})},
        "within words": {"content": f"Sure! {plain} Anything else?"},
        "one phrase": {"content": json.dumps({"do": one})},
        "cut off": {"content": plain[:-2]},
        "single quotes": {"content": str(data)},
    }  # fmt: skip


def phrase_of(action: Action, labels: Labels) -> str | None:
    """Return an action as the phrase that a model writes for it; None where there is none."""
    house = labels.house
    target = target_of(action, house)
    if target is None:
        for verb in TARGETLESS:
            if verb.intent == action.intent:
                return verb.phrase.format(value=_duration(action.slots, verb, house))
        return None
    able = (
        verbs_for(target)
        if isinstance(target, Entity)
        else verbs_for_group(target, target.members(house))
    )
    for verb in able:
        if verb.intent != action.intent:
            continue
        value = value_of(verb, target, house)
        if verb.value is None and not verb.slots:
            if not set(action.slots) - {"name", "area", "floor", "domain", "device_class"}:
                return verb.phrase.format(target=labels[target])
        elif verb.value is None:
            if all(action.slots.get(slot) == given for slot, given in verb.slots.items()):
                return verb.phrase.format(target=labels[target])
        elif value is not None and not isinstance(value, Duration) and value.slot in action.slots:
            given = action.slots[value.slot]
            if isinstance(value, Number) and isinstance(given, int | float):
                given = f"{given:g}"
            return verb.phrase.format(target=labels[target], value=given)
    return None


def target_of(action: Action, house: House) -> Target | None:
    """Return what an action is about."""
    slots = action.slots
    if "name" in slots:
        return house.entities.get(str(slots["name"]))
    if "domain" not in slots:
        return None
    return Group(str(slots["domain"]), slots.get("area"), slots.get("floor"))


def _duration(slots: Mapping[str, Any], verb: Verb, house: House) -> str:
    value = value_of(verb, None, house)
    if isinstance(value, Text):
        return str(slots.get("message", ""))
    return " ".join(f"{slots[u]} {u}" for u in ("hours", "minutes", "seconds") if u in slots)


def _parameters(slots: Mapping[str, Any]) -> str:
    return "".join(f"<parameter={key}>\n{value}\n</parameter>\n" for key, value in slots.items())


def _keyed(slots: Mapping[str, Any]) -> str:
    return "".join(
        f"<arg_key>{key}</arg_key>\n<arg_value>{value}</arg_value>\n"
        for key, value in slots.items()
    )


def _keywords(slots: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value!r}" for key, value in slots.items())
