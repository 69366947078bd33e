"""Requests about a model: what is asked, and of which one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ollama_addon.errors import AddonError
from ollama_addon.model_name import ALLOWED, is_valid

_NAMING = frozenset({"model", "name", "source", "destination", "from"})
"""Where a request names a model."""


def read_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object of a request. Raises AddonError where it is none."""
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict):
        raise AddonError("bad_request", "The request must be a JSON object.", 400)
    return asked


def model_of(asked: Mapping[str, Any]) -> str:
    """Return the model that a request is about. Raises AddonError for a name that is none."""
    for key, value in asked.items():
        plain = key.casefold()
        if plain not in _NAMING or not value:
            continue
        if plain != key:
            # Ollama reads `MODEL` as `model`, and would not run what was looked at here.
            raise AddonError("bad_request", f"'{plain}' is written in small letters.", 400)
        if not isinstance(value, str):
            raise AddonError("bad_request", f"'{key}' must be the name of a model.", 400)
        valid_name(value)
    model = asked.get("model") or asked.get("name")  # as Ollama called it at first
    model = model or asked.get("source")
    if not model:
        raise AddonError("bad_request", "model is required", 400)
    return str(model)


def valid_name(model: str) -> str:
    """Return the name of a model as it is. Raises AddonError for one that is none."""
    if not is_valid(model):
        raise AddonError("bad_request", f"A model's name is {ALLOWED}.", 400)
    return model


def unloads(asked: Mapping[str, Any]) -> bool:
    """Tell whether a request is one of those that only free the memory of a model."""
    idle = not (asked.get("messages") or asked.get("prompt") or asked.get("input"))
    return idle and asked.get("keep_alive") in (0, "0", "0s")
