"""Every spoken language has every sentence, with every value in it and every plural form."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
import yaml

from ollama_addon.agent.replies import texts
from ollama_addon.agent.replies.texts import LANGUAGES, texts_for
from ollama_addon.understanding import lexicon

_FOLDER = Path(texts.__file__).parent / "texts"
_CATEGORIES = {"zero", "one", "two", "few", "many", "other"}
_FREE = {"n"}
"""Languages may leave out a number where the word alone says it."""


def _read(language: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((_FOLDER / f"{language}.yaml").read_text("utf-8"))
    return read


def _flat(data: dict[str, Any], before: str = "") -> dict[str, list[str]]:
    """Return all forms of each text, by its key."""
    found: dict[str, list[str]] = {}
    for key, value in data.items():
        if isinstance(value, dict) and set(value) <= _CATEGORIES:
            found[f"{before}.{key}"] = list(value.values())
        elif isinstance(value, dict):
            found |= _flat(value, str(key))
        else:
            found[f"{before}.{key}"] = [value]
    return found


def _fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_whoever_is_understood_is_answered() -> None:
    assert set(LANGUAGES) == set(lexicon.languages())


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_there_with_every_value(language: str) -> None:
    english, own = _flat(_read("en")), _flat(_read(language))
    assert set(own) == set(english)
    for key, forms in own.items():
        wanted = set.union(*map(_fields, english[key]))
        for form in forms:
            assert _fields(form) - _FREE <= wanted, (key, form)
            assert wanted - _FREE <= _fields(form), (key, form)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_plural_form_is_there(language: str) -> None:
    rule = texts_for(language).locale.plural_form
    categories = {rule(n) for n in range(200)}
    for key, value in _read(language)["kinds"].items():
        if isinstance(value, dict):
            assert categories <= set(value), key
        else:
            assert categories == {"other"}, key


@pytest.mark.parametrize("language", sorted(set(LANGUAGES) - {"en"}))
def test_nothing_is_left_in_english(language: str) -> None:
    english, own = _flat(_read("en")), _flat(_read(language))
    same = {
        key
        for key, forms in own.items()
        if forms == english[key] and re.search(r"[A-Za-z]{4}", re.sub(r"\{\w+\}", "", forms[0]))
    }
    # Words that are the same in both languages.
    assert len(same) <= 4, same


def test_a_language_without_texts_is_answered_in_english() -> None:
    assert texts_for("fi").language == "en"
    assert texts_for("de-CH").language == "de"
    assert texts_for("no").language == "nb"
