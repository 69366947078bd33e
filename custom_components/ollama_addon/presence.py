"""Whether the app is still installed: uninstalling it leaves its entry here."""

from __future__ import annotations

from aiohasupervisor import SupervisorError
from homeassistant.components.hassio import get_supervisor_client
from homeassistant.config_entries import SOURCE_HASSIO, ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.hassio import is_hassio

from .const import DOMAIN


async def async_watch_app(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Raise a repair when the app of an entry that does not answer is no longer installed."""
    if not is_hassio(hass) or entry.source != SOURCE_HASSIO:
        return
    try:
        # One that is in the store has information, too.
        installed = await get_supervisor_client(hass).addons.list()
    except SupervisorError:
        return
    # Until it was discovered anew, an older entry is known by another id.
    older = not (entry.unique_id or "").endswith(f"_{DOMAIN}")
    if any(app.slug == entry.unique_id or (older and app.slug.endswith(f"_{DOMAIN}"))
           for app in installed):  # fmt: skip
        async_app_is_there(hass, entry)
        return
    ir.async_create_issue(
        hass,
        DOMAIN,
        _issue(entry),
        data={"entry_id": entry.entry_id},
        is_fixable=True,
        severity=ir.IssueSeverity.WARNING,
        translation_key="app_removed",
    )


@callback
def async_app_is_there(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Take the repair back."""
    ir.async_delete_issue(hass, DOMAIN, _issue(entry))


def _issue(entry: ConfigEntry) -> str:
    return f"{entry.entry_id}_app_removed"
