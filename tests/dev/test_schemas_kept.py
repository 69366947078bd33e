"""That a real engine keeps the schema of a house, whatever its things are called.

With OLLAMA_HOST set, the same tests also run against that server.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from ollama_addon.agent.strategies.labels import plain
from ollama_addon.agent.strategies.patterns import escaped
from ollama_addon.agent.strategies.phrases import Phrases
from ollama_addon.agent.strategies.structured import Structured
from tests.agent.homes import family_home
from tests.agent.strategies.test_structured import allows, odd_home
from tests.dev.test_engine_contract import MODEL, Engine, engine, pulled

__all__ = ["engine", "pulled"]

NAMES = [
    plain(name)
    for name in (
        "Signs !#$%&'()*+,-./", "Signs :;<=>?@[]^_`{|}~", "0123456789 abcxyz ABCXYZ", "TV-lamp A/C",
        "Küche über Öl ß", "灯 厨房", "Lampe 💡", "Łódź – „okno“ Été",
    )
]  # fmt: skip
ODD = Phrases(odd_home())
HOME = Phrases(family_home())


def answered(engine: Engine, schema: dict[str, Any], said: str) -> Any:
    body = {
        "model": MODEL,
        "messages": [{"role": "user", "content": said}],
        "format": schema,
        "stream": False,
        "think": False,
        "options": {"temperature": 0, "num_predict": 300, "num_ctx": 2048},
    }
    with httpx.Client(base_url=engine.url, timeout=120, trust_env=False) as http:
        answer = http.post("/api/chat", json=body)
    assert answer.is_success, answer.text
    return json.loads(answer.json()["message"]["content"])


def only(labels: Sequence[str]) -> dict[str, Any]:
    """Return the schema of pressing each of these, as the schema of the house writes it."""
    phrases = {
        f"n{number}": {"type": "string", "pattern": f"^(on|off) {escaped(label)}$"}
        for number, label in enumerate(labels)
    }
    return {
        "type": "object",
        "properties": phrases,
        "required": list(phrases),
        "additionalProperties": False,
    }


@pytest.mark.usefixtures("pulled")
def test_names_are_kept_to_the_letter(engine: Engine) -> None:
    said = answered(engine, only(NAMES), "Turn on the lights.")
    assert [said[f"n{number}"].partition(" ")[2] for number in range(len(NAMES))] == NAMES


@pytest.mark.usefixtures("pulled")
@pytest.mark.parametrize("phrases", [HOME, ODD], ids=["family", "odd"])
def test_the_whole_schema_is_kept(engine: Engine, phrases: Phrases) -> None:
    structured = Structured(phrases, has_satellite=True)
    answer = answered(engine, structured.schema(), "turn on the light")
    assert set(answer) <= {"do", "say"}
    for phrase in answer.get("do", []):
        assert allows(structured.schema(), phrase), phrase
        assert phrases.read(phrase) is not None
