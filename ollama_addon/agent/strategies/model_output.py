"""What a model writes, taken apart as it comes: words to speak, calls of tools, thoughts.

Models trained on other forms write their tool calls as text: in tags, in fences, as bare JSON
or as Python, and think aloud before. None of that is ever read to a person.
"""

from __future__ import annotations

import re
import string
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from rapidfuzz import fuzz, process

from ollama_addon.agent.strategies.call_readers import Brackets
from ollama_addon.agent.strategies.formats import (
    BARE,
    CALLS,
    FORMATS,
    HARMONY,
    RESULTS,
    THOUGHTS,
    Format,
    read_calls,
)
from ollama_addon.agent.strategies.loose_json import containers
from ollama_addon.agent.strategies.speech import Speech

_NEAR = 88
"""How alike a written name must be to that of a tool, of 100."""
_LONGEST = 200_000
"""Characters of an answer that are read; what comes after them is no answer."""
_PART = 32_768
"""Characters of one part that are kept."""
_MAX_CALLS = 32
_MAX_PARTS = 64
"""Parts that are not spoken of which calls are read; more are no answer."""
_HELD = 60
"""Characters of an answer that are held back: speech begins no sooner anyway, and what is
followed by the end of a thought was one."""
_HELD_THOUGHT = 4_000
"""The same for what begins as thoughts do."""
_THINKING = re.compile(
    r"(?:okay|ok|alright|hmm+|wait|so|first|well|let me|let's|the user|the person|user|we need|"
    r"we have|i need|i should|i have to|i'll|they|thinking|thought|analysis|好的|嗯|用户|首先)"
    r"(?:\b|[,，:：])",
    re.IGNORECASE,
)
_SAYING = ("say", "response", "answer", "reply", "speech", "text", "content", "message")
"""Keys of an object that holds nothing but words."""

_STARTS = {token: form for form in (*THOUGHTS, *CALLS, *RESULTS, HARMONY) for token in form.opens}
_THOUGHT_ENDS = frozenset(
    token for form in THOUGHTS for token in form.closes
) | {"assistantfinal"}  # fmt: skip
_ENDS = frozenset(token for form in FORMATS for token in form.closes if token.strip())
_STRAY = (
    "[INST]", "[/INST]", "<|im_start|>assistant", "<start_of_turn>model",
    "<|start_header_id|>assistant<|end_header_id|>",
)  # fmt: skip
"""What is left out, and what follows is spoken."""
_LITERALS = sorted({*_STARTS, *_ENDS, *_THOUGHT_ENDS, *_STRAY}, key=lambda t: -len(t))
_PREFIXES = frozenset(token[:size] for token in _LITERALS for size in range(1, len(token)))
_REACH = max(map(len, _LITERALS))


def _alternatives(first: str) -> str:
    return "|".join(re.escape(token[1:]) for token in _LITERALS if token[0] == first)


_OTHERS = [token for token in _LITERALS if token[0] not in "<["]
_MARK = re.compile(
    rf"<(?=[/a-zA-Z|｜])(?:{_alternatives('<')}|\|[a-zA-Z_/]{{1,32}}\|>|｜[^｜<>]{{1,32}}｜>"
    r"|/?[a-zA-Z][\w:-]{0,30}(?:\s[^<>]{0,200})?/?>)"
    rf"|\[(?=[A-Z/])(?:{_alternatives('[')})"
    rf"|{'|'.join(map(re.escape, _OTHERS))}"
    r"|\{(?=\s{0,20}[\"'])|\[(?=\s{0,20}\{\s{0,20}[\"'])|\("
)
_OPEN_TAG = re.compile(
    r"<(?:/?(?:[a-zA-Z][^<>]{0,235})?|\|[a-zA-Z_/]{0,32}\|?|｜[^｜<>]{0,32}｜?)$"
)
_OPEN_BRACKET = re.compile(r"(?:\{|\[\s{0,20}\{?)\s{0,20}$")
_SPACE = re.compile(r"\s*")
_LIST = re.compile(r"\[\s*[\[{\"']")
_COMPOUND = re.compile(r"_\w|[a-z][A-Z]|\w\.[a-zA-Z]{2,}\w*$")
"""What only the name of something in a program looks like."""
_NAMING = f"{string.ascii_letters}{string.digits}_."


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call that was written as text."""

    name: str
    arguments: dict[str, Any]


class ModelOutput:
    """Takes an answer as it comes, gives what may be spoken as soon as that is sure.

    `names` are the tools: a name that is nearly one of them is that one, others are no calls.
    `thinks` tells that the answer may begin with a thought that nothing opens: then nothing is
    spoken before it is over. However the answer is cut into pieces, what comes out is the same.
    After `finish`, `calls` holds the calls that were written in it, in order, each once.
    """

    def __init__(self, names: Collection[str] = (), *, thinks: bool = False) -> None:
        self.calls: list[Call] = []
        self._names = names
        self._speech = Speech()
        self._waiting = ""
        self._taken = 0
        self._form: Format | None = None
        """What the part is that is not spoken, while there is one."""
        self._brackets: Brackets | None = None
        """What finds the end of a part in brackets."""
        self._part: list[str] = []
        self._kept = 0
        self._parts = 0
        self._thoughts: list[str] = []
        self._header = ""
        self._begun = False
        self._held: list[str] = []
        self._length = 0
        """Characters that were said or are held back."""
        self._free = False
        self._thinks = thinks

    def feed(self, chunk: str) -> str:
        """Take a piece of the answer, return the words that may be spoken."""
        chunk = chunk[: max(0, _LONGEST - self._taken)]
        self._taken += len(chunk)
        self._waiting += chunk
        self._take(last=False)
        return self._spoken()

    def finish(self) -> str:
        """Return what was held back; the answer is over."""
        self._take(last=True)
        self._say(self._speech.finish())
        self._free = True
        if not self.calls and not self._length:
            self._read("".join(self._thoughts), BARE)
        return self._spoken()

    def _spoken(self) -> str:
        if not self._free:
            return ""
        said, self._held = "".join(self._held), []
        return said

    def _say(self, words: str) -> None:
        if not words:
            return
        self._held.append(words)
        self._length += len(words)
        if self._free or self._thinks or self._length < _HELD:
            return
        begins = "".join(self._held)[:40]
        self._free = self._length >= (_HELD_THOUGHT if _THINKING.match(begins) else _HELD)

    def _take(self, *, last: bool) -> None:
        text, at, sure = self._waiting, 0, None
        while at < len(text):
            before = at, self._form, self._begun
            if self._form is not None:
                at = self._hide(text, at, last=last)
            elif not self._begun:
                at = self._begin(text, at, last=last)
            else:
                if sure is None:
                    sure = len(text) if last else _sure(text)
                at = self._talk(text, at, sure, last=last)
            if (at, self._form, self._begun) == before:
                break
        self._waiting = text[at:]
        if last and self._form is not None:
            self._close("")

    def _begin(self, text: str, at: int, *, last: bool) -> int:
        """Pass over what stands before the first word; an answer may be JSON as a whole."""
        first = _SPACE.match(text, at).end()  # type: ignore[union-attr]  # It always matches.
        if first == len(text):
            return first
        if text[first] == "{" or _LIST.match(text, first):
            self._form, self._begun = BARE, True
        elif last or text[first] != "[" or not _SPACE.fullmatch(text, first + 1):
            self._begun = True
        return first

    def _talk(self, text: str, at: int, sure: int, *, last: bool) -> int:
        """Pass on words up to what is not spoken."""
        match = _MARK.search(text, at)
        while (
            match
            and match[0] == "("
            and not self._is_call(text[max(at, match.start() - 200) : match.start()])
        ):
            match = _MARK.search(text, match.end())
        if match is None or match.start() >= sure or (match.end() > sure and not last):
            end = max(at, min(sure, match.start()) if match else sure)
            self._say(self._speech.feed(text[at:end]))
            return end
        self._say(self._speech.feed(text[at : match.start()]))
        return self._mark(match)

    def _is_call(self, before: str) -> bool:
        """Whether a bracket opens the arguments of a call, by the word that stands before it."""
        run = before if len(before) == 200 else self._speech.run[-200:] + before
        name = run[len(run.rstrip(_NAMING)) :]
        return bool(_COMPOUND.search(name)) or name in self._names

    def _mark(self, match: re.Match[str]) -> int:
        """Take in a mark that stands in the text, and return where to go on."""
        token = match[0]
        if token in _THOUGHT_ENDS:
            if not self._free:  # All that came before was a thought.
                self._thoughts += self._held
                self._held, self._length, self._free = [], 0, True
                self._speech, self._begun = Speech(), False
        elif token in "{[(":
            self._form, self._brackets = BARE, Brackets()
            if token == "(":
                self._part = [self._speech.run]
                self._speech.drop()
            return match.start()
        elif token in _STARTS:
            self._form, self._part = _STARTS[token], [token]
        elif token[:3] in ("<br", "<p>", "<li", "</p"):
            self._say(self._speech.feed("\n"))
        return match.end()

    def _hide(self, text: str, at: int, *, last: bool) -> int:
        """Keep a part that is not spoken, up to its end; return where to go on."""
        form = self._form
        assert form is not None
        if self._brackets is not None:
            end = self._brackets.feed(text, at)
            self._keep(text[at : end or len(text)])
            if end:
                self._close("")
            return end or len(text)
        closes = form.closes
        if form is HARMONY and not self._header:
            closes = (*closes, "<|message|>")
        found = [
            (end, -len(close), close) for close in closes if (end := text.find(close, at)) >= 0
        ]
        if found:
            end, _, close = min(found)
            self._keep(text[at:end])
            self._close(close)
            return end + len(close)
        kept = 0 if last else max((len(close) - 1 for close in closes), default=0)
        end = max(at, len(text) - kept)
        self._keep(text[at:end])
        return end

    def _keep(self, text: str) -> None:
        if text and self._kept < _PART:
            self._part.append(text[: _PART - self._kept])
            self._kept += len(text)

    def _close(self, token: str) -> None:
        """Read a part that is over."""
        form, text = self._form, "".join(self._part)
        assert form is not None
        if form is HARMONY and token == "<|message|>":
            header = text
            if "final" in header and "to=" not in header:
                self._end_part()
                self._free = True
            else:
                self._header = header
                self._part.append(token)
            return
        self._end_part()
        if form in THOUGHTS or (form is HARMONY and "to=" not in text):
            self._thoughts.append(text)
            self._free = True
        elif form in RESULTS:
            return
        elif not self._read(text, form) and form is BARE:
            self._say_bare(text)

    def _end_part(self) -> None:
        self._form, self._brackets, self._part, self._kept, self._header = None, None, [], 0, ""

    def _say_bare(self, text: str) -> None:
        """Say the words in an object that holds nothing but words."""
        first = next((each for each in containers(text) if isinstance(each, dict)), None)
        if first is not None:
            words = [first[key] for key in _SAYING if isinstance(first.get(key), str)]
            if words and not any(isinstance(each, list | dict) for each in first.values()):
                self._say(self._speech.feed(words[0]))

    def _read(self, text: str, form: Format) -> bool:
        """Keep the calls in a part; tell whether there is any."""
        self._parts += 1
        if self._parts > _MAX_PARTS:
            return False
        found = read_calls(text, form, self._known)
        for name, arguments in found:
            call = Call(name, arguments)
            if call not in self.calls and len(self.calls) < _MAX_CALLS:
                self.calls.append(call)
        return bool(found)

    def _known(self, name: str) -> str | None:
        """Return the tool that a written name means."""
        bare = re.split(r"__|\.", name.strip())[-1].strip()
        if bare in self._names:
            return bare
        plain = re.sub(r"[^a-z]", "", bare.lower())
        for each in self._names:
            if re.sub(r"[^a-z]", "", each.lower()) == plain and plain:
                return each
        near = process.extractOne(bare, list(self._names), scorer=fuzz.ratio, score_cutoff=_NEAR)
        # On and off are one letter apart, and so are the names of tools for them.
        return near[0] if near and len(near[0]) > 10 else None


def _sure(text: str) -> int:
    """Return from where a text may be the beginning of a mark that is not whole yet."""
    tail = text[-_REACH:]
    start = len(text) - len(tail)
    held = next((start + at for at in range(len(tail)) if tail[at:] in _PREFIXES), len(text))
    for pattern in (_OPEN_TAG, _OPEN_BRACKET):
        if match := pattern.search(text, max(0, len(text) - 240)):
            held = min(held, match.start())
    return held


def written_calls(text: str, names: Collection[str]) -> list[Call]:
    """Return the calls of tools in a text, in order, each once."""
    output = ModelOutput(names)
    output.feed(text)
    output.finish()
    return output.calls
