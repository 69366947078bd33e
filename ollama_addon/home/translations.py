"""The names of states in the languages of Home Assistant."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from ollama_addon.errors import AddonError
from ollama_addon.home.connection import Connection

_LOGGER = logging.getLogger(__name__)


class Translations:
    """What Home Assistant calls a state: a garage door that is `off` is "Closed"."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._states: dict[str, Mapping[str, str]] = {}

    async def states(self, language: str) -> Mapping[str, str]:
        """Return the names of states by key (`component.<domain>.entity_component.…`).

        Asked for once in each language; empty while Home Assistant is away.
        """
        if language not in self._states:
            try:
                result = await self._connection.command(
                    "frontend/get_translations", language=language, category="entity_component"
                )
            except AddonError as error:
                _LOGGER.warning("The names of states could not be loaded: %s", error.logged)
                return {}
            self._states[language] = result["resources"]
        return self._states[language]
