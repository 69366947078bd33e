"""Carries out what a turn comes to: asks first where it has to, keeps for later, does, replies."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from ollama_addon.agent.actions import executor
from ollama_addon.agent.actions.opposites import members_of, opposites
from ollama_addon.agent.actions.pending import Answered, valid
from ollama_addon.agent.actions.repair import Repaired, Verdict
from ollama_addon.agent.conversations import Pending
from ollama_addon.agent.events import Event
from ollama_addon.agent.orders import Kept, Orders, Proposal, Speaker
from ollama_addon.agent.replies.done import Done
from ollama_addon.agent.turn import Home, Step
from ollama_addon.home.model import Entity
from ollama_addon.options import AgentOptions
from ollama_addon.understanding.interpretation import Candidate, When


@dataclass(slots=True)
class Carried:
    """What came of carrying out: what was done, and what is said about it."""

    results: list[Done] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)
    asked: bool = False

    @property
    def text(self) -> str:
        """Everything that is said."""
        return " ".join(sentence for sentence in self.sentences if sentence)


class Carrier:
    """Does what an agent's turns come to. `orders` is None where nothing can be kept."""

    def __init__(self, options: AgentOptions, home: Home, orders: Orders | None) -> None:
        self.options = options
        self._home = home
        self.orders = orders

    async def carry(
        self,
        step: Step,
        items: Sequence[Repaired],
        carried: Carried,
        *,
        when: When | None = None,
        sure: bool = False,
    ) -> AsyncIterator[Event]:
        """Do repaired actions, now or `when` it was said; what is said goes into `carried`.

        With `sure` the person is asked about all of it first. Raises AddonError when Home
        Assistant does not answer.
        """
        replies = step.replies()
        question = executor.question(
            step, items, replies, self.options.asks_first, sure=sure, when=when
        )
        if question is not None:
            carried.asked = True
            carried.sentences.append(question)
            return
        if when is not None and items:
            items = await self._keep(step, items, when, carried)
        if not items:
            return
        undo = opposites([item.action for item in items if item.action is not None], step.house)
        results: list[Done] = []
        async for event in executor.carry_out(self._home.actions, step, items, replies):
            if isinstance(event, Done):
                results.append(event)
            else:
                yield event
        carried.results += results
        if any(result.ok and not result.reads for result in results):
            step.conversation.undo = undo
        if when is None:
            carried.sentences.append(replies.combined(results, step.turn.text, step.now))
        elif failed := [result for result in results if not result.ok]:
            # It is kept for later what undoes something that was not done now.
            carried.sentences[-1:] = [replies.combined(failed, step.turn.text, step.now)]
            if self.orders is not None and step.conversation.order:
                await self.orders.cancel([step.conversation.order], step.language)
        else:
            # Now, and the opposite afterwards: both are said, in this order.
            carried.sentences.insert(-1, replies.combined(results, step.turn.text, step.now))

    async def _keep(
        self, step: Step, items: Sequence[Repaired], when: When, carried: Carried
    ) -> Sequence[Repaired]:
        """Keep actions for later; return what of it has to be done now."""
        refused = [item for item in items if item.verdict is Verdict.REFUSED]
        if self.orders is None or refused:
            step.outcome = "failed"
            replies = step.replies()
            sentence = (
                executor.refusal(refused[0], replies).reason if refused else replies.phrase("later")
            )
            carried.sentences.append(sentence)
            return ()
        actions = [item.action for item in items if item.action is not None]
        kept = await self.orders.keep(
            actions,
            when,
            step.turn.text,
            self.speaker(step),
            confirmed=step.confirmed,
            automations=self.options.automations == "ask",
        )
        carried.sentences.append(kept.sentence)
        if isinstance(kept, Proposal):
            carried.asked = True
            step.conversation.pending = Pending(tuple(actions), proposal=kept)
            return ()
        if isinstance(kept, Kept):
            step.outcome = "done"
            step.conversation.order = kept.order.id if kept.order is not None else ""
            return tuple(valid(action, step.house) for action in kept.now)
        step.outcome = "failed"
        return ()

    async def answer(
        self, step: Step, answered: Answered, carried: Carried
    ) -> AsyncIterator[Event]:
        """Do what a question was answered with."""
        pending = answered.pending
        if pending is None:
            carried.sentences.append(step.replies().phrase("kept"))
            return
        if pending.proposal is not None and self.orders is not None:
            made = await self.orders.set_up(pending.proposal)
            step.outcome = "done" if not hasattr(made, "code") else "failed"
            carried.sentences.append(made.sentence)
            return
        step.confirmed = not pending.targets
        remember(step, entities=entities_of(step, answered.items))
        async for event in self.carry(step, answered.items, carried, when=pending.when):
            yield event

    async def undo(self, step: Step, carried: Carried) -> AsyncIterator[Event]:
        """Take back what the turn before did, as far as that can be."""
        actions, step.conversation.undo = step.conversation.undo, None
        if not actions:
            carried.sentences.append(step.replies().phrase("no_undo"))
            return
        items = [valid(action, step.house) for action in actions]
        async for event in self.carry(step, items, carried):
            yield event

    def speaker(self, step: Step) -> Speaker:
        """Return who ordered something, so that it is done in their name."""
        turn = step.turn
        return Speaker(
            self.options.id,
            step.language,
            step.satellite,
            turn.user_id,
            turn.user_name or "",
            step.conversation.id,
        )


def remember(
    step: Step,
    *,
    candidates: Sequence[Candidate] = (),
    entities: Sequence[Entity] = (),
) -> None:
    """Keep what a turn was about for the next one: "it", "a bit more", "the other one"."""
    spoken = tuple(dict.fromkeys((*(e for c in candidates for e in c.entities), *entities)))
    if spoken or candidates:
        step.conversation.entities = spoken
        step.conversation.previous = tuple(candidates)


def entities_of(step: Step, items: Sequence[Repaired]) -> list[Entity]:
    """Return what actions are about."""
    return [
        entity
        for item in items
        if item.action is not None
        for entity in members_of(item.action, step.house)
    ]
