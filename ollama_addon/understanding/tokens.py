"""A sentence as words, each with its place in the text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache

_LETTERS = r"[^\W\d_]"
_CHARACTER = "\u3005-\u3007\u3041-\u309f\u30a1-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
"""Han characters, Hiragana and Katakana, which are written without spaces."""
_SYMBOLS = "%°½¼¾&=+"
_NUMBER = r"\d+(?:[.,:/]\d+)*"
_SPACED = re.compile(
    rf"{_NUMBER}|{_LETTERS}+(?:['’:]{_LETTERS}+)*['’]?|['’]{_LETTERS}+|[{_SYMBOLS}]"
)
_UNSPACED = re.compile(rf"{_NUMBER}|[{_CHARACTER}]|(?:(?![{_CHARACTER}]){_LETTERS})+|[{_SYMBOLS}]")
_MARKS = re.compile(r"[.!?;,:。！？；，、…\n]+")
_FRACTIONS = {"½": 0.5, "¼": 0.25, "¾": 0.75}


@dataclass(frozen=True, slots=True)
class Token:
    """One word, number or sign of a sentence."""

    text: str
    """As it was written."""
    plain: str
    """In lower case, see `plain`."""
    start: int
    end: int
    before: str
    """Punctuation marks between this token and the one before."""

    @property
    def number(self) -> float | None:
        """The number that it is written as in digits, None when it is none (or a clock time)."""
        return digits(self.plain)


@lru_cache(32_768)
def plain(text: str) -> str:
    """Return a text in lower case, composed, with one kind of apostrophe."""
    composed = unicodedata.normalize("NFC", text.replace("’", "'").replace("‘", "'"))
    return composed.lower()


@lru_cache(32_768)
def fold(text: str) -> str:
    """Return a plain text without accents: how words are compared when the plain form differs."""
    spelled = plain(text).translate(_SPELLED)
    decomposed = unicodedata.normalize("NFKD", spelled)
    return "".join(c for c in decomposed if c in _VOICED or not unicodedata.combining(c))


_VOICED = "\u3099\u309a"
"""What makes another letter of a kana ("か", "が"), and is no accent."""
_SPELLED = str.maketrans({"ß": "ss", "ł": "l", "ø": "o", "æ": "ae", "œ": "oe", "đ": "d"})


@lru_cache(8_192)
def digits(text: str) -> float | None:
    """Return the value of a number in digits: `12`, `1.5`, `1,5`, `1/2`, `½`; None for others."""
    if text in _FRACTIONS:
        return _FRACTIONS[text]
    if not text[:1].isdigit() or ":" in text or not text.isascii() or len(text) > 12:
        return None
    if "/" in text:
        above, _, below = text.partition("/")
        return (
            int(above) / int(below) if below.isdigit() and above.isdigit() and int(below) else None
        )
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return None


def tokenize(
    text: str, *, characters: bool = False, clitics: Collection[str] = ()
) -> tuple[list[Token], str]:
    """Return the tokens of a text, and the punctuation marks behind the last one.

    `characters` takes languages apart that are written without spaces, character by character;
    `clitics` are beginnings such as `l'` that are words of their own.
    """
    found: list[Token] = []
    end = 0
    for match in (_UNSPACED if characters else _SPACED).finditer(text):
        between = text[end : match.start()]
        # "a.m." and "light.kitchen" are no two sentences.
        marks = "" if between == "." and found else "".join(_MARKS.findall(between))
        end = match.end()
        for piece, start in _cut(match[0], match.start(), clitics):
            found.append(Token(piece, plain(piece), start, start + len(piece), marks))
            marks = ""
    return found, "".join(_MARKS.findall(text[end:]))


def words(text: str, *, characters: bool = False, clitics: Collection[str] = ()) -> tuple[str, ...]:
    """Return the plain words of a phrase."""
    return tuple(token.plain for token in tokenize(text, characters=characters, clitics=clitics)[0])


def _cut(word: str, start: int, clitics: Collection[str]) -> Iterator[tuple[str, int]]:
    if clitics and len(word) > 2:
        for mark in ("'", "’"):
            head, found, rest = word.partition(mark)
            if found and rest and f"{plain(head)}'" in clitics:
                yield head + mark, start
                yield rest, start + len(head) + 1
                return
    yield word, start
