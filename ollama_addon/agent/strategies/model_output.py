"""What of a model's words may be spoken, and the calls that hide in them.

Models trained on other forms write their tool calls as text: in tags, in fences, as bare
JSON or as Python, and think aloud before. None of that is ever read to a person.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from json_repair import repair_json
from rapidfuzz import fuzz, process

_NEAR = 88
"""How alike a written name must be to that of a tool, of 100."""

_HIDDEN = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<tool_call>", "</tool_call>"),
    ("<function_call>", "</function_call>"),
    ("<tool_response>", "</tool_response>"),
    ("<|channel|>analysis", "<|end|>"),
    ("<|python_tag|>", "\n\n"),
    ("[TOOL_CALLS]", "\n\n"),
    ("```", "```"),
)
"""What begins something that is not spoken, and what ends it."""
_STRAY = re.compile(
    r"</?(?:think|thinking|tool_call|tool_response|function_call)>|<\|[a-z_]{1,20}\|>|functions\."
)

_FENCE = re.compile(
    r"```[a-z_]*\n?|</?(?:think|thinking|tool_call|tool_response|function_call)>|\[/?TOOL_CALLS\]"
)
_PYTHON_CALL = re.compile(r"(?<![\w.])(?:functions\.|tools\.)?([A-Za-z_]\w*)\s*\(")


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call that was written as text."""

    name: str
    arguments: dict[str, Any]


def written_calls(text: str, names: Collection[str]) -> list[Call]:
    """Return the calls of tools in a text, in order, each once.

    Knows JSON with `name` and `arguments` (or `parameters`), OpenAI's `function`, and Python
    calls, in tags and fences or bare, slightly broken ones too. `names` are the tools; a name
    that is nearly one of them is that one, others are no calls.
    """
    plain = _FENCE.sub(" \n", text)
    found = list(_json_calls(plain, names)) or list(_python_calls(plain, names))
    return [call for number, call in enumerate(found) if call not in found[:number]]


class SpeechFilter:
    """Takes an answer as it comes, gives what may be spoken as soon as that is sure.

    Thoughts, calls and fenced code are left out, as is an answer that is one JSON object or
    list, and calls of the tools in `names` as Python. However the answer is cut into pieces,
    what comes out is the same.
    """

    def __init__(self, names: Collection[str] = ()) -> None:
        self._hidden = (*_HIDDEN, *((f"{name}(", ")") for name in names))
        self._markers = (*(opening for opening, _ in self._hidden), "functions.")
        self._longest = max(24, *map(len, self._markers))
        self._waiting = ""
        self._closing = ""
        self._begun = False
        self._json = False

    def feed(self, chunk: str) -> str:
        """Take a piece of the answer, return the words that may be spoken."""
        self._waiting += chunk
        return self._take(last=False)

    def finish(self) -> str:
        """Return what was held back; the answer is over."""
        return self._take(last=True)

    def _take(self, *, last: bool) -> str:
        spoken = ""
        while self._waiting:
            if self._closing:
                before, closing, after = self._waiting.partition(self._closing)
                if not closing:
                    # Kept only as far as it may be the beginning of the end.
                    self._waiting = "" if last else before[-len(self._closing) + 1 :]
                    break
                self._waiting, self._closing = after, ""
                continue
            if self._json:
                self._waiting = ""
                break
            at, opening, closing = self._opening(last)
            spoken += self._say(self._waiting[:at])
            if self._json:
                continue
            self._waiting = self._waiting[at + len(opening) :]
            if not opening:
                break
            self._closing = closing
        return spoken

    def _opening(self, last: bool) -> tuple[int, str, str]:
        """Return where the next hidden part begins; how far it is safe to speak without one."""
        text = self._waiting
        found = [
            (at, -len(opening), opening, closing)
            for opening, closing in self._hidden
            if (at := text.find(opening)) >= 0
        ]
        stray = _STRAY.search(text)
        if stray and all(at != stray.start() for at, *_ in found):
            found.append((stray.start(), -len(stray[0]), stray[0], ""))
        first = min(found, default=None)
        held = len(text) if last else self._held(text)
        if first and (first[0] < held or last):
            return first[0], first[2], first[3]
        return held, "", ""

    def _held(self, text: str) -> int:
        """Return from where a text may be the beginning of a marker that is not whole yet."""
        for at in range(max(0, len(text) - self._longest), len(text)):
            tail = text[at:]
            if any(marker.startswith(tail) and marker != tail for marker in self._markers):
                return at
            if re.fullmatch(r"<(?:/[a-z_]{0,15}|\|[a-z_]{0,20}\|?)?", tail):
                return at
        return len(text)

    def _say(self, text: str) -> str:
        """Return text to be spoken; an answer that begins as JSON is not."""
        if self._begun:
            return text
        text = text.lstrip()
        if not text:
            return ""
        self._begun = True
        if text[0] in "{[":
            self._json = True
            return ""
        return text


def _json_calls(text: str, names: Collection[str]) -> Iterator[Call]:
    position = 0
    while (start := _first(text, "{[", position)) >= 0:
        end = _matching(text, start)
        try:
            value = repair_json(text[start:end], return_objects=True)
        except (ValueError, RecursionError):
            value = None
        calls = list(_calls_in(value, names))
        yield from calls
        # What holds no call as a whole may hold one inside.
        position = end if calls else start + 1


def _calls_in(value: Any, names: Collection[str]) -> Iterator[Call]:
    if isinstance(value, list):
        for item in value:
            yield from _calls_in(item, names)
        return
    if not isinstance(value, Mapping):
        return
    inner = value.get("function")
    if isinstance(inner, Mapping):
        yield from _calls_in(inner, names)
        return
    if isinstance(value.get("tool_calls"), list):
        yield from _calls_in(value["tool_calls"], names)
        return
    name = _known(value.get("name") or value.get("tool") or inner, names)
    if name is None:
        return
    arguments: Any = next(
        (value[key] for key in ("arguments", "parameters", "args", "input") if key in value), {}
    )
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            arguments = repair_json(arguments, return_objects=True)
    yield Call(name, dict(arguments) if isinstance(arguments, Mapping) else {})


def _python_calls(text: str, names: Collection[str]) -> Iterator[Call]:
    for match in _PYTHON_CALL.finditer(text):
        name = _known(match[1], names)
        if name is None:
            continue
        end = _matching(text, match.end() - 1)
        inside = text[match.end() : end - 1].strip()
        if inside.startswith("{"):
            value = repair_json(inside, return_objects=True)
            yield Call(name, dict(value) if isinstance(value, Mapping) else {})
            continue
        try:
            call = ast.parse(f"f({inside})", mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        if isinstance(call, ast.Call):
            yield Call(name, dict(_keywords(call)))


def _keywords(call: ast.Call) -> Iterator[tuple[str, Any]]:
    for keyword in call.keywords:
        if keyword.arg is None:
            continue
        try:
            yield keyword.arg, ast.literal_eval(keyword.value)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            if isinstance(keyword.value, ast.Name):
                yield keyword.arg, keyword.value.id


def _known(name: Any, names: Collection[str]) -> str | None:
    if not isinstance(name, str):
        return None
    bare = name.rpartition(".")[2].strip()
    if bare in names:
        return bare
    near = process.extractOne(bare, list(names), scorer=fuzz.ratio, score_cutoff=_NEAR)
    # On and off are one letter apart, and so are the names of tools for them.
    return near[0] if near and len(near[0]) > 10 else None


def _first(text: str, characters: str, start: int) -> int:
    found = [at for character in characters if (at := text.find(character, start)) >= 0]
    return min(found, default=-1)


def _matching(text: str, start: int) -> int:
    """Return the end of a bracket that opens at `start`, the text's end when it stays open."""
    pairs = {"{": "}", "[": "]", "(": ")"}
    stack: list[str] = []
    quote = ""
    escaped = False
    for at in range(start, len(text)):
        character = text[at]
        if quote:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == quote:
                quote = ""
        elif character == '"':
            quote = character
        elif character in pairs:
            stack.append(pairs[character])
        elif stack and character == stack[-1]:
            stack.pop()
            if not stack:
                return at + 1
    return len(text)
