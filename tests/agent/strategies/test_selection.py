"""The strategy follows the option, the size and what a model was trained for; and says why."""

from __future__ import annotations

import pytest

from ollama_addon.agent.strategies.selection import Selection, select

B = 1_000_000_000


@pytest.mark.parametrize(
    ("wanted", "model", "parameters", "tools", "strategy", "reason"),
    [
        ("auto", "", None, False, "instant", "no_model"),
        ("auto", "m", 8 * B, True, "native", "large"),
        ("auto", "m", 8 * B, False, "structured", "without_tools"),
        ("auto", "m", 4 * B, True, "structured", "small"),
        ("auto", "m", 4 * B, False, "structured", "without_tools"),
        ("auto", "m", None, True, "structured", "unknown_size"),
        ("auto", "m", 135_000_000, True, "tiny", "tiny"),
        ("structured", "m", 8 * B, True, "structured", "set"),
        ("structured", "m", 135_000_000, False, "tiny", "tiny"),
        ("native", "m", 1_500_000_000, True, "native", "set"),
        ("native", "m", 1_500_000_000, False, "structured", "no_tools"),
    ],
)
def test_it_is_chosen_and_said_why(
    wanted: str, model: str, parameters: int | None, tools: bool, strategy: str, reason: str
) -> None:
    chosen = select(wanted, model, parameters, {"tools"} if tools else set())
    assert isinstance(chosen, Selection)
    assert (chosen.strategy, chosen.reason) == (strategy, reason)
