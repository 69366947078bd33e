"""What the scripts install: said before, with its size and place, and what becomes of a failure."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dev import prepare
from dev.prepare import Part, PrepareError

ROOT = Path(__file__).parents[2]


def part(name: str, *, there: bool = False, fails: bool = False, needed: bool = True) -> Part:
    def install() -> None:
        if fails:
            raise PrepareError(f"{name} is nowhere to be had")

    return Part(name, 1200, prepare.ROOT / ".dev" / name, lambda: there, install, needed=needed)


def prepared(monkeypatch: pytest.MonkeyPatch, *parts: Part) -> int:
    monkeypatch.setattr(prepare, "_parts", lambda command: list(parts))
    monkeypatch.setattr(sys, "argv", ["prepare", "test"])
    return prepare.main()


def test_what_is_missing_is_listed_before_it_is_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert prepared(monkeypatch, part("old", there=True), part("new")) == 0
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "This is installed now, and only this once:"
    assert said[1].split() == ["new", "1.2", "GB", ".dev/new"]
    assert [line for line in said if line.startswith("  new: done")]
    assert not [line for line in said if "old" in line]


def test_nothing_is_said_where_nothing_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert prepared(monkeypatch, part("old", there=True)) == 0
    assert capsys.readouterr().err == ""


def test_what_is_needed_ends_it_and_what_is_not_does_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert prepared(monkeypatch, part("browser", fails=True, needed=False), part("new")) == 0
    said = capsys.readouterr().err
    assert "browser is nowhere to be had" in said
    assert "new: done" in said
    assert prepared(monkeypatch, part("core", fails=True), part("new")) == 1
    said = capsys.readouterr().err
    assert "error: core is nowhere to be had" in said
    assert "new: done" not in said


@pytest.mark.parametrize("command", ["setup", "lint", "test", "run"])
def test_it_needs_nothing_but_pythons_own_library(command: str) -> None:
    """It runs before anything is installed: `-S` leaves all packages out."""
    program = f"import dev.prepare; print(len(dev.prepare._parts({command!r})))"
    done = subprocess.run(
        [sys.executable, "-S", "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) >= 1
