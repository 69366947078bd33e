"""What a replay of answers has shown, as a table or for programs."""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

from eval.answers.replay import Outcome, Result, Strategy, replay
from eval.answers.written import replay_written
from eval.cases import Case
from eval.home import Home

_RESULTS: Sequence[Result] = get_args(Result)
_GOOD: Sequence[Result] = ("right", "stopped")


def show(cases: Sequence[Case], homes: Mapping[str, Home], arguments: argparse.Namespace) -> int:
    """Replay the answers to these cases, print what came of them, and return the exit status."""
    outcomes = [*replay(cases, homes), *replay_written(homes, {case.language for case in cases})]
    if arguments.json:
        print(json.dumps(as_json(outcomes)))
        return 0
    print(table(outcomes))
    if arguments.failures:
        print("\n" + "\n".join(map(line, filter(failed, outcomes))))
    return 0


def failed(outcome: Outcome) -> bool:
    """Tell whether an outcome is not what it should be."""
    return outcome.result not in _GOOD


def as_json(outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """Return the figures: by strategy and by language, and how often what was mended."""
    outcomes = list(outcomes)
    return {
        **{strategy: _figures(o for o in outcomes if o.answer.strategy == strategy)
           for strategy in get_args(Strategy)},
        "languages": {
            language: _figures(o for o in outcomes if o.answer.case.language == language)
            for language in sorted({o.answer.case.language for o in outcomes})
        },
        "mended": dict(Counter(kind for o in outcomes for kind in o.mended).most_common()),
    }  # fmt: skip


def table(outcomes: Iterable[Outcome]) -> str:
    """Return the figures as lines of text."""
    outcomes = list(outcomes)
    groups: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        groups[outcome.answer.strategy].append(outcome)
    for outcome in outcomes:
        groups[outcome.answer.case.language].append(outcome)
    lines = [
        f"{'':12}" + "".join(f"{name:>9}" for name in ("answers", *_RESULTS, "good %", "calls"))
    ]
    for name, group in groups.items():
        figures = _figures(group)
        counts = [figures["answers"], *(figures[result] for result in _RESULTS)]
        lines.append(
            f"{name:12}"
            + "".join(f"{count:>9}" for count in counts)
            + f"{figures['good']:>9.1f}{figures['calls']:>9.2f}"
        )
    mended = Counter(kind for outcome in outcomes for kind in outcome.mended)
    lines.append("mended: " + ", ".join(f"{kind} {count}" for kind, count in mended.most_common()))
    return "\n".join(lines)


def line(outcome: Outcome) -> str:
    """Return what came of one answer, on one line."""
    answer = outcome.answer
    proposed = "; ".join(f"{each.intent} {dict(each.slots)}" for each in answer.actions)
    return (
        f"{outcome.result:8}{answer.strategy:12}{answer.form:28}{answer.case.id:20}"
        f"{answer.case.say[0]!r} ← {proposed} {outcome.detail}"
    )


def _figures(outcomes: Iterable[Outcome]) -> dict[str, Any]:
    outcomes = list(outcomes)
    counts = Counter(outcome.result for outcome in outcomes)
    total = max(1, len(outcomes))
    return {
        "answers": len(outcomes),
        **{result: counts[result] for result in _RESULTS},
        "good": round(100 * sum(counts[each] for each in _GOOD) / total, 2),
        "wrong_rate": round(100 * counts["wrong"] / total, 2),
        "asked_rate": round(100 * counts["asked"] / total, 2),
        "calls": round(sum(outcome.calls for outcome in outcomes) / total, 3),
    }
