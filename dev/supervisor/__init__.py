"""A simulated Supervisor: what the add-on meets at `http://supervisor`, on loopback.

It answers the paths that the add-on uses as the real one does (permissions, envelopes, limits),
passes requests on to a real Home Assistant, and runs the sidecar as the real one runs a container.
It knows one add-on: the one described by this repository. For development and tests only.
"""

from __future__ import annotations

from dev.supervisor.addon import Addon
from dev.supervisor.core import Core
from dev.supervisor.ingress import User
from dev.supervisor.manifest import Manifest, ManifestError
from dev.supervisor.options import InvalidOptions
from dev.supervisor.server import ADDRESS, Supervisor

__all__ = [
    "ADDRESS",
    "Addon",
    "Core",
    "InvalidOptions",
    "Manifest",
    "ManifestError",
    "Supervisor",
    "User",
]
