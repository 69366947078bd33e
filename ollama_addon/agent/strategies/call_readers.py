"""Readers of calls: one for each way in which models write them.

Each takes a text and yields the names and arguments in it, in time that grows with its length
and no faster.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ollama_addon.agent.strategies.loose_json import containers

Raw = tuple[str, dict[str, Any]]
"""The name of a tool as it is written, and its arguments."""

_LONGEST_CALL = 8_000
"""Characters of one call that is written as Python."""
_ARGUMENTS = ("arguments", "parameters", "args", "input", "kwargs")
_PYTHON = re.compile(r"(?<![\w.])((?:[A-Za-z_]\w{0,40}\.){0,3}[A-Za-z_]\w{1,80})[ \t]?\(")
_NAME = re.compile(r"[\w.\-]{1,100}")
_ONLY_NAME = re.compile(r"\s*(?:functions?\.)?([A-Za-z_][\w.]{1,80})")


def json_calls(text: str) -> Iterator[Raw]:
    """Yield the calls in JSON: objects with a name and arguments, wherever they stand."""
    for container in containers(text):
        yield from _in(container)


def _in(value: Any) -> Iterator[Raw]:
    if isinstance(value, list):
        for item in value:
            yield from _in(item)
        return
    if not isinstance(value, Mapping):
        return
    named = value.get("name") or value.get("tool") or value.get("tool_name")
    inner = value.get("function") or value.get("function_call")
    if isinstance(inner, str):
        named = named or inner
    given = [value[key] for key in _ARGUMENTS if key in value]
    if isinstance(named, str) and named and (given or "function" in value or len(value) == 1):
        arguments = given[0] if given else {}
        if isinstance(arguments, str):
            arguments = next(iter(containers(arguments)), {})
        yield named, dict(arguments) if isinstance(arguments, Mapping) else {}
        return
    if isinstance(named, str) and named and not any(map(_nested, value.values())):
        rest = {key: each for key, each in value.items() if key not in ("name", "tool", "type")}
        yield named, rest
        return
    for each in value.values():
        yield from _in(each)


def _nested(value: Any) -> bool:
    return isinstance(value, list | Mapping)


def python_calls(text: str) -> Iterator[Raw]:
    """Yield the calls in Python: `HassTurnOn(name="Kitchen light")`."""
    position = 0
    while match := _PYTHON.search(text, position):
        end = closing_bracket(text[match.end() - 1 : match.end() + _LONGEST_CALL])
        inside = text[match.end() : match.end() - 2 + end].strip() if end else ""
        position = match.end()
        if not end:
            break  # What follows stands in this bracket.
        if inside.startswith("{"):
            yield match[1], next((c for c in containers(inside) if isinstance(c, dict)), {})
            position += end - 1
            continue
        try:
            call = ast.parse(f"f({inside})", mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        if isinstance(call, ast.Call):
            yield match[1], dict(_keywords(call))


def closing_bracket(text: str) -> int:
    """Return where the bracket that a text begins with is closed, 0 where it is not."""
    brackets = Brackets()
    return brackets.feed(text)


class Brackets:
    """Finds the end of a bracket in text that comes in pieces. Quotes hide what is in them."""

    _TOKEN = re.compile(r"[()\[\]{}\"'\\]")

    def __init__(self) -> None:
        self._depth = 0
        self._quote = ""
        self._skip = False
        self._last = ""

    def feed(self, text: str, start: int = 0) -> int:
        """Return where in a piece, read from `start`, the first bracket of all is closed.

        0 while it is open.
        """
        if self._skip and start < len(text):
            self._skip = False
            start += 1
        for match in self._TOKEN.finditer(text, start):
            at, token = match.start(), match[0]
            if at < start:
                continue
            if token == "\\":
                start = at + 2
                self._skip = start > len(text)
            elif self._quote:
                if token == self._quote:
                    self._quote = ""
            elif token == '"' or (token == "'" and self._before(text, at) in "([{,=: \n"):
                self._quote = token
            elif token in "([{":
                self._depth += 1
            elif token in ")]}":
                self._depth -= 1
                if self._depth <= 0:
                    return at + 1
        self._last = text[-1:] or self._last
        return 0

    def _before(self, text: str, at: int) -> str:
        return text[at - 1] if at else self._last


def _keywords(call: ast.Call) -> Iterator[tuple[str, Any]]:
    for keyword in call.keywords:
        if keyword.arg is None:
            continue
        try:
            yield keyword.arg, ast.literal_eval(keyword.value)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            if isinstance(keyword.value, ast.Name):
                yield (
                    keyword.arg,
                    {"true": True, "false": False}.get(keyword.value.id, keyword.value.id),
                )


def tagged_calls(text: str) -> Iterator[Raw]:
    """Yield the calls of `<function=NAME>` and `<invoke name="NAME">` with tags for arguments."""
    for opening, ending in (("<function=", "</function>"), ("invoke name=", "</")):
        for part in text.split(opening)[1:]:
            if opening == "<function=":
                part = part.partition(ending)[0]
            head, _, body = part.partition(">")
            name = _NAME.search(head)
            if name is None:
                continue
            arguments: dict[str, Any] = {}
            for mark in ("<parameter=", "parameter name="):
                for given in body.split(mark)[1:]:
                    key, _, value = given.partition(">")
                    bare = _NAME.search(key)
                    if bare is not None:
                        arguments[bare[0]] = _value(value.partition("</")[0])
            if not arguments:
                arguments = next((c for c in containers(body) if isinstance(c, dict)), {})
            yield name[0], arguments


def keyed_calls(text: str) -> Iterator[Raw]:
    """Yield the calls of GLM: a name, then `<arg_key>` and `<arg_value>` in turn."""
    for part in text.split("<tool_call>"):
        head, mark, rest = part.partition("<arg_key>")
        name = _NAME.search(head)
        if not mark or name is None:
            continue
        arguments: dict[str, Any] = {}
        for pair in rest.split("<arg_key>"):
            key, _, after = pair.partition("</arg_key>")
            _, found, value = after.partition("<arg_value>")
            if found:
                arguments[key.strip()] = _value(value.partition("</arg_value>")[0])
        yield name[0], arguments


def named_calls(text: str) -> Iterator[Raw]:
    """Yield the calls of Mistral: `NAME[ARGS]{…}` or `NAME{…}` after the mark, or JSON."""
    for part in text.split("[TOOL_CALLS]"):
        head, _, _ = part.partition("{")
        name = _ONLY_NAME.match(head)
        if name is not None and "{" in part:
            found = containers(part[len(head) :])
            yield name[1], next((c for c in found if isinstance(c, dict)), {})
        elif name is None:
            yield from json_calls(part)


def addressed_calls(text: str) -> Iterator[Raw]:
    """Yield the calls of harmony: a header with `to=functions.NAME`, then JSON."""
    for part in text.split("to=")[1:]:
        name = _ONLY_NAME.match(part)
        if name is None:
            continue
        found = containers(part[part.find("{") :]) if "{" in part else []
        yield name[1], next((c for c in found if isinstance(c, dict)), {})


def sectioned_calls(text: str) -> Iterator[Raw]:
    """Yield the calls of DeepSeek and Kimi: sections of marks with a name and JSON in each."""
    plain = text.replace("｜", "|").replace("▁", "_")
    for part in plain.split("<|tool_call_begin|>")[1:]:
        head, mark, rest = part.partition("<|tool_sep|>")
        if not mark:
            head, mark, rest = part.partition("<|tool_call_argument_begin|>")
        name = _ONLY_NAME.match(rest if head.strip() == "function" else head.partition(":")[0])
        found = containers(rest[rest.find("{") :]) if "{" in rest else []
        if mark and name is not None:
            yield name[1], next((c for c in found if isinstance(c, dict)), {})


def gemma_calls(text: str) -> Iterator[Raw]:
    """Yield the calls of Gemma 4: `call:NAME{key:<|"|>words<|"|>}`."""
    for part in text.split("call:")[1:]:
        name = _ONLY_NAME.match(part)
        if name is not None:
            found = containers(part[name.end() :].replace('<|"|>', '"'))
            yield name[1], next((c for c in found if isinstance(c, dict)), {})


def _value(text: str) -> Any:
    """Return a value that stands in a tag: a number, a list or words."""
    plain = text.strip()
    if plain[:1] in ("[", "{"):
        return next(iter(containers(plain)), plain)
    return (
        containers(f"[{plain}]")[0][0] if re.fullmatch(r"-?\d{1,12}(\.\d{1,6})?", plain) else plain
    )
