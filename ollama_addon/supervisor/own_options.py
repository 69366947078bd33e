"""The app's own options where they are kept: with the Supervisor, or in a file without one."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ollama_addon import files
from ollama_addon.errors import AddonError
from ollama_addon.options import EngineOptions, GatewayOptions
from ollama_addon.supervisor.client import Supervisor
from ollama_addon.supervisor.option_memory import OptionMemory

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Kept:
    """Options as they are kept, keys and passwords included."""

    options: dict[str, Any]

    @property
    def version(self) -> str:
        """What tells these options from any others."""
        text = json.dumps(self.options, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:20]


class OptionsChangedError(AddonError):
    """The options are not those that a change was made of (412)."""

    def __init__(self, kept: Kept) -> None:
        super().__init__(
            "options_changed",
            "The options were changed in another window meanwhile. Compare both, then save again.",
            412,
        )
        self.kept = kept
        """The options as they are now."""


class OwnOptions:
    """Reads and writes the options, one change at a time.

    Without a `supervisor` they stand in the file `path`. Methods raise AddonError.
    """

    def __init__(self, supervisor: Supervisor | None, path: Path, memory: OptionMemory) -> None:
        self.memory = memory
        self._supervisor = supervisor
        self._path = path
        self._lock = asyncio.Lock()

    async def read(self) -> Kept:
        """Return the options as they are kept now."""
        if self._supervisor is not None:
            return Kept(dict((await self._supervisor.self_info()).get("options") or {}))
        try:
            return Kept(dict(json.loads(await asyncio.to_thread(self._path.read_text, "utf-8"))))
        except FileNotFoundError:
            return Kept({})

    async def write(self, options: Mapping[str, Any], version: str) -> Kept:
        """Keep options that were made of those of `version`; return them as they are kept then.

        Raises OptionsChangedError when other ones are kept by now.
        """
        async with self._lock:
            now = await self.read()
            if now.version != version:
                raise OptionsChangedError(now)
            return await self._keep(self.memory.identified(options))

    async def change(self, edit: Callable[[dict[str, Any]], dict[str, Any]]) -> Kept:
        """Change what is kept now, whatever that is; return the options as they are kept then."""
        async with self._lock:
            now = await self.read()
            changed = edit(dict(now.options))
            return now if changed == now.options else await self._keep(changed)

    async def settle(self) -> None:
        """Write back what is missing in the options that are kept: ids, and line breaks."""
        before = await self.read()
        after = await self.change(lambda options: self.memory.settled(options)[0])
        self.memory.settle()
        if after.options != before.options:
            _LOGGER.info("The options were completed with the ids of their agents")

    async def _keep(self, options: Mapping[str, Any]) -> Kept:
        if self._supervisor is not None:
            await self._supervisor.set_options(complete(options))
            # It makes of values what its schema says, and looks up secrets.
            return await self.read()
        text = json.dumps(options, ensure_ascii=False, indent=2)
        await asyncio.to_thread(files.keep, self._path, text, "The options")
        return Kept(dict(options))


def complete(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options as the Supervisor takes them: without null, and with every group."""
    groups: dict[str, Any] = {
        "agents": [],
        "servers": [],
        "gateway": GatewayOptions().model_dump(mode="json"),
        "engine": EngineOptions().model_dump(mode="json"),
    }
    given: dict[str, Any] = _without_null(options)
    return groups | given


def _without_null(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_null(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_without_null(each) for each in value if each is not None]
    return value
