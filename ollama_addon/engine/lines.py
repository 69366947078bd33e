"""Lines of the Ollama server's log, understood."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass

_LEVELS = {"DEBUG": logging.DEBUG, "WARN": logging.WARNING, "ERROR": logging.ERROR}
_FIELD = re.compile(r'([\w.]+)=("(?:[^"\\]|\\.)*"|\S*)')
_DROPPED = {"time", "level", "source", "msg"}
_REQUEST = re.compile(r"^\[GIN\] [^|]*\|\s*(\d+) \|\s*([^|]*?)\s*\|[^|]*\|\s*(\w+)\s+\"([^\"]*)\"")


@dataclass(frozen=True, slots=True)
class Line:
    """One line: a level of `logging`, and what it says."""

    level: int
    message: str


def line_of(text: str) -> Line:
    """Read a line in any of the three ways in which Ollama writes them.

    They are the server's own (`time=… level=INFO source=routes.go:1 msg="…" key=value`), those
    about requests (`[GIN] … | 200 | 1.2s | … | POST "/api/chat"`) and plain ones of the runner.
    """
    if request := _REQUEST.match(text):
        status, took, method, path = request.groups()
        level = logging.WARNING if status.startswith("5") else logging.DEBUG
        return Line(level, f"{method} {path} answered with {status} after {took}")
    if not text.startswith("time="):
        return Line(logging.INFO, text)
    fields = [(name, _plain(value)) for name, value in _FIELD.findall(text)]
    known = dict(fields)
    rest = " ".join(f"{name}={value}" for name, value in fields if name not in _DROPPED)
    message = f"{known.get('msg', '')} {rest}".strip() or text
    return Line(_LEVELS.get(known.get("level", ""), logging.INFO), message)


def _plain(value: str) -> str:
    return value[1:-1].replace('\\"', '"') if value.startswith('"') else value
