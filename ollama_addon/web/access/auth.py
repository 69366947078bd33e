"""Who may come in: administrators through ingress, a browser with the password, who has the token.

Ingress lets every user of Home Assistant in and names them in a header, so Home Assistant is
asked who of them is an administrator.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass
from typing import Literal, cast

from fastapi import Depends, Request
from starlette.requests import HTTPConnection

from ollama_addon.errors import AddonError
from ollama_addon.home.users import Users

Role = Literal["administrator", "password", "token"]

_HARMLESS = {"GET", "HEAD", "OPTIONS"}
_OWN_SITE = {"same-origin", "none"}
"""What browsers call a page of ours, and an address that a person has typed."""
_OUR_OWN = "x-requested-with"
"""A header that a page of another origin cannot send without being asked for permission."""
USER_HEADER = b"X-Remote-User-Id"
"""What the Supervisor says in whom ingress comes from, exactly as it writes it."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who has come in, and by what."""

    role: Role
    user: str = ""
    """The id of the administrator."""


class Guard:
    """Tells who comes in, and lets nobody else in.

    `ingress_peer` is the one address that ingress comes from; a header cannot stand in for it,
    and where it is empty there is no ingress. `password` is for browsers there, with any user
    name; empty is none.
    """

    def __init__(self, token: str, ingress_peer: str, password: str = "") -> None:
        self.token = token
        """Another one can take its place at any time."""
        self.users: Users | None = None
        """Who is an administrator; None until Home Assistant can be asked."""
        self._ingress_peer = ingress_peer
        self._password = b"" if ingress_peer else password.encode()

    async def __call__(self, request: HTTPConnection) -> Visitor:
        """Return who asks.

        Raises AddonError: `unauthorized` (401) for who is nobody, `forged` (403) for what a page
        elsewhere may have made a logged-in browser send, `no_user` and `not_administrator` (403)
        for who comes through ingress and may not, `home_away` (503) while that is not known.
        """
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(given.encode(), self.token.encode()):
            return Visitor("token")
        if self._by_ingress(request):
            visitor = Visitor("administrator", _user(request))
        elif scheme.lower() == "basic" and self._knows(given):
            visitor = Visitor("password")
        else:
            raise AddonError(
                "unauthorized",
                "The password is wrong or missing."
                if self._password
                else "Open the panel in Home Assistant's sidebar, or send the app's token as "
                "'Authorization: Bearer …'.",
                401,
            )
        if _from_elsewhere(request):
            raise AddonError("forged", "This request came from a page of another site.", 403)
        writes = request.scope.get("method", "GET") not in _HARMLESS
        if writes and _OUR_OWN not in request.headers:
            raise AddonError(
                "forged",
                "This request did not come from the panel: the header 'X-Requested-With' is "
                "missing.",
                403,
            )
        if visitor.role == "administrator":
            await self._check_user(visitor.user, writes=writes)
        return visitor

    def still_in(self, visitor: Visitor) -> bool:
        """Tell whether a visitor may go on reading, by what Home Assistant said last."""
        return visitor.role != "administrator" or (
            self.users is not None and visitor.user in (self.users.administrators or ())
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
        return bool(peer) and peer == self._ingress_peer and "x-ingress-path" in request.headers

    def _knows(self, credentials: str) -> bool:
        try:
            _, _, password = base64.b64decode(credentials, validate=True).partition(b":")
        except (binascii.Error, ValueError):
            return False
        return bool(self._password) and hmac.compare_digest(password, self._password)

    async def _check_user(self, user: str, *, writes: bool) -> None:
        """Let an administrator pass; Home Assistant is asked again before anything is written."""
        known = self.users.administrators if self.users is not None else None
        if writes or known is None:
            try:
                if self.users is None:
                    raise AddonError("home_away", "", 503)
                known = await self.users.ask()
            except AddonError as error:
                raise AddonError(
                    "home_away",
                    "Home Assistant cannot be asked now whether you are an administrator, and "
                    "without that nothing is changed. Try again in a moment.",
                    503,
                ) from error
        if user not in known:
            raise AddonError(
                "not_administrator", "Only administrators of Home Assistant may do this.", 403
            )


def visitor_of(request: HTTPConnection) -> Visitor:
    """Return who has come in with a request, as the door noted it."""
    return cast(Visitor, request.state.visitor)


def _refuse_the_token(request: Request) -> None:
    if visitor_of(request).role == "token":
        raise AddonError(
            "person_only",
            "This changes Home Assistant itself: an administrator does it in the panel, not a "
            "program with the app's token.",
            403,
        )


PEOPLE_ONLY = Depends(_refuse_the_token)
"""For routes that write into Home Assistant's registries: the token does not open them."""


def _user(request: HTTPConnection) -> str:
    """Return the id of the user whom ingress comes from. Raises AddonError."""
    named = request.headers.getlist(USER_HEADER.decode())
    if len(named) != 1 or not named[0].strip():
        raise AddonError(
            "no_user",
            "Home Assistant did not say who you are. Close this page and open it again.",
            403,
        )
    return named[0].strip()


def _from_elsewhere(request: HTTPConnection) -> bool:
    """Tell whether a browser says that a page of another site asks; a link may lead here."""
    link = request.headers.get("sec-fetch-mode") == "navigate"
    return not link and request.headers.get("sec-fetch-site", "none") not in _OWN_SITE
