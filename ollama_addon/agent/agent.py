"""The conversation agent: one turn, start to end."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ollama_addon.agent import prompt
from ollama_addon.agent.clauses import clauses
from ollama_addon.agent.confirm import asks_first
from ollama_addon.agent.events import Delta, End, Event, Start, ToolCall, ToolResult, Usage
from ollama_addon.agent.history import Conversation, Exchange, History, Pending
from ollama_addon.agent.later import is_later
from ollama_addon.agent.offers import Offer, offers
from ollama_addon.agent.phrases import is_yes
from ollama_addon.agent.repair import Repaired, Verdict, repair
from ollama_addon.agent.replies import Done, Replies
from ollama_addon.agent.shortlist import LIMIT, Index
from ollama_addon.agent.structured import (
    Choices,
    SayStream,
    choose_narrow,
    choose_wide,
    phrases,
    read,
)
from ollama_addon.agent.vocabulary import Action, Group, Target
from ollama_addon.agent.words import supported, tokens, words_of
from ollama_addon.engine.inventory import Inventory
from ollama_addon.engine.servers import Servers
from ollama_addon.errors import AddonError
from ollama_addon.home.actions import Actions, Outcome
from ollama_addon.home.mirror import Mirror
from ollama_addon.home.model import Entity, House, Satellite
from ollama_addon.home.templates import Templates
from ollama_addon.home.translations import Translations
from ollama_addon.options import AgentOptions

_LOGGER = logging.getLogger(__name__)

MAX_TEXT = 4_000
"""Characters of a sentence; what is longer was not said to a house."""
TINY = 1_000_000_000
"""Models with fewer weights choose among what the words leave open, and see no house."""
_ANSWER_TOKENS = 96
"""A spoken reply is short, and a small model that repeats itself has to end."""
_TARGET_SLOTS = frozenset({"name", "area", "floor", "domain", "device_class"})
_RESERVE = 1200
"""Tokens of the context window kept for the newest message and the answer."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What somebody said, where, and in which conversation."""

    text: str
    language: str = ""
    conversation_id: str = ""
    device_id: str | None = None
    satellite_id: str | None = None
    user_name: str | None = None
    extra_system_prompt: str | None = None


@dataclass(slots=True)
class Home:
    """Home Assistant, as the agent uses it."""

    mirror: Mirror
    actions: Actions
    templates: Templates
    translations: Translations


@dataclass(slots=True)
class _Clock:
    """Where the time of a turn went, in seconds."""

    began: float = field(default_factory=time.perf_counter)
    engine: float = 0.0
    home: float = 0.0
    first: float | None = None
    load: float = 0.0
    prompt: float = 0.0
    decode: float = 0.0

    def as_json(self) -> dict[str, float]:
        total = time.perf_counter() - self.began
        first = self.first if self.first is not None else total
        parts = {
            "total": total,
            "first_word": first,
            "engine": self.engine,
            "load": self.load,
            "prompt": self.prompt,
            "decode": self.decode,
            "home": self.home,
            "own": max(0.0, total - self.engine - self.home),
        }
        return {name: round(seconds * 1000, 2) for name, seconds in parts.items()}


class Agent:
    """One configured agent. `converse` is safe to be run many times at once."""

    def __init__(
        self, options: AgentOptions, servers: Servers, home: Home, inventory: Inventory
    ) -> None:
        self.options = options
        self._servers = servers
        self._home = home
        self._inventory = inventory
        self._history = History()
        self._indexes: dict[str, Index] = {}

    def check(self, turn: Turn) -> None:
        """Raise AddonError for a sentence that cannot be answered whatever happens."""
        if not turn.text.strip():
            raise AddonError("empty_text", "Nothing was said. Send a sentence in 'text'.", 422)
        if len(turn.text) > MAX_TEXT:
            raise AddonError(
                "text_too_long",
                f"The sentence is {len(turn.text):,} characters long; say it in at most "
                f"{MAX_TEXT:,}.",
                413,
            )

    async def converse(self, turn: Turn) -> AsyncIterator[Event]:
        """Yield what happens in one turn, from `Start` to `End`.

        Raises AddonError when the turn cannot be finished.
        """
        self.check(turn)
        clock, usage = _Clock(), Usage()
        conversation = self._history.open(turn.conversation_id or uuid.uuid4().hex)
        yield Start(conversation.id, uuid.uuid4().hex, self.options.id)
        if (pull := self._inventory.progress(self.options.model)) and pull.active:
            yield Delta(pull.message)
            yield End(False, usage, clock.as_json())
            return
        step = _Step(self, turn, conversation, clock, usage)
        run = self._act(step) if self.options.control_home else self._talk(step)
        async for event in run:
            if isinstance(event, Delta) and clock.first is None:
                clock.first = time.perf_counter() - clock.began
            yield event
        yield End(conversation.pending is not None, usage, clock.as_json())

    def index(self, language: str) -> Index:
        """Return the house as it is now, ready to be looked up in a language."""
        house = self._home.mirror.house
        index = self._indexes.get(language)
        if index is None or index.house is not house:
            index = self._indexes[language] = Index(house, words_of(language))
        return index

    async def prefix(self, language: str) -> list[dict[str, str]]:
        """Return the unchanging first messages of every turn."""
        instructions = await self.instructions()
        if not self.options.control_home:
            return [{"role": "system", "content": prompt.talk_prefix(instructions)}]
        if await self._is_tiny():
            return prompt.narrow_prefix(instructions)
        budget = self.options.context_window - _RESERVE
        text = prompt.wide_prefix(self.index(language), instructions, int(budget * 0.8))
        return [{"role": "system", "content": text}]

    async def warm(self, language: str) -> None:
        """Have the engine read the prefix, so that the first sentence need not wait for it.

        Raises AddonError.
        """
        messages = await self.prefix(language)
        async for _ in self._servers.chat(
            self.options.model,
            [*messages, {"role": "user", "content": "…"}],
            num_predict=1,
            think=await self._think(None),
            keep_alive=self.options.keep_alive,
        ):
            pass

    async def instructions(self) -> str:
        """Return the agent's instructions, rendered."""
        if not self.options.instructions.strip():
            return ""
        rendered = await self._home.templates.render(
            self.options.instructions, {"ha_name": self._home.mirror.house.name}
        )
        return rendered.text

    async def _is_tiny(self) -> bool:
        details = await self._servers.details(self.options.model)
        return details.parameters is not None and details.parameters < TINY

    # Talk

    async def _talk(self, step: _Step) -> AsyncIterator[Event]:
        """Answer with words only; the house is neither seen nor touched."""
        messages = [
            *await self.prefix(step.language),
            *step.conversation.messages(),
            {"role": "user", "content": step.turn.text},
        ]
        said = ""
        async for chunk in self._ask(step, messages, schema=None):
            said += chunk
            yield Delta(chunk)
        self._remember(step, step.turn.text, said)

    # Act

    async def _act(self, step: _Step) -> AsyncIterator[Event]:
        """Let the model choose what to do or say, and do it."""
        await self._home.mirror.wait_ready(5.0)
        # A language that is new takes a second to learn, which no other turn shall wait for.
        await asyncio.to_thread(words_of, step.language)
        step.index = self.index(step.language)
        if (answered := self._answer_to_question(step)) is not None:
            async for event in self._carry_out(step, answered):
                yield event
            return
        choices = self._choices(step, narrow=await self._is_tiny())
        if choices.exact and choices.wants_now and is_later(choices.free, step.language):
            # A tiny model would do it now. What it cannot judge is not left to it.
            yield Delta(step.replies().phrase("later"))
            return
        messages = await self._messages(step, choices)
        answer = ""
        stream = SayStream()
        spoken = False
        async for chunk in self._ask(step, messages, schema=choices.schema()):
            answer += chunk
            if words := stream.feed(chunk):
                spoken = True
                yield Delta(words)
        self._remember(step, messages[-1]["content"], answer)
        try:
            result = read(answer, choices)
        except ValueError as error:
            if spoken:
                # Cut off in mid-sentence: what was said was said.
                return
            _LOGGER.warning("%s answered what cannot be read: %s", self.options.model, error)
            yield Delta(step.replies().error("no_intent"))
            return
        if isinstance(result, str):
            return
        step.conversation.targets = tuple(o.target for o, _ in result if o.target is not None)
        repaired = [
            self._ambiguity(offer, proposed, choices)
            or repair(proposed, step.index, area_id=step.satellite.area_id)
            for offer, proposed in result
        ]
        async for event in self._carry_out(step, repaired):
            yield event

    def _choices(self, step: _Step, *, narrow: bool) -> Choices:
        """Return what the model may answer."""
        area_id = step.satellite.area_id
        parts: list[Sequence[Offer]] = []
        named: set[str] = set()
        for clause in clauses(step.turn.text, step.index, area_id):
            shortlist = step.index.look_up(
                clause, area_id=area_id, previous=step.conversation.targets
            )
            named |= shortlist.named
            parts.append(
                offers(
                    clause,
                    shortlist,
                    step.index.house,
                    step.index.words,
                    has_satellite=step.satellite.device_id is not None,
                )
            )
        choices = choose_narrow(parts) if narrow else choose_wide(parts)
        free = tuple(word for word in tokens(step.turn.text) if word not in named)
        return replace(choices, free=free)

    async def _messages(self, step: _Step, choices: Choices) -> list[dict[str, str]]:
        """Return the whole prompt: prefix, history, suffix."""
        messages = await self.prefix(step.language)
        if choices.exact:
            if not choices.may_do:
                messages += step.conversation.messages()[-4:]
            shown = phrases(choices.offers, said_only=True)
            content = prompt.narrow_suffix(step.turn.text, shown)
        else:
            messages += step.conversation.messages()
            targets = dict.fromkeys(o.target for o in choices.offers if o.target is not None)
            content = prompt.suffix(
                step.turn.text,
                step.index,
                list(targets)[:LIMIT],
                now=step.now,
                satellite=step.satellite,
                user_name=step.turn.user_name,
            )
        if step.turn.extra_system_prompt:
            content = f"[{step.turn.extra_system_prompt.strip()}]\n{content}"
        return [*messages, {"role": "user", "content": content}]

    def _ambiguity(self, chosen: Offer, proposed: Action, choices: Choices) -> Repaired | None:
        """Return a question when the words fit others as well as what the model chose."""
        if not isinstance(chosen.target, Entity) or chosen.name_score >= 0.95:
            return None
        alike = [
            offer.target
            for offer in choices.offers
            if offer.verb == chosen.verb
            and isinstance(offer.target, Entity)
            and abs(offer.name_score - chosen.name_score) < 0.02
        ]
        unique = tuple(dict.fromkeys(alike))
        if len(unique) < 2 or chosen.verb.reads:
            return None
        slots = {slot: value for slot, value in proposed.slots.items() if slot != "name"}
        return Repaired(Verdict.AMBIGUOUS, Action(proposed.intent, slots), None, candidates=unique)

    def _answer_to_question(self, step: _Step) -> list[Repaired] | None:
        """Return what is to be done when this turn answers a question asked back."""
        pending, step.conversation.pending = step.conversation.pending, None
        if pending is None:
            return None
        if not pending.targets:
            answer = is_yes(step.turn.text)
            if answer is None:
                return None
            if not answer:
                return []
            step.confirmed = True
            return [repair(action, step.index) for action in pending.actions]
        found = step.index.look_up(step.turn.text, area_id=step.satellite.area_id).candidates
        scores = {c.target: c.score for c in found if c.target in pending.targets}
        ranked = sorted(scores, key=lambda target: -scores[target])
        if not ranked or (len(ranked) > 1 and scores[ranked[0]] - scores[ranked[1]] < 0.05):
            return None
        chosen = ranked[0]
        if not isinstance(chosen, Entity):
            return None
        step.conversation.targets = (chosen,)
        return [
            repair(Action(action.intent, {**action.slots, "name": chosen.id}), step.index)
            for action in pending.actions
        ]

    async def _carry_out(self, step: _Step, repaired: Sequence[Repaired]) -> AsyncIterator[Event]:
        """Do what was repaired, and say what became of it."""
        replies = step.replies(await self._home.translations.states(step.language))
        if not repaired:
            yield Delta(replies.phrase("kept"))
            return
        if question := self._question(step, repaired, replies):
            yield Delta(question)
            return
        results: list[Done] = []
        for item in repaired:
            if item.action is None or item.verdict is Verdict.REFUSED:
                results.append(_refusal(item, replies))
                continue
            call_id = uuid.uuid4().hex[:8]
            yield ToolCall(call_id, item.action.intent, dict(item.action.slots))
            done = await self._do(step, item.action, item.target)
            results.append(done)
            result: dict[str, Any] = {"failed": list(done.failed), **done.data}
            if done.reason:
                result["reason"] = done.reason
            yield ToolResult(call_id, done.ok, result)
        yield Delta(replies.combined(results, step.turn.text, step.now))

    def _question(self, step: _Step, repaired: Sequence[Repaired], replies: Replies) -> str | None:
        """Return the question to ask before anything is done, and keep what hangs on it."""
        for item in repaired:
            if item.verdict is Verdict.AMBIGUOUS and item.action is not None:
                step.conversation.pending = Pending((item.action,), item.candidates)
                return replies.phrase("which", names=replies.names(item.candidates[:6], "or"))
        if step.confirmed:
            return None
        risky = [
            item
            for item in repaired
            if item.action is not None
            and item.verdict is not Verdict.REFUSED
            and asks_first(item.action, item.target, step.index.house, self.options.confirm)
        ]
        if not risky:
            return None
        step.conversation.pending = Pending(
            tuple(item.action for item in repaired if item.action is not None)
        )
        targets = [item.target for item in risky if item.target is not None]
        return replies.phrase("sure", names=replies.names(targets))

    async def _do(self, step: _Step, action: Action, target: Target | None) -> Done:
        """Carry out one valid action."""
        if action.intent in ("HassGetState", "HassGetCurrentTime", "HassGetCurrentDate") or (
            action.intent == "HassGetWeather" and target is not None
        ):
            return Done(action, target, ok=True)
        began = time.perf_counter()
        try:
            outcome = await self._outcome(step, action, target)
        finally:
            step.clock.home += time.perf_counter() - began
        return Done(
            action,
            target,
            ok=outcome.ok,
            failed=tuple(failed.name or failed.id for failed in outcome.failed_targets),
            reason="" if outcome.ok else outcome.reason,
            data=outcome.data,
        )

    async def _outcome(self, step: _Step, action: Action, target: Target | None) -> Outcome:
        actions = self._home.actions
        if "." not in action.intent:
            return await actions.handle_intent(
                action.intent,
                dict(action.slots),
                language=step.language,
                satellite=step.satellite,
                preferred_area=step.satellite.area_id,
            )
        if isinstance(target, Entity) and action.intent == "todo.get_items":
            items = await actions.todo_items(target.id)
            return Outcome(True, data={"items": [item["summary"] for item in items]})
        if isinstance(target, Entity) and action.intent == "calendar.get_events":
            events = await actions.calendar_events(
                target.id, step.now.isoformat(), (step.now + timedelta(days=7)).isoformat()
            )
            return Outcome(True, data={"items": [event["summary"] for event in events]})
        domain, _, service = action.intent.partition(".")
        members = target.members(step.index.house) if isinstance(target, Group) else [target]
        return await actions.call_service(
            domain,
            service,
            {slot: value for slot, value in action.slots.items() if slot not in _TARGET_SLOTS},
            [member.id for member in members if member is not None],
        )

    # The model

    async def _ask(
        self, step: _Step, messages: Sequence[Mapping[str, Any]], schema: dict[str, Any] | None
    ) -> AsyncIterator[str]:
        """Send a prompt and yield the answer as it comes; counts what it cost."""
        began = time.perf_counter()
        step.usage.model_calls += 1
        think = await self._think(schema)
        try:
            async for chunk in self._servers.chat(
                self.options.model,
                messages,
                format=schema,
                think=think,
                num_predict=_ANSWER_TOKENS if schema else None,
                temperature=self.options.temperature if schema is None else 0.0,
                keep_alive=self.options.keep_alive,
            ):
                if content := (chunk.get("message") or {}).get("content"):
                    yield content
                if chunk.get("done"):
                    step.usage.prompt_tokens += chunk.get("prompt_eval_count") or 0
                    step.usage.completion_tokens += chunk.get("eval_count") or 0
                    step.clock.load += (chunk.get("load_duration") or 0) / 1e9
                    step.clock.prompt += (chunk.get("prompt_eval_duration") or 0) / 1e9
                    step.clock.decode += (chunk.get("eval_duration") or 0) / 1e9
        finally:
            step.clock.engine += time.perf_counter() - began

    async def _think(self, schema: dict[str, Any] | None) -> bool | None:
        """Return whether the model is to think; None for a model that cannot."""
        if "thinking" not in await self._servers.capabilities(self.options.model):
            return None
        return self.options.think and schema is None

    def _remember(self, step: _Step, user: str, assistant: str) -> None:
        budget = int((self.options.context_window - _RESERVE) * 1.5)
        step.conversation.add(
            Exchange(user, assistant), max_history=self.options.max_history, budget=budget
        )


class _Step:
    """What belongs to one turn while it runs."""

    index: Index

    def __init__(
        self,
        agent: Agent,
        turn: Turn,
        conversation: Conversation,
        clock: _Clock,
        usage: Usage,
    ) -> None:
        house = agent._home.mirror.house
        self.turn = turn
        self.conversation = conversation
        self.clock = clock
        self.usage = usage
        self.confirmed = False
        self.language = supported(turn.language or house.language)
        self.satellite = Satellite(
            turn.device_id,
            turn.satellite_id,
            house.device_areas.get(turn.device_id) if turn.device_id else None,
        )
        self.now = datetime.now(_zone(house))

    def replies(self, translations: Mapping[str, str] | None = None) -> Replies:
        """Return the replies of this turn."""
        return Replies(self.index.words, self.index.house, translations)


def _zone(house: House) -> ZoneInfo:
    try:
        return ZoneInfo(house.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _refusal(item: Repaired, replies: Replies) -> Done:
    """Return a refused action with its reason in words."""
    action = item.action or Action("", {})
    names = replies.names([item.target]) if item.target else ""
    key = item.reason if item.reason in ("cannot", "range") and names else "not_found"
    values = {"low": "", "high": "", **item.values, "names": names}
    return Done(action, item.target, ok=False, reason=replies.phrase(key, **values))
