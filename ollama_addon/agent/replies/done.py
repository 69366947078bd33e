"""An action and what became of it: all that a reply may claim."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ollama_addon.understanding.verb_table import TARGETLESS, VERBS
from ollama_addon.understanding.vocabulary import Action, Target

_READS = frozenset(
    [*(verb.intent for verb in (*VERBS, *TARGETLESS) if verb.reads), "weather.get_forecasts"]
)


@dataclass(frozen=True, slots=True)
class Done:
    """An action and what became of it."""

    action: Action
    target: Target | None
    ok: bool
    failed: tuple[str, ...] = ()
    """Names of those that did not respond, where others did."""
    reason: str = ""
    """Why it failed, in words: ours, or Home Assistant's where there is a `code`."""
    code: str = ""
    """Home Assistant's code of a failure, such as `failed_to_handle`; empty for our own."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """What was read, such as the items of a list."""
    before: Mapping[str, str] = field(default_factory=dict)
    """The states before it by entity id, as Home Assistant names them."""

    @property
    def reads(self) -> bool:
        """Whether it only looked."""
        return self.action.intent in _READS
