"""Which turns are looked for, as a condition of SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Filter:
    """Which turns are meant; what is empty does not matter."""

    agent: str = ""
    outcome: str = ""
    source: str = ""
    conversation: str = ""
    search: str = ""
    """Words in the sentence or the reply."""
    since: float = 0
    """Seconds since the epoch."""
    rating: str = ""
    """`right` or `wrong`, as a person has said."""

    def where(self) -> tuple[str, list[Any]]:
        """Return the condition in SQL, with its values."""
        parts, values = ["began >= ?"], [self.since]  # type: list[str], list[Any]
        for column in ("agent", "outcome", "source", "conversation", "rating"):
            if value := getattr(self, column):
                parts.append(f"{column} = ?")
                values.append(value)
        for word in self.search.casefold().split():
            parts.append("instr(words, ?) > 0")
            values.append(word)
        return " AND ".join(parts), values


EVERYTHING = Filter()
