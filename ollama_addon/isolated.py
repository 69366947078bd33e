"""Work on what nobody vouches for, done in a process of its own with little time and memory.

`run` is for the app. The process runs this file too, by its path and in isolation, so that nothing
of the app is imported here; it is given a script that defines `answer`, `SECONDS` and `MEMORY`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import runpy
import sys
from pathlib import Path
from typing import Any

PATIENCE = 10.0
"""Seconds that the process may take, with its start."""


class TooMuchError(Exception):
    """The work took too much time or memory, or no process could be started for it."""


async def run(script: str, asked: Any) -> Any:
    """Return what `answer(asked)` of a script returns; both are JSON.

    Neither time nor memory that it takes are those of the app. Raises TooMuchError.
    """
    try:
        # Without the environment: the Supervisor's token is in it.
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", __file__, script),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={},
        )
    except OSError as error:
        raise TooMuchError(f"no process can be started: {error}") from error
    try:
        async with asyncio.timeout(PATIENCE):
            answer, _ = await process.communicate(json.dumps(asked, default=str).encode())
        return json.loads(answer)
    except (TimeoutError, ValueError) as error:
        raise TooMuchError("it takes too long or needs too much memory") from error
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _limit(seconds: int, memory: int) -> None:
    """Take at most `seconds` of the processor and `memory` bytes more from now on."""
    pages = Path("/proc/self/statm").read_text().split()[0]
    taken = int(pages) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + memory, taken + memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    _script = runpy.run_path(sys.argv[1])
    _asked = json.load(sys.stdin)
    _limit(_script["SECONDS"], _script["MEMORY"])
    json.dump(_script["answer"](_asked), sys.stdout)
