"""What was measured on this machine, kept over restarts."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ollama_addon import files
from ollama_addon.errors import AddonError

_LOGGER = logging.getLogger(__name__)

_HOUR = 3600.0
_HOURS = 24


class Measurements:
    """Speeds of models, and the memory that everything else of the machine takes.

    They are kept in the file `path` (None: not at all) and hold for the machine that is called
    `machine`: what was measured on another one is dropped. `clock` gives seconds since the epoch.
    """

    def __init__(
        self, path: Path | None = None, machine: str = "", clock: Callable[[], float] = time.time
    ) -> None:
        self._path = path
        self._machine = machine
        self._clock = clock
        self._changed = False
        kept = _read(path)
        if kept.get("machine") != machine:
            kept = {}
        self.speeds: dict[str, dict[str, Any]] = _objects(kept.get("speeds"))
        """For `Speeds`, by canonical name."""
        self.suggestion: dict[str, str] = {
            key: value
            for key, value in _mapping(kept.get("suggestion")).items()
            if isinstance(value, str)
        }
        """The model that was suggested last, and what that rested on."""
        self._hours: dict[int, int] = {
            int(hour): used
            for hour, used in _mapping(kept.get("memory")).items()
            if hour.isdecimal() and isinstance(used, int)
        }

    def note_memory(self, used: int) -> None:
        """Take in how many bytes everything but Ollama takes now."""
        hour = int(self._clock() // _HOUR)
        if used > self._hours.get(hour, 0):
            self._hours[hour] = used
            self._changed = True
        for old in [each for each in self._hours if each <= hour - _HOURS]:
            del self._hours[old]

    @property
    def highest_memory(self) -> int | None:
        """The most bytes that everything but Ollama took in the last 24 hours."""
        hour = int(self._clock() // _HOUR)
        recent = [used for at, used in self._hours.items() if at > hour - _HOURS]
        return max(recent, default=None)

    def change(self) -> None:
        """Have what was changed be written by the next `keep`."""
        self._changed = True

    def keep(self) -> None:
        """Write down what has changed; may block, and never raises."""
        if self._path is None or not self._changed:
            return
        self._changed = False
        content = {
            "machine": self._machine,
            "speeds": self.speeds,
            "suggestion": self.suggestion,
            "memory": {str(hour): used for hour, used in self._hours.items()},
        }
        try:
            files.keep(self._path, json.dumps(content, indent=1), "What was measured")
        except AddonError as error:
            _LOGGER.warning("%s", error.logged)


def _read(path: Path | None) -> Mapping[str, Any]:
    if path is None:
        return {}
    try:
        return _mapping(json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        _LOGGER.warning("What was measured cannot be read, and is measured anew: %s", error)
        return {}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> dict[str, dict[str, Any]]:
    return {key: each for key, each in _mapping(value).items() if isinstance(each, dict)}
