"""Tables in pages of Markdown, each between two comments: `<!-- name -->` and `<!-- end -->`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def fill(page: str, name: str, rows: Iterable[str]) -> str:
    """Return the page with other lines between the comments of `name`."""
    before, mark, rest = page.partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition("<!-- end -->")
    made = "\n".join(rows)
    return f"{before}{mark}\n{made}\n\n{end}{after}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table."""
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]
