"""Who may use the gateway: apps that bring its key, and no pages of the web."""

from __future__ import annotations

import hmac

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from ollama_addon.errors import AddonError
from ollama_addon.redaction import hide
from ollama_addon.web.access.hosts import Hosts
from ollama_addon.web.gateway.errors import error_answer

_KEY_HEADERS = ("x-api-key", "api-key")
"""How clients of Anthropic's API and of Azure's bring a key."""


class Key:
    """What opens the gateway; another one can take its place at any time.

    Raises ValueError where it is empty: nothing is open to everybody.
    """

    def __init__(self, key: str) -> None:
        self.change(key)

    def change(self, key: str) -> None:
        """Have `key` open from now on, and no other."""
        if not key.strip():
            raise ValueError("The gateway does not run without a key.")
        hide(key)
        self.value = key

    def opens(self, headers: Headers) -> bool:
        """Tell whether a request brings it: as a bearer token, or as other APIs' clients do."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        brought = [headers.get(name, "") for name in _KEY_HEADERS]
        if scheme.lower() == "bearer":
            brought.append(token)
        # As the bytes that were sent: a key may have letters that are not ASCII.
        return any(
            hmac.compare_digest(each.strip().encode("latin-1"), self.value.encode())
            for each in brought
        )


class KeyMiddleware:
    """Lets nobody in without the key, and no page of a browser with it."""

    def __init__(self, app: ASGIApp, key: Key, hosts: Hosts) -> None:
        self._app = app
        self._key = key
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "http" and (error := self._refused(Headers(scope=scope))):
            response = error_answer(scope["path"], error.message, error.status, error.code)
            if error.status == 401:
                response.headers["WWW-Authenticate"] = "Bearer"
            await response(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _refused(self, headers: Headers) -> AddonError | None:
        if not self._hosts.answers(headers.get("host", "")):
            return AddonError(
                "wrong_host",
                "The gateway does not answer under this name. Use its address, or its name in the "
                "home network, or add the name to 'allowed_hosts' in the app's options.",
                421,
            )
        if _is_page(headers):
            return AddonError(
                "forged", "Pages in a browser may not use the gateway; apps with the key may.", 403
            )
        if not self._key.opens(headers):
            return AddonError(
                "unauthorized",
                "Send the gateway's key, which the panel shows, as 'Authorization: Bearer …' or as "
                "'x-api-key'.",
                401,
            )
        return None


def _is_page(headers: Headers) -> bool:
    """Tell whether a page of the web asks; apps made of a browser have schemes of their own."""
    origin = headers.get("origin", "")
    return origin == "null" or origin.partition(":")[0].lower() in ("http", "https")
