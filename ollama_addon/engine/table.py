"""The recommendations as a table of text, for the command line."""

from __future__ import annotations

from .advice import Recommendation, Seconds

_FITS = {"yes": "yes", "tight": "barely", "no": "no"}


def table(rows: list[Recommendation]) -> str:
    """Return the rows as text; the suggested model is marked with `>`, the recommended with `*`."""
    head = ("", "model", "fits", "command", "question", "download", "basis", "good at")
    lines = [head, *(_line(row) for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _line(row: Recommendation) -> tuple[str, ...]:
    known = row.known
    good_at = {
        "tools": known.tools,
        "German": known.knows("de"),
        "images": known.vision,
        "thinking": known.thinking,
    }
    return (
        ">" if row.suggested else "*" if row.recommended else "",
        known.name,
        _FITS[row.fits],
        _said(row.command) if row.fits != "no" else "-",
        _said(row.question) if row.fits != "no" else "-",
        f"{known.size / 1e9:.1f} GB",
        row.basis,
        ", ".join(name for name, good in good_at.items() if good),
    )


def _said(seconds: Seconds) -> str:
    if seconds.low == seconds.high:
        return f"{seconds.low:g} s"
    return f"{seconds.low:g}-{seconds.high:g} s"
