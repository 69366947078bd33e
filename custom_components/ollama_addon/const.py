"""Names that several files of the integration share."""

from typing import Final

DOMAIN: Final = "ollama_addon"
MANUFACTURER: Final = "Ollama Assist"

CONF_PANEL: Final = "panel"
"""The path of the app's panel in Home Assistant, where it is known."""
