"""How many tokens a text has for a model: learned from what the engine counts.

A token is about four letters of English, two of Greek and one character of Chinese; each
tokenizer has its own. The engine counts every prompt, and each count mends the rates.
"""

from __future__ import annotations

import re

_SCRIPTS = {
    "latin": re.compile(r"[\x00-\u024f\u1e00-\u1eff\u2000-\u206f]"),
    "cyrillic": re.compile(r"[\u0400-\u052f]"),
    "chinese": re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]"),
    "other": re.compile(r"."),
}
_FIRST = {"latin": 1 / 3.3, "cyrillic": 1 / 2.2, "chinese": 1.0, "other": 1 / 1.4}
"""Tokens a character, somewhat more than most tokenizers need."""
_LEAST, _MOST = 0.1, 4.0
_SHORT = 200
"""Characters below which a count says little: a model's template adds its own tokens."""


class TokenRates:
    """The tokens a character of one model, by script."""

    def __init__(self) -> None:
        self._rates = dict(_FIRST)

    def tokens(self, text: str) -> int:
        """Return about how many tokens a text has."""
        counts = _counts(text)
        return round(sum(self._rates[script] * count for script, count in counts.items()))

    def learn(self, text: str, tokens: int) -> None:
        """Take in how many tokens a text really had. Short texts teach nothing."""
        guessed = self.tokens(text)
        if len(text) < _SHORT or tokens <= 0 or guessed <= 0:
            return
        ratio = tokens / guessed
        for script, count in _counts(text).items():
            share = self._rates[script] * count / guessed
            learned = self._rates[script] * ratio**share
            self._rates[script] = min(max(learned, _LEAST), _MOST)


def _counts(text: str) -> dict[str, int]:
    if text.isascii():
        return {"latin": len(text)}
    counts = {
        script: len(pattern.findall(text))
        for script, pattern in _SCRIPTS.items()
        if script != "other"
    }
    counts["other"] = max(0, len(text) - sum(counts.values()))
    return {script: count for script, count in counts.items() if count}
