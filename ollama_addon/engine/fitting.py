"""Whether models fit into this machine beside Home Assistant, and how fast they are there."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ollama_addon.errors import AddonError
from ollama_addon.model_name import canonical
from ollama_addon.options import EngineOptions

from .advice import Measured, Recommendation, recommend
from .hardware import machine
from .measurements import Measurements
from .memory import Need, available_now, memory_needed, need
from .profile import OLLAMAS_CONTEXT
from .server import Server
from .speeds import Speeds

_LOGGER = logging.getLogger(__name__)


class Fitting:
    """Looks after the memory of this machine, which the bundled server shares with the rest.

    `data` is where models are kept, `private` tells the bytes that the server takes for itself.
    """

    def __init__(
        self,
        data: Path,
        measurements: Measurements,
        private: Callable[[], int] = lambda: 0,
    ) -> None:
        self.tight = ""
        """A warning about the model that was loaded last, when it leaves too little memory."""
        self.too_large: set[str] = set()
        """Models that were not loaded for want of memory when they were last asked."""
        self.engine = EngineOptions()
        self.speeds = Speeds(measurements)
        self._data = data
        self._measurements = measurements
        self._private = private

    def note(self) -> None:
        """Take in what everything but the server takes now, and write down what is new.

        It may block.
        """
        now = machine(self._data)
        self._measurements.note_memory(max(0, now.memory - now.memory_available - self._private()))
        self._measurements.keep()

    async def need(self, server: Server, model: str, context_window: int | None) -> Need | None:
        """Tell how the memory that `model` needs compares with what there is now.

        None when it is in memory already, is another machine's affair, or cannot be told.
        Raises AddonError.
        """
        name = canonical(model)
        listed = server.models.get(name)
        if not server.bundled or listed is None or not listed.size or name in server.loaded:
            return None
        details = await server.details(model)
        here = machine(self._data)
        return need(
            memory_needed(
                listed.size, details.kv_bytes, context_window or OLLAMAS_CONTEXT, self.engine
            ),
            available_now(here, in_memory(server)),
            here,
        )

    async def check(self, server: Server, model: str, context_window: int | None) -> None:
        """See to it that loading `model` leaves Home Assistant its memory.

        Raises AddonError (`model_too_large`).
        """
        name = canonical(model)
        if not server.bundled or name in server.loaded:
            return
        await server.check()  # it may have been loaded, or another one unloaded, since
        found = await self.need(server, model, context_window)
        self.too_large.discard(name)
        if found is None:
            return
        self.tight = found.sentence(model, context_window or OLLAMAS_CONTEXT)
        if found.fits == "no":
            self.too_large.add(name)
            raise AddonError("model_too_large", self.tight, 507)
        if self.tight:
            _LOGGER.warning("%s", self.tight)

    async def recommendations(
        self, server: Server | None, context_window: int, language: str
    ) -> list[Recommendation]:
        """Return the known models, and how they would do on this machine."""
        return recommend(
            machine(self._data),
            await self._measured(server),
            context_window,
            self.engine,
            others=self._measurements.highest_memory,
            language=language,
            kept=self._measurements,
        )

    async def _measured(self, server: Server | None) -> list[Measured]:
        """Return the models of the bundled server whose speed is known."""
        found = []
        for name in self.speeds.models:
            listed = server.models.get(name) if server else None
            if server and listed and listed.size:
                with suppress(AddonError):
                    details = await server.details(name)
                    if details.parameters:
                        speed = self.speeds.of(name)
                        found.append(Measured(name, details.parameters, listed.size, speed))
        return found


def in_memory(server: Server | None) -> int:
    """Return the bytes that the models in a server's memory take."""
    loaded = server.loaded.values() if server and server.healthy else ()
    return sum(each.size or 0 for each in loaded)
