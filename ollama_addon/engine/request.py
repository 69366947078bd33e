"""The body of a request to `/api/chat`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Penalties of a Modelfile hold under a grammar too, and push a model off names that it repeats.
_NEUTRAL = {"repeat_penalty": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0}


def chat_request(model: str, options: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    """Return the body; what is None is left out.

    There is no `shift` in it: Ollama loads a model anew when that changes, and other APIs cannot
    say it.
    """
    given = {key: value for key, value in options.items() if value is not None}
    request = {key: value for key, value in fields.items() if value is not None}
    # Cut at its head without a word, a prompt would lose its rules and the house.
    return {"model": model, **request, "truncate": False, "options": _NEUTRAL | given}
