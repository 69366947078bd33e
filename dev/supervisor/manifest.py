"""The app's `config.yaml`, as far as the Supervisor acts on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError


class ManifestError(Exception):
    """The app's `config.yaml` is missing or cannot be used; the message says why."""


class Manifest(BaseModel):
    """What `config.yaml` says. Keys that the simulation has no use for are ignored."""

    model_config = ConfigDict(extra="ignore")

    name: str
    slug: str
    version: str
    description: str
    arch: list[str]
    options: dict[str, Any] = {}
    """The defaults, under the user's own."""
    schema_: dict[str, Any] | Literal[False] = {}
    discovery: list[str] = []
    hassio_api: bool = False
    hassio_role: Literal["default", "homeassistant", "backup", "manager", "admin"] = "default"
    homeassistant_api: bool = False
    ingress: bool = False
    ingress_port: int = 8099
    ingress_entry: str = ""
    panel_title: str | None = None
    panel_icon: str = "mdi:puzzle"
    panel_admin: bool = True
    timeout: int = 10
    """Seconds that the app is given to stop."""
    backup_pre: str | None = None
    backup_post: str | None = None
    backup_exclude: list[str] = []
    ports: dict[str, int | None] = {}

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Read a manifest, or raise `ManifestError`."""
        try:
            content = yaml.safe_load(path.read_text())
            if not isinstance(content, dict):
                raise ManifestError(f"{path} holds no keys: it must describe the app")
            return cls.model_validate(
                {"schema_" if key == "schema" else key: value for key, value in content.items()}
            )
        except FileNotFoundError:
            raise ManifestError(f"{path} is missing: it describes the app") from None
        except (yaml.YAMLError, ValidationError) as error:
            raise ManifestError(f"{path} cannot be used: {error}") from None
