"""Writes what the benches have measured into `docs/performance.md`.

    script/bench --json > run.json
    .venv/bin/python -m bench.report run.json …

A table stands between two comments, `<!-- figures -->` and `<!-- end -->`; each is made anew
when one of the files has something for it. Of the figures, those that no file has are kept.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from dev.pages import fill, table
from dev.stack import ROOT

_PAGE = ROOT / "docs" / "performance.md"
_SIDES = {"core": "Home Assistant's", "ours": "ours"}
_SPEEDS = {
    "Raspberry Pi 5, 1.7B": (12, 6),
    "Intel N100, 4B": (18, 6),
    "laptop with 8 cores, 4B": (70, 12),
}
"""Tokens a second read and written, as people report them; not measured by us."""


def main() -> int:
    """Fill in the page; return the exit status."""
    runs = [json.loads(Path(name).read_text()) for name in sys.argv[1:]]
    raw: dict[str, Any] = {}
    figures: list[dict[str, Any]] = []
    for run in runs:
        raw |= run["raw"]
        figures += run["figures"]
    homes = raw.get("homes") or raw.get("turn") or {}
    page = _PAGE.read_text()
    tables: dict[str, Callable[[], Iterable[str]]] = {
        "figures": lambda: _figures(figures, page),
        "instant": lambda: _instant(raw["instant"]),
        "turns": lambda: _turns(homes),
        "devices": lambda: _devices(homes),
        "shapes": lambda: _shapes(raw),
        "sidecar": lambda: _sidecar(raw["sidecar"]),
        "mirror": lambda: _mirror(raw["mirror"]),
    }
    made = page
    for name, rows in tables.items():
        try:
            made = fill(made, name, rows())
        except (KeyError, TypeError):
            continue  # not in these files
        print(f"{name}: written")
    _PAGE.write_text(made)
    return 0


def _figures(figures: Sequence[dict[str, Any]], page: str) -> list[str]:
    """Return the table of the page with the rows of these figures, new ones at the end."""
    _, _, rest = page.partition("<!-- figures -->\n")
    lines = [line for line in rest.partition("<!-- end -->")[0].splitlines() if line.strip()]
    kept = [line.strip("| ").split(" | ") for line in lines[2:]]
    rows = {cells[0]: (*cells, "")[:5] for cells in kept}
    for each in figures:
        at_least = each["name"].startswith(("prefix", "gateway: streaming", "everyday"))
        spread = each["spread"]
        rows[each["name"]] = (
            each["name"],
            f"{each['value']:.3g} {each['unit']}",
            f"{'≥' if at_least else '≤'} {each['bar']:.3g}",
            "yes" if each["met"] else "**no**",
            f"{spread[0]:.3g} to {spread[1]:.3g}" if spread else "",
        )
    return table(("what", "measured", "bar", "met", "quartiles"), list(rows.values()))


def _instant(raw: dict[str, Any]) -> list[str]:
    shares = raw["without a model"]
    rows = [(tag, f"{share * 100:.0f} %") for tag, share in shares.items()]
    core, ours = (statistics.median(raw[f"{side}, ms"]) for side in ("core", "ours"))
    return [
        f"A clear command takes {ours:.1f} ms; the same one takes Home Assistant's own "
        f"conversation agent {core:.1f} ms. Everyday sentences that need no model and are "
        "understood rightly:",
        "",
        *table(("language", "share"), rows),
    ]


def _turns(homes: dict[str, Any]) -> list[str]:
    rows = []
    if not homes:
        raise KeyError("turn")
    for home, kinds in homes.items():
        for kind, sides in kinds.items():
            for side, turns in sides.items():
                if not turns:
                    continue
                calls = [each for turn in turns for each in turn["calls"]]
                asked, cached = (
                    sum(call[key] for call in calls) for key in ("prompt_tokens", "cached_tokens")
                )
                rows.append(
                    (
                        home.replace("_", ", "),
                        kind,
                        _SIDES[side],
                        f"{len(calls) / len(turns):.0f}",
                        f"{asked / len(turns):,.0f}",
                        f"{(asked - cached) / len(turns):,.0f}",
                        f"{sum(call['decoded_tokens'] for call in calls) / len(turns):.0f}",
                        f"{statistics.median(turn['first'] for turn in turns):.2f} s",
                        f"{statistics.median(turn['seconds'] for turn in turns):.2f} s",
                    )
                )
    head = ("home", "turn", "side", "calls", "prompt", "read", "decoded", "first word", "reply")
    return table(head, rows)


def _devices(homes: dict[str, Any]) -> list[str]:
    kinds = homes["ranch_100"]
    rows = []
    for device, (reading, writing) in _SPEEDS.items():
        cells = [device, f"{reading} / {writing}"]
        for kind in ("cold", "warm"):
            for side in _SIDES:
                turns = kinds[kind][side]
                calls = [each for turn in turns for each in turn["calls"]]
                read = sum(call["prompt_tokens"] - call["cached_tokens"] for call in calls)
                written = sum(call["decoded_tokens"] for call in calls)
                seconds = (read / reading + written / writing) / len(turns)
                cells.append(f"{seconds:,.1f} s" if seconds < 60 else f"{seconds / 60:.1f} min")
        rows.append(cells)
    head = ["machine", "tokens/s read / written"]
    head += [f"{kind}, {_SIDES[side]}" for kind in ("cold", "warm") for side in _SIDES]
    return table(head, rows)


def _shapes(raw: dict[str, Any]) -> list[str]:
    rows = []
    for name in ("shape-1b", "shape-4b"):
        for kind, sides in raw.get(name, {}).items():
            for side, turns in sides.items():
                calls = [each for turn in turns for each in turn["calls"]]
                seconds = statistics.median(turn["seconds"] for turn in turns)
                read = sum(call["prompt_tokens"] - call["cached_tokens"] for call in calls)
                decoded = sum(call["decoded_tokens"] for call in calls)
                rows.append(
                    (
                        name.removeprefix("shape-").upper(),
                        kind,
                        _SIDES[side],
                        f"{read / len(turns):,.0f}",
                        f"{decoded / len(turns):.0f}",
                        f"{seconds:.1f} s",
                    )
                )
    if not rows:
        raise KeyError("shape-1b")
    return table(("shape", "turn", "side", "read", "decoded", "reply"), rows)


def _sidecar(raw: dict[str, Any]) -> list[str]:
    rows = []
    for size, found in raw.items():
        if size == "lookup":
            continue
        rate = found["turns_a_second"]
        rows.append(
            (
                f"{int(size):,}",
                f"{found['p50']:.1f} ms",
                f"{found['p99']:.1f} ms",
                f"{rate['1']:.0f}, {rate['8']:.0f}, {rate['32']:.0f}",
                f"{found['resident']:.0f} MiB",
                f"{found['ready']:.1f} s",
            )
        )
    head = ("entities", "p50", "p99", "turns a second, 1, 8, 32 at once", "memory", "to ready")
    return table(head, rows)


def _mirror(raw: dict[str, Any]) -> list[str]:
    lag = raw["answer of /health meanwhile, ms"]
    return [
        f"At {raw['changes a second']:.0f} state changes a second in a home of "
        f"{raw['entities']:,} entities, the sidecar uses {raw['share of a core']:.2f} of a core, "
        f"and answers `/health` in {lag['median']:.1f} ms (worst: {lag['worst']:.0f} ms)."
    ]


if __name__ == "__main__":
    sys.exit(main())
