"""Under which names the app answers: addresses, and names that the internet cannot give.

A page of the internet can have its own name lead to an address at home (DNS rebinding). Its
requests carry that name in the `Host` header, so that names which anyone can register are
refused.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

# Those that are reserved (RFC 6762 with appendix G, RFC 8375), and the ones of home routers whose
# makers own the name.
_AT_HOME = (
    "local",
    "localhost",
    "localdomain",
    "lan",
    "home",
    "internal",
    "intranet",
    "private",
    "corp",
    "home.arpa",
    "hass.io",
    "fritz.box",
    "speedport.ip",
    "attlocal.net",
)
_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*")


class Hosts:
    """The names under which the app answers, besides those that every home network may give."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self.allow(allowed)

    def allow(self, allowed: Iterable[str]) -> None:
        """Answer under these names too, from now on. `*.example.org` is all names below it."""
        self._allowed = frozenset(name.rstrip(".").lower() for name in allowed)

    def answers(self, host: str) -> bool:
        """Tell whether a `Host` header is an address or a name under which the app answers."""
        name, colon, port = host.rpartition(":")
        if not colon or not port.isdecimal():
            name = host
        try:
            ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
        except ValueError:
            return self._named(name.lower().removesuffix("."))
        return True

    def _named(self, name: str) -> bool:
        if _NAME.fullmatch(name) is None:
            return False
        labels = name.split(".")
        ends = [".".join(labels[at:]) for at in range(len(labels))]
        # A name of one label is found by the search list of the home network only.
        if len(labels) == 1 or name in self._allowed or any(end in _AT_HOME for end in ends):
            return True
        return any(f"*.{end}" in self._allowed for end in ends[1:])
