"""One answer's proposals, settled: what is done, kept for later, asked about, and not done.

Repair makes each of them valid, grounding holds it against what was said, and what asks first
is put apart. A pure function of the proposals, the sentence and the house.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ollama_addon.agent.actions.confirmation import asks_first
from ollama_addon.agent.actions.grounding import Stopped, check, together_reach_all
from ollama_addon.agent.actions.repair import Repaired, Verdict
from ollama_addon.agent.actions.repair_names import Names
from ollama_addon.agent.actions.repair_several import repair_all
from ollama_addon.understanding.interpretation import Interpretation, When
from ollama_addon.understanding.vocabulary import Action

Timed = tuple[Repaired, When]


@dataclass(frozen=True, slots=True)
class Settled:
    """What comes of one answer."""

    done: tuple[Repaired, ...] = ()
    """To be carried out now; what repair refused is among them, with its reason."""
    kept: tuple[Timed, ...] = ()
    """To be done at another time, or for a length of time."""
    asked: tuple[Repaired, ...] = ()
    """To be asked about before anything is done: what reaches the whole home, or asks first."""
    stopped: tuple[Stopped, ...] = ()
    commands: tuple[tuple[str, When], ...] = ()
    """Sentences to be understood and kept for then."""

    @property
    def refused(self) -> tuple[Repaired, ...]:
        """What repair could not make valid."""
        return tuple(item for item in self.done if item.verdict is Verdict.REFUSED)


def settle(
    proposed: Sequence[Action],
    names: Names,
    interpretation: Interpretation,
    *,
    times: Sequence[When | None] = (),
    area_id: str | None = None,
    confirm: Collection[str] = (),
) -> Settled:
    """Settle what one answer proposes.

    `times` are those that the model gave, one for each proposal; `area_id` is where the speaker
    stands; `confirm` are the kinds of action that ask first.
    """
    house = names.house
    items: list[Repaired] = []
    whens: list[When | None] = []
    commands: list[tuple[str, When]] = []
    for number, action in enumerate(proposed):
        repairs = repair_all([action], names, interpretation, area_id=area_id)
        when = times[number] if number < len(times) else None
        commands += repairs.commands
        for item in repairs.items:
            if all(_key(item) != _key(other) for other in items):
                items.append(item)
                whens.append(when)
    done: list[Repaired] = []
    kept: list[Timed] = []
    asked: list[Repaired] = []
    stopped: list[Stopped] = []
    for item, when in zip(items, whens, strict=True):
        grounded = check([item], interpretation, house, [when])
        asked += grounded.asked
        for each in grounded.done:
            if when is not None and each.verdict is not Verdict.REFUSED:
                kept.append((each, when))
            elif _asks(each, names, confirm):
                asked.append(each)
            else:
                done.append(each)
        for refused in grounded.stopped:
            said = refused.clause.when if refused.clause else None
            if refused.code == "later" and said is not None and said.understood:
                kept.append((refused.item, said))
            else:
                stopped.append(refused)
    if together_reach_all(done, interpretation, house):
        done, asked = [], [*asked, *done]
    return Settled(tuple(done), tuple(kept), tuple(asked), tuple(stopped), tuple(commands))


def _key(item: Repaired) -> tuple[object, ...]:
    """Return what makes two proposals the same."""
    return item.action, item.candidates, item.reason


def _asks(item: Repaired, names: Names, confirm: Collection[str]) -> bool:
    return (
        item.action is not None
        and item.verdict is not Verdict.REFUSED
        and asks_first(item.action, item.target, names.house, confirm)
    )
