"""What the agent asks for: keep it for later, what is planned, cancel it, at another time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from ollama_addon.agent.actions.confirmation import asks_first
from ollama_addon.agent.actions.opposites import members_of, opposites, target_of
from ollama_addon.agent.agent import Agent
from ollama_addon.agent.orders import (
    Answer,
    Kept,
    Planned,
    Proposal,
    RefusalCode,
    Refused,
    Speaker,
)
from ollama_addon.errors import AddonError
from ollama_addon.home.model import House
from ollama_addon.scheduling.automator import Automator, Draft
from ollama_addon.scheduling.moments import MomentError, Place, Span, after_the_sun, span
from ollama_addon.scheduling.order import Order
from ollama_addon.scheduling.scheduler import Scheduler
from ollama_addon.scheduling.sentences import at, entry, now_in, will, words_of_house
from ollama_addon.scheduling.services import AutomationError
from ollama_addon.scheduling.words import Words
from ollama_addon.understanding.interpretation import When
from ollama_addon.understanding.vocabulary import Action

MOST = 100
"""Orders that are kept at most."""

_SAID = 8
"""Of more, only how many more there are is said."""

_LOGGER = logging.getLogger(__name__)


class Planner:
    """Implements the agent's `Orders` on a scheduler. `agents` may change in place."""

    def __init__(
        self,
        scheduler: Scheduler,
        automator: Automator,
        agents: Mapping[str, Agent],
        house: Callable[[], House],
    ) -> None:
        self._scheduler = scheduler
        self._automator = automator
        self._agents = agents
        self._house = house

    async def keep(
        self,
        actions: Sequence[Action],
        when: When,
        text: str,
        speaker: Speaker,
        *,
        confirmed: bool = False,
        automations: bool = True,
        once: bool | None = None,
    ) -> Kept | Proposal | Refused:
        """Keep repaired actions for later; see `Orders`."""
        words = self._words(speaker.language)
        when = after_the_sun(when)
        if not when.understood:
            return self._refused("unclear", words, said=when.words)
        if when.repeats:
            if not automations:
                return self._refused("off", words)
            return await self._propose(actions, when, text, speaker, once)
        now = self._now()
        try:
            times = span(when, now, Place.of(self._house()))
        except MomentError as error:
            return self._refused(error.problem, words, said=when.words)
        if times == Span(None, None):
            return self._refused("unclear", words, said=when.words)
        if len(self._scheduler.open_orders) >= MOST:
            return self._refused("too_many", words, limit=MOST)
        order = self._order(tuple(actions), when, times, text, speaker)
        order = replace(order, confirmed=confirmed)
        if times.end is not None:
            undoing = opposites(actions, self._house())
            if undoing is None:
                return self._refused("no_opposite", words)
            if not confirmed and self._asks_first(undoing, speaker):
                return self._refused("asks_first", words)
            if times.start is None:
                if not undoing:
                    return Kept(None, words.text("no_end"), tuple(actions))
                order = self._undoing(order, undoing, times.end)
        if not confirmed and self._asks_first(order.actions, speaker):
            return self._refused("asks_first", words)
        try:
            await self._scheduler.add(order)
        except AddonError as error:
            return self._refused("broken", words, reason=error.message)
        at_once = tuple(actions) if times.start is None else ()
        return Kept(self._planned_of(order), will(order, self._house(), words), at_once)

    async def set_up(self, proposal: Proposal) -> Answer | Refused:
        """Make the automation of a proposal; see `Orders`."""
        draft = proposal.draft
        assert isinstance(draft, Draft)
        words = self._words(draft.speaker.language)
        try:
            await self._automator.set_up(draft)
        except AutomationError as error:
            return self._refused(error.code, words, **error.values)
        except AddonError as error:
            return self._refused("broken", words, reason=error.message)
        return Answer(words.text("automations.made"))

    def anything(self) -> bool:
        """Tell whether anything is planned."""
        return bool(self._scheduler.open_orders or self._automator.planned())

    def planned(self, entities: Collection[str] = ()) -> tuple[Planned, ...]:
        """Return what is planned, the next first; with `entities` only what is about them."""
        found = [self._planned_of(order) for order in self._scheduler.open_orders]
        found += self._automator.planned()
        wanted = set(entities)
        return tuple(each for each in found if not wanted or wanted & set(each.entities))

    def summary(self) -> dict[str, Any]:
        """Return the next order and how many there are, without what was said."""
        house = self._house()
        found = self._scheduler.open_orders
        first = found[0] if found else None
        return {
            "next": at(first.due, house).isoformat() if first else None,
            "entity_ids": list(_entities(first, house)) if first else [],
            "count": len(found),
            "message": self._scheduler.trouble,
            "missing": [each.phrase for each in self._automator.planned() if each.missing],
        }

    def listing(self, planned: Sequence[Planned], language: str) -> str:
        """Return what is planned as a sentence."""
        words = self._words(language)
        if not planned:
            return words.text("planned_none")
        said = [self._phrase(each, words) for each in planned[:_SAID]]
        if len(planned) > _SAID:
            said.append(f"+{len(planned) - _SAID}")
        return words.text("planned", list="; ".join(said))

    async def cancel(self, ids: Sequence[str], language: str) -> Answer | Refused:
        """Cancel orders and remove automations by their ids."""
        words = self._words(language)
        house = self._house()
        gone: list[str] = []
        try:
            for each in ids:
                if (order := await self._scheduler.cancel(each)) is not None:
                    gone.append(entry(order, house, words))
                elif (removed := await self._automator.remove(each)) is not None:
                    gone.append(removed)
        except AutomationError as error:
            return self._refused(error.code, words, **error.values)
        except AddonError as error:
            return self._refused("broken", words, reason=error.message)
        if not gone:
            return self._refused("unknown", words)
        return Answer(words.text("cancelled", list="; ".join(gone)))

    async def do_now(self, order_id: str) -> None:
        """Do an order now instead of at its time, or run an automation. Raises AddonError."""
        order = self._find(order_id)
        if order is None:
            done = await self._automator.run(order_id)
        else:
            done = await self._scheduler.move(replace(order, due=time.time()))
        if not done:
            raise AddonError("unknown_order", "This order is not planned any more.", 404)

    async def move(self, order_id: str, when: When, language: str) -> Kept | Refused:
        """Do an order at another time; what was not said of it stays as it was."""
        words = self._words(language)
        order = self._find(order_id)
        if order is None:
            return self._refused("unknown", words)
        if not when.understood or when.repeats:
            return self._refused("unclear", words, said=when.words)
        when = after_the_sun(when)
        before = at(order.due, self._house())
        when = _filled(when, before, self._now())
        try:
            times = span(when, self._now(), Place.of(self._house()))
        except MomentError as error:
            return self._refused(error.problem, words, said=when.words)
        due = times.end if order.restoring else times.start
        due = due or times.start or times.end
        if due is None:
            return self._refused("unclear", words, said=when.words)
        shift = due.timestamp() - order.due
        moved = replace(
            order,
            due=due.timestamp(),
            until=None if order.until is None else order.until + shift,
            elapsed=when.delay is not None,
        )
        try:
            if not await self._scheduler.move(moved):
                return self._refused("unknown", words)
        except AddonError as error:
            return self._refused("broken", words, reason=error.message)
        return Kept(self._planned_of(moved), will(moved, self._house(), words))

    # Automations

    async def _propose(
        self,
        actions: Sequence[Action],
        when: When,
        text: str,
        speaker: Speaker,
        once: bool | None,
    ) -> Proposal | Refused:
        words = self._words(speaker.language)
        if self._asks_first(actions, speaker):
            return self._refused("asks_first", words)
        try:
            draft, question = await self._automator.propose(actions, when, text, speaker, once)
        except AutomationError as error:
            return self._refused(error.code, words, **{"said": when.words, **error.values})
        except AddonError as error:
            return self._refused("broken", words, reason=error.message)
        return Proposal(question, draft)

    # Orders

    def _order(
        self, actions: tuple[Action, ...], when: When, times: Span, text: str, speaker: Speaker
    ) -> Order:
        start = times.start or self._now()
        return Order(
            start.timestamp(),
            actions,
            text,
            speaker,
            length=when.length,
            until=times.end.timestamp() if when.length is None and times.end else None,
            elapsed=when.delay is not None and when.at is None,
            made=time.time(),
        )

    @staticmethod
    def _undoing(order: Order, undoing: tuple[Action, ...], end: datetime) -> Order:
        return replace(
            order,
            due=end.timestamp(),
            actions=undoing,
            elapsed=order.length is not None,
            length=None,
            until=None,
            restoring=True,
        )

    def _find(self, order_id: str) -> Order | None:
        found = (order for order in self._scheduler.open_orders if order.id == order_id)
        return next(found, None)

    def _asks_first(self, actions: Sequence[Action], speaker: Speaker) -> bool:
        agent = self._agents.get(speaker.agent_id)
        house, kinds = self._house(), agent.options.asks_first if agent else ()
        return any(asks_first(each, target_of(each, house), house, kinds) for each in actions)

    # Words

    def _phrase(self, planned: Planned, words: Words) -> str:
        order = self._find(planned.id)
        return entry(order, self._house(), words) if order is not None else planned.phrase

    def _planned_of(self, order: Order) -> Planned:
        house, speaker = self._house(), order.speaker
        return Planned(
            order.id,
            "order",
            at(order.due, self._house()),
            _entities(order, house),
            order.text,
            entry(order, house, self._words(speaker.language)),
            speaker.language,
            speaker.user_name,
            speaker.satellite.area_id or "",
            order.made,
        )

    def _refused(self, code: RefusalCode, words: Words, **values: object) -> Refused:
        values = {"said": "", "limit": MOST, "reason": "", "line": "", "list": "", **values}
        return Refused(code, words.text(f"refusals.{code}", **values))

    def _words(self, language: str) -> Words:
        return words_of_house(language, self._house())

    def _now(self) -> datetime:
        return now_in(self._house())


def _entities(order: Order, house: House) -> tuple[str, ...]:
    """Return the ids of what an order is about, each once."""
    members = (member.id for action in order.actions for member in members_of(action, house))
    return tuple(dict.fromkeys(members))


def _filled(when: When, before: datetime, now: datetime) -> When:
    """Return a time that was said in place of another, on the day of that other one.

    "Make it eight instead" keeps the day, and the half of the day where that fits.
    """
    moment = when.at
    if moment is None or moment.days is not None or moment.weekday is not None or moment.sun:
        return when
    if moment.hour is None or moment.part:
        return when
    days = (before.date() - now.date()).days
    if days <= 0:
        return when
    hour = moment.hour
    if moment.half_day:
        hour = hour % 12 + (12 if before.hour >= 12 else 0)
    return replace(when, at=replace(moment, days=days, hour=hour, half_day=False))
