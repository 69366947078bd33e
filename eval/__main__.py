"""The command behind `script/eval`: how well the agent does what people say to their homes."""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import yaml

from dev.stack import Stack, StackError
from eval import interpret, interpret_report
from eval.answers import report as answers_report
from eval.cases import Case, Kind, Set, load_cases
from eval.home import load_homes
from eval.report import as_json, comparison, failures, table
from eval.result import Result
from eval.runner import Runner
from ollama_addon.understanding.interpreter import Interpreter

_SAID = 1250
"""Cases of a run with a model: what fits into a quarter of an hour."""


def main() -> int:
    """Run the command line and return the exit status."""
    parser = argparse.ArgumentParser(prog="script/eval", description=__doc__)
    parser.add_argument("--set", choices=get_args(Set), help="only what is tuned on, or held back")
    parser.add_argument("--kind", choices=get_args(Kind), action="append", help="only this kind")
    parser.add_argument("--home", action="append", help="only this home, such as family_40")
    parser.add_argument("--language", action="append", help="only this language, such as de")
    parser.add_argument("--only", metavar="ID", action="append", help="only this case")
    parser.add_argument(
        "--limit",
        type=int,
        metavar="N",
        help=f"at most so many, evenly of every kind and home; with a model {_SAID}, 0: all",
    )
    parser.add_argument(
        "--agent",
        type=_settings,
        default={},
        metavar="OPTION=VALUE,…",
        help="options of the agent, such as strategy=native",
    )
    parser.add_argument(
        "--compare",
        metavar="OTHER",
        help="run again with these options of the agent, or take the file of an earlier run",
    )
    parser.add_argument("--json", action="store_true", help="print one object for programs")
    parser.add_argument("--failures", action="store_true", help="show each case that failed")
    parser.add_argument(
        "--interpret",
        action="store_true",
        help="only the interpretation: no model, no Home Assistant, below one minute",
    )
    parser.add_argument(
        "--why", action="store_true", help="with --interpret: the roles of the words of failures"
    )
    parser.add_argument(
        "--answers",
        action="store_true",
        help="replay answers of models in all their forms: no model, no Home Assistant",
    )
    parser.add_argument("--save", type=Path, metavar="FILE", help="keep every result there")
    arguments = parser.parse_args()
    if arguments.limit is None and not (arguments.interpret or arguments.answers):
        arguments.limit = _SAID
    cases = chosen(load_cases(), arguments)
    if not cases:
        parser.error("no case is left: ask for fewer conditions")
    if arguments.interpret:
        return _interpret(cases, arguments)
    if arguments.answers:
        return answers_report.show(cases, load_homes(), arguments)
    other = arguments.compare or ""
    earlier = _read(Path(other)) if Path(other).is_file() else None
    configurations = [arguments.agent]
    if other and earlier is None:
        configurations.append({**arguments.agent, **_settings(other)})
    try:
        results, *second = asyncio.run(_run(cases, configurations))
    except StackError as error:
        _log(f"error: {error}")
        return 1
    if arguments.save:
        _write(arguments.save, results)
    if arguments.json:
        print(json.dumps(as_json(results)))
        return 0
    print(table(results))
    if arguments.failures:
        print("\n" + (failures(results) or "Nothing failed."))
    if second:
        print("\n" + comparison(results, second[0]))
    if earlier is not None:
        print("\n" + comparison(earlier, results))
    return 0


def _interpret(cases: Sequence[Case], arguments: argparse.Namespace) -> int:
    """Read the cases by the interpretation alone and tell what came of it."""
    began = time.monotonic()
    run = interpret.run(cases, load_homes(), Interpreter, processes=os.cpu_count() or 1)
    if arguments.json:
        print(json.dumps(interpret_report.as_json(run)))
        return 0
    print(interpret_report.text(run))
    if arguments.why:
        print("\n" + interpret_report.why(run))
    _log(f"{len(run.readings)} cases in {time.monotonic() - began:.1f} s")
    return 0


def chosen(cases: Sequence[Case], arguments: argparse.Namespace) -> list[Case]:
    """Return the cases that were asked for; a limit takes evenly from kinds and homes."""
    found = [
        case
        for case in cases
        if (not arguments.set or case.set == arguments.set)
        and (not arguments.kind or case.kind in arguments.kind)
        and (not arguments.home or case.home in arguments.home)
        and (not arguments.language or case.language in arguments.language)
        and (not arguments.only or case.id in arguments.only)
    ]
    if not arguments.limit:
        return found
    turn: dict[tuple[str, str], int] = defaultdict(int)
    ranked = []
    for at, case in enumerate(found):
        ranked.append((turn[case.kind, case.home], at, case))
        turn[case.kind, case.home] += 1
    return [case for _, _, case in sorted(ranked, key=lambda each: each[:2])][: arguments.limit]


def _settings(text: str) -> dict[str, Any]:
    pairs = (pair.partition("=") for pair in text.split(","))
    return {key.strip(): yaml.safe_load(value) for key, _, value in pairs}


async def _run(cases: list[Case], configurations: list[Mapping[str, Any]]) -> list[list[Result]]:
    """Run the cases once with each configuration of the agent."""
    homes = load_homes()
    first = homes[min(case.home for case in cases)]
    async with Stack("eval", inventory=first.path, log=_log) as stack:
        total = len(cases) * len(configurations)
        numbers = itertools.count(1)

        def progress(result: Result) -> None:
            word = "passed" if result.passed else "FAILED"
            _log(f"{next(numbers):4}/{total}  {word}  {result.seconds:5.1f} s  {result.id}")

        runner = Runner(stack, homes, progress)
        return [await runner.run(cases, settings) for settings in configurations]


def _read(path: Path) -> list[Result]:
    return [Result(**result) for result in json.loads(path.read_text())]


def _write(path: Path, results: Sequence[Result]) -> None:
    plain = [asdict(result) for result in results]
    path.write_text(json.dumps(plain, indent=1, ensure_ascii=False) + "\n")


def _log(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
