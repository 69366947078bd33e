"""The status says what was looked at, in the situations in which it used to say something else."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.engine.scripted import Scripted
from tests.home.scripted_home import Message
from tests.web.api.living_home import living
from tests.web.running import sidecar

LAMP = ("light.desk", {"name": "Desk lamp", "area_id": "kitchen"})


def options(engine: Scripted, *agents: Message, **more: Any) -> Message:
    return {
        "servers": [{"url": engine.url}],
        "agents": list(agents) or [{"id": "home", "name": "Home", "model": "m:1"}],
        **more,
    }


async def test_a_first_download_is_no_problem_and_commands_work(tmp_path: Path) -> None:
    """Rows 2 and 3: a pull that runs is `working`, and the agent says so."""
    go_on = asyncio.Event()

    async def pulling(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        await answer.write(b'{"status": "pulling", "digest": "d", "total": 100, "completed": 12}\n')
        await go_on.wait()
        await answer.write(b'{"status": "success"}\n')
        return answer

    async with Scripted() as engine:
        engine.on["/api/pull"] = pulling
        async with living(tmp_path, LAMP, options=options(engine)) as there:
            part = await there.until("models", "downloading")
            while part["params"]["percent"] != 12:
                part = await there.until("models", "downloading")
            assert (part["state"], part["params"]["model"]) == ("working", "m:1")
            found = await there.status()
            assert found["agents"]["state"] == "working"
            (agent,) = found["agent_states"]
            assert (agent["id"], agent["code"], agent["params"]["percent"]) == (
                "home", "downloading", 12,
            )  # fmt: skip
            assert (found["commands_work"], found["commands_code"]) == (True, "instant_only")
            engine.models["m:1"] = "sha256:1"
            go_on.set()
            assert (await there.until("agents", "ready"))["state"] == "ok"
            assert (await there.status())["commands_code"] == "ok"


async def test_nothing_is_missing_while_no_server_answers(tmp_path: Path) -> None:
    """Row 4: what may be there is not offered for download."""
    async with (
        Scripted("m:1") as engine,
        living(tmp_path, LAMP, options=options(engine)) as there,
    ):
        await there.until("models", "not_loaded")
        await engine.stop()
        part = await there.until("models", "not_answered")
        assert part["state"] == "unknown"
        found = await there.status()
        assert found["engine"]["state"] == "down"
        assert found["agent_states"][0]["state"] == "unknown"
        assert (found["commands_work"], found["commands_code"]) == (True, "instant_only")


async def test_a_model_that_cannot_come_is_down(tmp_path: Path) -> None:
    async with Scripted() as engine:
        with_unknown = options(engine, {"id": "home", "name": "Home", "model": "unknown:1"})
        async with living(tmp_path, LAMP, options=with_unknown) as there:
            part = await there.until("models", "download_failed")
            assert (part["state"], part["params"]["cause"]) == ("down", "unknown_model")
            assert (await there.until("agents", "download_failed"))["params"]["agent"] == "home"


async def test_no_model_is_in_use(tmp_path: Path) -> None:
    """Row 5."""
    async with Scripted() as engine:
        without = options(engine, {"id": "home", "name": "Home", "model": ""})
        async with living(tmp_path, LAMP, options=without) as there:
            assert (await there.until("models", "no_model_used"))["state"] == "ok"
            assert (await there.until("agents", "no_model"))["state"] == "attention"


async def test_what_is_in_memory_is_told_only_where_it_is_known(tmp_path: Path) -> None:
    """Row 17: the next request loads it, unless it is missing."""
    async with (
        Scripted("m:1") as engine,
        living(tmp_path, LAMP, options=options(engine)) as there,
    ):
        part = await there.until("models", "not_loaded")
        assert part["params"]["models"] == []


async def test_agents_in_home_assistant_are_counted(tmp_path: Path) -> None:
    """Rows 12 and 13: from the registry, without those that are disabled; unknown while away."""
    async with Scripted("m:1") as engine:
        two = options(
            engine,
            {"id": "home", "name": "Home", "model": "m:1"},
            {"id": "poet", "name": "Poet", "model": "m:1"},
        )

        def entity(agent: str, **more: Any) -> tuple[str, Message]:
            unique = f"e_{agent}_conversation"
            plain = {"platform": "ollama_addon", "config_entry_id": "e", "unique_id": unique}
            return f"conversation.{agent}", {**plain, "exposed": False, **more}

        entities = (LAMP, entity("home"), entity("poet", disabled_by="user"))
        async with living(tmp_path, *entities, options=two) as there:
            part = (await there.status())["companion"]
            assert part["state"] == "attention"
            assert (part["params"]["there"], part["params"]["agents"]) == (1, 2)
            # No voice assistant is known, then none uses an agent, then one does.
            assert (await there.status())["assistants"]["state"] == "unknown"
            pipeline = {
                "id": "p", "name": "Kitchen", "language": "en", "conversation_language": "en",
                "conversation_engine": "conversation.home_assistant",
            }  # fmt: skip
            there.house.home.answers["assist_pipeline/pipeline/list"] = {
                "pipelines": [pipeline], "preferred_pipeline": "p",
            }  # fmt: skip
            await there.person.get("/api/home-assistant/pipelines")
            found = (await there.status())["assistants"]
            assert found["state"] in ("attention", "unknown")
            assert found["code"] in ("not_used", "stand_in")
            pipeline["conversation_engine"] = "conversation.home"
            await there.person.get("/api/home-assistant/pipelines")
            part = await there.until("assistants", "used")
            assert part["params"]["names"] == ["Kitchen"]
            await there.house.home.close()
            assert (await there.until("companion", "home_away"))["state"] == "unknown"
            assert (await there.status())["assistants"]["state"] == "unknown"


async def test_only_areas_with_something_exposed_are_counted(tmp_path: Path) -> None:
    """Row 21; and row 22: when the home was read is not told as a change of it."""
    async with living(tmp_path, LAMP, ("light.other", {"exposed": False})) as there:
        part = (await there.status())["home"]
        assert part["params"] == {"entities": 1, "areas": 1}
        assert len(there.house.areas) == 2
        assert "last_change" not in (await there.person.get("/api/home")).json()


async def test_entities_that_do_not_fit_are_told_of(tmp_path: Path) -> None:
    """Row 23."""
    many = [(f"light.l{n}", {"name": f"Lamp with a rather long name {n}"}) for n in range(400)]
    async with Scripted("m:1") as engine:
        engine.capabilities = ["completion", "tools"]
        engine.info |= {"general.parameter_count": 4_000_000_000}
        small = {"id": "home", "name": "Home", "model": "m:1", "context_window": 4096}
        async with living(tmp_path, *many, options=options(engine, small)) as there:
            part = await there.until("agents", "too_many_entities")
            assert part["state"] == "attention"
            assert part["params"]["left_out"] == "entities"


@pytest.mark.parametrize("part", ["home", "companion", "assistants"])
async def test_nothing_is_said_of_a_home_assistant_that_is_away(tmp_path: Path, part: str) -> None:
    async with sidecar(tmp_path) as running:
        found = (await running.browser.get("/api/status")).json()
        assert found[part]["state"] in ("down", "unknown", "working")
        assert (found["commands_work"], found["commands_code"]) == (False, "home_away")
