"""Instructions rendered by Home Assistant, and by `jinja2` alone while it is away."""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from ollama_addon.errors import AddonError
from ollama_addon.home.connection import Connection, Event
from ollama_addon.home.fallback import render_alone
from ollama_addon.home.sandbox import MAX_TEXT, TOO_MUCH

KEPT = 16
"""Templates that are kept live at once."""
PATIENCE = 5.0
"""Seconds that a template may take, in Home Assistant or without it."""
MAX_TEMPLATE = 100_000


@dataclass(frozen=True, slots=True)
class Rendered:
    """A template's text."""

    text: str
    changes_with_time: bool = False
    """Whether the text changes by itself, with the clock."""
    follows: tuple[str, ...] = ()
    """The entities whose states the text depends on."""
    error: str | None = None
    """What is wrong with the template, for the person who wrote it."""
    fallback: bool = False
    """Whether Home Assistant was away, so that what it knows is missing in the text."""


@dataclass(slots=True)
class _Live:
    """A template that Home Assistant renders anew whenever its text changes."""

    rendered: Rendered = field(default_factory=lambda: Rendered(""))
    first: asyncio.Event = field(default_factory=asyncio.Event)
    end: Callable[[], None] | None = None


class Templates:
    """Renders templates with what Home Assistant knows; the texts are kept up to date by it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._live: OrderedDict[tuple[str, str], _Live] = OrderedDict()
        self._last: OrderedDict[tuple[str, str], Rendered] = OrderedDict()
        self._alone: OrderedDict[tuple[str, str], Rendered] = OrderedDict()
        self._lock = asyncio.Lock()
        connection.on_disconnect(self._live.clear)

    async def render(self, template: str, variables: Mapping[str, Any]) -> Rendered:
        """Return the text of `template`; never raises.

        While Home Assistant is away, that is the text of last time, else what `jinja2` makes of
        it alone. `variables` must fit into JSON.
        """
        if "{" not in template:
            return Rendered(template.strip())
        if len(template) > MAX_TEMPLATE:
            return Rendered("", error=f"The template has more than {MAX_TEMPLATE} characters.")
        key = (template, json.dumps(variables, sort_keys=True, default=str))
        try:
            rendered = await self._render_live(key)
        except AddonError as err:
            if err.code == "home_failed":
                return Rendered("", error=err.message)
            if key in self._last:
                return self._last[key]
            return await self._render_alone(key)
        if rendered.error is None:
            self._last[key] = rendered
            self._last.move_to_end(key)
            if len(self._last) > KEPT:
                self._last.popitem(last=False)
        return rendered

    async def preview(self, template: str, variables: Mapping[str, Any]) -> Rendered:
        """Return the text that `template` has now, without keeping it live; never raises."""
        if "{" not in template or len(template) > MAX_TEMPLATE:
            return await self.render(template, variables)
        key = (template, json.dumps(variables, sort_keys=True, default=str))
        try:
            live = await self._subscribed(key)
        except AddonError as err:
            if err.code == "home_failed":
                return Rendered("", error=err.message)
            return await self._render_alone(key)
        if live.end is not None:
            live.end()
        return live.rendered

    async def _render_alone(self, key: tuple[str, str]) -> Rendered:
        """Render without Home Assistant, once: nothing that changes is in such a text."""
        async with self._lock:
            if key not in self._alone:
                text, error = await render_alone(key[0], json.loads(key[1]))
                self._alone[key] = Rendered(text, error=error, fallback=True)
                if len(self._alone) > KEPT:
                    self._alone.popitem(last=False)
            return self._alone[key]

    async def _render_live(self, key: tuple[str, str]) -> Rendered:
        if key not in self._live:
            async with self._lock:
                if key not in self._live:
                    return (await self._subscribe(key)).rendered
        self._live.move_to_end(key)
        return self._live[key].rendered

    async def _subscribe(self, key: tuple[str, str]) -> _Live:
        self._live[key] = live = await self._subscribed(key)
        if len(self._live) > KEPT:
            _, oldest = self._live.popitem(last=False)
            if oldest.end is not None:
                oldest.end()
        return live

    async def _subscribed(self, key: tuple[str, str]) -> _Live:
        live = _Live()
        live.end = await self._connection.subscribe(
            partial(_update, live),
            "render_template",
            within=2 * PATIENCE,
            template=key[0],
            variables=json.loads(key[1]),
            timeout=PATIENCE,
            report_errors=True,
        )
        try:
            async with asyncio.timeout(PATIENCE):
                await live.first.wait()
        except TimeoutError:
            live.end()
            raise AddonError(
                "home_slow", "Home Assistant did not render the instructions in time.", 504
            ) from None
        return live


def _update(live: _Live, event: Event) -> None:
    """Apply an event of `render_template`: a new text, or what is wrong."""
    if "result" in event:
        text = str(event["result"])
        if len(text) > MAX_TEXT:
            live.rendered = replace(live.rendered, error=TOO_MUCH)
            live.first.set()
            return
        listeners = event.get("listeners") or {}
        live.rendered = Rendered(
            text,
            bool(listeners.get("time")),
            tuple(sorted(listeners.get("entities") or ())),
        )
        live.first.set()
    elif event.get("level") == "ERROR":
        live.rendered = replace(live.rendered, error=str(event.get("error")))
        live.first.set()
