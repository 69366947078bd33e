"""Sentences that can be said in this home: of its entities, and only what is understood."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from ollama_addon.agent.agent import Agent
from ollama_addon.agent.turn import Turn
from ollama_addon.home.model import Entity, House
from ollama_addon.understanding.lexicon import nearest
from ollama_addon.web.state import parts

router = APIRouter(prefix="/api/examples")

_TRIED = 24
"""Sentences that are tried at most; in an odd home few may be understood."""
_KINDS = {
    "light": ("on", "off"),
    "cover": ("open", "close"),
    "climate": ("temperature",),
    "switch": ("on", "off"),
    "fan": ("on", "off"),
    "media_player": ("off", "on"),
    "input_boolean": ("on", "off"),
}
"""What is said to things of a domain: what is done when it is off (or closed), or else."""
_ON = frozenset({"on", "open", "playing"})


@router.get("")
async def examples(request: Request, n: Annotated[int, Query(ge=1, le=10)] = 3) -> dict[str, Any]:
    """Return up to `n` sentences in the home's language, each of which needs no model here."""
    all_parts = parts(request)
    house = all_parts.mirror.house
    language = nearest(house.language) or "en"
    agent = next((a for a in all_parts.agents.values() if a.options.control_home), None)
    found: list[str] = []
    if agent is not None and all_parts.mirror.ready:
        for tried, sentence in enumerate(_sentences(house, language)):
            if len(found) == n or tried == _TRIED:
                break
            if await _understood(agent, sentence, language):
                found.append(sentence)
    return {"language": language, "examples": found}


async def _understood(agent: Agent, sentence: str, language: str) -> bool:
    _, route = await agent.interpret(Turn(sentence, language))
    return route.instant


def _sentences(house: House, language: str) -> Iterator[str]:
    """Yield sentences, one of each domain before the second of any."""
    templates = _templates().get(language) or _templates()["en"]
    by_domain = {
        domain: [e for e in house.entities.values() if e.domain == domain] for domain in _KINDS
    }
    for number in range(max(map(len, by_domain.values()), default=0)):
        for domain, entities in by_domain.items():
            if number < len(entities):
                yield templates[_kind(house, entities[number], domain)].format(
                    name=entities[number].name
                )
    for entity in by_domain["light"]:
        yield templates["state"].format(name=entity.name)


def _kind(house: House, entity: Entity, domain: str) -> str:
    """Return what makes a difference to a thing as it is now."""
    kinds = _KINDS[domain]
    state = house.states.get(entity.id)
    return kinds[-1] if state is not None and state.state in _ON else kinds[0]


@cache
def _templates() -> dict[str, dict[str, str]]:
    path = Path(__file__).with_name("example_sentences.json")
    found: dict[str, dict[str, str]] = json.loads(path.read_text("utf-8"))
    return found
