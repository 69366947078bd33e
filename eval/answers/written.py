"""Answers written by hand to sentences that only a model understands: `written.yaml`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import yaml

from eval.answers.forms import structured_forms
from eval.answers.replay import Answer, Outcome, Replay
from eval.cases import Case
from eval.home import Home

_FILE = Path(__file__).parent / "written.yaml"


def load() -> list[dict[str, Any]]:
    """Return the written answers: each with a sentence, phrases or calls, and what comes of it."""
    document = yaml.safe_load(_FILE.read_text("utf-8"))
    return [
        {"home": group["home"], "language": group["language"], **each}
        for group in document
        for each in group["answers"]
    ]


def replay_written(homes: Mapping[str, Home], languages: Collection[str]) -> Iterator[Outcome]:
    """Yield what comes of the written answers in these languages."""
    together: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for each in load():
        if each["language"] in languages:
            together[each["home"], each["language"]].append(each)
    for (home_id, language), group in together.items():
        run = Replay(homes[home_id], language)
        for number, each in enumerate(group):
            yield run.outcome(_answer(each, number))


def _answer(each: Mapping[str, Any], number: int) -> Answer:
    case = Case(
        id=f"written-{each['language']}-{number + 1:02}",
        kind="wish",
        say=each["say"],
        home=each["home"],
        language=each["language"],
        at=each.get("at"),
        change=each.get("change", {}),
        free=each.get("free", []),
        asks=bool(each.get("asks")),
    )
    wanted: Literal["done", "stopped"] = "stopped" if each.get("stopped") else "done"
    if "do" in each:
        forms = structured_forms(each["do"])
        form = sorted(forms)[number % len(forms)]
        return Answer(case, "structured", form, forms[form], wanted)
    calls = [{"function": {"name": name, "arguments": given}} for name, given in each["call"]]
    return Answer(case, "native", "tool calls", {"content": "", "tool_calls": calls}, wanted)
