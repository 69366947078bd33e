"""Everything that the app has put into Home Assistant taken out again, before it is uninstalled.

Uninstalling the app itself leaves all of it there: the app is stopped, as it is for a restart, and
cannot know what comes after.
"""

from __future__ import annotations

from dataclasses import dataclass

from ollama_addon.companion.announcement import Announcement
from ollama_addon.companion.files import DOMAIN
from ollama_addon.companion.monitor import CompanionMonitor
from ollama_addon.companion.own_integration import OwnIntegration
from ollama_addon.home.connection import Connection
from ollama_addon.home.pipelines import Pipelines


@dataclass(frozen=True, slots=True)
class Removed:
    """What was taken out."""

    entries: int
    """Config entries, with their devices and entities."""
    assistants: tuple[str, ...]
    """Voice assistants that Home Assistant's own agent answers now, by name."""
    files: bool
    """Whether the integration's files were removed: Home Assistant has to be restarted then."""


async def remove(
    connection: Connection,
    companion: CompanionMonitor,
    own_integration: OwnIntegration,
    announcement: Announcement | None,
) -> Removed:
    """Set voice assistants back, remove the entries and then the files.

    Raises AddonError where a step fails: called again, it goes on. Without a Supervisor nothing
    tells whose entry one is, so that it is left to be removed in Home Assistant.
    """
    assistants = await Pipelines(connection).leave()
    await own_integration.remove()
    entries = []
    if announcement is not None:
        listed = await connection.command("config_entries/get", domain=DOMAIN)
        entries = [each["entry_id"] for each in listed if each["source"] == "hassio"]
        await announcement.withdraw()
        for entry_id in entries:
            left = await connection.command("config_entries/get", domain=DOMAIN)
            # Home Assistant removes it by itself when the message goes.
            if any(each["entry_id"] == entry_id for each in left):
                await connection.delete(f"config/config_entries/entry/{entry_id}")
    return Removed(len(entries), assistants, await companion.remove())
