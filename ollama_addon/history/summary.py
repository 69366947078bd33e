"""Figures of some time's turns, of which only those that can be compared are put together."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

_LOADED = 100.0
"""Milliseconds of loading that tell that the model was not in memory."""
_ABORTED = frozenset({"stopped", "error"})
_NOT_DONE = frozenset({"failed", "not_understood", "error"})


def summarized(turns: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the figures of turns as `HistoryStore.series` has them; times are in milliseconds.

    `requests` are to do or to know something: talk is none. `first_word` has the median for each
    agent and model, of turns that were neither broken off nor had to load the model; `cold` counts
    those that had to. What a person has rated is what counts: a turn that was rated right is done.
    """
    rows = list(turns)
    requests = [row for row in rows if row["outcome"] != "talked" or row["rating"] == "wrong"]
    warm: dict[tuple[str, str], list[float]] = defaultdict(list)
    cold = 0
    for row in rows:
        if row["outcome"] in _ABORTED or row["first_word"] is None:
            continue
        if (row["load"] or 0) >= _LOADED:
            cold += 1
        else:
            warm[row["agent"], row["model"]].append(row["first_word"])
    return {
        "requests": len(requests),
        "not_done": sum(
            row["outcome"] in _NOT_DONE and row["rating"] != "right" for row in requests
        ),
        "rated_right": sum(row["rating"] == "right" for row in rows),
        "rated_wrong": sum(row["rating"] == "wrong" for row in rows),
        "outcomes": dict(Counter(row["outcome"] for row in rows)),
        "cold": cold,
        "first_word": [
            {
                "agent": agent,
                "model": model,
                "median": round(statistics.median(times), 1),
                "turns": len(times),
            }
            for (agent, model), times in sorted(warm.items())
        ],
    }
