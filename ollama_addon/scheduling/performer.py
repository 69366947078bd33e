"""An order carried out at its time: checked again, done in the name of who ordered it."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ollama_addon.agent.actions import executor
from ollama_addon.agent.actions.confirmation import asks_first
from ollama_addon.agent.actions.opposites import target_of
from ollama_addon.agent.actions.repair import HouseNames, Repaired, Verdict, repair
from ollama_addon.agent.agent import Agent
from ollama_addon.agent.conversations import Conversation
from ollama_addon.agent.events import Delta, End, Start
from ollama_addon.agent.replies.done import Done
from ollama_addon.agent.turn import Clock, Home, Step, Turn
from ollama_addon.errors import AddonError
from ollama_addon.home.acting import acting_as
from ollama_addon.home.connection import Connection
from ollama_addon.scheduling.order import Order
from ollama_addon.understanding.vocabulary import Action

_LOGGER = logging.getLogger(__name__)
SOURCE = "order"
"""How the history names what was done at its time."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of an order, in the words of who ordered it."""

    ok: bool
    sentence: str
    """Empty where there is no more to say than that it was not done."""


class Performer:
    """Carries orders out with the agents' own means. `agents` may change in place."""

    def __init__(self, agents: Mapping[str, Agent], home: Home, connection: Connection) -> None:
        self._agents = agents
        self._home = home
        self._connection = connection

    async def perform(self, order: Order) -> Result:
        """Do what was ordered, and keep it in the history.

        Raises AddonError when Home Assistant does not answer: it may have been done.
        """
        if (agent := self._agent(order)) is None:
            _LOGGER.warning("No agent controls the home any more: an order is not done")
            return Result(False, "")
        step = await self._step(order, agent)
        trace = step.trace
        try:
            sentence = await self._carry_out(order, agent, step)
        except AddonError as error:
            trace.fail(error.code, error.message)
            if error.code == "unknown_user":
                return Result(False, "")
            raise
        else:
            trace.take(Delta(sentence))
            trace.take(End(False, step.usage, step.clock.as_json(), step.outcome))
        finally:
            trace.timings = trace.timings or step.clock.as_json()
            agent.on_turn(trace)
        return Result(step.outcome in ("done", "answered"), sentence)

    async def not_done(self, order: Order, sentence: str) -> None:
        """Keep in the history that an order was not done, and why. Never raises."""
        if (agent := self._agent(order)) is None:
            return
        step = await self._step(order, agent)
        step.trace.take(Delta(sentence))
        step.trace.take(End(False, step.usage, step.clock.as_json(), "failed"))
        agent.on_turn(step.trace)

    def _agent(self, order: Order) -> Agent | None:
        """Return the agent that was spoken to; another one where that was renamed or removed."""
        agent = self._agents.get(order.speaker.agent_id)
        if agent is None or not agent.options.control_home:
            able = (each for each in self._agents.values() if each.options.control_home)
            return next(able, None)
        return agent

    async def _step(self, order: Order, agent: Agent) -> Step:
        speaker = order.speaker
        turn = Turn(
            order.text,
            speaker.language,
            device_id=speaker.satellite.device_id,
            satellite_id=speaker.satellite.satellite_id,
            user_name=speaker.user_name,
            area_id=speaker.satellite.area_id,
            source=SOURCE,
        )
        step = Step(turn, self._home.mirror.house, Conversation(uuid.uuid4().hex), Clock())
        step.translations = await self._home.translations.states(step.language)
        step.confirmed = order.confirmed
        step.trace.agent, step.trace.model = agent.options.id, ""
        step.trace.take(Start(step.conversation.id, uuid.uuid4().hex, agent.options.id))
        return step

    async def _carry_out(self, order: Order, agent: Agent, step: Step) -> str:
        replies = step.replies()
        items = [self._checked(action, order, agent, step) for action in order.actions]
        results: list[Done] = []
        speaker = order.speaker
        async with acting_as(
            self._connection,
            user_id=speaker.user_id,
            satellite=step.satellite,
            language=step.language,
            agent_id=agent.options.id,
        ) as token:
            step.turn = replace(step.turn, turn_token=token)
            async for event in executor.carry_out(self._home.actions, step, items, replies):
                if isinstance(event, Done):
                    results.append(event)
                else:
                    step.trace.take(event)
        return replies.combined(results, order.text, step.now)

    def _checked(self, action: Action, order: Order, agent: Agent, step: Step) -> Repaired:
        """Return an action as it is possible now, or refused."""
        house = step.house
        if order.restoring:
            # Made from the states of the house, not from words: there is nothing to mend.
            target = target_of(action, house)
            verdict = Verdict.AS_IT_WAS if target is not None else Verdict.REFUSED
            item = Repaired(verdict, action, target, reason="" if target else "not_found")
        else:
            item = repair(
                action,
                HouseNames(step.house, step.labels, step.language),
                area_id=step.satellite.area_id,
            )
            step.trace.repaired(action, item)
        if item.verdict is Verdict.AMBIGUOUS:
            return Repaired(Verdict.REFUSED, reason="not_found")
        risky = item.action is not None and asks_first(
            item.action, item.target, house, agent.options.asks_first
        )
        if risky and not order.confirmed:
            return Repaired(Verdict.REFUSED, item.action, item.target, reason="cannot")
        return item
