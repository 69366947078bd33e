"""A tiny model chooses between what a sentence can mean, and may choose none of it.

A model of a few hundred million parameters picks well among a few things that differ, and
poorly among many. It sees phrases, no house, and never talks about the house.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rapidfuzz import fuzz, process

from ollama_addon.agent.strategies.labels import plain
from ollama_addon.agent.strategies.loose_json import containers

MOST = 6
"""Candidates that are shown at most."""
NONE = "none of these"
_NEAR = 90
_RULES = "You control a smart home. Answer with JSON."
_EXAMPLES = (
    ("turn on the porch light", ("turn off Porch light", "turn on Porch light"), 1),
    ("shut the garden gate please", ("close Garden gate", "open Garden gate"), 0),
    ("how are you?", ("turn on Porch light", "open Garden gate"), None),
)


def schema(phrases: Sequence[str]) -> dict[str, Any]:
    """Return the JSON schema of the choice between these phrases, or none of them."""
    return {
        "type": "object",
        "properties": {"do": {"enum": [*shown(phrases), NONE]}},
        "required": ["do"],
        "additionalProperties": False,
    }


def messages(instructions: str = "") -> list[dict[str, str]]:
    """Return the unchanging first messages: the rules and a few examples."""
    rules = "\n".join(filter(None, (_RULES, instructions.strip())))
    found = [{"role": "system", "content": rules}]
    for text, phrases, right in _EXAMPLES:
        chosen = phrases[right] if right is not None else NONE
        found.append({"role": "user", "content": message(text, phrases)})
        found.append({"role": "assistant", "content": f'{{"do":"{chosen}"}}'})
    return found


def message(text: str, phrases: Sequence[str]) -> str:
    """Return the newest message: what may be chosen, and the sentence."""
    return f"Options: {'; '.join([*shown(phrases), NONE])}\nUser: {text}"


def shown(phrases: Sequence[str]) -> list[str]:
    """Return the phrases as they are shown, each once and no more than `MOST`."""
    return list(dict.fromkeys(filter(None, map(plain, phrases))))[:MOST]


def read(answer: str, phrases: Sequence[str]) -> int | None:
    """Return the index of the phrase that was chosen, None for none or for no answer."""
    data = next((each for each in containers(answer) if isinstance(each, Mapping)), None)
    chosen: Any = data.get("do") if data is not None else answer
    if isinstance(chosen, list):
        chosen = chosen[0] if chosen else None
    if not isinstance(chosen, str):
        return None
    options = [plain(phrase).casefold() for phrase in phrases]
    said = plain(chosen).casefold()
    if said in options:
        return options.index(said)
    if said == NONE:
        return None
    near = process.extract(said, options, scorer=fuzz.ratio, score_cutoff=_NEAR, limit=2)
    # "turn on" and "turn off" are one letter apart: what is near to two is neither.
    return near[0][2] if len(near) == 1 else None
