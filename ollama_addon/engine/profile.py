"""What each model runs with, the same for everyone who asks it.

Ollama loads a model anew when a request names another context window, another number of threads
or another `shift` than the one it was loaded with. OpenAI's and Anthropic's routes (`/v1/…`) can
name none of them, so that what they get is the server's own default.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence

import psutil

from ollama_addon.model_name import canonical
from ollama_addon.options import AgentOptions

OLLAMAS_CONTEXT = 4096
"""The context window, in tokens, where nobody says another one."""
FOR_EVER = -1
"""A `keep_alive` without an end."""


def context_windows(agents: Sequence[AgentOptions]) -> dict[str, int]:
    """Return the context window of each model in tokens, by canonical name.

    Agents that share a model share the largest of their windows.
    """
    windows: dict[str, int] = {}
    for agent in agents:
        if agent.model:
            model = canonical(agent.model)
            windows[model] = max(agent.context_window, windows.get(model, 0))
    return windows


def default_context(windows: Mapping[str, int]) -> int:
    """Return the context window that a server of ours gives to who names none.

    It is that of most models; of several the largest.
    """
    counted = Counter(windows.values())
    return max(counted, key=lambda window: (counted[window], window), default=OLLAMAS_CONTEXT)


def keep_alives(agents: Sequence[AgentOptions]) -> dict[str, int]:
    """Return the seconds that agents want each model to stay in memory, by canonical name."""
    wanted: dict[str, int] = {}
    for agent in agents:
        if agent.model:
            model = canonical(agent.model)
            wanted[model] = longest(agent.keep_alive, wanted.get(model, 0))
    return wanted


def longest(one: float, other: float) -> int:
    """Return the longer of two times in seconds, where a negative one has no end."""
    return FOR_EVER if min(one, other) < 0 else int(max(one, other))


def spare_threads(wanted: int) -> int:
    """Return the threads that a model may use: `wanted`, or all cores but one.

    0 is Ollama's own choice, which stays where there are too few cores to spare one.
    """
    if wanted:
        return wanted
    cores = min(psutil.cpu_count(logical=False) or 1, len(os.sched_getaffinity(0)))
    return cores - 1 if cores > 2 else 0
