"""The response templates of `home-assistant-intents` for one language."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from home_assistant_intents import get_intents, get_languages

_SHAPES = ("device_class", "name", "area", "floor", "all")


@dataclass(frozen=True, slots=True)
class Templates:
    """The templates of one language, in English where it has none."""

    language: str
    intents: Mapping[str, Mapping[str, str]]
    """Templates by intent and key."""
    errors: Mapping[str, str]
    keys: Mapping[tuple[str, str, str], str]
    """The key of an intent, by intent, domain and how the target was named."""

    def key(self, intent: str, domain: str, shape: str) -> str:
        """Return the key of the template for an intent done to a target."""
        return self.keys.get((intent, domain, shape), "default")


@lru_cache(16)
def templates_of(language: str) -> Templates:
    """Return the templates of a language tag, of English where the package has none for it."""
    data: Mapping[str, Any] = get_intents(supported(language)) or {}
    responses = data.get("responses", {})
    return Templates(
        language,
        responses.get("intents", {}),
        responses.get("errors", {}),
        _keys(data.get("intents", {})),
    )


@lru_cache(64)
def supported(language: str) -> str:
    """Return the language of the intents package nearest to a tag, English if none is."""
    known = {tag.casefold(): tag for tag in get_languages()}
    wanted = language.replace("_", "-").casefold()
    short = re.split("-", wanted)[0]
    for tag in (wanted, short, *(each for each in sorted(known) if each.startswith(f"{short}-"))):
        if short and tag in known:
            return known[tag]
    return "en"


def _keys(intents: Mapping[str, Any]) -> dict[tuple[str, str, str], str]:
    """Return which response the sentences of an intent ask for, by domain and shape."""
    keys: dict[tuple[str, str, str], str] = {}
    for intent, body in intents.items():
        for block in body["data"]:
            combination = str((block.get("metadata") or {}).get("slot_combination", ""))
            shape = next((each for each in _SHAPES if each in combination), None)
            if shape is None:
                continue
            for domain in _domains(block):
                keys.setdefault((intent, domain, shape), block.get("response", ""))
    return {key: value or "default" for key, value in keys.items()}


def _domains(block: Mapping[str, Any]) -> Sequence[str]:
    for source in (block.get("slots"), block.get("requires_context")):
        domain = (source or {}).get("domain")
        if isinstance(domain, Mapping):
            domain = domain.get("value")
        if isinstance(domain, str):
            return [domain]
        if isinstance(domain, list):
            return [str(each) for each in domain]
    return [""]
