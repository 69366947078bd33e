"""The native strategy: the model's own tool calls.

A model calls tools as it was trained to, or writes its calls as text. Reading tools are answered
from the mirror, the others become proposals; what of them fails is told to the model once, with
a reason that helps.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rapidfuzz import fuzz, process, utils

from ollama_addon.agent.actions.grounding import Code
from ollama_addon.agent.actions.repair import Repaired, Verdict
from ollama_addon.agent.actions.repair_names import Names
from ollama_addon.agent.strategies import readings
from ollama_addon.agent.strategies.labels import Labels
from ollama_addon.agent.strategies.loose_json import containers
from ollama_addon.agent.strategies.model_output import ModelOutput
from ollama_addon.agent.strategies.tools import Tools
from ollama_addon.home.model import Entity
from ollama_addon.understanding.verb_table import verbs_for
from ollama_addon.understanding.vocabulary import Action

_MOST = 24
"""Calls of one answer that are looked at."""
_NAMED = 6
"""Names that a reason tells at most."""
_LIKE = 40
"""How alike a name must be to be told as one that may have been meant, of 100."""

Call = tuple[str, dict[str, Any]]
"""The name of a tool, and its arguments."""

_STOPPED: Mapping[Code, str] = {
    "opposite": "The person asked for the opposite.",
    "negated": "The person said that this shall not be done.",
    "past": "The person told what was done and asked for nothing.",
    "question": "The person asked a question: answer it from the states.",
    "excluded": "The person left this one out.",
    "another": "The person named something else.",
    "no_place": "The place that the person named is not in this home: say so.",
    "value": "The person said another value.",
    "later": "The person asked for it at another time: it is not done now.",
    "dropped": "The person wants nothing to be done.",
    "talk": "The person asked for nothing to be done.",
}


@dataclass(frozen=True, slots=True)
class Called:
    """What one answer calls for."""

    proposed: tuple[Action, ...] = ()
    calls: tuple[Call, ...] = ()
    """The calls behind the proposals, one for each."""
    read: tuple[tuple[Call, str], ...] = ()
    """Calls that only read, with what they are answered."""

    @property
    def empty(self) -> bool:
        """Whether nothing is called."""
        return not (self.proposed or self.read)


class Native:
    """The tools of one turn, and how calls of them are read."""

    def __init__(self, labels: Labels, names: Names, tools: Tools) -> None:
        """Take the names of the house and its tools."""
        self._labels = labels
        self._names = names
        self.tools = tools
        self._tried: set[str] = set()

    def output(self) -> ModelOutput:
        """Return what takes the text of an answer apart: words to speak, and calls in it."""
        return ModelOutput(self.tools.names | readings.NAMES)

    def read(self, calls: Iterable[Call], output: ModelOutput, now: datetime) -> Called:
        """Return what the calls of an answer ask for, those written as text too.

        A call that was made before in this turn is left out: models repeat what failed.
        """
        written = [(call.name, call.arguments) for call in output.calls]
        proposed: list[Action] = []
        made: list[Call] = []
        read: list[tuple[Call, str]] = []
        for name, arguments in [*calls, *written][:_MOST]:
            key = json.dumps([name, arguments], sort_keys=True, default=str)
            if key in self._tried:
                continue
            self._tried.add(key)
            told = readings.answer(name, arguments, self._labels, self._names, now)
            if told is not None:
                read.append(((name, arguments), told))
                continue
            proposed.append(self.tools.action(name, arguments))
            made.append((name, arguments))
        return Called(tuple(proposed), tuple(made), tuple(read))

    def reason(self, item: Repaired, proposed: Action) -> str:
        """Return why a proposal was refused, in words that help the model to do better."""
        labels = self._labels
        target = item.target
        what = labels[target] if target is not None else ""
        match item.reason:
            case "no_place":
                areas = sorted(area.name for area in labels.house.areas.values())
                return f"There is no '{item.values.get('place')}'. Areas: {', '.join(areas[:20])}."
            case "cannot" if isinstance(target, Entity):
                can = [v.phrase.format(target=what, value="N") for v in verbs_for(target)]
                return f"{what} cannot do that. Possible: {', '.join(can[:_NAMED])}."
            case "range":
                low, high = item.values.get("low"), item.values.get("high")
                return f"{what} takes values from {low} to {high}."
            case "value":
                return f"A value for {what or proposed.intent} is missing or wrong."
            case "unknown_action":
                return f"There is no such tool. Tools: {', '.join(sorted(self.tools.names)[:20])}."
        if item.verdict is Verdict.AMBIGUOUS:
            return f"Several fit: {', '.join(labels[e] for e in item.candidates[:_NAMED])}. Ask."
        said = str(item.values.get("name") or "")
        near = [found[0] for found in self._near(said)]
        there_is = f" There is: {', '.join(near)}." if near else ""
        return f"There is no '{said}'.{there_is}" if said else f"Give the name.{there_is}"

    def stopped(self, code: Code) -> str:
        """Return why a proposal was not done, for the model."""
        return _STOPPED[code]

    def _near(self, said: str) -> list[tuple[str, float, int]]:
        names = list(self._labels.of_entity.values())
        return process.extract(
            said,
            names,
            scorer=fuzz.token_set_ratio,
            processor=utils.default_process,
            score_cutoff=_LIKE,
            limit=_NAMED,
        )


@dataclass(slots=True)
class Heard:
    """Takes the messages of an answer as they come: its calls, its text, its thoughts."""

    output: ModelOutput
    calls: list[Call] = field(default_factory=list)
    content: str = ""
    thinking: str = ""

    def take(self, message: Mapping[str, Any]) -> str:
        """Take a message of a stream, return the words that may be spoken."""
        self.calls += called(message.get("tool_calls") or ())
        self.thinking += str(message.get("thinking") or "")
        content = str(message.get("content") or "")
        self.content += content
        return self.output.feed(content)


def called(chunks: Iterable[Mapping[str, Any]]) -> list[Call]:
    """Return the calls in Ollama's `message.tool_calls`, names and arguments."""
    found = []
    for call in chunks:
        function = call.get("function") if isinstance(call, Mapping) else None
        if not isinstance(function, Mapping):
            continue
        arguments = function.get("arguments") or {}
        if isinstance(arguments, str):
            arguments = next((c for c in containers(arguments) if isinstance(c, dict)), {})
        if isinstance(arguments, Mapping):
            found.append((str(function.get("name") or ""), dict(arguments)))
    return found


def asked(calls: Sequence[Call], content: str) -> dict[str, Any]:
    """Return the assistant's message that made calls, as the model is shown it again."""
    return {
        "role": "assistant",
        "content": content,
        "tool_calls": [
            {"function": {"name": name, "arguments": dict(arguments)}} for name, arguments in calls
        ],
    }


def told(name: str, result: str) -> dict[str, Any]:
    """Return the message that tells the model what became of a call."""
    return {"role": "tool", "tool_name": name, "content": result}


def failed(reason: str) -> str:
    """Return what a call that failed is answered."""
    return json.dumps({"error": reason}, ensure_ascii=False)
