"""What is to be known of a turn afterwards: what was understood, proposed, mended and done."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ollama_addon.agent.actions.repair import Repaired
from ollama_addon.agent.events import Delta, End, Event, Start, ToolCall, ToolResult, as_json
from ollama_addon.home.model import Entity
from ollama_addon.understanding.interpretation import Clause, Interpretation
from ollama_addon.understanding.vocabulary import Action, Target

_LONGEST = 8_000
"""Characters of what was sent to a model or answered by it that are kept."""
_ENTITIES = 24
"""Entities that are kept of one candidate."""
_PHRASES = 24
"""Phrases that the model could choose from that are kept."""


@dataclass(slots=True)
class Asked:
    """One call of the model. Durations are in milliseconds."""

    message: str
    """The newest message of the prompt; what stood before it is the same in every turn."""
    answer: str = ""
    thought: str = ""
    calls: list[Mapping[str, Any]] = field(default_factory=list)
    """Tools that it called."""
    prompt_tokens: int = 0
    """With those that were cached."""
    completion_tokens: int = 0
    load: float = 0.0
    prompt: float = 0.0
    decode: float = 0.0
    server: str = ""
    """The address of the server that answered."""
    reused: float | None = None
    """About which share of the prompt was still in the engine's cache; None when unknown."""

    def hear(self, chunk: Mapping[str, Any], speed: float | None) -> None:
        """Take in a piece of the engine's answer; the last one has the counts.

        `speed` is how many tokens a second are read when none is cached, where that is known:
        the engine counts cached tokens like others, and only the time tells them apart.
        """
        message = chunk.get("message") or {}
        self.answer = (self.answer + (message.get("content") or ""))[:_LONGEST]
        self.thought = (self.thought + (message.get("thinking") or ""))[:_LONGEST]
        self.calls += [call.get("function") or {} for call in message.get("tool_calls") or ()]
        if chunk.get("done"):
            self.prompt_tokens = chunk.get("prompt_eval_count") or 0
            self.completion_tokens = chunk.get("eval_count") or 0
            self.server = str(chunk.get("server") or "")
            self.load = round((chunk.get("load_duration") or 0) / 1e6, 2)
            self.prompt = round((chunk.get("prompt_eval_duration") or 0) / 1e6, 2)
            self.decode = round((chunk.get("eval_duration") or 0) / 1e6, 2)
            if speed and self.prompt_tokens:
                fresh = self.prompt / 1000 * speed / self.prompt_tokens
                self.reused = round(min(1.0, max(0.0, 1 - fresh)), 2)


@dataclass(slots=True)
class Trace:
    """One turn, filled while it runs."""

    text: str
    language: str
    source: str
    """Who passed it on: `assist`, `panel` or `api`."""
    agent: str = ""
    model: str = ""
    area: str = ""
    """The name of the area that it was said in, where that is known."""
    user: str = ""
    began: float = field(default_factory=time.time)
    """Seconds since the epoch."""
    turn_id: str = ""
    conversation_id: str = ""
    mode: str = ""
    """How it was put to the model; empty when no model was asked."""
    reasons: list[str] = field(default_factory=list)
    """Why a model was asked, as codes; empty where everything was certain."""
    readers: dict[str, Any] = field(default_factory=dict)
    """Which readers read it, whether they agreed, and how long each took."""
    waiting: str = ""
    """Why no model could be asked: `no_model` or `downloading`; empty when one could."""
    clauses: list[dict[str, Any]] = field(default_factory=list)
    """What each part of the sentence means, and which word had which role."""
    phrases: list[str] = field(default_factory=list)
    """What the model could choose from."""
    asked: list[Asked] = field(default_factory=list)
    proposals: list[dict[str, Any]] = field(default_factory=list)
    """What was proposed, and what repair made of it."""
    actions: list[dict[str, Any]] = field(default_factory=list)
    """What was done, and what became of it."""
    reply: str = ""
    outcome: str = "stopped"
    """As in `End`; `error` when it broke off, `stopped` when nobody listened any more."""
    error: dict[str, str] | None = None
    usage: dict[str, int] = field(default_factory=dict)
    timings: dict[str, float] = field(default_factory=dict)
    """Milliseconds."""

    def take(self, event: Event) -> None:
        """Take in what the turn yields."""
        match event:
            case Start():
                self.turn_id, self.conversation_id = event.turn_id, event.conversation_id
            case ToolCall():
                self.actions.append(as_json(event))
            case ToolResult():
                self.actions[-1] |= {"ok": event.ok, "result": event.result}
            case Delta():
                self.reply += event.content
            case End():
                told = as_json(event)
                self.outcome = event.outcome
                self.usage, self.timings = told["usage"], told["timings"]

    def fail(self, code: str, message: str) -> None:
        """Take in why it broke off."""
        self.outcome = "error"
        self.error = {"code": code, "message": message}

    def interpreted(self, interpretation: Interpretation, reasons: Iterable[str]) -> None:
        """Take in what the sentence means, and why a model has to be asked, if one has."""
        self.reasons = list(reasons)
        self.readers = {
            "readers": list(interpretation.readers),
            "agreed": interpretation.agreed,
            "milliseconds": dict(interpretation.milliseconds),
        }
        self.clauses = [explained(clause) for clause in interpretation.clauses]

    def offered(self, phrases: Iterable[str]) -> None:
        """Take in what the model could choose from."""
        self.phrases = list(dict.fromkeys(phrases))[:_PHRASES]

    def ask(self, messages: Iterable[Mapping[str, Any]]) -> Asked:
        """Begin a call of the model and return what to fill."""
        *_, newest = messages
        self.asked.append(Asked(str(newest.get("content") or "")[:_LONGEST]))
        return self.asked[-1]

    def repaired(self, proposed: Action, item: Repaired) -> None:
        """Take in what repair made of a proposal."""
        self.proposals.append(
            {
                "proposed": {"name": proposed.intent, "arguments": dict(proposed.slots)},
                "verdict": str(item.verdict),
                "mended": [change.sentence for change in item.changes],
                "reason": item.reason,
                "values": dict(item.values),
                "target_ids": _ids(item.target),
                "candidates": [entity.name for entity in item.candidates],
                "candidate_ids": [entity.id for entity in item.candidates],
                "action": item.action
                and {"name": item.action.intent, "arguments": dict(item.action.slots)},
            }
        )

    def stopped(self, item: Repaired, code: str) -> None:
        """Take in that a proposal contradicts what was said, and is not done."""
        action = item.action
        self.proposals.append(
            {
                "proposed": action and {"name": action.intent, "arguments": dict(action.slots)},
                "verdict": "stopped",
                "mended": [],
                "reason": code,
                "candidates": [],
                "action": None,
            }
        )

    def as_json(self) -> dict[str, Any]:
        """Return it as it is kept."""
        return asdict(self)


def _ids(target: Target | None) -> list[str]:
    """Return the entity that an action is about; a group of them is told by its area."""
    return [target.id] if isinstance(target, Entity) else []


def explained(clause: Clause) -> dict[str, Any]:
    """Return what a clause means as it is kept and shown."""
    return {
        "text": clause.text,
        "mood": clause.mood.value,
        "certain": clause.certain,
        "doubts": list(clause.doubts),
        "candidates": [
            {
                "phrase": candidate.phrase,
                "score": round(candidate.score, 2),
                "entity_ids": [entity.id for entity in candidate.entities[:_ENTITIES]],
            }
            for candidate in clause.candidates
        ],
        "words": [
            {
                "text": word.text,
                "role": word.role.value,
                "meaning": word.meaning,
                "used": word.used,
                "exact": word.exact,
            }
            for word in clause.words
        ],
        "missing_place": clause.missing_place,
        "missing_thing": clause.missing_thing,
        "same_name": [entity.id for entity in clause.same_name[:_ENTITIES]],
        "refusal": clause.refusal
        and {
            "reason": clause.refusal.reason,
            "values": dict(clause.refusal.values),
            "entity_ids": [entity.id for entity in clause.refusal.entities[:_ENTITIES]],
        },
        "forbidden": [entity.id for entity in clause.forbidden[:_ENTITIES]],
        "when": clause.when.words if clause.when is not None else "",
        "question": clause.question.kind if clause.question is not None else "",
        "asked_ids": [entity.id for entity in clause.question.entities[:_ENTITIES]]
        if clause.question is not None
        else [],
    }
