"""What the environment says: paths, addresses and ports."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from ollama_addon.companion.files import DOMAIN

_INGRESS = "172.30.32.2"
"""Where the Supervisor always is, which ingress comes through."""
_CORE = "172.30.32.1"
"""Where Home Assistant comes from there, as it is on the network of the host."""
_INTEGRATION = Path(__file__).parents[2] / "custom_components" / DOMAIN


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says, as opposed to the options that people set."""

    data: Path
    host: str
    port: int
    ingress_peer: str
    engine_command: tuple[str, ...]
    engine_port: int
    supervisor_url: str
    supervisor_token: str
    hass_url: str
    hass_token: str
    hass_config: Path
    app_config: Path
    """The app's own configuration folder, which people can reach."""
    companion: Path
    wyoming_port: int
    gateway_port: int
    core_peer: str = ""
    """The address that Home Assistant comes from, where it is known."""
    password: str = ""
    """For the panel, where there is no ingress."""

    @property
    def journal(self) -> Path:
        """The file of the journal."""
        return self.data / "journal.sqlite"

    @classmethod
    def from_environment(cls) -> Settings:
        """Read the environment, with the defaults of the container."""
        get = os.environ.get
        supervisor_token = get("SUPERVISOR_TOKEN", "")
        return cls(
            data=Path(get("OLLAMA_ADDON_DATA", "/data")),
            host=get("OLLAMA_ADDON_HOST", "0.0.0.0"),  # the app's own network
            port=int(get("OLLAMA_ADDON_PORT", "8099")),
            # Without a Supervisor there is no ingress, whoever has this address.
            ingress_peer=get("OLLAMA_ADDON_INGRESS_PEER", _INGRESS if supervisor_token else ""),
            engine_command=tuple(shlex.split(get("OLLAMA_ADDON_ENGINE_COMMAND", "ollama serve"))),
            engine_port=int(get("OLLAMA_ADDON_ENGINE_PORT", "11435")),
            supervisor_url=get("SUPERVISOR_URL", "http://supervisor"),
            supervisor_token=supervisor_token,
            hass_url=get("HASS_URL", ""),
            hass_token=get("HASS_TOKEN", ""),
            hass_config=Path(get("OLLAMA_ADDON_HOMEASSISTANT_CONFIG", "/homeassistant")),
            app_config=Path(get("OLLAMA_ADDON_CONFIG", "/config")),
            companion=Path(get("OLLAMA_ADDON_COMPANION", _INTEGRATION)),
            wyoming_port=int(get("OLLAMA_ADDON_WYOMING_PORT", "10400")),
            core_peer=get("OLLAMA_ADDON_CORE_PEER", _CORE if supervisor_token else ""),
            gateway_port=int(get("OLLAMA_ADDON_GATEWAY_PORT", "11434")),
            password=get("OLLAMA_ADDON_PASSWORD", ""),
        )
