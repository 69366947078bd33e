"""Home Assistant's REST interface: one request at a time, each with an answer or an error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import httpx

from ollama_addon.errors import AddonError
from ollama_addon.home.home_errors import away

TIMEOUT = 60.0
"""Seconds that an answer is waited for."""


class NothingThereError(AddonError):
    """There is nothing at a path."""


class Rest:
    """The interface at `url`, such as `http://host:8123/api`, with an access token.

    `refusal` makes the error for a token that is not accepted.
    """

    def __init__(self, url: str, token: str, refusal: Callable[[], AddonError]) -> None:
        self._url = url.rstrip("/")
        self._refusal = refusal
        # Proxies of the environment are for the internet, not for the house.
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {token}"},
            timeout=TIMEOUT,
            limits=httpx.Limits(max_keepalive_connections=2),
            trust_env=False,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def request(
        self, method: str, path: str, json: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the JSON object that is answered.

        Raises `NothingThereError` for a path where there is nothing, else `AddonError`.
        """
        try:
            response = await self._client.request(method, f"{self._url}/{path}", json=json)
        except httpx.TimeoutException as err:
            raise AddonError(
                "home_slow",
                "Home Assistant did not answer in time. What was asked may still be carried out.",
                504,
            ) from err
        except (httpx.HTTPError, RuntimeError) as err:
            # RuntimeError: the client was closed meanwhile.
            raise away(str(err)) from err
        if response.status_code in (401, 403):
            raise self._refusal()
        if response.status_code in (502, 503, 504):
            raise away(f"status {response.status_code}")
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if response.status_code >= 400:
            detail = _detail(answer)
            kind = NothingThereError if response.status_code == 404 else AddonError
            raise kind(
                "home_failed",
                f"Home Assistant answered {path} with status {response.status_code}"
                + (f": {detail}" if detail else "."),
                502,
                private=True,
            )
        if not isinstance(answer, dict):
            raise AddonError("home_failed", f"Home Assistant's answer to {path} is no object.", 502)
        return answer


def _detail(answer: Any) -> str:
    """Return what Home Assistant says of a refusal: a message, or what is wrong by field."""
    if not isinstance(answer, dict):
        return ""
    errors = answer.get("errors")
    if isinstance(errors, dict):
        return "; ".join(f"{field}: {text}" for field, text in errors.items())
    return str(answer.get("message") or "")
