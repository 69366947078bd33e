"""A clause while it is read: its spans, and the role that each of them was given so far."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ollama_addon.understanding.chart import Span
from ollama_addon.understanding.interpretation import Role, Word
from ollama_addon.understanding.names import HouseIndex

_EMPTY = ("articles", "fillers")


class Draft:
    """The spans of a clause. A span without a role is free; every word needs one in the end."""

    def __init__(self, spans: Sequence[Span], index: HouseIndex) -> None:
        self.spans = list(spans)
        self.index = index
        self._roles: list[Role | None] = [None] * len(self.spans)
        self._meanings = [""] * len(self.spans)
        self._used = [False] * len(self.spans)
        self.doubts: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self.spans)

    @property
    def text(self) -> str:
        """The clause as it was said."""
        return " ".join(span.text for span in self.spans)

    def take(self, at: int, role: Role, meaning: str = "", *, used: bool = True) -> None:
        """Give a span its role."""
        self._roles[at] = role
        self._meanings[at] = meaning
        self._used[at] = used

    def use(self, *places: int) -> None:
        """Note that the plan uses spans."""
        for at in places:
            self._used[at] = True

    def free(self, at: int) -> bool:
        """Tell whether a span has no role yet."""
        return 0 <= at < len(self.spans) and self._roles[at] is None

    def role(self, at: int) -> Role | None:
        """Return the role of a span, None for a free one and for what is out of bounds."""
        return self._roles[at] if 0 <= at < len(self.spans) else None

    def has(self, at: int, *groups: str) -> bool:
        """Tell whether there is a span that can stand for something of one of the groups."""
        return 0 <= at < len(self.spans) and self.spans[at].has(*groups)

    def all_free(self) -> Iterator[int]:
        """Yield the free spans, in order."""
        return (at for at, role in enumerate(self._roles) if role is None)

    def is_empty(self, at: int) -> bool:
        """Tell whether a span carries no meaning of its own."""
        return self.has(at, *_EMPTY)

    def next(self, at: int) -> int:
        """Return the next span that is free and means something; the length when none is."""
        at += 1
        while at < len(self.spans) and (not self.free(at) or self.is_empty(at)):
            at += 1
        return at

    def previous(self, at: int) -> int:
        """Return the span before that is free and means something; -1 when none is."""
        at -= 1
        while at >= 0 and (not self.free(at) or self.is_empty(at)):
            at -= 1
        return at

    def last(self) -> int:
        """Return the last span that is free and means something, -1 when none is."""
        return self.previous(len(self.spans))

    def first(self) -> int:
        """Return the first span that is free and means something; the length when none is."""
        return self.next(-1)

    def doubt(self, code: str) -> None:
        """Note why the clause is not certain."""
        self.doubts[code] = None

    def finish(self) -> tuple[Word, ...]:
        """Return every word with its role; what has none is a filler or unknown."""
        words: list[Word] = []
        for at, span in enumerate(self.spans):
            role, used = self._roles[at], self._used[at]
            if role is None:
                if span.has(
                    "articles", "fillers", "in", "to", "by", "and", "be", "then", "one_unit"
                ):
                    role, used = Role.FILLER, True
                else:
                    role, used = Role.UNKNOWN, False
            words.append(
                Word(span.text, span.start, role, self._meanings[at], used, exact=span.exact)
            )
        return tuple(words)
