"""All sentences through the interpretation alone: no model and no Home Assistant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from eval.cases import Case
from eval.home import Home
from eval.judgement import Grade, Judged, judge_interpretation
from eval.metamorphic import Turned, turned
from eval.reading import Interprets, MakesInterpreter, Spoken, speak
from eval.simulation import Simulation
from eval.values import House
from ollama_addon.agent.strategies.instant import route
from ollama_addon.understanding.interpretation import Context, Interpretation, Mood
from ollama_addon.understanding.vocabulary import Action

_LIT = ("light", "fan")


@dataclass(frozen=True, slots=True)
class Reading:
    """How a case was read."""

    id: str
    kind: str
    set: str
    home: str
    language: str
    said: tuple[str, ...]
    grade: Grade
    reason: str
    offered: bool
    certain: bool
    """Whether something was done, or kept, without a model."""
    instant: bool
    """Whether none of its turns needs a model."""
    roles: tuple[str, ...]
    """The words of the last turn with their roles."""
    milliseconds: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Metamorphosis:
    """A sentence that was turned into one that must not act, and did all the same."""

    id: str
    set: str
    language: str
    way: str
    said: str
    did: str


@dataclass(frozen=True, slots=True)
class Run:
    """What a run has shown."""

    readings: Sequence[Reading]
    tried: Mapping[str, int]
    """How many sentences were turned, by language."""
    acted: Sequence[Metamorphosis]


def run(
    cases: Iterable[Case],
    homes: Mapping[str, Home],
    make: MakesInterpreter,
    *,
    most: int = 16,
    processes: int = 1,
) -> Run:
    """Read the cases home by home, and what is made of those that were done with certainty.

    `most` is how many turned sentences are made of one; which of them changes from case to case.
    """
    together: dict[tuple[str, str], list[Case]] = {}
    for case in cases:
        together.setdefault((case.home, case.language), []).append(case)
    groups = [
        (group, homes[home_id], language, make, most)
        for (home_id, language), group in sorted(together.items())
    ]
    if processes == 1:
        runs = [_run_home(*group) for group in groups]
    else:
        with ProcessPoolExecutor(processes) as pool:
            runs = list(pool.map(_run_home, *zip(*groups, strict=True)))
    tried: dict[str, int] = {}
    for each in runs:
        for language, count in each.tried.items():
            tried[language] = tried.get(language, 0) + count
    readings = [reading for each in runs for reading in each.readings]
    return Run(readings, tried, [acted for each in runs for acted in each.acted])


def _run_home(
    cases: Sequence[Case], home: Home, language: str, make: MakesInterpreter, most: int
) -> Run:
    """Run the cases of one home in one language."""
    readings: list[Reading] = []
    tried = 0
    acted: list[Metamorphosis] = []
    simulation = Simulation(home)
    interpreter = make(simulation.house, language)
    lit = _lit(simulation)
    for number, case in enumerate(cases):
        spoken = speak(case, home, simulation, interpreter)
        judged = judge_interpretation(case, home, spoken, simulation, lit)
        readings.append(_reading(case, spoken, judged))
        simulation.reset()
        if len(case.say) == 1 and spoken.did and judged.grade == "right":
            for each in _some(list(turned(case, home, spoken.last)), number, most):
                tried += 1
                if did := _acts(interpreter, each, case, simulation):
                    acted.append(
                        Metamorphosis(case.id, case.set, language, each.way, each.said, did)
                    )
    return Run(readings, {language: tried}, acted)


def _some(sentences: Sequence[Turned], number: int, most: int) -> list[Turned]:
    """Return at most so many, evenly spread, and others of them for another number."""
    count = len(sentences)
    if count <= most:
        return list(sentences)
    return [sentences[(number + at * count // most) % count] for at in range(most)]


def _reading(case: Case, spoken: Spoken, judged: Judged) -> Reading:
    return Reading(
        id=case.id,
        kind=case.kind,
        set=case.set,
        home=case.home,
        language=case.language,
        said=tuple(case.say),
        grade=judged.grade,
        reason=judged.reason,
        offered=judged.offered,
        certain=spoken.did or bool(spoken.kept),
        instant=all(route(each, planned=True).instant for each in spoken.interpretations),
        roles=tuple(roles(spoken.last)),
        milliseconds=tuple(spoken.milliseconds),
    )


def roles(interpretation: Interpretation) -> Iterator[str]:
    """Yield for each clause its mood and its words with their roles; `!` marks an unused one."""
    for clause in interpretation.clauses:
        words = " ".join(
            f"{word.text}[{word.role}{':' + word.meaning if word.meaning else ''}"
            f"{'' if word.used else '!'}]"
            for word in clause.words
        )
        certain = "certain" if clause.certain else ",".join(clause.doubts)
        best = clause.candidates[0].phrase if clause.candidates else "–"
        yield f"{clause.mood} ({certain}) {words} → {best}"


def _acts(interpreter: Interprets, each: Turned, case: Case, simulation: Simulation) -> str:
    """Return what a turned sentence would do now, empty when it does nothing."""
    area = simulation.house.device_areas.get(case.at or "")
    interpretation = interpreter.interpret(each.said, Context(area, bool(case.at)))
    if not interpretation.certain:
        return ""
    phrases = []
    for clause in interpretation.clauses:
        if clause.mood is not Mood.ORDER or not clause.candidates:
            continue
        when = clause.when
        if when is not None and (
            when.repeats or when.delay or when.at or not (when.length or when.until)
        ):
            continue
        phrases.append(clause.candidates[0].phrase)
    return "; ".join(phrases)


def _lit(simulation: Simulation) -> House:
    """Return what lights and fans are when they are merely turned on."""
    for entity in simulation.house.entities.values():
        if entity.domain in _LIT:
            simulation.do(Action("HassTurnOn", {"name": entity.id}))
    house = simulation.values()
    simulation.reset()
    return {each: house[each] for each in house if each.partition(".")[0] in _LIT}
