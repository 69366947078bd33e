"""What is said back, in the person's language.

Every reply is made of results and of the states of the house: nothing is said that did not
happen. Languages without texts of ours are answered with the responses of Home Assistant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from ollama_addon.agent.actions.repair_outcome import Repaired, Verdict
from ollama_addon.agent.replies.answers import Answers
from ollama_addon.agent.replies.confirmations import Confirmations
from ollama_addon.agent.replies.done import Done
from ollama_addon.agent.replies.foreign import Foreign
from ollama_addon.agent.replies.formats import Formats
from ollama_addon.agent.replies.names import Names
from ollama_addon.agent.replies.past import PastReplies
from ollama_addon.agent.replies.reasons import trouble_text
from ollama_addon.agent.replies.states import States
from ollama_addon.agent.replies.texts import spoken, texts_for
from ollama_addon.agent.replies.verbs import value_of, verb_of
from ollama_addon.home.model import Entity, House
from ollama_addon.understanding.interpretation import Clause, Interpretation, Mood, Question, Role
from ollama_addon.understanding.vocabulary import Target

_SWITCHED = ("light", "switch", "fan", "media_player", "input_boolean")
"""Kinds of things that an example turns on, the plainest first."""
_READ = frozenset({"todo.get_items", "calendar.get_events"})


class Replies:
    """Replies of one turn: a language, a house, and the translations of its states."""

    def __init__(
        self, language: str, house: House, translations: Mapping[str, str] | None = None
    ) -> None:
        self.language = language
        self._house = house
        self._translations = translations or {}
        self._texts = texts_for(language)
        self._formats = Formats(self._texts, house.country)
        self._names = Names(house, self._texts)
        self._states = States(house, self._texts, self._formats, self._translations)
        self._answers = Answers(house, self._texts, self._formats, self._names, self._states)
        self.past = PastReplies(house, self._texts, self._formats, self._names, self._states)
        self._confirmations = Confirmations(
            house, self._texts, self._formats, self._names, self._states, self._translations
        )
        self._foreign = None if spoken(language) else Foreign(language, house, self._states)

    def phrase(self, key: str, **values: object) -> str:
        """Return one of the agent's own sentences, such as `which` with its `names`."""
        if key == "value":
            # The reason of a refusal; for a timer it is its length.
            key = "length" if values.get("timer") else "value_wrong"
        return self._texts.text(key, **values)

    def names(self, targets: Sequence[Target], last: str = "and") -> str:
        """Return the names of targets as people list them; `last` is `and` or `or`."""
        entities = [entity for target in targets for entity in self._names.members(target)]
        return self._names.listed(list(dict.fromkeys(entities)), last)

    def refusal(self, item: Repaired) -> str:
        """Return why a proposal cannot be done, and what to do."""
        names = self.names([item.target]) if item.target is not None else ""
        match item.reason:
            case "range" if names:
                low, high = (
                    self._formats.measured(item.values.get(k, "")) for k in ("low", "high")
                )
                return self._texts.text("range", names=names, low=low, high=high)
            case "cannot":
                return self._texts.text("cannot" if names else "cannot_that", names=names)
            case "value":
                timer = item.action is not None and "Timer" in item.action.intent
                return self._texts.text("length" if timer else "value_wrong")
            case "no_place" if item.values.get("place"):
                return self._texts.text("no_place", words=item.values["place"])
            case "not_found" if name := item.values.get("name"):
                return self._texts.text("no_thing", words=name)
            case "unknown_action":
                return self.not_understood()
        return self._texts.text("not_found")

    def proposal(self, items: Sequence[Repaired]) -> str:
        """Return the question whether something shall be done, naming what it would be."""
        grouped: dict[tuple[str, str], dict[Entity, None]] = {}
        for item in items:
            if item.action is None or item.verdict is Verdict.REFUSED:
                continue
            action = item.action
            value = value_of(
                action, self._house, self._formats, self._texts.language, self._translations
            )
            members = self._names.members(item.target) if item.target is not None else []
            grouped.setdefault((verb_of(action, self._house), value), {}).update(
                dict.fromkeys(members)
            )
        parts = []
        for (verb, value), entities in grouped.items():
            key = f"will.{verb}" if self._texts.has(f"will.{verb}") else "will.set"
            names = self._names.said(list(entities))
            parts.append(self._texts.text(key, names=names, value=value))
        return self._texts.text("sure", what=self._texts.listing(parts, "and_do"))

    def error(self, key: str, **values: object) -> str:
        """Return that a sentence was not understood (`no_intent`), or an error that has a text."""
        if key == "no_intent":
            return self.not_understood()
        return self.phrase(key if self._texts.has(key) else "failed_that", **values)

    def combined(self, results: Sequence[Done], text: str, now: datetime) -> str:
        """Return one reply for all that was done and asked for; failures are said."""
        sentences = [self._read(done, now) for done in results if done.ok and done.reads]
        rest = [done for done in results if not (done.ok and done.reads)]
        if self._foreign is not None:
            for done in rest:
                said = self._foreign.confirmation(done) if done.ok else ""
                sentences.append(said or self._confirmations.sentences([done])[0])
        else:
            sentences += self._confirmations.sentences(rest)
        return self._joined(*dict.fromkeys(sentences))

    def answer(self, question: Question, now: datetime) -> str:
        """Return the answer to a question about the house, empty where its states have none."""
        if self._foreign is not None:
            return self._foreign.answer(question, now)
        return self._answers.answer(question, now)

    def is_in(self, entity: Entity, asked: str, raw: str = "") -> bool:
        """Tell whether an entity is in a state that was asked for, or was, when it was `raw`."""
        return self._states.is_in(entity, asked, raw)

    def joined(self, sentences: Sequence[str]) -> str:
        """Return sentences as one text."""
        return ("" if self._texts.language in ("zh", "ja") else " ").join(sentences)

    def state_text(self, entity: Entity) -> str:
        """Return an entity's state in the language of the person: `closed`, `12.5 °C`."""
        return self._states.text(entity)

    def not_understood(self, interpretation: Interpretation | None = None) -> str:
        """Return what was not understood, and what would work in this house."""
        said = self._not_known(interpretation) if interpretation is not None else ""
        if self._foreign is not None and not said:
            return self._foreign.not_understood()
        return self._joined(said or self._texts.text("not_understood"), self._example())

    def no_model(self, interpretation: Interpretation) -> str:
        """Return that there is no model to ask; a word that is not known is named instead."""
        not_known = self._not_known(interpretation)
        if not not_known and (impossible := self._impossible(interpretation)):
            return impossible
        return self._joined(not_known or self._texts.text("no_model"), self._example())

    def downloading(self, interpretation: Interpretation, percent: int) -> str:
        """Return how far the model is that would be asked, and which word only it may know."""
        return self._joined(
            self._not_known(interpretation), self._texts.text("downloading", percent=percent)
        )

    def trouble(self, code: str, interpretation: Interpretation) -> str:
        """Return the sentence about an error that ends a turn; empty for those without one."""
        said = trouble_text(self._texts, code)
        if not said or code == "home_away":
            return said
        return self._joined(self._not_known(interpretation), said)

    def _not_known(self, interpretation: Interpretation) -> str:
        """Return the sentence about the words that are not known, empty where all are."""
        for clause in interpretation.clauses:
            if words := _not_known(clause):
                return self._texts.text("not_word", words=words)
        return ""

    def _impossible(self, interpretation: Interpretation) -> str:
        """Return which of the things that were named cannot do what was said, if that is so."""
        for clause in interpretation.clauses:
            named = [
                self._house.entities[id_]
                for word in clause.words
                if word.role is Role.NAME and word.exact
                for id_ in word.meaning.split()
                if id_ in self._house.entities
            ]
            if clause.mood is Mood.ORDER and "no_effect" in clause.doubts and named:
                return self._texts.text("cannot", names=self._names.listed(named))
        return ""

    def _example(self) -> str:
        """Return a command that would work, with a real name; empty where nothing fits."""
        entities = self._house.entities.values()
        for domain in _SWITCHED:
            names = [e.name for e in entities if e.domain == domain]
            single = [name for name in names if names.count(name) == 1]
            if single:
                return self._texts.text("example", name=min(single, key=len))
        return ""

    def _joined(self, *sentences: str) -> str:
        joiner = " " if self._texts.spaced else ""
        return joiner.join(filter(None, sentences))

    def _read(self, done: Done, now: datetime) -> str:
        """Return what was read."""
        intent, target = done.action.intent, done.target
        match intent:
            case "HassGetState" if target is not None:
                members = self._names.members(target)
                if self._foreign is not None:
                    return " ".join(self._foreign.state(each) for each in members[:8])
                return self._answers.states(members)
            case "HassGetCurrentTime":
                return self.answer(Question("time"), now)
            case "HassGetCurrentDate":
                return self.answer(Question("date"), now)
            case "HassGetWeather" if isinstance(target, Entity):
                return self.answer(Question("weather", (target,)), now)
            case "weather.get_forecasts" if isinstance(target, Entity):
                days = int(done.action.slots.get("days") or 0)
                return self._answers.forecast(target, done.data, days, now)
            case "HassTimerStatus":
                return self._answers.timers(done.data)
            case _ if intent in _READ:
                return self._answers.read(done, now)
        return ""


def _not_known(clause: Clause) -> str:
    """Return the words of an order or a question that are not known, as they were said."""
    if clause.mood not in (Mood.ORDER, Mood.QUESTION, Mood.WISH):
        return ""
    if clause.missing_thing:
        return clause.missing_thing
    return " ".join(word.text for word in clause.words if word.role is Role.UNKNOWN)
