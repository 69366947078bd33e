"""Words that can be read aloud: without markup, tables and web addresses.

Works on what comes, word by word, so that a reply can be spoken while it is written.
"""

from __future__ import annotations

import html
import re

_PIECES = re.compile(r"\s+|[^\s。！？，、；]+|[。！？，、；]")
_LONGEST = 512
"""Characters without a space that are waited for; addresses are rarely longer."""
_BULLET = re.compile(r"[-*+•–—‣▪·]|#{1,6}|>{1,4}")
_RULE = re.compile(r"[:|]*(?:-{2,}|={3,}|\*{3,}|_{3,})[-:|=*_]*")
_LINK = re.compile(r"\]\([^()\s]*\)?|!?\[(?:\^?\d{1,3}\])?|\]")
_ADDRESS = re.compile(
    r"<?(?:(?:https?|ftp|file)://|www\.)[^\s<>\"'）)\]}，。]*"
    r"|(?<![\w@.-])(?:[\w-]{1,63}\.){1,4}(?:com|org|net|io|dev|info|eu|de|fr|nl|uk|es|it)"
    r"(?:/[^\s<>\"')\]]*|(?=[\s.,;:!?)\]]|$))",
    re.IGNORECASE,
)
_ENDING = re.compile(r"[.,;:!?]+$")
_LEFT_OVER = re.compile(r"[\[\]{}<>(\"'`*_~]+\)?")
"""What is left of a word whose markup was taken out."""
_STAR = re.compile(r"\*\*+|__+|~~+|`+|(?<!\d)\*|\*(?!\d)|(?<!\w)_(?=\w)|(?<=\w)_(?!\w)")
_ESCAPED = re.compile(r"\\([*_`~#|\[\](){}.!+-])")
_ENTITY = re.compile(r"&(?:#\d{1,6}|#x[0-9a-fA-F]{1,5}|[a-zA-Z]{2,8});")


class Speech:
    """Takes text as it comes and gives the words that can be spoken."""

    def __init__(self) -> None:
        self.run = ""
        """The word that is not whole yet."""
        self._gap = ""
        """What stands before the next word: nothing, a space or a new line."""
        self._cell = False
        """Whether the next word begins another cell of a table."""
        self._begun = False
        self._line = False
        """Whether something was said on this line."""

    def feed(self, text: str) -> str:
        """Take a piece of text, return the words that are whole."""
        said = []
        for piece in _PIECES.findall(text):
            if piece.isspace():
                said.append(self._end())
                self._space(piece)
                continue
            self.run += piece
            while len(self.run) > _LONGEST:
                rest, self.run = self.run[_LONGEST:], self.run[:_LONGEST]
                said.append(self._end())
                self.run = rest
            if piece in "。！？，、；":
                said.append(self._end())
        return "".join(said)

    def finish(self) -> str:
        """Return the last word."""
        return self._end()

    def drop(self) -> None:
        """Leave out the word that is not whole yet: it is the name of a call."""
        self.run = ""

    def _space(self, piece: str) -> None:
        if "\n" in piece:
            self._gap, self._cell, self._line = "\n", False, False
        elif not self._gap:
            self._gap = " "

    def _end(self) -> str:
        word, self.run = self.run, ""
        if not word or (not self._line and _BULLET.fullmatch(word)) or _RULE.fullmatch(word):
            return ""
        said = ""
        for number, part in enumerate(word.split("|")):
            if number:
                self._cell = self._line
            if part:
                said += self._say(_spoken(part))
        return said

    def _say(self, word: str) -> str:
        if not word:
            return ""
        if not word.strip(".,;:!?)"):
            self._cell = False
            # What ends a sentence stays with it, also where a word was left out.
            return word if self._begun else ""
        gap = ", " if self._cell else self._gap
        before = gap if self._begun else ""
        self._gap, self._cell, self._begun, self._line = "", False, True, True
        return before + word


def clean(text: str) -> str:
    """Return a whole text as it can be read aloud."""
    speech = Speech()
    return speech.feed(text) + speech.finish()


def _spoken(word: str) -> str:
    """Return a word without markup; nothing for an address."""
    if word.isalnum() or len(word) == 1:
        return "" if word in "[]{}`*_" else word
    plain = _LINK.sub("", _ESCAPED.sub(r"\1", word))
    if "." in plain:
        plain = _ADDRESS.sub(_ended, plain)
    plain = _STAR.sub("", plain)
    if _LEFT_OVER.fullmatch(plain):
        return ""
    return _ENTITY.sub(lambda entity: html.unescape(entity[0]), plain) if "&" in plain else plain


def _ended(address: re.Match[str]) -> str:
    """Return what ends the sentence that an address stands in."""
    ending = _ENDING.search(address[0])
    return ending[0] if ending else ""
