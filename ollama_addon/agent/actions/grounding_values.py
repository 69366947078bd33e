"""Whether the values of an action are those that were said, where some were."""

from __future__ import annotations

from collections.abc import Sequence

from rapidfuzz import fuzz

from ollama_addon.agent.actions import directions
from ollama_addon.agent.actions.repair_outcome import TARGET_SLOTS
from ollama_addon.agent.actions.spoken import spoken_numbers
from ollama_addon.home.model import Entity, House
from ollama_addon.understanding.interpretation import Candidate, Clause, Interpretation, Mood, Role
from ollama_addon.understanding.tokens import fold
from ollama_addon.understanding.vocabulary import Action

_NUMBERS = ("brightness", "temperature", "position", "percentage", "volume_level", "humidity",
            "value", "brightness_step_pct", "step", "volume_step")  # fmt: skip
_LEVELS = frozenset({"brightness", "position", "percentage", "volume_level", "humidity"})
_ABOUT = 24
"""How far, in percent, a number may be from a level that was said in a word."""
_ALIKE = 80
"""How alike texts must be to say the same, of 100."""
_CLOSE = 0.6
"""How far a number may be from the one that was said: half degrees, and other scales."""
TEXTS = ("item", "message", "search_query")
"""Slots of free words."""


def numbers_are_said(
    action: Action,
    members: Sequence[Entity],
    clause: Clause,
    fitting: Sequence[Candidate],
    language: str,
    house: House,
) -> bool:
    """Tell whether the numbers of an action are those that were said, where some were."""
    spoken = list(spoken_numbers(clause, language))
    for slot in _NUMBERS:
        value = action.slots.get(slot)
        if not isinstance(value, int | float) or isinstance(value, bool):
            continue
        read = [
            float(each.slots[slot])
            for candidate in fitting
            for each in candidate.actions
            if isinstance(each.slots.get(slot), int | float)
        ]
        if spoken:
            # What stands for the number that was said may be another: "half past", "minimum".
            if not _is_said(slot, float(value), [*spoken, *read], members, house):
                return False
            continue
        told = slot in _LEVELS and bool(read) and _says_level(clause)
        if told and all(abs(value - each) > _ABOUT for each in read):
            return False
    return True


def _says_level(clause: Clause) -> bool:
    """Whether a level was said in a word, beyond doubt: "halfway", "full", "low"."""
    return clause.certain and any(word.role is Role.VALUE for word in clause.words)


def _is_said(
    slot: str, value: float, spoken: Sequence[float], members: Sequence[Entity], house: House
) -> bool:
    """Whether a number is one that was said, itself or as a change of what is so now."""
    for number in spoken:
        fahrenheit = (number * 9 / 5 + 32, (number - 32) * 5 / 9) if slot == "temperature" else ()
        if any(abs(abs(value) - abs(each)) <= _CLOSE for each in (number, *fahrenheit)):
            return True
        for entity in members:
            now = directions.level(slot, entity, house)
            if now is not None and abs(abs(value - now) - abs(number)) <= _CLOSE:
                return True
    return False


def choices_are_said(action: Action, fitting: Sequence[Candidate]) -> bool:
    """Tell whether colors, modes and the like are those that were said, where some were."""
    chosen = {
        slot: each.slots[slot]
        for candidate in fitting
        for each in candidate.actions
        for slot in each.slots
        if slot not in (*TARGET_SLOTS, *_NUMBERS, *TEXTS) and isinstance(each.slots[slot], str)
    }
    return all(
        fold(str(action.slots.get(slot, word))) == fold(word) for slot, word in chosen.items()
    )


def texts_are_said(action: Action, interpretation: Interpretation) -> bool:
    """Tell whether an item or a message is one that was said, where one was."""
    for slot in TEXTS:
        text = action.slots.get(slot)
        if not isinstance(text, str):
            continue
        wanted = [
            str(each.slots[slot])
            for candidate in interpretation.candidates()
            for each in candidate.actions
            if slot in each.slots
        ]
        said = fold(interpretation.text)
        if wanted and not any(_alike(text, each) for each in wanted):
            # The readers may have cut it wrongly: all of its words were said.
            return fold(text) in said or set(_words(text)) <= set(_words(said))
        if not wanted and _says_more(action, interpretation):
            return fold(text) in said or any(
                fuzz.ratio(word, other) >= _ALIKE for word in _words(text) for other in _words(said)
            )
    return True


def _says_more(action: Action, interpretation: Interpretation) -> bool:
    """Whether an order names a list and says something else that no reader made anything of."""
    return any(
        clause.mood is Mood.ORDER
        and bool(clause.unexplained)
        and any(entity.id == action.slots.get("name") for entity in clause.named)
        for clause in interpretation.clauses
    )


def _alike(text: str, other: str) -> bool:
    """Whether two texts say the same: "eggs" and "Egg", "milk" and "some milk"."""
    words, others = set(_words(text)), set(_words(other))
    if words and (words <= others or others <= words):
        return True
    return fuzz.ratio(" ".join(sorted(words)), " ".join(sorted(others))) >= _ALIKE


def _words(text: str) -> list[str]:
    return "".join(c if c.isalnum() else " " for c in fold(text)).split()
