"""The models: which are there, which are wanted, and how each of them is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ollama_addon.background import Background
from ollama_addon.errors import AddonError
from ollama_addon.model_name import ALLOWED, canonical, is_valid

from .downloads import Downloads
from .pull import Pull
from .server import TROUBLE, Server
from .servers import Servers

_LOGGER = logging.getLogger(__name__)

_LOOK_EVERY = 2.0
"""Seconds between two looks at start whether the server answers."""

ModelState = Literal[
    "loaded", "loading", "present", "too_large", "downloading", "failed", "missing", "unknown"
]
"""`unknown`: a server that may have it does not answer. `failed`: its last download did."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model that is there, or wanted, or both."""

    name: str
    state: ModelState = "unknown"
    present: bool = False
    wanted: bool = False
    pulling: bool = False
    loaded: bool = False
    server: str | None = None
    """The address of the first server that has it."""
    ours: bool = True
    """Whether it is, or would be, on the server that models are downloaded to and deleted from."""
    used_by: tuple[str, ...] = ()
    """Ids of the agents that use it."""
    size: int | None = None
    """Bytes on the disk."""
    memory: int | None = None
    """Bytes in memory while it is loaded."""
    gpu_share: float | None = None
    """Which share of it is on a graphics card while it is loaded; None where that is not told."""
    digest: str | None = None
    modified: datetime | None = None
    family: str = ""
    parameter_size: str = ""
    quantization: str = ""


class Inventory:
    """The models of all servers, and the downloads to the server of this house.

    `wanted` are the models that are downloaded at start when no server has them.
    """

    def __init__(self, servers: Servers, wanted: Sequence[str]) -> None:
        self._servers = servers
        self._wanted = {canonical(name): name for name in wanted}
        self._deleted: set[str] = set()
        """Wanted ones that a person has deleted: they come back at the next start, not before."""
        self._downloads = Downloads(servers)
        self._downloads.on_done = self._measure
        self._background = Background()

    async def start(self) -> None:
        """Begin to download, the wanted models first."""
        self._background.keep("wanted models", self._pull_wanted)
        self._background.keep("downloads", self._downloads.work)

    async def want(self, names: Sequence[str]) -> None:
        """Take over another list of wanted models, and download what no server has.

        Models that are wanted no more stay until a person deletes them.
        """
        before, self._wanted = self._wanted, {canonical(name): name for name in names}
        self._deleted &= self._wanted.keys() & before.keys()
        healthy = [server for server in self._servers.all if server.healthy]
        for key, name in self._wanted.items():
            there = any(key in server.models for server in healthy)
            if healthy and not there and key not in self._deleted:
                await self.pull(name)

    async def stop(self) -> None:
        """Break downloads off; pulled again, they are resumed."""
        await self._background.stop()

    async def refresh(self) -> None:
        """Ask all servers for their models now."""
        await self._servers.refresh()

    @property
    def models(self) -> list[Model]:
        """Every model that a server has, that is wanted, on its way, or failed to come, by name."""
        asked = [each for each in self._downloads.all if each.active or each.state == "failed"]
        absent = {canonical(each.name): each.name for each in asked} | self._wanted
        found = {key: self._absent(key, name) for key, name in absent.items()}
        for server in reversed([server for server in self._servers.all if server.healthy]):
            for key in server.models:
                found[key] = self._present(key, server)
        return [found[key] for key in sorted(found)]

    def waits_for(self, model: str) -> Pull | None:
        """Return the download that `model` cannot answer without: no version of it is there."""
        now = self.progress(model)
        key = canonical(model)
        there = any(server.healthy and key in server.models for server in self._servers.all)
        return now if now is not None and now.active and not there else None

    def progress(self, model: str) -> Pull | None:
        """Tell how far the download of `model` is, or why it failed; None when it is there."""
        now = self._downloads.of(canonical(model))
        return now if now is not None and (now.active or now.state == "failed") else None

    @property
    def pulls(self) -> list[Pull]:
        """The downloads since the start, in the order in which they were asked for."""
        return self._downloads.all

    async def pull(self, name: str) -> Pull:
        """Download the model `name` after those asked for before.

        Asked for again while it is on its way, it is the same download. Raises AddonError
        (`bad_model_name`).
        """
        key = _checked(name)
        self._deleted.discard(key)
        return self._downloads.ask(key, name)

    async def cancel(self, name: str) -> None:
        """Stop the download of `name`. Raises AddonError (`not_pulling`)."""
        key = _checked(name)
        if not self._downloads.active(key):
            raise AddonError("not_pulling", f"The model {name} is not being downloaded.", 404)
        await self._downloads.cancel(key)

    async def remove(self, name: str) -> None:
        """Delete the model `name` from the disk.

        Raises AddonError (`model_busy`, `model_in_use`, `model_elsewhere`, `model_missing`,
        `engine_down` …).
        """
        key = _checked(name)
        if self._downloads.active(key):
            raise AddonError(
                "model_busy",
                f"The model {name} is being downloaded. Cancel the download first.",
                409,
            )
        if agents := self._servers.used_by(key):
            raise AddonError(
                "model_in_use",
                f"The model {name} is used by {len(agents)} of the agents. Choose another model "
                "for them first.",
                409,
            )
        server = self._downloads.target()
        await server.check()
        if server.healthy and key not in server.models:
            elsewhere = (each for each in self._servers.all if each.healthy and key in each.models)
            if other := next(elsewhere, None):
                raise AddonError(
                    "model_elsewhere", f"The model {name} is on {other.url}: delete it there.", 409
                )
            raise AddonError("model_missing", f"There is no model {name} to delete.", 404)
        try:
            await server.client.delete(server.models[key].model or name if server.healthy else name)
        except TROUBLE as error:
            raise server.said(error, name) from error
        if key in self._wanted:
            self._deleted.add(key)
        self._downloads.forget(key)
        _LOGGER.info("Deleted the model %s", name)
        await server.check()

    def subscribe(self) -> AsyncGenerator[Pull, None]:
        """Follow all downloads from now on; who is too slow misses the oldest news."""
        return self._downloads.subscribe()

    def _measure(self, name: str) -> None:
        self._background.once(f"first measurement of {name}", self._measured(name))

    async def _measured(self, name: str) -> None:
        try:
            await self._servers.loading.measure(name)
        except AddonError as error:
            _LOGGER.info("%s was not measured: %s", name, error.logged)

    def _absent(self, key: str, name: str) -> Model:
        pulling = self._downloads.active(key)
        now = self._downloads.of(key)
        state: ModelState = "missing"
        if pulling:
            state = "downloading"
        elif not self._servers.all or not all(server.healthy for server in self._servers.all):
            state = "unknown"  # whoever does not answer may have it
        elif now is not None and now.state == "failed":
            state = "failed"
        used_by = self._servers.used_by(key)
        wanted = key in self._wanted
        return Model(name, state, wanted=wanted, pulling=pulling, used_by=used_by)

    def _present(self, key: str, server: Server) -> Model:
        listed = server.models[key]
        loaded = server.loaded.get(key)
        details = listed.details
        state: ModelState = "present"
        if loaded is not None:
            state = "loaded"
        elif key in self._servers.places.loading:
            state = "loading"
        elif key in self._servers.fitting.too_large:
            state = "too_large"
        vram = loaded.size_vram if loaded else None
        return Model(
            name=listed.model or key,
            state=state,
            present=True,
            wanted=key in self._wanted,
            pulling=self._downloads.active(key),
            loaded=loaded is not None,
            server=server.url,
            ours=server.bundled or (self._servers.bundled is None and server.manages),
            used_by=self._servers.used_by(key),
            size=listed.size,
            memory=loaded.size if loaded else None,
            gpu_share=vram / loaded.size if loaded and loaded.size and vram is not None else None,
            digest=listed.digest,
            modified=listed.modified_at,
            family=(details and details.family) or "",
            parameter_size=(details and details.parameter_size) or "",
            quantization=(details and details.quantization_level) or "",
        )

    async def _pull_wanted(self) -> None:
        while True:
            await self._servers.refresh()
            healthy = [server for server in self._servers.all if server.healthy]
            if healthy and (self._servers.bundled is None or self._servers.bundled.healthy):
                break
            await asyncio.sleep(_LOOK_EVERY)
        await self.want(tuple(self._wanted.values()))


def _checked(name: str) -> str:
    if not is_valid(name):
        raise AddonError(
            "bad_model_name", f"'{name[:100]}' cannot be the name of a model: {ALLOWED}.", 422
        )
    return canonical(name)
