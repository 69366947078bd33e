"""Rated turns as sentences of an evaluation, in the form that `eval/cases.py` reads.

A person builds an evaluation of their own home with them: what was rated right has to come out
again, what was rated wrong has to come out as the person said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from ollama_addon.history.placeholders import Placeholders
from ollama_addon.history.verdict import Kept


def sentences(
    turns: Iterable[Kept], home: str, language: str, placeholders: Placeholders | None = None
) -> str:
    """Return a document of sentences in YAML; `home` is the name of the home's inventory.

    Turns of which nobody has said what should happen are left out: those that were not rated,
    and those that were rated wrong without actions. The latter are comments at the end.
    """
    cases: list[dict[str, Any]] = []
    left: list[str] = []
    for turn in turns:
        shown: Kept = turn if placeholders is None else placeholders.all(dict(turn))
        case = _case(shown, len(cases) + 1, language)
        if case is not None:
            cases.append(case)
        elif shown.get("rating") == "wrong":
            left.append(f"# {_line(shown['text'])} -> {_line(shown.get('expected') or '?')}")
    document = yaml.safe_dump(
        {"home": home, "language": language, "cases": cases}, allow_unicode=True, sort_keys=False
    )
    if left:
        document += "# Rated wrong, without what has to change:\n" + "\n".join(left) + "\n"
    return document


def _case(turn: Kept, number: int, language: str) -> dict[str, Any] | None:
    case: dict[str, Any] = {"id": f"own-{number}", "kind": "plain", "say": [turn["text"]]}
    if turn["language"] and turn["language"] != language:
        case["language"] = turn["language"]
    expected = turn.get("expected")
    if turn.get("rating") == "wrong":
        if not isinstance(expected, list):
            return None
        change = {each["entity_id"]: _wanted(each) for each in expected}
        return case | ({"change": change} if change else {"kind": "report", "nothing": True})
    if turn.get("rating") != "right":
        return None
    results = [action.get("result") or {} for action in turn.get("actions") or ()]
    change = {each["id"]: each["state"] for result in results for each in result.get("changed", ())}
    # What was so already, or did not tell: it may be either way.
    free = [each["id"] for result in results for each in result.get("unchanged", ())]
    if turn["outcome"] == "asked":
        case |= {"kind": "ambiguous", "asks": True}
    elif turn["outcome"] in ("talked", "answered") and not change:
        case["kind"] = "talk" if turn["outcome"] == "talked" else "question"
    elif not change and not free:
        case |= {"kind": "missing", "nothing": True}
    if change:
        case["change"] = change
    if free:
        case["free"] = list(dict.fromkeys(free))
    return case


def _wanted(expected: Mapping[str, Any]) -> Any:
    if attributes := expected.get("attributes"):
        return {"state": expected["state"], **attributes}
    return expected["state"]


def _line(value: Any) -> str:
    return " ".join(str(value).split())
