"""Requests for later or under a condition, which cannot be done and must not be done now."""

from __future__ import annotations

from collections.abc import Sequence

from ollama_addon.understanding.words import UNITS

_WORDS: dict[str, str] = {
    "en": "when if unless until once whenever tonight tomorrow later midnight noon o'clock am pm",
    "de": "wenn falls sobald bis morgen spater nachher mitternacht uhr",
    "fr": "quand si lorsque des demain tard minuit midi",
    "es": "cuando si hasta manana tarde medianoche mediodia",
    "nl": "als wanneer zodra totdat morgen straks later middernacht",
    "it": "quando se appena domani dopo mezzanotte mezzogiorno",
    "pl": "gdy kiedy jesli jutro pozniej polnoc poludnie",
    "pt": "quando se assim amanha depois meia-noite meio-dia",
}
_ORDINALS = frozenset({"second", "seconde", "min"})
_LATER = {language: frozenset(words.split()) for language, words in _WORDS.items()}


def is_later(said: Sequence[str], language: str) -> bool:
    """Tell whether folded words ask for something at another time or under a condition.

    Words that belong to names must be left out: "the second floor" is no time.
    """
    words = _LATER.get(language.split("-")[0], frozenset())
    return any(
        word in words or (len(word) > 2 and word in UNITS and word not in _ORDINALS)
        for word in said
    )
