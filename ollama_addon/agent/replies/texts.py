"""The agent's own sentences: a file for each spoken language, read once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from babel import Locale, UnknownLocaleError

_FOLDER = Path(__file__).parent / "texts"
LANGUAGES = tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Many times faster where PyYAML was built with it: the first reply waits for it."""


class Texts:
    """The sentences of one language; English where there is no file for it."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.locale = locale_of(language)
        self._texts = _read(language)

    def text(self, key: str, n: int = 1, /, **values: object) -> str:
        """Return a sentence; parts of `key` are divided by dots.

        `n` is the number of things that it is about: by CLDR's rules it decides the form.
        """
        found: Any = self._texts
        for part in key.split("."):
            found = found[part]
        if isinstance(found, Mapping):
            found = found.get(self.locale.plural_form(n)) or found["other"]
        return str(found).format(n=n, **values)

    @property
    def spaced(self) -> bool:
        """Whether the language puts spaces between words."""
        return " " in self._texts["comma"]

    def has(self, key: str) -> bool:
        """Tell whether there is a text; parts of `key` are divided by dots."""
        found: Any = self._texts
        for part in key.split("."):
            if not isinstance(found, Mapping) or part not in found:
                return False
            found = found[part]
        return True

    def listing(self, parts: Sequence[str], last: str = "and") -> str:
        """Return words as people list them: `A, B or C`.

        `last` is `and`, `or`, or `and_do` between what is to be done.
        """
        if not parts:
            return ""
        head = self._texts["comma"].join(parts[:-1])
        return str(self._texts[last]).join(filter(None, (head, parts[-1])))


@cache
def texts_for(language: str) -> Texts:
    """Return the texts of a language tag."""
    return Texts(spoken(language) or "en")


def spoken(language: str) -> str:
    """Return which file has the texts of a language tag, empty where none has."""
    base = language.replace("_", "-").partition("-")[0].casefold()
    base = {"no": "nb"}.get(base, base)
    return base if base in LANGUAGES else ""


@cache
def _read(language: str) -> Mapping[str, Any]:
    text = (_FOLDER / f"{language}.yaml").read_text("utf-8")
    texts: Mapping[str, Any] = yaml.load(text, _LOADER)
    return texts


@cache
def locale_of(language: str, country: str = "") -> Locale:
    """Return the locale of a language as it is written in a country."""
    for tag in (f"{language}_{country.upper()}", "en_GB" if language == "en" else language):
        try:
            return Locale.parse(tag)
        except (UnknownLocaleError, ValueError):
            continue
    return Locale.parse("en_GB")
