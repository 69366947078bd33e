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

from dev.stack import ROOT

_PAGE = ROOT / "docs" / "reliability.md"
_LONG = 170
"""Characters of a sentence; what a broken server says may be longer."""


def main() -> int:
    """Fill in the page; return the exit status."""
    rows = [json.loads(line) for line in Path(sys.argv[1]).read_text().splitlines()]
    page = _PAGE.read_text()
    for name in dict.fromkeys(row["test"].partition(".")[0] for row in rows):
        before, mark, rest = page.partition(f"<!-- {name} -->\n")
        if not mark:
            print(f"{name}: has no place in {_PAGE.name}")
            continue
        _, end, after = rest.partition("<!-- end -->")
        made = "\n".join(_table([row for row in rows if row["test"].startswith(f"{name}.")]))
        page = f"{before}{mark}\n{made}\n\n{end}{after}"
        print(f"{name}: written")
    _PAGE.write_text(page)
    return 0


def _table(rows: list[dict[str, Any]]) -> list[str]:
    lines = [
        "| Fault | What the person hears | What the status says | Seconds |",
        "| :-- | :-- | :-- | --: |",
    ]
    for row in rows:
        seconds = "" if row["seconds"] is None else f"{row['seconds']:.1f}"
        cells = (_cell(row["fault"]), _cell(row["heard"]), _cell(row["status"]), seconds)
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _cell(text: str) -> str:
    text = re.sub(r"http://127\.0\.0\.1:\d+", "http://…", text).replace("|", "\\|")
    text = re.sub(r"<[^>]*>", lambda tag: f"`{tag[0]}`", text)
    return text if len(text) <= _LONG else f"{text[:_LONG]}…"


if __name__ == "__main__":
    sys.exit(main())
