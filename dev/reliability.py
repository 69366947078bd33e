"""Writes what the fault tests have seen into `docs/reliability.md`.

    FAULTS_REPORT=rows.jsonl script/test tests/faults
    .venv/bin/python -m dev.reliability rows.jsonl

Each table stands between two comments, such as `<!-- test_engine -->` and `<!-- end -->`.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from dev.pages import fill, table
from dev.stack import ROOT

_PAGE = ROOT / "docs" / "reliability.md"
_HEAD = ("Fault", "What the person hears", "What the status says", "Seconds")
_LONG = 170
"""Characters of a sentence; what a broken server says may be longer."""


def main() -> int:
    """Fill in the page; return the exit status."""
    rows = [json.loads(line) for line in Path(sys.argv[1]).read_text().splitlines()]
    page = _PAGE.read_text()
    for name in dict.fromkeys(row["test"].partition(".")[0] for row in rows):
        if f"<!-- {name} -->\n" not in page:
            print(f"{name}: has no place in {_PAGE.name}")
            continue
        there = [_cells(row) for row in rows if row["test"].startswith(f"{name}.")]
        page = fill(page, name, table(_HEAD, there))
        print(f"{name}: written")
    _PAGE.write_text(page)
    return 0


def _cells(row: dict[str, Any]) -> list[str]:
    seconds = "" if row["seconds"] is None else f"{row['seconds']:.1f}"
    return [*(_cell(row[key]) for key in ("fault", "heard", "status")), seconds]


def _cell(text: str) -> str:
    text = re.sub(r"http://127\.0\.0\.1:\d+", "http://…", text).replace("|", "\\|")
    text = re.sub(r"<[^>]*>", lambda tag: f"`{tag[0]}`", text)
    return text if len(text) <= _LONG else f"{text[:_LONG]}…"


if __name__ == "__main__":
    sys.exit(main())
