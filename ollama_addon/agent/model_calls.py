"""Calls of the model in one turn: sent, timed, counted."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Literal

from ollama_addon.agent.conversations import Exchange
from ollama_addon.agent.prompts import RESERVE
from ollama_addon.agent.strategies import overflow
from ollama_addon.agent.strategies.selection import Selection, select
from ollama_addon.agent.strategies.thinking import Think, think_of
from ollama_addon.agent.strategies.token_rates import TokenRates
from ollama_addon.agent.turn import Step
from ollama_addon.engine.servers import Servers
from ollama_addon.errors import AddonError
from ollama_addon.options import AgentOptions

_LOGGER = logging.getLogger(__name__)

_ANSWER_TOKENS = 96
"""A spoken reply of a tiny model is short: one that repeats itself has to end."""
_MORE_TOKENS = 320
"""The same for a capable one."""
_THOUGHT_TOKENS = 4096
"""The same for one that thinks first."""

Mode = Literal["talk", "narrow", "wide", "native"]
"""How a turn is put to the model: words only, a choice for a tiny one, structured, tools."""


_MODES: Mapping[str, Mode] = {"tiny": "narrow", "structured": "wide", "native": "native"}


class ModelCalls:
    """Sends prompts to the model of an agent."""

    def __init__(
        self, options: AgentOptions, servers: Servers, rates: TokenRates | None = None
    ) -> None:
        self.options = options
        self._servers = servers
        self._rates = rates or TokenRates()
        """Learns from what the engine counts."""
        self._mode: Mode = "wide"

    @property
    def native(self) -> bool:
        """Whether the model was last put to with tools, so that history has plain words."""
        return self._mode == "native"

    def remember(self, step: Step, *messages: Mapping[str, Any]) -> None:
        """Keep what was sent and answered, exactly as it was."""
        budget = int((self.options.context_window - RESERVE) * 1.5)
        step.conversation.add(
            Exchange(tuple(messages)), max_history=self.options.max_history, budget=budget
        )

    async def mode(self) -> Mode:
        """Return how turns are put to this agent's model. Raises AddonError."""
        if not self.options.control_home:
            return "talk"
        self._mode = _MODES[(await self.selection()).strategy]
        return self._mode

    async def selection(self) -> Selection:
        """Return the strategy of this agent's model, and why it is that. Raises AddonError."""
        details = await self._servers.details(self.options.model)
        return select(
            self.options.strategy, self.options.model, details.parameters, details.capabilities
        )

    async def think(self, *, structured: bool) -> Think:
        """Return what `think` is to be in a request; None for a model that cannot think."""
        capabilities = await self._servers.capabilities(self.options.model)
        return think_of(
            self.options.model, capabilities, wanted=self.options.think, structured=structured
        )

    async def ask(
        self,
        step: Step,
        messages: Sequence[Mapping[str, Any]],
        *,
        schema: Mapping[str, Any] | None = None,
        tools: Sequence[Mapping[str, Any]] | None = None,
        tiny: bool = False,
    ) -> AsyncIterator[Mapping[str, Any]]:
        """Send a prompt and yield the pieces of the answer as they come. Raises AddonError.

        A prompt that is longer than the context window is shortened and sent again.
        """
        shorter: Sequence[Mapping[str, Any]] | None = messages
        while shorter is not None:
            messages = shorter
            try:
                async for message in self._once(step, messages, schema, tools, tiny=tiny):
                    yield message
                return
            except AddonError as error:
                shorter = overflow.trimmed(messages) if overflow.is_overflow(error) else None
                if shorter is None:
                    raise
                step.conversation.shorten()

    async def _once(
        self,
        step: Step,
        messages: Sequence[Mapping[str, Any]],
        schema: Mapping[str, Any] | None,
        tools: Sequence[Mapping[str, Any]] | None,
        *,
        tiny: bool,
    ) -> AsyncIterator[Mapping[str, Any]]:
        """Send a prompt once."""
        began = time.perf_counter()
        step.usage.model_calls += 1
        asked = step.trace.ask(messages)
        think = await self.think(structured=schema is not None)
        limit = _THOUGHT_TOKENS if think else _ANSWER_TOKENS if tiny else _MORE_TOKENS
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
                    _count(step, chunk)
                    self._learn(step, messages, tools, chunk.get("prompt_eval_count") or 0)
        finally:
            step.clock.engine += time.perf_counter() - began

    def _learn(
        self,
        step: Step,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]] | None,
        counted: int,
    ) -> None:
        """Learn how many tokens the text had; leave out old turns where its head was cut."""
        text = "\n".join(str(message.get("content") or "") for message in messages)
        if tools:
            text += json.dumps(list(tools), ensure_ascii=False)
        if overflow.was_cut(counted, self._rates.tokens(text), self.options.context_window):
            _LOGGER.warning("%s was sent more than its context window holds", self.options.model)
            step.conversation.shorten()
            return
        self._rates.learn(text, counted)


def _count(step: Step, chunk: Mapping[str, Any]) -> None:
    """Take in what a call cost, as the last piece of its answer says."""
    step.usage.prompt_tokens += chunk.get("prompt_eval_count") or 0
    step.usage.completion_tokens += chunk.get("eval_count") or 0
    step.clock.load += (chunk.get("load_duration") or 0) / 1e9
    step.clock.prompt += (chunk.get("prompt_eval_duration") or 0) / 1e9
    step.clock.decode += (chunk.get("eval_duration") or 0) / 1e9
