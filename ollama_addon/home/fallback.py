"""Templates rendered by `jinja2` alone, in a process that is bounded in time and memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ollama_addon import isolated
from ollama_addon.home import sandbox


async def render_alone(template: str, variables: Mapping[str, Any]) -> tuple[str, str | None]:
    """Render without Home Assistant: what only it knows is left out of the text.

    Returns the text, empty when it cannot be rendered, and what is wrong then. What a template
    does can neither stop nor fill the app: it is done in a process of its own.
    """
    asked = {"template": template, "variables": dict(variables)}
    try:
        text, wrong = await isolated.run(str(sandbox.__file__), asked)
    except isolated.TooMuchError:
        return "", sandbox.TOO_MUCH
    return str(text), None if wrong is None else str(wrong)
