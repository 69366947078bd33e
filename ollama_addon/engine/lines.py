"""Lines of the Ollama server's log, understood."""

from __future__ import annotations

import logging
import re
import signal
from dataclasses import dataclass

_LEVELS = {"DEBUG": logging.DEBUG, "WARN": logging.WARNING, "ERROR": logging.ERROR}
_FIELD = re.compile(r'([\w.]+)=("(?:[^"\\]|\\.)*"|\S*)')
_DROPPED = {"time", "level", "source", "msg"}
_REQUEST = re.compile(r"^\[GIN\] [^|]*\|\s*(\d+) \|\s*([^|]*?)\s*\|[^|]*\|\s*(\w+)\s+\"([^\"]*)\"")

# llama-server's lines have a letter for their level, unless Ollama starts it without.
_LETTER = re.compile(r"^(?:\d+(?:\.\d+)+ )?([DIWE]) (?=\S+:? )")
_LETTERS = {"D": logging.DEBUG, "I": logging.INFO, "W": logging.WARNING, "E": logging.ERROR}
# Without it, these beginnings tell of a failure; they are those that Ollama itself looks for.
_FAILURE = re.compile(
    r"(?:panic|fatal error|error)[: ]|(?:CUDA|ROCm) error|cudaMalloc failed|error loading model"
    r"|GGML_ASSERT|\S+: (?:error|failed)\b|terminate called|exception:|\w*Error: ",
    re.IGNORECASE,
)
_WARNING = re.compile(r"(?:\S+: )?warn(?:ing)?\b", re.IGNORECASE)
_MEMORY = re.compile(
    r"out of (?:device )?memory|failed to allocate|allocation failed|(?:not enough|insufficient) "
    r"memory|cudaMalloc failed|hipMalloc failed|OutOfDeviceMemory",
    re.IGNORECASE,
)
_GOES_ON = "retrying without pipeline parallelism"
"""Ends a line about memory that ends nothing else."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: a level of `logging`, what it says, and as it was written."""

    level: int
    message: str
    raw: str = ""

    @property
    def failure(self) -> bool:
        """Whether it tells of something that may have ended the server or a model."""
        return self.level >= logging.ERROR


def line_of(text: str) -> Line:
    """Read a line in any of the three ways in which Ollama writes them.

    They are the server's own (`time=… level=INFO source=routes.go:1 msg="…" key=value`), those
    about requests (`[GIN] … | 200 | 1.2s | … | POST "/api/chat"`) and plain ones of the runner.
    """
    if request := _REQUEST.match(text):
        status, took, method, path = request.groups()
        level = logging.WARNING if status.startswith("5") else logging.DEBUG
        return Line(level, f"{method} {path} answered with {status} after {took}", text)
    if not text.startswith("time="):
        return _of_a_runner(text)
    fields = [(name, _plain(value)) for name, value in _FIELD.findall(text)]
    known = dict(fields)
    rest = " ".join(f"{name}={value}" for name, value in fields if name not in _DROPPED)
    message = f"{known.get('msg', '')} {rest}".strip() or text
    return Line(_LEVELS.get(known.get("level", ""), logging.INFO), message, text)


def how_it_ended(status: int, failure: str) -> str:
    """Say how the server ended: with an exit status, or by a signal when that is negative.

    `failure` is the last line of its log that tells of one.
    """
    if status == -signal.SIGILL:
        return "Ollama ended: this processor lacks instructions that it needs."
    if _MEMORY.search(failure):
        return f"Ollama ended because memory ran out. It said: {failure}"
    said = f" It said: {failure}" if failure else ""
    if status == -signal.SIGKILL:
        return f"Ollama was killed, as happens when memory runs out.{said}"
    if status < 0:
        try:
            return f"Ollama was ended by the signal {signal.Signals(-status).name}.{said}"
        except ValueError:
            pass  # a number that has no name
    return f"Ollama ended with exit status {status}.{said}"


def _of_a_runner(text: str) -> Line:
    if letter := _LETTER.match(text):
        return Line(_LETTERS[letter[1]], text[letter.end() :], text)
    if _GOES_ON in text or _WARNING.match(text):
        return Line(logging.WARNING, text, text)
    grave = _FAILURE.match(text) or _MEMORY.search(text)
    return Line(logging.ERROR if grave else logging.INFO, text, text)


def _plain(value: str) -> str:
    return value[1:-1].replace('\\"', '"') if value.startswith('"') else value
