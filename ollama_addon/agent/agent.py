"""The conversation agent: one turn, start to end."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any

from ollama_addon.agent.actions.pending import answered
from ollama_addon.agent.carrier import Carried, Carrier
from ollama_addon.agent.conversations import Conversation, Conversations
from ollama_addon.agent.events import Delta, End, Event, Start
from ollama_addon.agent.interpreters import Interpreters
from ollama_addon.agent.model_calls import Mode, ModelCalls
from ollama_addon.agent.orders import Orders
from ollama_addon.agent.prompts import Prompts
from ollama_addon.agent.strategies import choose, prompt
from ollama_addon.agent.strategies.calling import Calling
from ollama_addon.agent.strategies.instant import Route, route
from ollama_addon.agent.strategies.prefix import LeftOut, house_by_area
from ollama_addon.agent.strategies.steps import Steps
from ollama_addon.agent.strategies.talk import talk, with_extra
from ollama_addon.agent.strategies.tiny import Tiny
from ollama_addon.agent.strategies.wide import Wide
from ollama_addon.agent.trace import Trace
from ollama_addon.agent.turn import Clock, Home, Step, Turn
from ollama_addon.engine.inventory import Inventory
from ollama_addon.engine.queue import Priority
from ollama_addon.engine.servers import Servers
from ollama_addon.errors import AddonError
from ollama_addon.home.model import House
from ollama_addon.home.templates import Rendered
from ollama_addon.options import AgentOptions
from ollama_addon.understanding.interpretation import Context, Interpretation

MAX_TEXT = 4_000
"""Characters of a sentence; what is longer was not said to a house."""
_LONG_TEXT = 400
"""Characters from which on it is read beside the event loop."""
_STALE = 0.3
"""Seconds that a turn waits for a picture of the house that is known to be old."""


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
        on_turn: Callable[[Trace], None] = lambda trace: None,
        orders: Orders | None = None,
        interpreters: Interpreters | None = None,
    ) -> None:
        self.options = options
        self._servers = servers
        self._home = home
        self._inventory = inventory
        self.history = history or Conversations()
        self.interpreters = interpreters or Interpreters()
        self.rendered = Rendered("")
        """The instructions as they were rendered last."""
        self.on_turn = on_turn
        """Called with each turn when it is over, however it ended."""
        self._prompts = Prompts(options)
        self._calls = ModelCalls(options, servers, self._prompts.rates)
        self._carrier = Carrier(options, home, orders)
        self._steps = Steps(self._carrier, self._calls, home.past)
        self._tiny = Tiny(self._calls, self._carrier, self._steps)
        self._wide = Wide(self._calls, self._carrier, self._prompts)
        self._calling = Calling(self._calls, self._carrier, self._prompts, self._wide)

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
        trace = step.trace
        trace.agent, trace.model = self.options.id, self.options.model
        try:
            async with aclosing(self._turn(step)) as events:
                async for event in events:
                    trace.take(event)
                    yield event
        except AddonError as error:
            trace.fail(error.code, error.message)
            if said := step.replies().trouble(error.code, step.interpretation):
                raise AddonError(error.code, said, error.status) from error
            raise
        except Exception as error:
            trace.fail("internal", repr(error))
            raise
        finally:
            trace.timings = trace.timings or step.clock.as_json()
            self.on_turn(trace)

    async def _turn(self, step: Step) -> AsyncGenerator[Event, None]:
        """Yield what happens in one turn."""
        clock, conversation = step.clock, step.conversation
        yield Start(conversation.id, uuid.uuid4().hex, self.options.id)
        await self._interpret(step)
        said = ""
        run = self._act(step) if self.options.control_home else self._talk(step)
        async for event in run:
            if isinstance(event, Delta):
                said += event.content
                if clock.first is None:
                    clock.first = time.perf_counter() - clock.began
            yield event
        asked = conversation.pending is not None
        open_question = said.rstrip().endswith(("?", "？", "؟", ";", "՞"))
        outcome = "asked" if asked or (open_question and step.outcome == "talked") else step.outcome
        yield End(asked or open_question, step.usage, clock.as_json(), outcome)

    async def _act(self, step: Step) -> AsyncIterator[Event]:
        """Do what is certain, answer what is asked, and let the model choose the rest."""
        if (reply := answered(step)) is not None:
            step.trace.mode = "instant"
            carried = Carried()
            async for event in self._carrier.answer(step, reply, carried):
                yield event
            self._steps.remember(step, carried)
            yield Delta(carried.text)
            return
        found = self.route(step)
        step.trace.interpreted(step.interpretation, found.reasons)
        if found.instant:
            async for event in self._steps.run(step, found):
                yield event
            return
        if (waiting := self._not_ready(step)) is not None:
            step.outcome = "failed"
            yield Delta(waiting)
            return
        mode = await self._calls.mode()
        instructions = await self.instructions()
        if mode == "narrow":
            run = self._tiny.run(step, found, instructions)
        elif mode == "native":
            run = self._calling.run(step, instructions)
        else:
            run = self._wide.run(step, instructions)
        async for event in run:
            yield event

    def route(self, step: Step) -> Route:
        """Return what can be done about a turn without a model."""
        orders = self._carrier.orders
        planned = orders is not None and orders.anything()
        if step.turn.extra_system_prompt and not any(
            clause.certain for clause in step.interpretation.clauses if clause.candidates
        ):
            # What was said answers something that only the model was told of.
            return Route((), ("extra_prompt",))
        return route(step.interpretation, planned=planned, instant=self.options.instant_commands)

    def _not_ready(self, step: Step) -> str | None:
        """Return why the model cannot be asked now, None when it can."""
        if not self.options.model:
            step.trace.waiting = "no_model"
            return step.replies().no_model(step.interpretation)
        if pull := self._inventory.waits_for(self.options.model):
            step.trace.waiting = "downloading"
            return step.replies().downloading(step.interpretation, pull.percent)
        return None

    async def _talk(self, step: Step) -> AsyncIterator[Event]:
        """Answer with words only; the house is neither seen nor touched."""
        if (waiting := self._not_ready(step)) is not None:
            step.outcome = "failed"
            yield Delta(waiting)
            return
        async for event in talk(step, self._calls, await self._talk_messages(step)):
            yield event

    async def _talk_messages(self, step: Step) -> list[dict[str, Any]]:
        content = with_extra(step.turn.text, step.turn.extra_system_prompt)
        return [
            {"role": "system", "content": prompt.talk_prefix(await self.instructions())},
            *step.conversation.messages(),
            {"role": "user", "content": content},
        ]

    async def _interpret(self, step: Step) -> None:
        """Find out what a turn's sentence means in the house as it is now."""
        if not self.options.control_home:
            return
        step.see(await self._home.mirror.wait_fresh(_STALE))
        step.translations = await self._home.translations.states(step.language)
        step.interpreter = await self.interpreters.of(step.house, step.language)
        read = partial(step.interpreter.interpret, step.turn.text, step.context())
        # Nobody says so much at once; what takes long is not for the event loop.
        long = len(step.turn.text) > _LONG_TEXT
        step.interpretation = await asyncio.to_thread(read) if long else read()

    async def _alone(self, turn: Turn) -> Step:
        """Return a turn of its own that is interpreted and not taken."""
        self.check(turn)
        step = Step(turn, self._home.mirror.house, Conversation(""), Clock())
        await self._interpret(step)
        return step

    async def interpret(self, turn: Turn) -> tuple[Interpretation, Route]:
        """Return what a sentence means in the house as it is now, and what would need no model.

        Nothing is done and no model is asked. Raises AddonError.
        """
        step = await self._alone(turn)
        return step.interpretation, self.route(step)

    async def instructions(self) -> str:
        """Return the agent's instructions, rendered."""
        if not self.options.instructions.strip():
            return ""
        self.rendered = await self._home.templates.render(
            self.options.instructions, {"ha_name": self._home.mirror.house.name}
        )
        return self.rendered.text

    def tokens(self, text: str) -> int:
        """Return about how many tokens a text has for this agent's model."""
        return self._prompts.tokens(text)

    def home_tokens(self, house: House) -> int:
        """Return about how many tokens all entities of a house have in a prompt."""
        return self._prompts.tokens(house_by_area(self._prompts.labels(house)))

    @property
    def left_out(self) -> LeftOut:
        """What of the home did not fit into the context window when the prompt was made last."""
        return self._prompts.left_out

    async def mode(self) -> Mode:
        """Return how turns are put to this agent's model. Raises AddonError."""
        return await self._calls.mode()

    async def prompt(self, turn: Turn) -> Prompt:
        """Return what the model would be sent for a first sentence. Raises AddonError."""
        step = await self._alone(turn)
        mode = await self._calls.mode()
        instructions = await self.instructions()
        if mode == "talk":
            return Prompt(mode, await self._talk_messages(step))
        if mode == "native":
            schemas = self._calling.native(step).tools.schemas
            return Prompt(mode, self._calling.prompt(step, instructions), tools=schemas)
        if mode == "wide":
            form, messages = self._wide.prompt(step, instructions)
            return Prompt(mode, messages, schema=form.schema())
        phrases = [candidate.phrase for candidate in step.interpretation.candidates()]
        shown = [*choose.messages(instructions), _user(choose.message(turn.text, phrases))]
        return Prompt(mode, shown, schema=choose.schema(phrases))

    async def count(self, asked: Prompt, priority: Priority = Priority.VOICE) -> int:
        """Return how many tokens a prompt has, by having the model read it. Raises AddonError."""
        tokens = 0
        async for chunk in self._servers.chat(
            self.options.model,
            asked.messages,
            tools=asked.tools,
            num_predict=1,
            think=await self._calls.think(structured=asked.schema is not None),
            keep_alive=self.options.keep_alive,
            priority=priority,
        ):
            if chunk.get("done"):
                tokens = int(chunk.get("prompt_eval_count") or 0)
        return tokens

    async def warm(self, language: str) -> None:
        """Have the engine read the prefix, so that the first sentence need not wait for it.

        Raises AddonError.
        """
        house = self._home.mirror.house
        if self.options.control_home:
            interpreter = await self.interpreters.of(house, language)
            interpreter.interpret("?", Context())
        if not self.options.model:
            return
        await self.count(await self.prompt(Turn("…", language)), Priority.WARM_UP)


def _user(content: str) -> dict[str, str]:
    return {"role": "user", "content": content}
