"""The structure of an AI task: a JSON schema from outside, bounded before it is expanded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ollama_addon import isolated
from ollama_addon.agent import validation
from ollama_addon.errors import AddonError

MAX_CHARACTERS = 50_000
"""Of all the words in a structure."""
MAX_PARTS = 5_000
"""Groups, lists and values, with references put in place."""
MAX_DEPTH = 32
_QUICK_PARTS = 200
"""Up to so many, checking a structure takes a few milliseconds."""
_QUICK_WORK = 30_000
"""Parts of a structure times characters of an answer that are looked at as quickly."""
_DROPPED = frozenset(
    "$schema $id $comment $anchor $dynamicAnchor $vocabulary $defs definitions default examples "
    "title".split()
)
"""Keywords that mean nothing to an engine's grammar, and nothing for the data."""
_REFUSED = frozenset({"$dynamicRef", "$recursiveRef"})
_NAMES = frozenset({"properties", "patternProperties", "dependentSchemas"})
"""What holds schemas by names, which are no keywords: a property may well be called "title"."""
_VALUES = frozenset({"enum", "const", "required", "dependentRequired"})
_SLOW = frozenset({"pattern", "patternProperties", "propertyNames", "uniqueItems"})
"""What can take very long with a short structure and a short text."""


class Structure:
    """What the data of an AI task has to be like.

    `schema` is what was asked for, with local references put in place and what engines ignore
    left out. Raises AddonError (`invalid_task`) for what is too large, nested too deeply, refers
    elsewhere, or to itself without end: before it is expanded.
    """

    def __init__(self, asked: Mapping[str, Any]) -> None:
        _measure(asked)
        reducing = _Reducing(asked)
        self.schema: dict[str, Any] = reducing.reduced(asked, 0)
        self._parts = reducing.parts
        self._quick = reducing.parts <= _QUICK_PARTS and not reducing.slow

    async def check(self) -> None:
        """See to it that it is a schema. Raises AddonError (`invalid_task`)."""
        if self._quick:
            wrong = validation.check(self.schema)
        else:
            wrong = await _elsewhere({"schema": self.schema})
        if wrong:
            raise invalid(f"the structure is no JSON schema: {wrong}")

    async def read(self, text: str) -> tuple[Any, str]:
        """Return the data that a model wrote, and what is wrong with it; empty for nothing.

        Raises AddonError (`invalid_task`) where that cannot be told in a sensible time.
        """
        if self._quick and self._parts * len(text) <= _QUICK_WORK:
            return validation.read(text, self.schema)
        data, wrong = await _elsewhere({"schema": self.schema, "text": text})
        return data, str(wrong)


async def _elsewhere(asked: Mapping[str, Any]) -> Any:
    """Have a process of its own do it: neither a pattern nor many choices hold up the app."""
    try:
        return await isolated.run(validation.__file__, asked)
    except isolated.TooMuchError as error:
        raise invalid(f"the structure cannot be checked: {error}") from error


def _measure(asked: Mapping[str, Any]) -> None:
    """Refuse what is too large, without following any reference. Raises AddonError."""
    waiting: list[tuple[Any, int]] = [(asked, 0)]
    parts = characters = 0
    while waiting:
        value, depth = waiting.pop()
        parts += 1
        inner: list[Any] = []
        if isinstance(value, Mapping):
            characters += sum(map(len, value))
            inner = list(value.values())
        elif isinstance(value, list):
            inner = value
        elif isinstance(value, str):
            characters += len(value)
        if depth > MAX_DEPTH and inner:
            raise invalid("the structure is nested too deeply")
        if parts + len(waiting) + len(inner) > MAX_PARTS or characters > MAX_CHARACTERS:
            raise _too_large()
        waiting += [(each, depth + 1) for each in inner]


class _Reducing:
    """Puts references in place, and counts what comes of it."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self.parts = 0
        self.slow = False
        """Whether there is something in it that can take very long."""

    def reduced(self, schema: Any, depth: int) -> Any:
        """Return a schema, or a part of one, with references put in place. Raises AddonError."""
        self._count(1)
        if depth > MAX_DEPTH:
            raise invalid("the structure is nested too deeply, or refers to itself")
        if isinstance(schema, list):
            return [self.reduced(item, depth + 1) for item in schema]
        if not isinstance(schema, Mapping):
            return schema
        if isinstance(reference := schema.get("$ref"), str):
            rest = {key: value for key, value in schema.items() if key != "$ref"}
            return self.reduced({**self._referred(reference), **rest}, depth + 1)
        return {
            key: self._keyword(key, value, depth + 1)
            for key, value in schema.items()
            if key not in _DROPPED
        }

    def _keyword(self, key: str, value: Any, depth: int) -> Any:
        self.slow = self.slow or key in _SLOW
        if key in _REFUSED:
            raise invalid(f"the structure uses {key}")
        if key in _NAMES and isinstance(value, Mapping):
            return {name: self.reduced(inner, depth + 1) for name, inner in value.items()}
        if key in _VALUES:
            self._count(len(value) if isinstance(value, (list, Mapping)) else 1)
            return value
        return self.reduced(value, depth)

    def _count(self, more: int) -> None:
        self.parts += more
        if self.parts > MAX_PARTS:
            raise _too_large()

    def _referred(self, reference: str) -> Mapping[str, Any]:
        if not reference.startswith("#"):
            raise invalid(f"the structure refers to {reference[:80]}, which is not part of it")
        found: Any = self._root
        for part in reference[1:].split("/")[1:]:
            key = re.sub("~[01]", lambda mark: "~" if mark[0] == "~0" else "/", part)
            found = found.get(key) if isinstance(found, Mapping) else None
        if not isinstance(found, Mapping):
            raise invalid(f"the structure refers to {reference[:80]}, which it does not have")
        return found


def invalid(what: str) -> AddonError:
    """Say why a task cannot be done."""
    return AddonError("invalid_task", f"The task cannot be done: {what}.", 422)


def _too_large() -> AddonError:
    return invalid(
        f"the structure has more than {MAX_PARTS:,} parts or {MAX_CHARACTERS:,} characters"
    )
