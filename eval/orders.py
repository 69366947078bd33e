"""Whether what the agent keeps for later is what was said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from eval.cases import Kept, Outcome
from eval.home import Home
from eval.scoring import expected

_TALKING = timedelta(seconds=90)
"""How far off a length of time may be, for the conversation that went on."""


@dataclass(frozen=True, slots=True)
class Order:
    """An order that the agent keeps: when it is due, if that is known, and for what."""

    id: str
    due: datetime | None
    entities: frozenset[str]


def orders_of(answer: Mapping[str, Any]) -> list[Order]:
    """Return the orders of an answer of `GET /api/orders`."""
    return [
        Order(
            each["id"],
            datetime.fromisoformat(each["due"]) if each.get("due") else None,
            frozenset(each["entity_ids"]),
        )
        for each in answer["orders"]
    ]


def complaints(
    kept: Kept | None, orders: Iterable[Order], home: Home, said: datetime, *, asks: bool
) -> list[str]:
    """List what is wrong with the orders that a case left behind, as sentences.

    `said` is when it was said, with a time zone. What repeats or depends on something is right
    when the agent asks whether to set it up.
    """
    orders = list(orders)
    if kept is None:
        return [f"an order is kept for {each.due}" for each in orders]
    if kept.every is not None or kept.trigger or kept.interval is not None:
        return [] if asks or orders else ["it did not ask whether to set it up"]
    if len(orders) != 1:
        return [f"{len(orders)} orders are kept, not 1"]
    (order,) = orders
    found = []
    wanted = set(expected(Outcome(change=kept.change), home))
    if kept.change and not wanted <= order.entities:
        found.append(f"the order is for {sorted(order.entities)}, not {sorted(wanted)}")
    return found + _wrong_time(kept, order.due, said, ZoneInfo(home.time_zone))


def _wrong_time(kept: Kept, due: datetime | None, said: datetime, zone: ZoneInfo) -> list[str]:
    """Return how an order's time differs from what was said. Sunset is when it is."""
    if due is None:
        return ["the order has no time"]
    local, now = due.astimezone(zone), said.astimezone(zone)
    length = kept.delay if kept.delay is not None else kept.length
    if length is not None and abs(due - said - timedelta(seconds=length)) > _TALKING:
        return [f"the order is due in {due - said}, not in {length} s"]
    clock = kept.at or kept.until
    if clock is not None:
        hours, minutes = (int(part) for part in clock.split(":"))
        if (local.hour, local.minute) != (hours, minutes):
            return [f"the order is due at {local:%H:%M}, not at {clock}"]
    if kept.days is not None and (local.date() - now.date()).days != kept.days:
        return [f"the order is due on {local:%A}, not {kept.days} days ahead"]
    if kept.weekday is not None and local.weekday() != kept.weekday:
        return [f"the order is due on {local:%A}"]
    return []
