"""The command that prints what a sentence means in the house of the running app."""

from __future__ import annotations

import sys
from typing import Any

import httpx

from ollama_addon.app.settings import Settings
from ollama_addon.web.access.tokens import read_token

_TIMEOUT = 30.0
"""Seconds; the first sentence after a start reads the words of its language."""


def interpret(settings: Settings, turn: dict[str, Any], agent: str, *, why: bool) -> int:
    """Print what a sentence means; nothing is done. Return the exit status.

    `turn` has what `POST /api/agents/{id}/interpret` takes; the first agent is asked when
    `agent` is empty.
    """
    headers = {"Authorization": f"Bearer {read_token(settings.data / 'token')}"}
    base = f"http://127.0.0.1:{settings.port}/api/agents"
    try:
        with httpx.Client(headers=headers, timeout=_TIMEOUT, trust_env=False) as client:
            if not agent:
                agents = client.get(base).raise_for_status().json()
                if not agents:
                    print("There is no conversation agent yet.", file=sys.stderr)
                    return 1
                agent = agents[0]["id"]
            answer = client.post(f"{base}/{agent}/interpret", json=turn)
    except httpx.HTTPError as error:
        print(f"The app does not answer: {error}", file=sys.stderr)
        return 1
    found = answer.json()
    if not answer.is_success:
        print(found.get("message") or answer.text, file=sys.stderr)
        return 1
    print("\n".join(lines(found, why=why)))
    return 0


def lines(found: dict[str, Any], *, why: bool) -> list[str]:
    """Return the answer of the route in words, with each word's role when asked why."""
    needed = "no model is needed" if found["instant"] else "a model decides"
    if found["reasons"]:
        needed += f" ({', '.join(found['reasons'])})"
    said = [f"{found['language']}: {needed}"]
    for clause in found["clauses"]:
        certain = "certain" if clause["certain"] else "not certain"
        said.append(f"- {clause['text']}: {clause['mood']}, {certain}")
        if clause["when"]:
            said.append(f"    when: {clause['when']}")
        if clause["question"]:
            said.append(f"    asks: {clause['question']}")
        said += [
            f"    {each['phrase']} ({each['score']:g}): {', '.join(each['entity_ids'])}"
            for each in clause["candidates"]
        ]
        missing = clause["missing_place"] or clause["missing_thing"]
        if missing:
            said.append(f"    not there: {missing}")
        if why:
            said += [_word(each) for each in clause["words"]]
            said += [f"    doubt: {doubt}" for doubt in clause["doubts"]]
    return said


def _word(word: dict[str, Any]) -> str:
    meaning = f" = {word['meaning']}" if word["meaning"] else ""
    unused = "" if word["used"] else " (not used)"
    return f"    {word['text']}: {word['role']}{meaning}{unused}"
