"""Sentences that people of this field really meet, each of which failed once.

What the interpretation has to make of them is checked here, by what it would do to the house.
Where a case is about what a model answers, about the gateway or about the engine, the tests of
its issue hold the rest of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from eval.cases import Case
from eval.home import Home, load_home
from eval.interpret import run
from ollama_addon.understanding.interpreter import Interpreter

HERE = Path(__file__).parent / "cases"
ROOT = HERE.parents[2]
NOT_YET: dict[str, str] = {
    "1k": "a question about what was done is read as one for a value",
    "5d": "'this song' has no target",
    "5h": "music is turned on instead of played",
    "6f": "'the one in the kitchen' takes no noun from before",
    "6g": "'rooms 3 and 4' takes 4 for a value",
    "7d": "'1/2' is no number",
    "7g": "a timer is cancelled without its name",
    "12c": "'any windows' is read as a question about one state",
}
"""Cases that are not reached yet, by id, and why."""


def read(name: str) -> Any:
    """Return what a file of this folder holds."""
    return yaml.safe_load((HERE / name).read_text("utf-8"))


CASES: dict[str, dict[str, Any]] = {case["id"]: case for case in read("everyday.yaml")}
EXPECTED: dict[str, list[dict[str, Any]]] = {
    name: outcomes if isinstance(outcomes, list) else [outcomes]
    for name, outcomes in read("expected.yaml").items()
}
READ_HERE = [name for name, outcomes in EXPECTED.items() if "kind" in outcomes[0]]


def test_every_case_is_expected_somewhere() -> None:
    assert EXPECTED.keys() == CASES.keys()
    assert len(CASES) == 110
    elsewhere = {name: EXPECTED[name][0]["elsewhere"] for name in EXPECTED.keys() - set(READ_HERE)}
    assert set(elsewhere.values()) <= {17, 19, 20, 21, 22}, "a case belongs to an issue"
    assert NOT_YET.keys() <= set(READ_HERE)


def house_of(case: dict[str, Any], outcome: dict[str, Any], folder: Path) -> Home:
    """Return the house of a case, with what the case changes of it."""
    name = case["house"].split()[0]
    places = (ROOT / name, HERE / name, ROOT / "eval/homes" / Path(name).name)
    path = next(path for path in places if path.is_file())
    if not outcome.keys() & {"with", "without_area"}:
        return load_home(path)
    inventory = yaml.safe_load(path.read_text("utf-8"))
    for entity in inventory["entities"]:
        if entity["id"] in outcome.get("without_area", ()):
            del entity["area"]
    inventory["entities"] += outcome.get("with", ())
    changed = folder / "changed.yaml"
    changed.write_text(yaml.safe_dump(inventory, allow_unicode=True), "utf-8")
    return load_home(changed)


def graded(name: str, outcome: dict[str, Any], folder: Path) -> str:
    """Return how a case ends where this outcome is the right one, with the reason."""
    case = CASES[name]
    home = house_of(case, outcome, folder)
    satellites = {shown: satellite for satellite, shown in home.satellites.items()}
    wanted = {
        key: value
        for key, value in outcome.items()
        if key not in ("elsewhere", "with", "without_area")
    }
    made = Case.model_validate(
        {
            **wanted,
            "id": "everyday-1",
            "home": home.id,
            "language": case.get("lang", home.language),
            "say": case["say"],
            "at": satellites[case["satellite"]] if "satellite" in case else None,
        }
    )
    reading = run([made], {home.id: home}, Interpreter, most=0).readings[0]
    return f"{reading.grade}: {reading.reason} {' | '.join(reading.roles)}"


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.xfail(reason=NOT_YET[name], strict=False))
        if name in NOT_YET
        else name
        for name in READ_HERE
    ],
)
def test_a_case_is_interpreted_rightly(name: str, tmp_path: Path) -> None:
    grades = [graded(name, outcome, tmp_path) for outcome in EXPECTED[name]]
    assert any(grade.startswith(("right", "asked")) for grade in grades), grades
