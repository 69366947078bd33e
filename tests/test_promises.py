"""What SECURITY.md promises is held by tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_promise_names_tests_that_there_are() -> None:
    text = (ROOT / "SECURITY.md").read_text()
    rows = re.findall(r"^\| (.+?) \| (.+) \|$", text.partition("## Promises")[2], re.MULTILINE)
    promises = [row for row in rows if row[0] != "promise" and not row[0].startswith("-")]
    assert len(promises) > 10
    written = "\n".join(file.read_text() for file in (ROOT / "tests").rglob("test_*.py"))
    there = set(re.findall(r"^(?:async )?def (test_\w+)\(", written, re.MULTILINE))
    for promise, tests in promises:
        named = re.findall(r"`(test_\w+)`", tests)
        assert named, promise
        assert set(named) <= there, promise
