"""The options as the app starts with them: read, completed from memory, and checked."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from ollama_addon.app.settings import Settings
from ollama_addon.options import OptionProblem, Options, check_options, read_options
from ollama_addon.supervisor.instruction_files import InstructionFiles
from ollama_addon.supervisor.option_memory import OptionMemory

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OptionsAtStart:
    """What the app starts with, and what it keeps of it."""

    options: Options
    problems: tuple[OptionProblem, ...]
    memory: OptionMemory
    files: InstructionFiles


def load(settings: Settings) -> OptionsAtStart:
    """Read the options and log what is wrong in them. Nothing is written back."""
    # A version that remembered nothing has left its id.
    older = (settings.data / "id").exists()
    memory = OptionMemory.read(settings.data / "option-memory.json", older=older)
    raw, problems = read_options(settings.data / "options.json")
    settled, noticed = memory.settled(raw)
    options, found = check_options(settled)
    memory.learn(options)
    files = InstructionFiles(settings.app_config, memory)
    options, missing = files.resolved(options)
    problems = [*problems, *found, *noticed, *missing]
    for problem in problems:
        level = logging.WARNING if problem.notice else logging.ERROR
        _LOGGER.log(level, "Option %s: %s", problem.field or "file", problem.message)
    return OptionsAtStart(options, tuple(problems), memory, files)
