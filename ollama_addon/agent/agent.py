"""The conversation agent: one turn, start to end."""

from __future__ import annotations

import asyncio
import logging
import re
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Literal

from ollama_addon.agent.actions import executor
from ollama_addon.agent.actions.grounding import Clause, meant
from ollama_addon.agent.actions.repair import Repaired, Verdict, repair
from ollama_addon.agent.conversations import Conversation, Conversations, Exchange
from ollama_addon.agent.events import Delta, End, Event, Start
from ollama_addon.agent.replies.replies import Done
from ollama_addon.agent.strategies import native, prompt
from ollama_addon.agent.strategies.model_output import SpeechFilter, written_calls
from ollama_addon.agent.strategies.structured import (
    Choices,
    Look,
    SayStream,
    choose_narrow,
    choose_wide,
    phrases,
    read,
)
from ollama_addon.agent.trace import Trace
from ollama_addon.agent.turn import Clock, Home, Step, Turn
from ollama_addon.engine.inventory import Inventory
from ollama_addon.engine.queue import Priority
from ollama_addon.engine.servers import Servers
from ollama_addon.errors import AddonError
from ollama_addon.home.model import Entity
from ollama_addon.home.templates import Rendered
from ollama_addon.options import AgentOptions
from ollama_addon.understanding.later import is_later
from ollama_addon.understanding.offers import Offer, is_question, offers
from ollama_addon.understanding.old_clauses import clauses, continued, spoken
from ollama_addon.understanding.shortlist import LIMIT, Index
from ollama_addon.understanding.vocabulary import Action
from ollama_addon.understanding.words import FILLERS, tokens, words_of

_LOGGER = logging.getLogger(__name__)

MAX_TEXT = 4_000
"""Characters of a sentence; what is longer was not said to a house."""
TINY = 1_000_000_000
"""Models with fewer weights choose among what the words leave open, and see no house."""
_ANSWER_TOKENS = 96
"""A spoken reply of a tiny model is short: one that repeats itself has to end."""
_MORE_TOKENS = 320
"""The same for a capable one."""
_THOUGHT_TOKENS = 4096
"""The same for one that thinks first."""
_RESERVE = 1200
"""Tokens of the context window kept for the newest message and the answer."""

Mode = Literal["talk", "narrow", "wide", "native"]
"""How a turn is put to the model: words only, structured for a tiny or a capable one, tools."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is sent."""

    mode: Mode
    messages: Sequence[Mapping[str, Any]]
    schema: Mapping[str, Any] | None = None
    """What the answer is held to."""
    tools: Sequence[Mapping[str, Any]] | None = None


class Agent:
    """One configured agent. `converse` is safe to be run many times at once."""

    def __init__(
        self,
        options: AgentOptions,
        servers: Servers,
        home: Home,
        inventory: Inventory,
        history: Conversations | None = None,
        on_turn: Callable[[Trace], None] = lambda record: None,
    ) -> None:
        self.options = options
        self._servers = servers
        self._home = home
        self._inventory = inventory
        self.history = history or Conversations()
        self._indexes: dict[str, Index] = {}
        self._names: dict[str, Mapping[str, str]] = {}
        self._prefixes: dict[Mode, tuple[Index, str, str]] = {}
        """The last prefix made in each mode, and what it was made of."""
        self.rendered = Rendered("")
        """The instructions as they were rendered last."""
        self.on_turn = on_turn
        """Called with each turn when it is over, however it ended."""

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
        conversation = self.history.open(turn.conversation_id or uuid.uuid4().hex)
        step = Step(turn, self._home.mirror.house, conversation, Clock())
        record = step.record
        record.agent, record.model = self.options.id, self.options.model
        try:
            async with aclosing(self._turn(step)) as events:
                async for event in events:
                    record.take(event)
                    yield event
        except AddonError as error:
            record.fail(error.code, error.message)
            raise
        except Exception as error:
            record.fail("internal", repr(error))
            raise
        finally:
            record.timings = record.timings or step.clock.as_json()
            self.on_turn(record)

    async def _turn(self, step: Step) -> AsyncGenerator[Event, None]:
        """Yield what happens in one turn."""
        clock, conversation = step.clock, step.conversation
        yield Start(conversation.id, uuid.uuid4().hex, self.options.id)
        if not self.options.model:
            raise AddonError(
                "no_model", f"{self.options.name} has no model. Choose one in its settings.", 503
            )
        if pull := self._inventory.waits_for(self.options.model):
            yield Delta(pull.message)
            yield End(False, step.usage, clock.as_json(), "failed")
            return
        run = self._act(step) if self.options.control_home else self._talk(step)
        async for event in run:
            if isinstance(event, Delta) and clock.first is None:
                clock.first = time.perf_counter() - clock.began
            yield event
        asked = conversation.pending is not None
        outcome = "asked" if asked else step.outcome
        yield End(asked, step.usage, clock.as_json(), outcome)

    def index(self, language: str) -> Index:
        """Return the house as it is now, ready to be looked up in a language."""
        house = self._home.mirror.house
        index = self._indexes.get(language)
        if index is None or index.house is not house:
            names = self._names.get(language)
            index = self._indexes[language] = Index(house, words_of(language), names)
        return index

    async def _learn_names(self, language: str) -> None:
        """Ask Home Assistant once what it calls states and kinds in a language."""
        names = await self._home.translations.states(language)
        if names and names is not self._names.get(language):
            self._names[language] = names
            self._indexes.pop(language, None)

    async def mode(self) -> Mode:
        """Return how turns are put to this agent's model. Raises AddonError."""
        if not self.options.control_home:
            return "talk"
        details = await self._servers.details(self.options.model)
        size = details.parameters or 0
        large = self.options.strategy == "auto" and size >= native.LARGE
        if (large or self.options.strategy == "native") and "tools" in details.capabilities:
            return "native"
        return "narrow" if 0 < size < TINY else "wide"

    async def prefix(self, language: str, mode: Mode) -> list[dict[str, Any]]:
        """Return the unchanging first messages of every turn."""
        instructions = await self.instructions()
        if mode == "talk":
            return [{"role": "system", "content": prompt.talk_prefix(instructions)}]
        if mode == "narrow":
            return prompt.narrow_prefix(instructions)
        budget = int((self.options.context_window - _RESERVE) * 0.8)
        make = prompt.wide_prefix if mode == "wide" else prompt.native_prefix
        index = self.index(language)
        made = self._prefixes.get(mode)
        if made is None or made[0] is not index or made[1] != instructions:
            text = make(index, instructions, budget)
            made = self._prefixes[mode] = (index, instructions, text)
        return [{"role": "system", "content": made[2]}]

    async def warm(self, language: str) -> None:
        """Have the engine read the prefix, so that the first sentence need not wait for it.

        Raises AddonError.
        """
        mode = await self.mode()
        messages = await self.prefix(language, mode)
        tools = self._tools(self.index(language), True).schemas if mode == "native" else None
        async for _ in self._servers.chat(
            self.options.model,
            [*messages, {"role": "user", "content": "…"}],
            tools=tools,
            num_predict=1,
            think=await self._think(structured=mode in ("narrow", "wide")),
            keep_alive=self.options.keep_alive,
            priority=Priority.WARM_UP,
        ):
            pass

    async def prompt(self, turn: Turn) -> Prompt:
        """Return what the model would be sent for a first sentence. Raises AddonError."""
        self.check(turn)
        step = Step(turn, self._home.mirror.house, Conversation(""), Clock())
        mode = await self.mode()
        if mode == "talk":
            return Prompt(mode, await self._talk_messages(step))
        await self._learn(step)
        choices = self._choices(step, narrow=mode == "narrow")
        if mode == "native":
            content = _with_extra(self._suffix(step, choices), turn)
            messages = [
                *await self.prefix(step.language, mode),
                {"role": "user", "content": content},
            ]
            tools = self._tools(step.index, step.satellite.device_id is not None).schemas
            return Prompt(mode, messages, tools=tools)
        return Prompt(mode, await self._messages(step, choices, mode), schema=choices.schema())

    async def count(self, asked: Prompt) -> int:
        """Return how many tokens a prompt has, by having the model read it. Raises AddonError."""
        async for chunk in self._servers.chat(
            self.options.model,
            asked.messages,
            tools=asked.tools,
            num_predict=1,
            think=await self._think(structured=asked.mode in ("narrow", "wide")),
            keep_alive=self.options.keep_alive,
        ):
            if chunk.get("done"):
                return int(chunk.get("prompt_eval_count") or 0)
        return 0

    async def instructions(self) -> str:
        """Return the agent's instructions, rendered."""
        if not self.options.instructions.strip():
            return ""
        self.rendered = await self._home.templates.render(
            self.options.instructions, {"ha_name": self._home.mirror.house.name}
        )
        return self.rendered.text

    # Talk

    async def _talk(self, step: Step) -> AsyncIterator[Event]:
        """Answer with words only; the house is neither seen nor touched."""
        step.record.mode = "talk"
        messages = await self._talk_messages(step)
        speech = SpeechFilter()
        said = ""
        async for message in self._ask(step, messages):
            if words := speech.feed(message.get("content") or ""):
                said += words
                yield Delta(words)
        if words := speech.finish():
            said += words
            yield Delta(words)
        content = messages[-1]["content"]
        self._remember(step, content, {"role": "assistant", "content": said})

    async def _talk_messages(self, step: Step) -> list[dict[str, Any]]:
        content = _with_extra(step.turn.text, step.turn)
        return [
            *await self.prefix(step.language, "talk"),
            *step.conversation.messages(),
            {"role": "user", "content": content},
        ]

    # Act

    async def _learn(self, step: Step) -> None:
        """Get to know the house as it is now, and the words of the turn's language."""
        await self._home.mirror.wait_ready(5.0)
        if step.language not in self._indexes:
            # A language that is new takes a second to learn, which no other turn shall wait for.
            await asyncio.to_thread(words_of, step.language)
        await self._learn_names(step.language)
        step.index = self.index(step.language)

    async def _act(self, step: Step) -> AsyncIterator[Event]:
        """Let the model choose what to do or say, and do it."""
        await self._learn(step)
        if (answered := executor.answered(step)) is not None:
            async for event in self._carry_out(step, answered):
                yield event
            return
        step.record.mode = mode = await self.mode()
        run = self._natively(step) if mode == "native" else self._structured(step, mode)
        async for event in run:
            yield event

    # Structured

    async def _structured(self, step: Step, mode: Mode) -> AsyncIterator[Event]:
        """Ask for one answer of a form in which only what is possible can be said."""
        choices = self._choices(step, narrow=mode == "narrow")
        if choices.exact and choices.wants_now and is_later(choices.free, step.language):
            # A tiny model would do it now. What it cannot judge is not left to it.
            step.outcome = "failed"
            yield Delta(step.replies().phrase("later"))
            return
        messages = await self._messages(step, choices, mode)
        asked = messages[-1]["content"]
        while True:
            answer, stream, talked = "", SayStream(), False
            async for message in self._ask(step, messages, schema=choices.schema()):
                answer += message.get("content") or ""
                if words := stream.feed(message.get("content") or ""):
                    talked = True
                    yield Delta(words)
                if _repeats(answer):
                    break
            self._remember(step, asked, {"role": "assistant", "content": answer})
            try:
                result = read(answer, choices)
            except ValueError:
                if not talked:  # Else it was cut off in mid-sentence: what was said was said.
                    # The answer itself is in the journal: it is about what was said.
                    _LOGGER.warning("%s answered what cannot be read", self.options.model)
                    step.outcome = "not_understood"
                    yield Delta(step.replies().error("no_intent"))
                return
            if not isinstance(result, Look):
                break
            # Once, and only to look: the question needs more of the house than was shown.
            asked = prompt.looked_at(step.index, result.places, step.turn.text)
            messages = [
                *messages,
                {"role": "assistant", "content": answer},
                {"role": "user", "content": asked},
            ]
            choices = replace(choices, looks=())
        if isinstance(result, str):
            return
        step.conversation.targets = tuple(o.target for o, _ in result if o.target is not None)
        repaired = [
            self._ambiguity(offer, proposed, choices)
            or repair(proposed, step.index, area_id=step.satellite.area_id)
            for offer, proposed in result
        ]
        for (_, proposed), item in zip(result, repaired, strict=True):
            step.record.repaired(proposed, item)
        # A tiny model has chosen among what the words leave open anyway.
        doubted = mode != "narrow" and not self._keep_meant(step, repaired)
        async for event in self._carry_out(step, repaired, doubted=doubted):
            yield event

    def _choices(self, step: Step, *, narrow: bool) -> Choices:
        """Return what the model may answer."""
        area_id = step.satellite.area_id
        parts: list[Sequence[Offer]] = []
        step.record.shortlist.clear()
        named: set[str] = set()
        text = continued(step.turn.text, step.index, step.conversation.spoken)
        step.conversation.spoken = spoken(text, step.index)
        for clause in clauses(text, step.index, area_id):
            shortlist = step.index.look_up(
                clause, area_id=area_id, previous=step.conversation.targets
            )
            named |= shortlist.named
            step.record.looked_up(shortlist)
            parts.append(
                offers(
                    clause,
                    shortlist,
                    step.index,
                    has_satellite=step.satellite.device_id is not None,
                )
            )
            asks = is_question(clause, shortlist, step.index.words)
            said = tokens(clause)
            weights = step.index.words.weigh(
                word for word in said if word not in shortlist.named and word not in FILLERS
            )
            step.clauses.append(Clause(frozenset(said), parts[-1], asks, weights))
        looks = () if narrow else step.index.places
        choices = choose_narrow(parts) if narrow else choose_wide(parts, looks)
        step.record.offered(choices.offers)
        free = tuple(word for word in tokens(step.turn.text) if word not in named)
        return replace(choices, free=free)

    async def _messages(self, step: Step, choices: Choices, mode: Mode) -> list[dict[str, Any]]:
        """Return the whole prompt: prefix, history, suffix."""
        messages = await self.prefix(step.language, mode)
        if mode == "narrow":
            if not choices.may_do:
                messages += step.conversation.messages()[-4:]
            shown = phrases(choices.offers, said_only=True)
            content = prompt.narrow_suffix(step.turn.text, shown)
        else:
            messages += step.conversation.messages()
            content = self._suffix(step, choices)
        return [*messages, {"role": "user", "content": _with_extra(content, step.turn)}]

    def _suffix(self, step: Step, choices: Choices) -> str:
        return prompt.suffix(
            step.turn.text,
            step.index,
            choices.shown[:LIMIT],
            now=step.now,
            satellite=step.satellite,
            user_name=step.turn.user_name,
        )

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

    # Native

    async def _natively(self, step: Step) -> AsyncIterator[Event]:
        """Let the model call tools, tell it what became of them where that helps."""
        replies = step.replies(self._names.get(step.language, {}))
        tools = self._tools(step.index, step.satellite.device_id is not None)
        choices = self._choices(step, narrow=False)
        content = _with_extra(self._suffix(step, choices), step.turn)
        news: list[dict[str, Any]] = [{"role": "user", "content": content}]
        before = [
            *await self.prefix(step.language, "native"),
            *step.conversation.messages(tools=True),
        ]
        tried: set[str] = set()
        done: list[Done] = []
        for number in range(native.ROUNDS):
            raw, said = "", ""
            calls: list[native.Call] = []
            speech = SpeechFilter(tools.names)
            async for message in self._ask(step, [*before, *news], tools=tools.schemas):
                raw += message.get("content") or ""
                calls += native.called(message.get("tool_calls") or ())
                if words := speech.feed(message.get("content") or ""):
                    said += words
                    yield Delta(words)
            if words := speech.finish():
                said += words
                yield Delta(words)
            calls += [(call.name, call.arguments) for call in written_calls(raw, tools.names)]
            fresh = self._fresh(step, tools, calls, tried)
            items = [item for _, item in fresh]
            doubted = not self._keep_meant(step, items)
            fresh = [(call, item) for call, item in fresh if item in items]
            if not fresh:
                break
            refused = any(item.verdict is Verdict.REFUSED for item in items)
            if refused and number and not done:
                # It failed twice: what it cannot call it may be able to choose.
                break
            news.append(native.asked([call for call, _ in fresh], said))
            if said:
                yield Delta(" ")
            confirm = None if doubted else self.options.asks_first
            if question := executor.question(step, items, replies, confirm):
                news.append({"role": "assistant", "content": question})
                yield Delta(question)
                break
            results: list[Done] = []
            async for event in executor.carry_out(self._home.actions, step, items, replies):
                if isinstance(event, Done):
                    results.append(event)
                else:
                    yield event
            step.conversation.targets = tuple(
                dict.fromkeys(item.target for item in items if item.target is not None)
            )
            done += [result for result in results if result.ok]
            for ((name, _), item), result in zip(fresh, results, strict=True):
                answer = replies.combined([result], step.turn.text, step.now)
                told = native.outcome(item, result, answer if result.reads else "")
                news.append(native.told(name, told))
            if number + 1 < native.ROUNDS and (refused or any(result.reads for result in results)):
                continue
            said = replies.combined(results, step.turn.text, step.now)
            news.append({"role": "assistant", "content": said})
            yield Delta(said)
            break
        if news[-1]["role"] != "assistant":
            if not said and not done:
                async for event in self._structured(step, "wide"):
                    yield event
                return
            if not said:
                said = replies.combined(done, step.turn.text, step.now)
                yield Delta(said)
            news.append({"role": "assistant", "content": said})
        self._remember(step, *news)

    def _fresh(
        self,
        step: Step,
        tools: native.Tools,
        calls: Sequence[native.Call],
        tried: set[str],
    ) -> list[tuple[native.Call, Repaired]]:
        """Return calls with their repair, without those that were made before in this turn."""
        fresh = []
        for name, arguments in calls:
            proposed = tools.action(name, arguments)
            item = repair(proposed, step.index, area_id=step.satellite.area_id)
            key = repr(item.action or proposed)
            if key not in tried:
                tried.add(key)
                step.record.repaired(proposed, item)
                fresh.append(((name, arguments), item))
        return fresh

    def _tools(self, index: Index, has_satellite: bool) -> native.Tools:
        return native.tools_for(index.house, has_satellite=has_satellite)

    # Both

    def _keep_meant(self, step: Step, repaired: list[Repaired]) -> bool:
        """Take out what the person's words do not speak for; false when that is all there is.

        Then nothing is taken out but what cannot be asked about.
        """
        kept, others = meant(repaired, step.clauses, step.index.house)
        if others:
            intents = ", ".join(str(item.action and item.action.intent) for item in others)
            _LOGGER.info("%s proposed what was not asked for: %s", self.options.model, intents)
        clear = [item for item in others if item.target is not None]
        repaired[:] = kept or clear
        return bool(kept or not clear)

    async def _carry_out(
        self, step: Step, repaired: Sequence[Repaired], *, doubted: bool = False
    ) -> AsyncIterator[Event]:
        """Do what was repaired, and say what became of it; what is `doubted` needs a yes."""
        replies = step.replies(self._names.get(step.language, {}))
        if not repaired:
            yield Delta(replies.phrase("kept"))
            return
        confirm = None if doubted else self.options.asks_first
        if question := executor.question(step, repaired, replies, confirm):
            yield Delta(question)
            return
        results: list[Done] = []
        async for event in executor.carry_out(self._home.actions, step, repaired, replies):
            if isinstance(event, Done):
                results.append(event)
            else:
                yield event
        yield Delta(replies.combined(results, step.turn.text, step.now))

    async def _ask(
        self,
        step: Step,
        messages: Sequence[Mapping[str, Any]],
        *,
        schema: Mapping[str, Any] | None = None,
        tools: Sequence[Mapping[str, Any]] | None = None,
    ) -> AsyncIterator[Mapping[str, Any]]:
        """Send a prompt and yield the pieces of the answer as they come; counts what it cost."""
        began = time.perf_counter()
        step.usage.model_calls += 1
        asked = step.record.ask(messages)
        think = await self._think(structured=schema is not None)
        limit = _THOUGHT_TOKENS if think else _MORE_TOKENS
        if schema and await self.mode() == "narrow":
            limit = _ANSWER_TOKENS
        try:
            async for chunk in self._servers.chat(
                self.options.model,
                messages,
                format=schema,
                tools=tools,
                think=think,
                num_predict=limit,
                temperature=self.options.temperature if schema is None else 0.0,
                keep_alive=self.options.keep_alive,
            ):
                asked.hear(chunk, self._servers.speeds.of(self.options.model).prompt)
                yield chunk.get("message") or {}
                if chunk.get("done"):
                    step.usage.prompt_tokens += chunk.get("prompt_eval_count") or 0
                    step.usage.completion_tokens += chunk.get("eval_count") or 0
                    step.clock.load += (chunk.get("load_duration") or 0) / 1e9
                    step.clock.prompt += (chunk.get("prompt_eval_duration") or 0) / 1e9
                    step.clock.decode += (chunk.get("eval_duration") or 0) / 1e9
        finally:
            step.clock.engine += time.perf_counter() - began

    async def _think(self, *, structured: bool) -> bool | None:
        """Return whether the model is to think; None for a model that cannot."""
        if "thinking" not in await self._servers.capabilities(self.options.model):
            return None
        return self.options.think and not structured

    def _remember(self, step: Step, *messages: Mapping[str, Any] | str) -> None:
        """Keep what was sent and answered; a text stands for what the person said."""
        budget = int((self.options.context_window - _RESERVE) * 1.5)
        step.conversation.add(
            Exchange(
                tuple(
                    {"role": "user", "content": message} if isinstance(message, str) else message
                    for message in messages
                )
            ),
            max_history=self.options.max_history,
            budget=budget,
        )


def _repeats(answer: str) -> bool:
    """Tell whether a model has begun to say the same again and again, as small ones do."""
    return bool(re.search(r"(.{8,80}?)\1\1$", answer[-240:]))


def _with_extra(content: str, turn: Turn) -> str:
    """Return the newest message with what a pipeline adds to the prompt, as automations do."""
    extra = (turn.extra_system_prompt or "").strip()
    return f"[{extra}]\n{content}" if extra else content
