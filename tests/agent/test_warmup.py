"""Which agents' prefixes are read ahead, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ollama_addon.agent import warmup as warmup_module
from ollama_addon.agent.warmup import Warmup
from ollama_addon.errors import AddonError
from tests.engine.scripted import until


class Script:
    """Agents that count how often they were warmed, in a house that never changes."""

    def __init__(self, **models: str) -> None:
        self.warmed: list[str] = []
        self.refuse: dict[str, str] = {}
        self.agents = {name: self._agent(name, model) for name, model in models.items()}
        self.ready = True

    def _agent(self, name: str, model: str) -> Any:
        async def warm(language: str) -> None:
            self.warmed.append(name)
            if code := self.refuse.get(name):
                raise AddonError(code, "It cannot be warmed.", 503)

        return SimpleNamespace(
            options=SimpleNamespace(name=name, model=model, keep_alive=-1), warm=warm
        )

    def on_change(self, note: Callable[[Any], None]) -> None:
        pass

    async def wait_ready(self, seconds: float) -> Any:
        return SimpleNamespace(language="en")

    def waits_for(self, model: str) -> None:
        return None


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warmup_module, "_SETTLE", 0.0)
    monkeypatch.setattr(warmup_module, "_RETRY", 0.01)


def of(script: Script) -> Warmup:
    return Warmup(cast(Any, script.agents), cast(Any, script), cast(Any, script))


async def test_only_the_agents_of_a_model_that_lost_what_it_had_read_are_warmed() -> None:
    script = Script(a="m:1", b="other:1", c="M:1", d="")
    warmup = of(script)
    warmup.start()
    await until(lambda: script.warmed == ["a", "b", "c"])
    # Another model, where there is memory for one, would push out the one that answers.
    warmup.again("library/m:1")
    await until(lambda: script.warmed == ["a", "b", "c", "a", "c"])
    await warmup.stop()


async def test_what_fails_is_tried_again_and_what_cannot_fit_is_not() -> None:
    script = Script(a="m:1", b="m:1", c="other:1")
    script.refuse = {"a": "engine_down", "c": "context_overflow"}
    warmup = of(script)
    warmup.start()
    await until(lambda: script.warmed.count("a") >= 3)
    script.refuse.pop("a")
    before = script.warmed.count("a")
    await until(lambda: script.warmed.count("a") > before)
    await asyncio.sleep(0.1)
    assert script.warmed.count("c") == 1
    await warmup.stop()
