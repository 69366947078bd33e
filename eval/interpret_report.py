"""What a run of the interpretation alone has shown, for people and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from eval.interpret import Reading, Run
from eval.judgement import GRADES

_FAILED = ("wrong", "opposite")
_GOOD = ("right", "asked")


def as_json(run: Run) -> dict[str, Any]:
    """Return the rates for programs: `rate` of what is right, `wrong_rate` of what acts wrongly."""
    readings = run.readings
    return {
        **_rates(readings),
        "opposite": sum(each.grade == "opposite" for each in readings),
        "sets": _by(readings, lambda each: each.set),
        "languages": _by(readings, lambda each: each.language),
        "held_languages": _by(_held(readings), lambda each: each.language),
        "kinds": _by(readings, lambda each: each.kind),
        "plain_certain": _plain(readings),
        "metamorphic": {
            "n": sum(run.tried.values()),
            "wrong": len(run.acted),
            "wrong_rate": _share(len(run.acted), sum(run.tried.values()), 5),
        },
        "milliseconds": _times(readings),
    }


def text(run: Run) -> str:
    """Return the report for people. It leads with what was done wrongly.

    Of the half that is held back only counts are told, so that nothing is tuned to it.
    """
    readings = run.readings
    bad = sorted(
        (each for each in readings if each.grade in _FAILED),
        key=lambda each: (each.grade == "wrong", each.language, each.id),
    )
    lines = [f"{len(bad)} wrong or opposite of {len(readings)}:"]
    lines += [
        f"  {each.grade:8} {each.id:24} {' / '.join(each.said)} — {each.reason}"
        for each in bad
        if each.set == "tune"
    ]
    lines += _counted(f"{each.grade:8} {each.language}" for each in bad if each.set == "held")
    tried = sum(run.tried.values())
    lines += ["", f"{len(run.acted)} of {tried} turned sentences act:"]
    lines += [
        f"  {each.way:8} {each.id:24} {each.said} — {each.did}"
        for each in run.acted
        if each.set == "tune"
    ]
    lines += _counted(f"{each.way:8} {each.language}" for each in run.acted if each.set == "held")
    for name, by in (
        ("language", lambda each: each.language),
        ("kind", lambda each: each.kind),
        ("half", lambda each: each.set),
    ):
        lines += ["", *_table(name, readings, by)]
    lines += ["", "plain commands that are certain   tune          held"]
    plain = _plain(readings)
    for language in sorted(plain):
        halves = [plain[language].get(half) for half in ("tune", "held")]
        cells = [f"{h['rate'] * 100:5.1f} % of {h['n']:3}" if h else " " * 14 for h in halves]
        lines.append(f"  {language:30} {'  '.join(cells)}")
    times = _times(readings)
    lines += ["", f"interpretation: p50 {times['p50']} ms, p99 {times['p99']} ms"]
    return "\n".join(lines)


def why(run: Run) -> str:
    """Return the roles of the words for what failed in the half that is tuned on."""
    lines = []
    for each in run.readings:
        if each.grade in _GOOD or each.set == "held":
            continue
        offered = " (right among the candidates)" if each.offered else ""
        lines += [f"{each.id}  {each.grade}{offered}: {each.reason}"]
        lines += [f"    said  {each.said!r}"]
        lines += [f"    read  {line}" for line in each.roles]
    return "\n".join(lines) or "Nothing failed."


def _counted(names: Iterable[str]) -> list[str]:
    """Return how often each of these occurs in the half that is held back."""
    return [f"  {name}  {count} held back" for name, count in sorted(Counter(names).items())]


def _held(readings: Iterable[Reading]) -> list[Reading]:
    return [each for each in readings if each.set == "held"]


def _rates(readings: Sequence[Reading]) -> dict[str, Any]:
    good = sum(each.grade in _GOOD for each in readings)
    bad = sum(each.grade in _FAILED for each in readings)
    return {
        "n": len(readings),
        "rate": _share(good, len(readings)),
        "wrong_rate": _share(bad, len(readings)),
        "offered_rate": _share(good + sum(each.offered for each in readings), len(readings)),
    }


def _share(part: int, whole: int, digits: int = 4) -> float:
    return round(part / whole, digits) if whole else 0.0


def _by(readings: Iterable[Reading], key: Callable[[Reading], str]) -> dict[str, Any]:
    groups: dict[str, list[Reading]] = {}
    for each in readings:
        groups.setdefault(key(each), []).append(each)
    return {name: _rates(groups[name]) for name in sorted(groups)}


def _plain(readings: Iterable[Reading]) -> dict[str, dict[str, Any]]:
    """Return how many plain commands were done with certainty and rightly, by language and half."""
    found: dict[str, dict[str, Any]] = {}
    groups: dict[tuple[str, str], list[Reading]] = {}
    for each in readings:
        if each.kind == "plain":
            groups.setdefault((each.language, each.set), []).append(each)
    for (language, half), group in groups.items():
        certain = sum(each.certain and each.grade == "right" for each in group)
        found.setdefault(language, {})[half] = {
            "rate": _share(certain, len(group)),
            "n": len(group),
        }
    return found


def _table(name: str, readings: Sequence[Reading], key: Callable[[Reading], str]) -> list[str]:
    heads = " ".join(f"{grade:>8}" for grade in GRADES)
    lines = [f"{name:12} {'n':>5} {heads}  {'right %':>7} {'with ≤ 6 %':>10} {'held %':>7}"]
    groups: dict[str, list[Reading]] = {"all": list(readings)}
    for each in readings:
        groups.setdefault(key(each), []).append(each)
    for group_name in [*sorted(groups.keys() - {"all"}), "all"]:
        group = groups[group_name]
        rates, held = _rates(group), _rates(_held(group))
        counts = " ".join(f"{sum(e.grade == grade for e in group):>8}" for grade in GRADES)
        lines.append(
            f"{group_name:12} {len(group):>5} {counts}  {rates['rate'] * 100:>7.1f}"
            f" {rates['offered_rate'] * 100:>10.1f} {held['rate'] * 100:>7.1f}"
        )
    return lines


def _times(readings: Iterable[Reading]) -> dict[str, float]:
    times = sorted(each for reading in readings for each in reading.milliseconds)
    if not times:
        return {"p50": 0.0, "p99": 0.0}
    return {
        "p50": round(times[len(times) // 2], 2),
        "p99": round(times[min(len(times) - 1, int(len(times) * 0.99))], 2),
    }
