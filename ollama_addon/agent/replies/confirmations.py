"""What was done, in one sentence for each verb, and what did not work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ollama_addon.agent.replies.done import Done
from ollama_addon.agent.replies.formats import Formats
from ollama_addon.agent.replies.names import Names
from ollama_addon.agent.replies.reasons import reason_text
from ollama_addon.agent.replies.states import States
from ollama_addon.agent.replies.texts import Texts
from ollama_addon.agent.replies.verbs import value_of, verb_of
from ollama_addon.home.model import Entity, House

_RESULTS = {
    "on": frozenset({"on"}),
    "off": frozenset({"off"}),
    "open": frozenset({"open"}),
    "close": frozenset({"closed"}),
    "lock": frozenset({"locked"}),
    "unlock": frozenset({"unlocked"}),
}
"""The state that a verb leads to, where being in it before means that nothing was to be done."""
_LISTED = frozenset({"add", "remove", "complete"})


@dataclass(slots=True)
class _Part:
    """Everything that one verb did with one value."""

    changed: dict[Entity, None] = field(default_factory=dict)
    already: dict[Entity, None] = field(default_factory=dict)
    values: dict[str, None] = field(default_factory=dict)


class Confirmations:
    """Words for results."""

    def __init__(
        self,
        house: House,
        texts: Texts,
        formats: Formats,
        names: Names,
        states: States,
        translations: Mapping[str, str],
    ) -> None:
        self._house = house
        self._texts = texts
        self._formats = formats
        self._names = names
        self._states = states
        self._translations = translations

    def sentences(self, results: Sequence[Done]) -> list[str]:
        """Return what was done, grouped by verb, and then what was not and why."""
        parts: dict[tuple[str, str], _Part] = {}
        timers: list[str] = []
        unreached: dict[str, None] = {}
        refused: list[str] = []
        for done in results:
            if not done.ok:
                refused.append(self.failure(done))
                continue
            unreached.update(dict.fromkeys(done.failed))
            verb = verb_of(done.action, self._house)
            if verb == "timer":
                timers.append(self._timer(done))
                continue
            self._add(parts, verb, done)
        sentences = [
            each for (verb, value), part in parts.items() for each in self._said(verb, value, part)
        ]
        if unreached:
            names = self._texts.listing(list(unreached))
            refused.append(self._texts.text("no_answer", names=names))
        return list(dict.fromkeys([*sentences, *timers, *refused]))

    def failure(self, done: Done) -> str:
        """Return why an action was not done."""
        if done.reason and not done.code:
            return done.reason
        names = self._names.listed(self._names.members(done.target)) if done.target else ""
        return reason_text(self._texts, done.code, done.reason, names)

    def _add(self, parts: dict[tuple[str, str], _Part], verb: str, done: Done) -> None:
        value = value_of(
            done.action, self._house, self._formats, self._texts.language, self._translations
        )
        members = self._names.members(done.target) if done.target else []
        names = ",".join(entity.id for entity in members)
        # Items of one list belong together; so do things that were set to one value.
        part = parts.setdefault((verb, names if verb in _LISTED else value), _Part())
        part.values[value] = None
        wanted = _RESULTS.get(verb, frozenset())
        failed = set(done.failed)
        for entity in members:
            if entity.name in failed or entity.id in failed:
                continue
            into = part.already if done.before.get(entity.id) in wanted else part.changed
            into[entity] = None

    def _said(self, verb: str, value: str, part: _Part) -> list[str]:
        """Return the sentences about one verb; what was so before is not claimed as done."""
        found = []
        key = f"done.{verb}" if self._texts.has(f"done.{verb}") else "done.other"
        values = self._texts.listing([each for each in part.values if each])
        changed, already = list(part.changed), list(part.already)
        if changed or not already:
            names = self._names.said(changed)
            if names or verb == "announce":
                found.append(self._texts.text(key, len(changed), names=names, value=values))
            elif not already:
                found.append(self._texts.text("noted"))
        # Of a whole group only what changed is told; a few that were named are each told of.
        if already and (not changed or len(changed) + len(already) <= 2):
            state = self._states.named(already[0], next(iter(_RESULTS[verb])))
            names = self._names.listed(already)
            found.append(self._texts.text("already", len(already), names=names, state=state))
        return found

    def _timer(self, done: Done) -> str:
        slots = {**done.action.slots}
        length = _seconds(slots)
        name = str(slots.get("name") or "")
        intent = done.action.intent.removeprefix("Hass")
        if intent == "StartTimer":
            key = "timer_named" if name else "timer"
            return self._texts.text(key, duration=self._formats.duration(length), name=name)
        if intent == "CancelAllTimers":
            count = int(done.data.get("canceled") or 0)
            if not count:
                return self._texts.text("timer_none")
            return self._texts.text("timer_all_cancelled", count)
        key = {
            "CancelTimer": "timer_cancelled",
            "IncreaseTimer": "timer_more",
            "DecreaseTimer": "timer_less",
            "PauseTimer": "timer_paused",
            "UnpauseTimer": "timer_resumed",
        }.get(intent, "noted")
        return self._texts.text(key, duration=self._formats.duration(length))


def _seconds(slots: Mapping[str, object]) -> float:
    """Return the length that the slots of a timer give, in seconds."""
    sizes = {"hours": 3600, "minutes": 60, "seconds": 1}
    found = 0.0
    for unit, size in sizes.items():
        value = slots.get(unit)
        if isinstance(value, int | float):
            found += value * size
    return found
