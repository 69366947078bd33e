"""Examples that are understood where they are offered, and steps that are told from facts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ollama_addon.agent.trace import Trace
from ollama_addon.agent.turn import Turn
from ollama_addon.understanding.lexicon import languages
from ollama_addon.web.api import examples
from ollama_addon.web.api.examples import _sentences, _templates
from tests.agent.scripted_agent import Talk
from tests.engine.scripted import Scripted
from tests.web.api.living_home import Living, living
from tests.web.running import sidecar

LAMP = ("light.desk", {"name": "Desk lamp", "area_id": "kitchen"})
BLIND = ("cover.blind", {"name": "Blind", "attributes": {"supported_features": 15}})


async def asked(there: Living, n: int = 3) -> dict[str, Any]:
    return dict((await there.person.get(f"/api/examples?n={n}")).json())


async def test_examples_are_of_this_home_and_understood(tmp_path: Path) -> None:
    """Row 26."""
    async with living(tmp_path, LAMP, BLIND) as there:
        found = await asked(there)
        assert found["language"] == "en"
        assert "turn on Desk lamp" in found["examples"]
        assert len(found["examples"]) >= 2
        assert await asked(there, 1) == {**found, "examples": found["examples"][:1]}


async def test_a_home_without_entities_has_no_examples(tmp_path: Path) -> None:
    async with living(tmp_path) as there:
        assert (await asked(there))["examples"] == []


def test_there_are_examples_in_every_language_that_is_spoken() -> None:
    assert _templates().keys() == set(languages())
    kinds = {kind for each in examples._KINDS.values() for kind in each} | {"state"}
    for language, templates in _templates().items():
        assert templates.keys() == kinds, language


@pytest.mark.parametrize("language", sorted(_templates()))
async def test_the_examples_of_a_language_are_mostly_understood(language: str) -> None:
    talk = Talk()
    sentences = list(dict.fromkeys(_sentences(talk.house, language)))[:12]
    certain = []
    for sentence in sentences:
        _, route = await talk.agent.interpret(Turn(sentence, language))
        certain += [sentence] if route.instant else []
    assert len(certain) >= 3, f"of {sentences} only {certain}"


async def test_the_steps_are_what_can_be_seen(tmp_path: Path) -> None:
    """Row 8: no step is done by itself or by a turn that failed."""
    async with Scripted("m:1") as engine:
        agent = {"id": "home", "name": "Home", "model": "m:1"}
        options = {"servers": [{"url": engine.url}], "agents": [agent]}
        async with living(tmp_path, LAMP, options=options) as there:
            await there.until("models", "not_loaded")

            async def steps() -> dict[str, Any]:
                found = (await there.person.get("/api/setup")).json()
                return {step["code"]: step["done"] for step in found["steps"]}

            found = await steps()
            assert found == {
                "model": True, "entities": True, "added": False, "assistant": None,
                "command": False,
            }  # fmt: skip
            await there.house.home.close()
            await there.until("companion", "home_away")
            found = await steps()
            assert (found["entities"], found["added"], found["assistant"]) == (None, None, None)


async def test_only_a_command_that_was_done_counts(tmp_path: Path) -> None:
    async with sidecar(tmp_path) as running:

        async def done() -> Any:
            steps = (await running.browser.get("/api/setup")).json()["steps"]
            return {step["code"]: step["done"] for step in steps}["command"]

        for number, outcome in enumerate(("failed", "not_understood", "talked", "answered")):
            running.parts.journal.keep(
                Trace("x", "en", "panel", turn_id=f"t{number}", outcome=outcome)
            )
        assert await done() is False
        running.parts.journal.keep(Trace("x", "en", "panel", turn_id="t9", outcome="done"))
        assert await done() is True
        await running.browser.put("/api/history/t9/rating", json={"right": False})
        assert await done() is False


async def test_who_dismisses_the_steps_does_so_for_everyone(tmp_path: Path) -> None:
    async with sidecar(tmp_path) as running:
        assert (await running.browser.get("/api/setup")).json()["dismissed"] is False
        assert (
            await running.browser.put("/api/setup", json={"dismissed": True})
        ).status_code == 204
    async with sidecar(tmp_path) as running:
        assert (await running.browser.get("/api/setup")).json()["dismissed"] is True
        assert json.loads((tmp_path / "setup.json").read_text()) == {"dismissed": True}
        (tmp_path / "setup.json").write_text("broken")
        assert (await running.browser.get("/api/setup")).json()["dismissed"] is False
