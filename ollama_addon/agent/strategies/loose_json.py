"""JSON as models write it: in prose, cut off, with quotes of either kind or none, commas missing.

One pass over the text, however it is written: the time grows with its length and no faster.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

_DEPTH = 48
"""Brackets within brackets that are followed; deeper ones are left out."""
_TOKEN = re.compile(r"[{}\[\]:,\"'\n]|[^\s{}\[\]:,\"'][^{}\[\]:,\"'\n]*")
_ENDS = re.compile(r"\s*(?:[,:}\]{[\"']|$)")
"""What may follow the quote that closes a string."""
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_WORDS = {
    "true": True,
    "false": False,
    "null": None,
    "none": None,
    "undefined": None,
    "nan": None,
}
_NUMBER = re.compile(r"[-+]?\d{1,30}(?:\.\d{1,30})?(?:[eE][-+]?\d{1,3})?")


@dataclass(slots=True)
class _Open:
    """A bracket that is not closed yet."""

    value: dict[str, Any] | list[Any]
    key: str | None = None
    bare: bool = False
    """Whether the key is a word that no colon has followed yet."""


def containers(text: str) -> list[Any]:
    """Return the objects and lists in a text, in order, those inside others within them.

    What is still open at the end counts as closed there. Never fails.
    """
    found: list[Any] = []
    stack: list[_Open] = []
    ignored = 0
    position = 0
    while match := _TOKEN.search(text, position):
        position, token = match.end(), match[0]
        if token in "{[":
            if len(stack) >= _DEPTH:
                ignored += 1
                continue
            opened = _Open({} if token == "{" else [])
            if stack:
                _put(stack[-1], opened.value)
            else:
                found.append(opened.value)
            stack.append(opened)
        elif not stack:
            continue
        elif token in "}]":
            if ignored:
                ignored -= 1
                continue
            _close(stack, token)
        elif token in ",\n":
            if token == ",":
                _finish(stack[-1])
        elif token == ":":
            stack[-1].bare = False
        elif token in "\"'":
            value, position = _string(text, position, token)
            _put(stack[-1], value, word=True)
        else:
            _put(stack[-1], _word(token.strip()), word=True)
    for opened in stack:
        _finish(opened)
    return found


def _put(into: _Open, value: Any, *, word: bool = False) -> None:
    """Put a value where it belongs; a first word in an object is a key."""
    if isinstance(into.value, list):
        into.value.append(value)
    elif into.key is None or into.bare:
        if word:
            _finish(into)
            into.key, into.bare = str(value), True
        else:  # A key that lacks its colon, or a value that lacks its key.
            into.value[into.key if into.key is not None else f"_{len(into.value)}"] = value
            into.key, into.bare = None, False
    else:
        into.value[into.key] = value
        into.key = None


def _finish(opened: _Open) -> None:
    """End an entry of an object: a key without a value has none."""
    if isinstance(opened.value, dict) and opened.key is not None:
        opened.value.setdefault(opened.key, None)
    opened.key, opened.bare = None, False


def _close(stack: list[_Open], bracket: str) -> None:
    """Close what a bracket closes, and what was left open within it; a stray one is passed over."""
    kind = dict if bracket == "}" else list
    for depth in range(len(stack) - 1, max(-1, len(stack) - 4), -1):
        if isinstance(stack[depth].value, kind):
            while len(stack) > depth:
                _finish(stack.pop())
            return


def _string(text: str, start: int, quote: str) -> tuple[str, int]:
    """Return the string that begins at `start`, and where it ends.

    A quote that no comma, colon or bracket follows belongs to the words.
    """
    at = start
    while (end := text.find(quote, at)) >= 0:
        slashes = end
        while slashes > start and text[slashes - 1] == "\\":
            slashes -= 1
        if (end - slashes) % 2 == 0 and _ENDS.match(text, end + 1, end + 40):
            return unescaped(text[start:end]), end + 1
        at = end + 1
    return unescaped(text[start:]), len(text)


def unescaped(text: str) -> str:
    """Return a string with JSON's escapes read; halves of characters are left out."""
    if "\\" not in text:
        return text
    plain = _ESCAPE.sub(_escaped, text)
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "ignore")


def _escaped(match: re.Match[str]) -> str:
    said = match[1]
    return chr(int(said[1:], 16)) if len(said) == 5 else _ESCAPED.get(said, said)


def _word(token: str) -> Any:
    if token.lower() in _WORDS:
        return _WORDS[token.lower()]
    if _NUMBER.fullmatch(token):
        number = float(token)
        return int(token) if re.fullmatch(r"[-+]?\d+", token) else number
    return token
