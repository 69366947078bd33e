"""Replays answers through the parts of the agent that judge them, without any model.

Each answer is given to a sentence of the evaluation in the home that the sentence belongs to:
read, mended, held against what was said, and carried out in a simulated house.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from eval.answers.flaws import contrary, mendable
from eval.answers.forms import Message, native_forms, phrase_of, structured_forms
from eval.answers.right import right_actions
from eval.cases import Case
from eval.home import Home
from eval.scoring import Spoken, judge_house
from eval.simulation import Simulation, UnsimulatedError
from eval.values import House as Seen
from ollama_addon.agent.actions.repair import HouseNames, Verdict
from ollama_addon.agent.actions.settle import Settled, settle
from ollama_addon.agent.strategies.native import Heard, Native
from ollama_addon.agent.strategies.phrases import Phrases
from ollama_addon.agent.strategies.structured import Structured
from ollama_addon.agent.strategies.thinking import answer_of
from ollama_addon.agent.strategies.tools import tools_for
from ollama_addon.understanding.interpretation import Context, Interpretation
from ollama_addon.understanding.interpreter import Interpreter
from ollama_addon.understanding.vocabulary import Action

Strategy = Literal["native", "structured"]
Result = Literal["right", "asked", "stopped", "missed", "wrong"]
"""Done right, asked about, stopped rightly, stopped or not understood though it was right, and
something done that was not asked for."""
CONFIRM = ("unlock", "garage_door", "alarm")
_NOW = datetime(2026, 11, 25, 20, 15, tzinfo=UTC)
_DONE_KINDS = frozenset({"plain", "group", "value", "several", "level", "direction", "list",
                         "numbered", "excepted", "noisy", "duration", "confirm"})  # fmt: skip
_QUIET_KINDS = frozenset({"negated", "report", "question", "past"})


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer to a case."""

    case: Case
    strategy: Strategy
    form: str
    """In which form it is written, and what is wrong with it, if anything."""
    message: Message
    wanted: Literal["done", "stopped"]
    actions: tuple[Action, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an answer."""

    answer: Answer
    result: Result
    calls: int
    detail: str = ""
    mended: tuple[str, ...] = ()


def replay(cases: Iterable[Case], homes: Mapping[str, Home]) -> Iterator[Outcome]:
    """Yield what comes of all answers to the cases, home by home."""
    together: dict[tuple[str, str], list[Case]] = defaultdict(list)
    for case in cases:
        if len(case.say) == 1:
            together[case.home, case.language].append(case)
    for (home_id, language), group in sorted(together.items()):
        yield from Replay(homes[home_id], language).run(group)


class Replay:
    """The answers to the cases of one home in one language."""

    def __init__(self, home: Home, language: str) -> None:
        self._home = home
        self._simulation = Simulation(home)
        self._house = self._simulation.house
        self._interpreter = Interpreter(self._house, language)
        self._phrases = Phrases(self._house)
        self._labels = self._phrases.labels
        self._names = HouseNames(self._house, self._labels.of_entity, language)
        self._lit = self._lit_up()

    def run(self, cases: Sequence[Case]) -> Iterator[Outcome]:
        """Yield what comes of the answers that are made for these cases."""
        for number, case in enumerate(cases):
            for answer in self._answers(case, number, self._interpreted(case)):
                yield self.outcome(answer)

    def outcome(self, answer: Answer) -> Outcome:
        """Return what comes of one answer."""
        area_id = self._house.device_areas.get(answer.case.at or "")
        found = self._outcome(answer, self._interpreted(answer.case), area_id)
        self._simulation.reset()
        return found

    def _interpreted(self, case: Case) -> Interpretation:
        area_id = self._house.device_areas.get(case.at or "")
        return self._interpreter.interpret(case.say[0], Context(area_id, bool(case.at)))

    def _answers(self, case: Case, number: int, interpretation: Interpretation) -> Iterator[Answer]:
        """Yield answers to a case; which forms they have changes from case to case."""
        if case.kind in _DONE_KINDS and not case.outcomes[0].asks and case.kept is None:
            actions = right_actions(case, self._home, self._house)
            if not actions:
                return
            yield from self._formed(case, number, actions, "done")
            flawed = list(mendable(actions, self._house))
            for step in range(min(2, len(flawed))):
                what, mended = flawed[(number * 2 + step) % len(flawed)]
                yield from self._formed(case, number + step, mended, "done", what, native=True)
            against = list(contrary(actions, case.say[0], self._house))
            if against:
                what, wrong = against[number % len(against)]
                yield from self._formed(case, number, wrong, "stopped", what)
        elif case.kind in _QUIET_KINDS and not any(each.change for each in case.outcomes):
            about = [entity for clause in interpretation.clauses for entity in clause.forbidden]
            about += [e for c in interpretation.candidates() for e in c.entities]
            able = [
                e for e in about if e.domain in ("light", "switch", "cover", "media_player", "fan")
            ]
            able = able or [e for e in self._house.entities.values() if e.domain == "light"]
            if able:
                intent = ("HassTurnOff", "HassTurnOn")[number % 2]
                wrong = [Action(intent, {"name": able[0].id})]
                yield from self._formed(case, number, wrong, "stopped", "acts all the same")

    def _formed(
        self,
        case: Case,
        number: int,
        actions: Sequence[Action],
        wanted: Literal["done", "stopped"],
        what: str = "",
        *,
        native: bool = False,
    ) -> Iterator[Answer]:
        forms = native_forms(actions)
        form = sorted(forms)[number % len(forms)]
        label = f"{form}, {what}" if what else form
        yield Answer(case, "native", label, forms[form], wanted, tuple(actions))
        written = [phrase_of(action, self._labels) for action in actions]
        phrases = [phrase for phrase in written if phrase is not None]
        if native or len(phrases) < len(actions):
            return
        forms = structured_forms(phrases)
        form = sorted(forms)[number % len(forms)]
        label = f"{form}, {what}" if what else form
        yield Answer(case, "structured", label, forms[form], wanted, tuple(actions))

    def _outcome(
        self, answer: Answer, interpretation: Interpretation, area_id: str | None
    ) -> Outcome:
        settled = self._settled(answer, interpretation, area_id)
        before = self._simulation.values()
        acted, detail = self._carry_out(settled)
        after = self._simulation.values()
        refused = [item for item in settled.done if item.verdict is Verdict.REFUSED]
        ambiguous = [item for item in settled.done if item.verdict is Verdict.AMBIGUOUS]
        result = self._judged(answer, before, after, bool(settled.asked or ambiguous), acted)
        detail = detail or "; ".join(
            [
                *(f"stopped: {each.code}" for each in settled.stopped),
                *(f"refused: {each.reason}" for each in refused),
                *("kept" for _ in settled.kept),
                *("asked" for _ in settled.asked),
                *("ambiguous" for _ in ambiguous),
            ]
        )
        kinds = tuple(
            change.kind for item in (*settled.done, *settled.asked) for change in item.changes
        )
        again = answer.strategy == "native" and bool(refused) and not acted
        return Outcome(answer, result, 2 if again else 1, detail, kinds)

    def _settled(
        self, answer: Answer, interpretation: Interpretation, area_id: str | None
    ) -> Settled:
        has_satellite = bool(answer.case.at)
        more: dict[str, Any] = {"area_id": area_id, "confirm": CONFIRM}
        if answer.strategy == "native":
            native = Native(
                self._labels, self._names, tools_for(self._house, has_satellite=has_satellite)
            )
            heard = Heard(native.output())
            heard.take(answer.message)
            heard.output.finish()
            called = native.read(heard.calls, heard.output, _NOW)
            return settle(called.proposed, self._names, interpretation, **more)
        structured = Structured(self._phrases, interpretation, has_satellite=has_satellite)
        content = str(answer.message.get("content") or "")
        thinking = str(answer.message.get("thinking") or "")
        read = structured.read(answer_of(content, thinking, structured=True))
        return settle(
            [each.action for each in read.actions],
            self._names,
            interpretation,
            times=[each.when for each in read.actions],
            **more,
        )

    def _carry_out(self, settled: Settled) -> tuple[bool, str]:
        acted = False
        for item in settled.done:
            if item.action is None or item.verdict in (Verdict.REFUSED, Verdict.AMBIGUOUS):
                continue
            try:
                acted |= self._simulation.do(item.action)
            except (UnsimulatedError, KeyError, TypeError) as error:
                return True, f"cannot be simulated: {error!r}"
        return acted, ""

    def _judged(
        self, answer: Answer, before: Seen, after: Seen, asked: bool, acted: bool
    ) -> Result:
        case = answer.case
        spoken = Spoken("", asks=False, timers=tuple(t.seconds for t in self._simulation.timers))
        verdict = judge_house(case, self._home, before, after, spoken, self._lit)
        right = not verdict.problems and not verdict.touched
        if answer.wanted == "done":
            if asked and case.asks and not acted:
                return "right"
            if right and acted:
                return "right"
            if asked:
                return "asked" if case.if_asked is None else "right"
            changed = any(after[each] != before[each] for each in before)
            return "wrong" if verdict.touched or (changed and not right) else "missed"
        if not acted:
            return "stopped"
        if verdict.touched or not right:
            return "wrong"
        return "right"

    def _lit_up(self) -> Seen:
        for entity in self._house.entities.values():
            if entity.domain in ("light", "fan"):
                self._simulation.do(Action("HassTurnOn", {"name": entity.id}))
        seen = self._simulation.values()
        self._simulation.reset()
        return {each: seen[each] for each in seen if each.partition(".")[0] in ("light", "fan")}
