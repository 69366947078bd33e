"""Instructions that stand in a file of the app's configuration folder: `file:assistant.md`."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

from ollama_addon.options import AgentOptions, OptionProblem, Options
from ollama_addon.supervisor.option_memory import OptionMemory

_LOGGER = logging.getLogger(__name__)

MAX_BYTES = 64 * 1024
EVERY = 5.0
"""Seconds between two looks at the files."""
_PREFIX = "file:"
_NAME = re.compile(r"\w[\w. -]{0,99}")


class InstructionFiles:
    """Reads the files in `folder`. What was read last is remembered in `memory`."""

    def __init__(self, folder: Path, memory: OptionMemory) -> None:
        self._folder = folder
        self._memory = memory
        self._seen: dict[str, tuple[float, int] | None] = {}
        """Time of change and size by name, of the files that are in use."""

    def resolved(self, options: Options) -> tuple[Options, list[OptionProblem]]:
        """Return options whose agents have their instructions as text, and what is wrong."""
        self._seen = {}
        problems: list[OptionProblem] = []
        agents = tuple(self._agent(at, agent, problems) for at, agent in enumerate(options.agents))
        return options.model_copy(update={"agents": agents}), problems

    async def watch(self, changed: Callable[[], Awaitable[None]]) -> None:
        """Call `changed` whenever one of the files is another one than was read; never returns."""
        while True:
            await asyncio.sleep(EVERY)
            seen = dict(self._seen)
            if seen and any(self._stamp(name) != stamp for name, stamp in seen.items()):
                _LOGGER.info("A file of instructions was changed")
                await changed()

    def _agent(self, at: int, agent: AgentOptions, problems: list[OptionProblem]) -> AgentOptions:
        if not agent.instructions.startswith(_PREFIX):
            return agent
        name = agent.instructions.removeprefix(_PREFIX).strip()
        field = f"agents[{at}].instructions"
        if not _NAME.fullmatch(name):
            message = (
                f"'{field}' must name a file in the app's configuration folder, such as "
                "file:assistant.md, without a folder. The agent has no instructions."
            )
            problems.append(OptionProblem(field, message))
            return agent.model_copy(update={"instructions": ""})
        self._seen[name] = self._stamp(name)
        try:
            text = self._read(name)
        except (OSError, ValueError) as error:
            known = self._memory.texts.get(name)
            used = "The text that was read last is used." if known else "There are no instructions."
            reason = error.strerror if isinstance(error, OSError) else str(error)
            message = f"'{field}': {self._folder / name} cannot be used ({reason}). {used}"
            problems.append(OptionProblem(field, message))
            return agent.model_copy(update={"instructions": known or ""})
        if self._memory.texts.get(name) != text:
            self._memory.texts[name] = text
            self._memory.keep()
        return agent.model_copy(update={"instructions": text})

    def _read(self, name: str) -> str:
        path = self._folder / name
        if path.is_symlink() or not path.is_file():
            raise FileNotFoundError(2, "there is no such file")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES // 1024} KiB")
        try:
            return content.decode("utf-8-sig").strip()
        except UnicodeDecodeError:
            raise ValueError("it is no text in UTF-8") from None

    def _stamp(self, name: str) -> tuple[float, int] | None:
        try:
            found = (self._folder / name).stat()
        except OSError:
            return None
        return found.st_mtime, found.st_size
