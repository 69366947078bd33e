"""The newest lines of the log, kept for the panel."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from ollama_addon.engine.daemon import OUTPUT
from ollama_addon.engine.lines import Line
from ollama_addon.redaction import RedactingFormatter, redacted

_KEPT = 2000
_LONGEST = 2000
"""Characters of a line; tracebacks are longer than anybody reads here."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the log: when (seconds since the epoch), how grave, whose, and what it says."""

    time: float
    level: str
    source: str
    message: str
    raw: str = ""
    """As the Ollama server wrote it, where that is another thing."""

    def as_json(self) -> dict[str, Any]:
        """Return it as it is sent."""
        return asdict(self)


class LogBuffer(logging.Handler):
    """Keeps what the sidecar and the Ollama server say."""

    def __init__(self) -> None:
        super().__init__()
        self.on_entry: Callable[[Entry], None] = lambda entry: None
        """Called with each new line."""
        self._entries: deque[Entry] = deque(maxlen=_KEPT)
        # What the server says arrives by `add_line`, also what is not grave enough to be logged.
        self.addFilter(lambda record: record.name != OUTPUT.name)
        self.setFormatter(RedactingFormatter("%(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Take in what the sidecar says."""
        try:
            source = record.name.removeprefix("ollama_addon.")
            self._add(record.created, record.levelno, source, self.format(record))
        except Exception:
            self.handleError(record)

    def add_line(self, line: Line) -> None:
        """Take in what the Ollama server says."""
        raw = redacted(line.raw) if line.raw != line.message else ""
        self._add(time.time(), line.level, "ollama", redacted(line.message), raw)

    def entries(self, level: int = logging.INFO) -> list[Entry]:
        """Return what is kept and at least as grave as `level`, the oldest first."""
        grave = {name for name, value in logging.getLevelNamesMapping().items() if value >= level}
        return [entry for entry in self._entries if entry.level in grave]

    def _add(self, when: float, level: int, source: str, message: str, raw: str = "") -> None:
        name = logging.getLevelName(level)
        entry = Entry(when, name, source, message[:_LONGEST], raw[:_LONGEST])
        self._entries.append(entry)
        self.on_entry(entry)
