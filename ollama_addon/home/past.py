"""What was: figures of the past, computed from Home Assistant's history and statistics.

Only of exposed entities. Numbers come from statistics, where there are some: they are kept for
years, and an hour is one row. Everything else comes from the history of states, which the
recorder keeps for days.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from ollama_addon.errors import AddonError
from ollama_addon.home.connection import Connection
from ollama_addon.home.mirror import Mirror

LONGEST = 31
"""Days of states at most that are read at once: a busy one changes thousands of times a day."""
LONGEST_STATISTICS = 366
"""Days of statistics at most: one row for each hour."""
_FIVE_MINUTES = timedelta(hours=30)
"""Up to this length statistics of five minutes are read, of which Home Assistant keeps days."""
_NIGHT = (time(21), time(7))
_MORNING = (time(5), time(12))
_SLACK = 60.0
"""Seconds that may be missing at the beginning of a period."""
_AWAY = frozenset({"unavailable", "unknown", ""})


@dataclass(frozen=True, slots=True)
class Span:
    """A period, from its beginning to its end."""

    start: datetime
    end: datetime

    @property
    def seconds(self) -> float:
        """How long it really is, also where the clocks are changed."""
        return self.end.timestamp() - self.start.timestamp()


@dataclass(frozen=True, slots=True)
class Figure:
    """What was computed; what does not belong to a figure is None."""

    value: float | None = None
    """A minimum, maximum, mean, sum or change, in the entity's own unit."""
    seconds: float | None = None
    """For how long something was so."""
    count: int | None = None
    """How often it began to be so."""
    moment: datetime | None = None
    """When it began to be so last."""
    recorded_from: datetime | None = None
    """Where the records begin, when that is later than the period does."""


def span_of(period: str, number: float, now: datetime) -> Span | None:
    """Return a period as seen from `now`, in whose time zone it is; None for an unknown one.

    `number` is that of hours or days.
    """
    today = datetime.combine(now.date(), time(), now.tzinfo)
    yesterday = _midnight(now, -1)
    monday = _midnight(now, -now.weekday())
    match period:
        case "today":
            return Span(today, now)
        case "yesterday":
            return Span(yesterday, today)
        case "last_night":
            end = datetime.combine(now.date(), _NIGHT[1], now.tzinfo)
            return Span(datetime.combine(yesterday.date(), _NIGHT[0], now.tzinfo), min(end, now))
        case "this_morning":
            start = datetime.combine(now.date(), _MORNING[0], now.tzinfo)
            end = datetime.combine(now.date(), _MORNING[1], now.tzinfo)
            return Span(start if start < now else today, min(end, now))
        case "week":
            return Span(monday, now)
        case "last_week":
            return Span(_midnight(now, -now.weekday() - 7), monday)
        case "hours" | "days":
            length = timedelta(**{period: min(number, LONGEST_STATISTICS * 24)})
            return Span((now.astimezone(UTC) - length).astimezone(now.tzinfo), now)
    return None


class Past:
    """Computes figures of the past of the exposed entities of a mirror."""

    def __init__(self, connection: Connection, mirror: Mirror) -> None:
        self._connection = connection
        self._mirror = mirror

    async def measured(self, entity_id: str, figure: str, span: Span) -> Figure | None:
        """Return the `min`, `max`, `mean`, `sum` or `change` of a number within a period.

        None where nothing is recorded. Raises AddonError when Home Assistant does not answer.
        """
        if span.seconds <= 0 or span.seconds > (LONGEST_STATISTICS + 1) * 86_400:
            return None
        kind = "change" if figure == "sum" else figure
        rows = await self._statistics(entity_id, kind, span)
        numbers = [row[kind] for row in rows if isinstance(row.get(kind), int | float)]
        if numbers:
            began = datetime.fromtimestamp(rows[0]["start"] / 1000, span.start.tzinfo)
            return Figure(value=_reduced(figure, numbers), recorded_from=_later(began, span))
        changes = await self._history(entity_id, span)
        values = [(at, number) for at, state in changes if (number := _number(state)) is not None]
        if not values:
            return None
        began = datetime.fromtimestamp(values[0][0], span.start.tzinfo)
        return Figure(value=_of_values(figure, values, span), recorded_from=_later(began, span))

    async def been(self, entity_id: str, is_in: Callable[[str], bool], span: Span) -> Figure | None:
        """Return for how long, how often and since when something was in a state.

        `is_in` tells whether a state as Home Assistant names it is the one that is meant. None
        where nothing is recorded. Raises AddonError when Home Assistant does not answer.
        """
        if span.seconds <= 0 or span.seconds > (LONGEST + 1) * 86_400:
            return None
        changes = await self._history(entity_id, span)
        if not any(state not in _AWAY for _, state in changes):
            return None
        seconds, count = 0.0, 0
        moment: float | None = None
        before: bool | None = None
        for number, (at, state) in enumerate(changes):
            ends = changes[number + 1][0] if number + 1 < len(changes) else span.end.timestamp()
            if state in _AWAY:
                continue  # what it was like meanwhile is not known
            inside = is_in(state)
            if inside:
                seconds += max(0.0, ends - at)
                if before is False:
                    count, moment = count + 1, at
            before = inside
        zone = span.start.tzinfo
        return Figure(
            seconds=seconds,
            count=count,
            moment=datetime.fromtimestamp(moment, zone) if moment is not None else None,
            recorded_from=_later(datetime.fromtimestamp(changes[0][0], zone), span),
        )

    async def _history(self, entity_id: str, span: Span) -> list[tuple[float, str]]:
        """Return each state with the time from which it was so, the one at the start first."""
        if entity_id not in self._mirror.house.entities or span.seconds > (LONGEST + 1) * 86_400:
            return []
        answer = await self._ask(
            "history/history_during_period",
            start_time=span.start.isoformat(),
            end_time=span.end.isoformat(),
            entity_ids=[entity_id],
            minimal_response=True,
            no_attributes=True,
            significant_changes_only=True,
        )
        rows = answer.get(entity_id) or ()
        start, end = span.start.timestamp(), span.end.timestamp()
        found = [
            (max(start, float(row.get("lc", row.get("lu", start)))), str(row.get("s", "")))
            for row in rows
        ]
        return [each for each in found if each[0] <= end]

    async def _statistics(self, entity_id: str, kind: str, span: Span) -> list[dict[str, Any]]:
        if entity_id not in self._mirror.house.entities:
            return []
        # The hour that has not ended yet is only in statistics of five minutes.
        present = datetime.now(UTC) - span.end.astimezone(UTC) < timedelta(hours=1)
        fine = present and span.seconds <= _FIVE_MINUTES.total_seconds()
        rows: list[dict[str, Any]] = []
        for period in ("5minute", "hour") if fine else ("hour",):
            answer = await self._ask(
                "recorder/statistics_during_period",
                start_time=span.start.isoformat(),
                end_time=span.end.isoformat(),
                statistic_ids=[entity_id],
                period=period,
                types=[kind],
            )
            rows = list(answer.get(entity_id) or ())
            if rows:
                break
        return rows

    async def _ask(self, command: str, **fields: Any) -> Mapping[str, Any]:
        try:
            answer = await self._connection.command(command, **fields)
        except AddonError as error:
            if error.code == "home_failed":  # there is no recorder
                return {}
            raise
        return answer if isinstance(answer, Mapping) else {}


def _midnight(now: datetime, days: int) -> datetime:
    return datetime.combine(now.date() + timedelta(days=days), time(), now.tzinfo)


def _later(began: datetime, span: Span) -> datetime | None:
    return began if began.timestamp() > span.start.timestamp() + _SLACK else None


def _reduced(figure: str, numbers: Sequence[float]) -> float:
    if figure == "min":
        return min(numbers)
    if figure == "max":
        return max(numbers)
    return sum(numbers) / len(numbers) if figure == "mean" else sum(numbers)


def _of_values(figure: str, values: Sequence[tuple[float, float]], span: Span) -> float:
    """Return a figure of values, each of which lasts until the next one."""
    numbers = [number for _, number in values]
    if figure in ("min", "max"):
        return _reduced(figure, numbers)
    if figure in ("sum", "change"):
        return numbers[-1] - numbers[0]
    ends = [at for at, _ in values[1:]] + [span.end.timestamp()]
    lengths = [max(0.0, end - at) for end, (at, _) in zip(ends, values, strict=True)]
    if not (whole := sum(lengths)):
        return numbers[-1]
    return sum(number * length for number, length in zip(numbers, lengths, strict=True)) / whole


def _number(state: str) -> float | None:
    try:
        number = float(state)
    except ValueError:
        return None
    return number if abs(number) < 1e15 else None
