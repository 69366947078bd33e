"""A simulated Supervisor: what the app meets at `http://supervisor`, on loopback.

It answers the paths that the app uses as the real one does (permissions, envelopes, sentences of
refusals, limits), passes requests on to a real Home Assistant, and runs the sidecar as the real
one runs a container. For development and tests only. What it does not do:

- It knows one app, the one described by this repository; there is no store, no installation, no
  update and no other app. A reinstallation is a new `Addon` with an empty data folder.
- Nothing is isolated: no container, no AppArmor, no network of its own, no limits of memory. The
  app's ports, folders and devices are those of this machine.
- `/host/info` and `/hardware/info` tell of this machine, and nothing of it is changed.
- Sessions are not kept over a restart, and a browser without a session is the developer.
- Passwords are not checked against known leaks, devices in options not against the hardware.
- Backups hold the app's data and nothing else, without encryption.
- Jobs, rate limits, the resolution centre, audio, MQTT and the other services are left out.
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
