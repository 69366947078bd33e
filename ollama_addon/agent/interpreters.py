"""The interpreters of the house as it is now, one for each language that is spoken in it."""

from __future__ import annotations

import asyncio

from ollama_addon.home.model import House
from ollama_addon.understanding.interpreter import Interpreter

_LANGUAGES = 8
"""Languages that are kept ready at once."""


class Interpreters:
    """Makes an interpreter once for a house and a language, and keeps it while both stay."""

    def __init__(self) -> None:
        self._made: dict[str, Interpreter] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def of(self, house: House, language: str) -> Interpreter:
        """Return the interpreter of a house in a language; made in a thread when it is new."""
        made = self._made.get(language)
        if made is not None and made.house is house:
            return made
        async with self._locks.setdefault(language, asyncio.Lock()):
            made = self._made.get(language)
            if made is None or made.house is not house:
                made = await asyncio.to_thread(Interpreter, house, language)
                self._made.pop(language, None)
                self._made[language] = made
                while len(self._made) > _LANGUAGES:
                    self._made.pop(next(iter(self._made)))
        return made
