"""What became of an order, said where it was ordered."""

from __future__ import annotations

import logging

from ollama_addon.errors import AddonError
from ollama_addon.home.connection import Connection
from ollama_addon.home.notifications import Notifications
from ollama_addon.scheduling.order import Order
from ollama_addon.scheduling.words import words_for

_LOGGER = logging.getLogger(__name__)


class Teller:
    """Says sentences on the satellite of an order, or shows them as notifications."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._notifications = Notifications(connection)

    async def done(self, order: Order, sentence: str) -> None:
        """Say that an order was done, where it can be said. Never raises."""
        try:
            await self._announce(order, sentence)
        except AddonError as error:
            _LOGGER.debug("An order was not announced: %s", error.logged)

    async def failed(self, order: Order, sentence: str, *, aloud: bool) -> None:
        """Tell that an order was not done: aloud where that is possible, else to read.

        Raises AddonError when Home Assistant cannot be reached.
        """
        if aloud and await self._announce(order, sentence):
            return
        title = words_for(order.speaker.language).text("title")
        await self._notifications.create(f"ollama_addon_order_{order.id}", title, sentence)

    async def _announce(self, order: Order, sentence: str) -> bool:
        """Return whether the satellite took it. Raises AddonError when nobody is there."""
        satellite_id = order.speaker.satellite.satellite_id
        if not satellite_id or not sentence:
            return False
        try:
            await self._connection.command(
                "call_service",
                domain="assist_satellite",
                service="announce",
                service_data={"message": sentence},
                target={"entity_id": satellite_id},
                within=60,
            )
        except AddonError as error:
            if error.code not in ("home_failed", "home_slow"):
                raise
            # One that cannot announce, is not there, or is busy.
            _LOGGER.debug("A satellite did not announce: %s", error.logged)
            # One that takes long is still speaking.
            return error.code == "home_slow"
        return True
