"""What the Supervisor knows of `config.yaml`, `build.yaml`, `repository.yaml` and translations.

JSON schemas of what it accepts today: keys that it ignores, or takes only for the sake of old
apps, are left out. A `default` stands where leaving the key out means the same.
"""

from __future__ import annotations

import re
from typing import Any

ELEMENT = re.compile(
    r"(bool|email|url|port|device(\(subsystem=[a-z]+\))?"
    r"|(str|password)(\(\d*,\d*\))?"
    r"|int(\((-?\d+)?,(-?\d+)?\))?"
    r"|float(\((-?\d*\.?\d+)?,(-?\d*\.?\d+)?\))?"
    r"|match\(.*\)|list\(.+\))\??"
)
"""A type in the schema of the options."""

_TEXT = {"type": "string", "minLength": 1}
_TEXTS = {"type": "array", "items": _TEXT, "uniqueItems": True}
_VERSION = {"type": "string", "pattern": r"^\d+\.\d+\.\d+([ab]\d+|\.dev\d+)?$"}
_URL = {"type": "string", "pattern": r"^https?://[^/\s]+"}
_PORT = r"^\d+/(tcp|udp)$"
_ARCHITECTURES = ["aarch64", "amd64"]
_IMAGE = r"^([a-zA-Z\-\.:\d{}]+/)*?([\-\w{}]+)/([\-\w{}]+)(:[\.\-\w{}]+)?$"


def _choice(*values: str, default: str) -> dict[str, Any]:
    return {"enum": list(values), "default": default}


def _switch(default: bool) -> dict[str, Any]:
    return {"type": "boolean", "default": default}


def _object(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


_OFF = (
    "host_network host_pid host_ipc host_uts host_dbus udev tmpfs full_access audio video gpio "
    "usb uart devicetree kernel_modules realtime hassio_api homeassistant_api stdin legacy "
    "docker_api auth_api journald ingress ingress_stream"
).split()

CONFIG = _object(
    {
        "name": _TEXT,
        "version": _VERSION,
        "slug": {"type": "string", "pattern": r"^[-_.A-Za-z0-9]+$"},
        "description": _TEXT,
        "arch": {**_TEXTS, "items": {"enum": _ARCHITECTURES}, "minItems": 1},
        "machine": _TEXTS,
        "url": _URL,
        "startup": _choice(
            "initialize", "system", "services", "application", "once", default="application"
        ),
        "boot": _choice("auto", "manual", "manual_only", default="auto"),
        "init": _switch(True),
        "stage": _choice("stable", "experimental", "deprecated", default="stable"),
        "ports": {
            "type": "object",
            "patternProperties": {_PORT: {"type": ["integer", "null"]}},
            "additionalProperties": False,
        },
        "ports_description": {
            "type": "object",
            "patternProperties": {_PORT: _TEXT},
            "additionalProperties": False,
        },
        "webui": _TEXT,
        "ingress_port": {"type": "integer", "minimum": 0, "maximum": 65535, "default": 8099},
        "ingress_entry": {"type": "string"},
        "panel_icon": {"type": "string", "pattern": "^mdi:[a-z0-9-]+$", "default": "mdi:puzzle"},
        "panel_title": _TEXT,
        "panel_admin": _switch(True),
        "homeassistant": _VERSION,
        "devices": {**_TEXTS, "items": {"type": "string", "pattern": "^/dev/[^:]+$"}},
        "map": {
            "type": "array",
            "items": _object(
                {
                    "type": {
                        "enum": (
                            "data ssl local_apps backup share media homeassistant_config "
                            "all_app_configs app_config"
                        ).split()
                    },
                    "read_only": _switch(True),
                    "path": _TEXT,
                },
                "type",
            ),
        },
        "environment": {"type": "object", "additionalProperties": {"type": "string"}},
        "privileged": _TEXTS,
        "apparmor": _switch(True),
        "hassio_role": _choice(
            "default", "homeassistant", "backup", "manager", "admin", default="default"
        ),
        "services": {
            **_TEXTS,
            "items": {"type": "string", "pattern": "^(mqtt|mysql):(provide|want|need)$"},
        },
        "discovery": _TEXTS,
        "backup": _choice("hot", "cold", default="hot"),
        "backup_exclude": {**_TEXTS, "items": {"type": "string", "pattern": "^[^/]"}},
        "backup_pre": _TEXT,
        "backup_post": _TEXT,
        "options": {"type": "object"},
        "schema": {"type": "object"},
        "image": {"type": "string", "pattern": r"^[a-z0-9{][a-z0-9.\-_{}/]*$"},
        "ulimits": {"type": "object"},
        "timeout": {"type": "integer", "minimum": 10, "maximum": 300, "default": 10},
        "breaking_versions": {**_TEXTS, "items": _VERSION},
        **{key: _switch(False) for key in _OFF},
    },
    *("name", "version", "slug", "description", "arch"),
)

BUILD = _object(
    {
        "build_from": _object(
            {each: {"type": "string", "pattern": _IMAGE} for each in _ARCHITECTURES}
        ),
        "args": {"type": "object", "additionalProperties": {"type": "string"}},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "build_from",
)

REPOSITORY = _object({"name": _TEXT, "url": _URL, "maintainer": _TEXT}, "name", "url", "maintainer")

TRANSLATION: dict[str, Any] = _object(
    {
        "configuration": {"type": "object", "additionalProperties": {"$ref": "#/$defs/label"}},
        "network": {"type": "object", "additionalProperties": _TEXT},
    },
    *("configuration", "network"),
)
TRANSLATION["$defs"] = {
    "label": _object(
        {
            "name": _TEXT,
            "description": _TEXT,
            "fields": {"type": "object", "additionalProperties": {"$ref": "#/$defs/label"}},
        },
        *("name", "description"),
    )
}
