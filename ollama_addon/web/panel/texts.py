"""The panel's words, one JSON file a language."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent / "texts"
DEFAULT = "en"
LANGUAGES = tuple(sorted(file.stem for file in _FOLDER.glob("*.json")))


@cache
def texts(language: str) -> Mapping[str, str]:
    """Return a language's words by key; what it lacks is in English."""
    own = json.loads((_FOLDER / f"{language}.json").read_text("utf-8"))
    return own if language == DEFAULT else {**texts(DEFAULT), **own}


def chosen(accepted: str, home: str) -> str:
    """Return the language for a browser that sent `Accept-Language`, else that of the home."""
    wishes = []
    for part in accepted.split(","):
        tag, _, weight = part.partition(";q=")
        try:
            wishes.append((-float(weight or 1), tag))
        except ValueError:
            continue
    ordered = [tag for _, tag in sorted(wishes, key=lambda wish: wish[0])]
    for tag in (*ordered, home):
        if (language := tag.strip().lower().split("-")[0]) in LANGUAGES:
            return language
    return DEFAULT
