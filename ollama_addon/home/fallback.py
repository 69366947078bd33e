"""Templates rendered by `jinja2` alone, in a process that is bounded in time and memory."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Mapping
from typing import Any

from ollama_addon.home import sandbox

PATIENCE = 10.0
"""Seconds that the process may take, with its start."""


async def render_alone(template: str, variables: Mapping[str, Any]) -> tuple[str, str | None]:
    """Render without Home Assistant: what only it knows is left out of the text.

    Returns the text, empty when it cannot be rendered, and what is wrong then. What a template
    does can neither stop nor fill the add-on: it is done in a process of its own.
    """
    asked = json.dumps({"template": template, "variables": dict(variables)}, default=str)
    try:
        # Isolated, and without the environment: the Supervisor's token is in it.
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            str(sandbox.__file__),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={},
        )
    except OSError as error:
        return "", f"No process can be started: {error}."
    try:
        async with asyncio.timeout(PATIENCE):
            answer, _ = await process.communicate(asked.encode())
        text, wrong = json.loads(answer)
    except (TimeoutError, ValueError):
        return "", sandbox.TOO_MUCH
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    return str(text), None if wrong is None else str(wrong)
