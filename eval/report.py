"""What a run has shown, for people and for programs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from eval.result import Result
from eval.statistics import sign_test, wilson


def as_json(results: Sequence[Result]) -> dict[str, Any]:
    """Return the rates by kind, set and language, and what the run took."""
    untouched = sum(not result.touched for result in results)
    return {
        "kinds": _rates(results, lambda result: result.kind),
        "sets": _rates(results, lambda result: result.set),
        "languages": _rates(results, lambda result: result.language),
        "homes": _rates(results, lambda result: result.home),
        "untouched": {"rate": _rate(untouched, len(results)), "n": len(results)},
        "unrepaired": _interval([result.passed and not _mended(result) for result in results]),
        "calls": sum(result.calls for result in results),
        "tokens": sum(result.tokens for result in results),
        "seconds": round(sum(result.seconds for result in results), 2),
    }


def table(results: Sequence[Result]) -> str:
    """Return the rates as lines with their 95 % confidence intervals."""
    tune = _rates([each for each in results if each.set == "tune"], lambda result: result.kind)
    held = _rates([each for each in results if each.set == "held"], lambda result: result.kind)
    lines = [f"{'':12} {'passed':>9} {'rate':>6}  {'95 %':6}  {'tune':>5} {'held':>5}"]
    for name, rate in _rates(results, lambda result: result.kind).items():
        lines.append(f"{_row(name, rate)}  {_percent(tune.get(name))} {_percent(held.get(name))}")
    for by in (_language, _home):
        lines += ["", *(_row(name, rate).rstrip() for name, rate in _rates(results, by).items())]
    everything = _rates(results, lambda result: "all")
    lines += ["", *(_row(name, rate) for name, rate in everything.items())]
    untouched = [result.touched == [] for result in results]
    lines.append(_row("untouched", _interval(untouched)))
    bare = [result.passed and not _mended(result) for result in results]
    lines.append(_row("unrepaired", _interval(bare)) + " passed without anything mended")
    turns = sum(len(result.turns) for result in results) or 1
    calls = sum(result.calls for result in results)
    tokens = sum(result.tokens for result in results)
    each = [result.seconds / len(result.turns) for result in results]
    lines += [
        "",
        f"{turns} turns: {calls / turns:.2f} model calls and {tokens / turns:.0f} tokens a turn,"
        f" {sum(result.seconds for result in results):.0f} s, median {median(each or [0]):.2f} s",
    ]
    return "\n".join(lines)


def failures(results: Iterable[Result]) -> str:
    """Return what was said, done and expected in each case that did not pass."""
    return "\n\n".join(_failure(result) for result in results if not result.passed)


def comparison(first: Sequence[Result], second: Sequence[Result]) -> str:
    """Return how a second run of the same cases differs from a first, pair by pair."""
    others = {result.id: result for result in second}
    pairs = [(result, others[result.id]) for result in first if result.id in others]
    kinds = dict.fromkeys(result.kind for result, _ in pairs)
    lines = [f"{'':12} {'first':>6} {'second':>6}  {'won':>4} {'lost':>4}   by chance"]
    groups: list[tuple[str, list[tuple[Result, Result]]]] = [
        (kind, [pair for pair in pairs if pair[0].kind == kind]) for kind in kinds
    ]
    for name, group in [*groups, ("all", pairs)]:
        lines.append(_compared(name, [(one.passed, two.passed) for one, two in group]))
    lines.append(_compared("untouched", [(not one.touched, not two.touched) for one, two in pairs]))
    for word, only in (("won", (False, True)), ("lost", (True, False))):
        names = [one.id for one, two in pairs if (one.passed, two.passed) == only]
        lines += ["", f"{word}: {', '.join(names) or 'none'}"]
    lines.append("")
    for what in ("calls", "tokens", "seconds"):
        one, two = (sum(getattr(pair[at], what) for pair in pairs) for at in (0, 1))
        lines.append(f"{what:8} {one:>10.0f} → {two:>10.0f}")
    return "\n".join(lines)


def _mended(result: Result) -> bool:
    """Tell whether anything that the model proposed had to be mended before it was done."""
    return any(action.get("mended") for turn in result.turns for action in turn["actions"])


def _language(result: Result) -> str:
    return result.language


def _home(result: Result) -> str:
    return result.home


def _rates(
    results: Sequence[Result], by: Callable[[Result], str]
) -> dict[str, dict[str, float | int]]:
    names = dict.fromkeys(by(result) for result in results)
    return {
        name: _interval([result.passed for result in results if by(result) == name])
        for name in names
    }


def _interval(passed: Sequence[bool]) -> dict[str, float | int]:
    low, high = wilson(sum(passed), len(passed))
    return {
        "rate": _rate(sum(passed), len(passed)),
        "n": len(passed),
        "low": round(low, 4),
        "high": round(high, 4),
    }


def _rate(passed: int, n: int) -> float:
    return round(passed / n, 4) if n else 0.0


def _row(name: str, rate: Mapping[str, float | int]) -> str:
    passed = round(rate["rate"] * rate["n"])
    share = f"{passed}/{rate['n']}"
    between = f"{rate['low'] * 100:.0f}–{rate['high'] * 100:.0f}"
    return f"{name:12} {share:>9} {rate['rate'] * 100:>4.0f} %  {between:6}"


def _percent(rate: Mapping[str, float | int] | None) -> str:
    return f"{rate['rate'] * 100:>3.0f} %" if rate else f"{'–':>5}"


def _compared(name: str, pairs: Sequence[tuple[bool, bool]]) -> str:
    n = len(pairs) or 1
    won = sum(two and not one for one, two in pairs)
    lost = sum(one and not two for one, two in pairs)
    first, second = (sum(pair[at] for pair in pairs) / n * 100 for at in (0, 1))
    return (
        f"{name:12} {first:>4.0f} % {second:>4.0f} %  {won:>4} {lost:>4}   "
        f"{sign_test(won, lost):.3f}"
    )


def _failure(result: Result) -> str:
    lines = [f"{result.id} ({result.home})"]
    for turn in result.turns:
        lines.append(f"  said   {turn['said']}")
        for action in turn["actions"]:
            slots = ", ".join(f"{key}={value}" for key, value in action["arguments"].items())
            failed = "" if action["ok"] else f" failed: {action['result']}"
            lines.append(f"  did    {action['name']}({slots}){failed}")
        lines.append(f"  reply  {turn['reply']}")
    return "\n".join([*lines, *(f"  wrong  {problem}" for problem in result.problems)])
