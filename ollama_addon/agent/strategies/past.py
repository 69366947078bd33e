"""Answers questions about the past without a model: finds the figure, and says it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from ollama_addon.agent.replies.replies import Replies
from ollama_addon.home.model import Entity
from ollama_addon.home.past import Figure, Past, Span, span_of
from ollama_addon.understanding.interpretation import Question

_MEASURED = frozenset({"min", "max", "mean", "sum", "change"})
_TOLD = 4
"""Things at most of which the past is told."""
_BACK = (1, 10, 31)
"""Days in which the last time is looked for, one after the other."""


class PastAnswers:
    """Answers from the past of one home."""

    def __init__(self, past: Past) -> None:
        self._past = past

    async def answer(self, question: Question, replies: Replies, now: datetime) -> str:
        """Return the answer, which says its period, or that nothing is recorded.

        Empty where it is not known what is asked. Raises AddonError when Home Assistant does
        not answer.
        """
        said = [
            await self._one(entity, question, replies, now) for entity in question.entities[:_TOLD]
        ]
        return replies.joined([each for each in said if each])

    async def _one(
        self, entity: Entity, question: Question, replies: Replies, now: datetime
    ) -> str:
        figure = str(question.detail.get("figure", ""))
        number = float(question.detail.get("number") or 1)
        name = str(question.detail.get("period") or "")
        if figure == "since" and not replies.is_in(entity, question.state):
            if not name:
                return replies.answer(Question("state", (entity,), question.state), now)
            figure = "duration"
        past = replies.past
        if figure in ("last", "since") and not name:
            found = await self._last(entity, _in(replies, entity, question.state), now)
        else:
            name = name or "today"
            span = span_of(name, number, now)
            if span is None:
                return ""
            found = await self._within(entity, figure, question.state, replies, span)
        if found is None:
            return past.nothing(entity)
        period = past.period(name, number) if name else ""
        if figure in _MEASURED:
            return past.measured(entity, figure, found, period, now)
        return past.been(entity, figure, question.state, found, period, now)

    async def _within(
        self, entity: Entity, figure: str, state: str, replies: Replies, span: Span
    ) -> Figure | None:
        if figure in _MEASURED:
            return await self._past.measured(entity.id, figure, span)
        return await self._past.been(entity.id, _in(replies, entity, state), span)

    async def _last(
        self, entity: Entity, is_in: Callable[[str], bool], now: datetime
    ) -> Figure | None:
        """Return when something began to be so last, looking no farther back than needed."""
        found: Figure | None = None
        for days in _BACK:
            found = await self._past.been(entity.id, is_in, Span(now - timedelta(days=days), now))
            if found is not None and (found.moment or found.recorded_from):
                return found  # before that there are no records
        return found


def _in(replies: Replies, entity: Entity, asked: str) -> Callable[[str], bool]:
    return lambda raw: replies.is_in(entity, asked, raw)
