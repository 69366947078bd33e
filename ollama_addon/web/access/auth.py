"""Who may come in: ingress by its address, everybody else by the token or the password."""

from __future__ import annotations

import base64
import binascii
import hmac
import logging
import secrets
from pathlib import Path

from starlette.requests import HTTPConnection

from ollama_addon.errors import AddonError
from ollama_addon.files import keep

_LOGGER = logging.getLogger(__name__)

_unkept: dict[Path, str] = {}
"""Tokens that could not be written."""


def read_token(path: Path) -> str:
    """Return the token kept in a file, made and kept on first use.

    Where it cannot be kept, as on a full disk, it is the same until the process ends.
    """
    if path.exists() and (token := path.read_text().strip()):
        return token
    token = _unkept.get(path) or new_token()
    try:
        keep(path, token, f"{path}, which changes then,")
    except AddonError as error:
        if path not in _unkept:
            _LOGGER.error("%s", error.message)
        _unkept[path] = token
    return token


def new_token() -> str:
    """Make a token that nobody can guess."""
    return secrets.token_urlsafe(32)


_HARMLESS = {"GET", "HEAD", "OPTIONS"}
_OWN_SITE = {"same-origin", "none"}
"""What browsers call a page of ours, and an address that a person has typed."""
_OUR_OWN = "x-requested-with"
"""A header that a page of another origin cannot send without being asked for permission."""


class Guard:
    """Lets in ingress by its address, and everybody else by the token.

    `ingress_peer` is the one address that ingress comes from; a header cannot stand in for
    it. `password` is for browsers where there is no ingress, with any user name; empty is none.
    Raises AddonError (401) for everyone else without the token, and (403) for what a page
    elsewhere may have made a logged-in browser send.
    """

    def __init__(self, token: str, ingress_peer: str, password: str = "") -> None:
        self.token = token
        """Another one can take its place at any time."""
        self._ingress_peer = ingress_peer
        self._password = password.encode()

    def __call__(self, request: HTTPConnection) -> None:
        """Let a request in, or raise."""
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(given.encode(), self.token.encode()):
            return
        if self._by_ingress(request) or (scheme.lower() == "basic" and self._knows(given)):
            if _from_elsewhere(request):
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
            "The password is wrong or missing."
            if self._password
            else "Open the panel in Home Assistant's sidebar, or send the add-on's token as "
            "'Authorization: Bearer …'.",
            401,
        )

    def by_any_name(self, request: HTTPConnection) -> bool:
        """Tell whether the name that a request was sent to does not matter.

        Home Assistant has names of its own, and browsers keep a password for one name only.
        """
        return self.has_password or self._by_ingress(request)

    @property
    def has_password(self) -> bool:
        """Whether browsers may come in with one."""
        return bool(self._password)

    def _by_ingress(self, request: HTTPConnection) -> bool:
        peer = request.client.host if request.client else ""
        return peer == self._ingress_peer and "x-ingress-path" in request.headers

    def _knows(self, credentials: str) -> bool:
        try:
            _, _, password = base64.b64decode(credentials, validate=True).partition(b":")
        except (binascii.Error, ValueError):
            return False
        return bool(self._password) and hmac.compare_digest(password, self._password)


def _from_elsewhere(request: HTTPConnection) -> bool:
    """Tell whether a browser says that a page of another site asks; a link may lead here."""
    link = request.headers.get("sec-fetch-mode") == "navigate"
    return not link and request.headers.get("sec-fetch-site", "none") not in _OWN_SITE
