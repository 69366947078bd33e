"""Notifications in Home Assistant."""

from __future__ import annotations

from ollama_addon.home.connection import Connection


class Notifications:
    """Notifications of this app, each known by an id: one of the same id replaces it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def create(self, notification_id: str, title: str, message: str) -> None:
        """Show a notification. Raises AddonError."""
        await self._call("create", notification_id=notification_id, title=title, message=message)

    async def dismiss(self, notification_id: str) -> None:
        """Take a notification away, if it is there. Raises AddonError."""
        await self._call("dismiss", notification_id=notification_id)

    async def _call(self, service: str, **data: str) -> None:
        await self._connection.command(
            "call_service",
            domain="persistent_notification",
            service=service,
            service_data=data,
        )
