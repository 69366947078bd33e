"""Who may come in: ingress by its address, everybody else by the token."""

from __future__ import annotations

import hmac
import secrets
from pathlib import Path

from starlette.requests import HTTPConnection

from ollama_addon.errors import AddonError


def read_token(path: Path) -> str:
    """Return the token kept in a file, made and kept on first use.

    Raises OSError when the folder cannot be written.
    """
    if path.exists() and (token := path.read_text().strip()):
        return token
    token = secrets.token_urlsafe(32)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    temporary.touch(mode=0o600)
    temporary.write_text(token)
    temporary.replace(path)
    return token


_HARMLESS = {"GET", "HEAD", "OPTIONS"}
_OWN_SITE = {"same-origin", "none"}
"""What browsers call a page of ours, and an address that a person has typed."""
_OUR_OWN = "x-requested-with"
"""A header that a page of another origin cannot send without being asked for permission."""


class Guard:
    """Lets in ingress by its address, and everybody else by the token.

    `ingress_peer` is the one address that ingress comes from; a header cannot stand in for
    it. Raises AddonError (401) for everyone else without the token, and (403) for what a page
    elsewhere may have made a logged-in browser send.
    """

    def __init__(self, token: str, ingress_peer: str) -> None:
        self._token = token.encode()
        self._ingress_peer = ingress_peer

    def __call__(self, request: HTTPConnection) -> None:
        """Let a request in, or raise."""
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(given.encode(), self._token):
            return
        if self.by_ingress(request):
            if request.headers.get("sec-fetch-site", "none") not in _OWN_SITE:
                raise AddonError("forged", "This request came from a page of another site.", 403)
            method = request.scope.get("method", "GET")
            if method not in _HARMLESS and _OUR_OWN not in request.headers:
                raise AddonError(
                    "forged",
                    "This request did not come from the panel: the header 'X-Requested-With' is "
                    "missing.",
                    403,
                )
            return
        raise AddonError(
            "unauthorized",
            "Open the panel in Home Assistant's sidebar, or send the add-on's token as "
            "'Authorization: Bearer …'.",
            401,
        )

    def by_ingress(self, request: HTTPConnection) -> bool:
        """Tell whether Home Assistant has passed a request on, for somebody who is logged in."""
        peer = request.client.host if request.client else ""
        return peer == self._ingress_peer and "x-ingress-path" in request.headers
