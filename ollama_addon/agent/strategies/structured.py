"""The structured strategy: one answer that the engine can only give in a possible form.

The answer is `{"do": ["turn on Kitchen light"], "say": "…"}`, where `say` may be left out, or
`{"say": "…"}`; in a house that is too large to be shown whole, `{"look": ["Kitchen"]}` comes
first, once. What may stand in `do` is everything that the house can do: the words of the
sentence do not narrow it. A phrase costs few tokens and reads like the language that models
were trained on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ollama_addon.agent.strategies.claims import Honest
from ollama_addon.agent.strategies.labels import plain
from ollama_addon.agent.strategies.loose_json import containers, unescaped
from ollama_addon.agent.strategies.model_output import ModelOutput
from ollama_addon.agent.strategies.phrases import Phrases, Proposed
from ollama_addon.agent.strategies.speech import clean
from ollama_addon.home.model import Entity, House
from ollama_addon.understanding.interpretation import Interpretation
from ollama_addon.understanding.vocabulary import Action

_MAX_ACTIONS = 8
_MAX_LOOKS = 3
_MAX_PLACES = 60
"""Areas that may be looked at, of which the first by name are offered."""
_DOING = ("do", "actions", "action", "commands")
_SAYING = ("say", "reply", "response", "answer", "message", "text")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model answered: what to do, what to say beside it, what it wants to see first."""

    actions: tuple[Proposed, ...] = ()
    say: str = ""
    """Words that can be spoken. Beside actions they may claim what is not done: see `claims`."""
    look: tuple[str, ...] = ()
    """Areas and kinds of things, as `Structured.places` has them."""

    @property
    def empty(self) -> bool:
        """Whether nothing came of it, so that it has to be asked again."""
        return not (self.actions or self.say or self.look)


class Structured:
    """What may be answered in one turn, and how it is read."""

    def __init__(
        self,
        phrases: Phrases,
        interpretation: Interpretation | None = None,
        *,
        has_satellite: bool = False,
        previous: Iterable[Entity] = (),
        whole: bool = True,
    ) -> None:
        """Take the phrases of the house, what the sentence may mean and what was spoken of last.

        `whole` tells that the prompt shows the whole house. Where it does not, only what may be
        meant can be named, and the model may look at areas and kinds first.
        """
        self._phrases = phrases
        self._timers = has_satellite
        self._timed = interpretation is None or any(
            clause.when is not None for clause in interpretation.clauses
        )
        self._whole = whole
        meant = interpretation.candidates() if interpretation else ()
        self._shown = {entity.id for candidate in meant for entity in candidate.entities}
        self._shown |= {entity.id for entity in previous}
        if interpretation is not None:
            for clause in interpretation.clauses:
                self._shown |= {entity.id for entity in (*clause.named, *clause.same_name)}
        self.places: tuple[str, ...] = () if whole else _places(phrases.house)
        """What the model may ask to see; empty where it sees the whole house, or has looked."""

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema that the engine holds the answer to."""
        items = self._phrases.items(
            timed=self._timed,
            timers=self._timers,
            only=None if self._whole else self._shown,
        )
        doing = {
            "type": "array",
            "items": {"anyOf": items},
            "minItems": 1,
            "maxItems": _MAX_ACTIONS,
        }
        say = {"type": "string"}
        branches = [
            _object({"do": doing, "say": say}, required="do"),
            _object({"say": say}, required="say"),
        ]
        if self.places:
            looking = {
                "type": "array",
                "items": {"enum": list(self.places)},
                "minItems": 1,
                "maxItems": _MAX_LOOKS,
            }
            branches.append(_object({"look": looking}, required="look"))
        return {"anyOf": branches}

    def looked(self, places: Sequence[str]) -> list[Entity]:
        """Let what is in these areas, or of these kinds, be named too; return what that is."""
        house = self._phrases.house
        seen = [
            entity
            for entity in sorted(house.entities.values(), key=lambda each: each.id)
            if entity.domain in places
            or ((area := house.area_of(entity)) and plain(area.name) in places)
        ]
        self._shown |= {entity.id for entity in seen}
        self.places = ()
        return seen

    def read(self, answer: str) -> Answer:
        """Return what an answer wants, whatever stands around it: thoughts, fences, words.

        An answer that is no JSON at all is words. Never fails; see `Answer.empty`.
        """
        data = _data(answer)
        if data is None:
            return Answer(say=_spoken(answer))
        said = next((data[key] for key in _SAYING if isinstance(data.get(key), str)), "")
        proposed = [
            found
            for written in _listed(next((data[key] for key in _DOING if key in data), None))
            if (found := self._read(written)) is not None
        ]
        once = {(each.action.intent, repr(each.action.slots)): each for each in proposed}
        if once:
            return Answer(tuple(once.values()), clean(said))
        look = tuple(place for place in self.places if place in _listed(data.get("look")))
        return Answer(say="" if look else clean(said), look=look)

    def _read(self, written: Any) -> Proposed | None:
        if isinstance(written, str):
            return self._phrases.read(written)
        if not isinstance(written, Mapping):
            return None
        # Some write an object where a phrase is meant.
        verb = next((written[k] for k in ("do", "action", "intent", "verb") if k in written), None)
        name = written.get("name") or written.get("target") or written.get("entity")
        if not isinstance(verb, str):
            return None
        if isinstance(name, str) and (found := self._phrases.read(f"{verb} {name}")):
            return found
        if not isinstance(name, str) and (found := self._phrases.read(verb)):
            return found
        keys = ("do", "action", "intent", "verb", "target", "entity")
        slots = {str(key): value for key, value in written.items() if key not in keys}
        return Proposed(Action(verb, {**slots, "name": name} if name else slots), verb)


class AnswerStream:
    """Takes a structured answer as it comes, gives its words sentence by sentence.

    Words beside actions are not given: what was done is not known yet. A sentence that claims
    something was done is kept in `withheld` instead. However the answer is cut into pieces, what
    comes out is the same.
    """

    _SAY = re.compile(r'^\s*\{\s*"say"\s*:\s*"')
    _STRING = re.compile(r'(?:[^"\\]|\\(?:u[0-9a-fA-F]{4}|[^u]))*')

    def __init__(self, language: str) -> None:
        self.raw = ""
        """The answer so far."""
        self._honest = Honest(language)
        self._at: int | None = None
        self._over = False
        self._words: ModelOutput | None = None

    @property
    def withheld(self) -> str:
        """Sentences that claim that something was done."""
        return self._honest.withheld

    def feed(self, chunk: str) -> str:
        """Take a piece of the answer, return the sentences that are whole."""
        self.raw += chunk
        return self._honest.feed(self._new(chunk))

    def finish(self) -> str:
        """Return what is left; the answer is over."""
        words = ""
        if self._words is not None:
            words = self._words.finish()
        elif self._at is None:
            data = _data(self.raw)
            if data is None:
                words = _spoken(self.raw)
            elif not any(data.get(key) for key in _DOING):
                words = next((data[k] for k in _SAYING if isinstance(data.get(k), str)), "")
        return self._honest.feed(words) + self._honest.finish()

    def _new(self, chunk: str) -> str:
        """Return the words of a piece."""
        if self._words is not None:
            return self._words.feed(chunk)
        if self._at is None:
            begun = self.raw.lstrip()
            if begun and begun[0] not in "{`<[":
                self._words = ModelOutput()
                return self._words.feed(self.raw)
            opening = self._SAY.match(self.raw[:200])
            if opening is None:
                return ""
            self._at = opening.end()
        if self._over:
            return ""
        match = self._STRING.match(self.raw, self._at)
        end = match.end() if match else self._at
        written = self.raw[self._at : end]
        if re.search(r"\\u[dD][89abAB][0-9a-fA-F]{2}$", written):
            # Half of a character waits for the other half.
            end -= 6
            written = written[:-6]
        self._at = end
        self._over = self.raw[end : end + 1] == '"'
        return unescaped(written)


def _object(properties: Mapping[str, Any], *, required: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": [required],
        "additionalProperties": False,
    }


def _places(house: House) -> tuple[str, ...]:
    """Return what may be looked at: areas by name, and kinds of things."""
    areas = sorted({plain(area.name) for area in house.areas.values()} - {""})
    domains = sorted({entity.domain for entity in house.entities.values()})
    return tuple(dict.fromkeys([*areas[:_MAX_PLACES], *domains]))


def _data(answer: str) -> Mapping[str, Any] | None:
    """Return the object of an answer, after its thoughts; None where there is none."""
    for thought in ("</think>", "</thinking>", "</thought>", "assistantfinal"):
        answer = answer.rpartition(thought)[2]
    found = [each for each in containers(answer) if isinstance(each, Mapping)]
    keys = (*_DOING, *_SAYING, "look")
    return next((each for each in found if any(key in each for key in keys)), None)


def _spoken(answer: str) -> str:
    output = ModelOutput()
    return (output.feed(answer) + output.finish()).strip()


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if isinstance(value, str | dict) else []
