"""A clock that jumps, as where a machine has none of its own until the network tells the time."""

from __future__ import annotations

from pathlib import Path

import pytest

from dev.stack import PARTS, ROOT
from tests.engine.scripted import Scripted
from tests.home.scripted_home import ScriptedHome

from .conftest import Report
from .house import sidecar

_CLOCK = """
import os, time
_real = time.time
_file = os.environ["CLOCK"]

def _told():
    with open(_file) as file:
        return _real() + float(file.read())

time.time = _told
"""


@pytest.mark.parametrize(
    ("fault", "jump"), [("a day back", -86_400), ("a year ahead", 365 * 86_400)]
)
async def test_the_clock_jumps(
    tmp_path: Path,
    home: ScriptedHome,
    engine: Scripted,
    report: Report,
    fault: str,
    jump: float,
) -> None:
    clock = tmp_path / "clock"
    clock.write_text("0")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(_CLOCK)
    async with sidecar(
        tmp_path / "data",
        *PARTS,
        environment={
            "HASS_URL": home.url,
            "CLOCK": str(clock),
            "PYTHONPATH": f"{tmp_path / 'site'}:{ROOT}",
        },
        servers=[{"url": engine.url}],
    ) as it:
        assert (await it.say()).outcome == "done"
        first = (await it.say("good evening")).conversation_id
        before = await it.at_rest()
        clock.write_text(str(jump))
        assert (await it.say()).outcome == "done"
        seconds = await it.recovered()
        for part in ("engine", "home", "journal"):
            await it.until(part, "ok")
        # What was said before is neither forgotten nor lost.
        again = await it.say("good evening", conversation_id=first)
        assert again.conversation_id == first
        rows = (await it.ask("/api/history"))["turns"]
        assert len(rows) >= 5
        clock.write_text("0")
        seconds += await it.recovered()
        report(f"the clock jumps {fault}, and back again", seconds=seconds)
        await it.lets_go(before)
