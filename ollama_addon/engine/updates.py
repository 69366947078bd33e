"""Whether there are newer versions of the models that are here."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Sequence
from typing import Literal

import httpx

from ollama_addon.engine.inventory import Model
from ollama_addon.model_name import canonical, in_registry

_LOGGER = logging.getLogger(__name__)

_TIMEOUT = 15.0
_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_AT_ONCE = 4

Verdict = Literal["current", "newer", "unknown"]
"""The version here is the newest, there is a newer one, or the registry does not tell."""


class Updates:
    """Asks the registries for the manifests of models, when a person wants to know.

    A model's digest is that of its manifest, in Ollama's list of models as in the registry.
    """

    def __init__(self, scheme: str = "https") -> None:
        self.checked: float | None = None
        """When it was asked last, in seconds since the epoch."""
        self._scheme = scheme
        self._newest: dict[str, frozenset[str]] = {}

    async def check(self, models: Sequence[Model]) -> None:
        """Ask for the newest versions of `models`. A registry that is away tells nothing."""
        at_once = asyncio.Semaphore(_AT_ONCE)
        async with httpx.AsyncClient(
            timeout=_TIMEOUT, headers={"Accept": _MANIFEST}, follow_redirects=True
        ) as client:

            async def ask(name: str) -> None:
                host, path = in_registry(name)
                try:
                    async with at_once:
                        answer = await client.get(f"{self._scheme}://{host}/{path}")
                    answer.raise_for_status()
                except (httpx.HTTPError, httpx.InvalidURL) as error:
                    _LOGGER.info("%s tells nothing about %s: %r", host, name, error)
                    self._newest.pop(canonical(name), None)
                    return
                told = answer.headers.get("ollama-content-digest", "").removeprefix("sha256:")
                own = hashlib.sha256(answer.content).hexdigest()
                self._newest[canonical(name)] = frozenset({own, told} - {""})

            await asyncio.gather(*(ask(model.name) for model in models if model.digest))
        self.checked = time.time()

    def verdict(self, model: Model) -> Verdict:
        """Return what the last check says of a model that is here."""
        newest = self._newest.get(canonical(model.name))
        if not newest or not model.digest:
            return "unknown"
        return "current" if model.digest.removeprefix("sha256:") in newest else "newer"
