"""What the app asks of the Supervisor."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import httpx

from ollama_addon.errors import AddonError


class Supervisor:
    """The Supervisor's API at `url`, used with the app's own `token`.

    Every method raises AddonError: `supervisor_down` when it does not answer,
    `supervisor_refused` when it says no.
    """

    def __init__(self, url: str, token: str) -> None:
        self._client = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
            trust_env=False,
        )

    async def info(self) -> dict[str, Any]:
        """Return the versions of Home Assistant and its parts, the machine and the time zone."""
        return await self._ask("GET", "/info")

    async def self_info(self) -> dict[str, Any]:
        """Return what the Supervisor knows of this app: slug, hostname, options and network."""
        return await self._ask("GET", "/addons/self/info")

    async def announce(self, service: str, config: Mapping[str, Any]) -> str:
        """Let Home Assistant discover `service`; return the UUID of the message.

        The same message sent again keeps its UUID; another `config` replaces the old one.
        """
        message = {"service": service, "config": dict(config)}
        return str((await self._ask("POST", "/discovery", message)).get("uuid", ""))

    async def withdraw(self, uuid: str) -> None:
        """Take an announcement back; `supervisor_refused` with status 404 when there is none."""
        await self._ask("DELETE", f"/discovery/{uuid}")

    async def set_options(self, options: Mapping[str, Any]) -> None:
        """Replace the app's options; they reach `options.json` at the next start."""
        await self._ask("POST", "/addons/self/options", {"options": dict(options)})

    async def set_sidebar(self, *, shown: bool) -> None:
        """Show the app's panel in the sidebar of Home Assistant, or take it out."""
        await self._ask("POST", "/addons/self/options", {"ingress_panel": shown})

    async def set_watchdog(self, *, on: bool) -> None:
        """Have the Supervisor restart the app when it fails, or not."""
        await self._ask("POST", "/addons/self/options", {"watchdog": on})

    async def restart(self) -> None:
        """Restart this app; the Supervisor ends this process before it answers."""
        await self._ask("POST", "/addons/self/restart")

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        try:
            response = await self._client.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise AddonError(
                "supervisor_down",
                "The Supervisor does not answer. If that stays so, restart Home Assistant's host.",
                503,
            ) from error
        try:
            answer = response.json()
            if response.is_success and answer["result"] == "ok":
                return dict(answer.get("data") or {})
            reason = _reason(answer) or f"status {response.status_code}"
        except (ValueError, TypeError, KeyError, AttributeError):
            reason = f"status {response.status_code}"
        status = 404 if response.status_code == 404 else 502
        raise AddonError("supervisor_refused", f"The Supervisor refused: {reason}.", status)


def _reason(answer: Mapping[str, Any]) -> str:
    """Return why the Supervisor refused, without what was sent: that holds keys and passwords."""
    reason = str(answer.get("message") or "")
    reason = reason.partition(". Got ")[0].rstrip(".")
    # "App a0d7b954_ollama_addon has invalid options: … in Ollama Assist (a0d7b954_ollama_addon)"
    _, _, short = reason.partition(" has invalid options: ")
    return re.sub(r" in (?:(?! in )[^()])+ \(\w+\)$", "", short or reason)
