"""What the list of models tells, and what it does not claim to know."""

from __future__ import annotations

from pathlib import Path

from tests.engine.scripted import Scripted
from tests.web.api.living_home import living

LAMP = ("light.desk", {"name": "Desk lamp", "area_id": "kitchen"})


async def test_a_model_on_another_server_tells_only_what_is_known(tmp_path: Path) -> None:
    """Rows 18 to 20."""
    async with Scripted("m:1", "m:2") as engine:
        engine.loaded["m:1"] = 100
        options = {
            "servers": [{"url": engine.url}],
            "agents": [{"id": "home", "name": "Home", "model": "m:1"}],
        }
        async with living(tmp_path, LAMP, options=options) as there:
            await there.until("models", "loaded")
            found = {each["name"]: each for each in (await there.person.get("/api/models")).json()}
            assert found["m:1"]["used_by"] == ["home"]
            assert found["m:2"]["used_by"] == []
            assert found["m:1"]["gpu_share"] is None
            answer = await there.person.delete("/api/models/m:1")
            assert (answer.status_code, answer.json()["error"]["code"]) == (409, "model_in_use")
            assert "m:1" in engine.models
