"""Timers of a satellite: start, cancel, pause, how long is left."""

from __future__ import annotations

from ollama_addon.understanding import moods
from ollama_addon.understanding.draft import Draft
from ollama_addon.understanding.interpretation import (
    Candidate,
    Clause,
    Context,
    Mood,
    Question,
    Refusal,
    Role,
)
from ollama_addon.understanding.lengths import Length, length_at
from ollama_addon.understanding.verbs import read_verbs
from ollama_addon.understanding.vocabulary import Action

_LINKS = (
    "articles",
    "in",
    "to",
    "by",
    "fillers",
    "later.length",
    "later.delay",
    "openers",
    "requests",
    "wishes",
    "and",
    "subjects",
    "one_unit",
)
_UNNAMED = (
    "verbs",
    "weak",
    "questions",
    "timer",
    "all",
    "everything",
    "particles",
    "directions",
    "be",
    "auxiliaries",
    "negations",
    "states",
    "pronouns",
    "more_of_it",
    "later.delay",
    "past",
    "except",
    "yes",
    "no",
    "corrections",
    "leave",
)


def read_timer(
    draft: Draft, context: Context, *, asks: bool, carried: Mood = Mood.ORDER
) -> Clause | None:
    """Return a clause about a timer, None when it is about none.

    `carried` is the mood that reaches into it from the clause before.
    """
    place = next(
        (
            at
            for at in range(len(draft))
            if draft.has(at, "timer") and not draft.has(at, "name") and draft.free(at)
        ),
        None,
    )
    length: Length | None = None
    start = 0
    for at in range(len(draft)):
        if at != place and draft.free(at) and (found := length_at(draft, at)) is not None:
            length, start = found, at
            break
    if place is None and not _goes_on(draft, context, length):
        return None
    if place is not None:
        draft.take(place, Role.KIND, "timer")
    put_off = length is not None and draft.has(start - 1, "later.delay")
    if length is not None:
        for at in range(start, length.end):
            if draft.free(at):
                draft.take(at, Role.TIME, f"{length.seconds:g}")
        if draft.has(start - 1, "later.length", "later.delay", "in", "to", "by"):
            draft.take(start - 1, Role.PREPOSITION)
    forms = draft.spans[place].meanings("timer") if place is not None else ()
    plural = "pl" in forms
    every = plural or any(draft.has(at, "all", "everything") for at in range(len(draft)))
    negated = any(
        draft.has(at, "negations") and not moods.corrects(draft, at) for at in draft.all_free()
    )
    told = any(
        draft.has(at, "subjects", "past")
        and not draft.has(
            at, "requests", "wishes", "verbs", "weak", "articles", "pronouns", "fillers"
        )
        for at in range(min(place or 0, 2))
    )
    name = _name(draft, place) if place is not None else ""
    verbs = {
        meaning
        for at in draft.all_free()
        for meaning in draft.spans[at].meanings("verbs")
        if place is None or not draft.has(at, "weak")
    }
    if place is None:
        verbs |= set(read_verbs(Draft(draft.spans, draft.index)).actions)
        if not verbs & {"add", "remove", "down", "cancel", "pause", "resume"}:
            verbs.add("add")
    particles = {
        meaning for at in draft.all_free() for meaning in draft.spans[at].meanings("particles")
    }
    questioned = any(
        draft.has(at, "questions") and not draft.has(at, "verbs", "weak", "articles", "in")
        for at in range(min(2, len(draft)))
    ) or (asks and not any(draft.has(at, "requests") for at in range(len(draft))))
    later = any(
        draft.has(
            at,
            "later.when",
            "later.tomorrow",
            "later.at",
            "later.until",
            "later.every",
            "later.vague",
        )
        and not draft.has(at, "fillers", "in", "to", "by", "later.length", "all")
        for at in draft.all_free()
    )
    mood = Mood.ORDER
    action: Action | None = None
    slots: dict[str, object] = {"name": name} if name else {}
    if (questioned and not verbs & {"cancel", "stop", "pause"}) or (questioned and asks):
        mood = Mood.QUESTION
        action = Action("HassTimerStatus", slots)
    elif negated or carried is Mood.NEGATED:
        mood = Mood.NEGATED
    elif told or carried is Mood.REPORT:
        mood = Mood.REPORT
    elif verbs & {"resume"}:
        action = Action("HassUnpauseTimer", slots)
    elif verbs & {"pause"}:
        action = Action("HassPauseTimer", slots)
    elif verbs & {"cancel", "stop", "remove", "off"} or particles & {"off"}:
        if verbs & {"remove"} and length is not None:
            action = Action("HassDecreaseTimer", {**_parts(length), **slots})
        else:
            action = Action(
                "HassCancelAllTimers" if every and not name else "HassCancelTimer", slots
            )
    elif verbs & {"add", "up"} and length is not None and not verbs & {"start"}:
        action = Action("HassIncreaseTimer", {**_parts(length), **slots})
    elif verbs & {"down"} and length is not None:
        action = Action("HassDecreaseTimer", {**_parts(length), **slots})
    elif length is not None:
        action = Action("HassStartTimer", {**_parts(length), **slots})
    for at in list(draft.all_free()):
        if draft.has(at, "negations"):
            draft.take(at, Role.NEGATION)
        elif draft.has(at, "verbs", "weak", "particles", "questions", "all", "everything", "be"):
            draft.take(at, Role.VERB)
        elif draft.has(
            at,
            *_LINKS,
            "states",
            "pronouns",
            "auxiliaries",
            "more_of_it",
            "later.delay",
            "directions",
        ):
            draft.take(at, Role.FILLER)
    words = draft.finish()
    doubts: dict[str, None] = {}
    if put_off and action is not None and not action.intent.endswith("StartTimer"):
        later = True  # "Cancel the timer in ten minutes" is not to be done now.
    if later:
        doubts["when"] = None
    said_to = any(word.role is Role.VERB for word in words)
    if name and not said_to and (place is None or length is None or start < place):
        doubts["no_verb"] = None
    if any(word.role is Role.UNKNOWN for word in words):
        doubts["unknown"] = None
    refusal: Refusal | None = None
    if (
        action is not None
        and action.intent.endswith("StartTimer")
        and length
        and length.seconds <= 0
    ):
        refusal, action = Refusal("value", values={"timer": True}), None
    if action is None and mood is Mood.ORDER and refusal is None:
        doubts["no_length"] = None
    if mood is Mood.QUESTION:
        return Clause(
            draft.text,
            mood,
            certain=not doubts,
            doubts=tuple(doubts),
            words=words,
            question=Question("timer", detail={"name": name} if name else {}),
        )
    candidates: tuple[Candidate, ...] = ()
    if action is not None and mood is Mood.ORDER:
        said = f" {name}" if name else ""
        value = f" {length.seconds:g} seconds" if length else ""
        candidates = (
            Candidate(
                (action,),
                (),
                f"{action.intent.removeprefix('Hass')}{said}{value}",
                1.0,
                action.intent,
            ),
        )
    return Clause(
        draft.text,
        mood,
        candidates,
        certain=mood in (Mood.NEGATED, Mood.REPORT) or (not doubts and bool(candidates)),
        doubts=tuple(doubts),
        words=words,
        refusal=refusal,
    )


def _goes_on(draft: Draft, context: Context, length: Length | None) -> bool:
    """Whether a sentence without the word is about the timer that was spoken of last."""
    spoken = context.previous[0].actions[0].intent if context.previous else ""
    if not spoken.endswith("Timer"):
        return False
    verbs = {m for span in draft.spans for m in span.meanings("verbs")}
    if any(span.has("name", "area", "nouns") and span.number is None for span in draft.spans):
        return False
    verbs |= set(read_verbs(Draft(draft.spans, draft.index)).actions)
    more = any(
        span.has("more_of_it") or "up" in span.meanings("directions") for span in draft.spans
    )
    return bool(verbs & {"cancel", "pause", "resume"}) or (
        length is not None and (more or bool(verbs & {"add", "remove", "up", "down"}))
    )


def _parts(length: Length) -> dict[str, int]:
    """Return a length as the slots of a timer."""
    seconds = round(length.seconds)
    parts = {
        "hours": seconds // 3600,
        "minutes": seconds // 60 % 60,
        "seconds": seconds % 60,
    }
    return {unit: count for unit, count in parts.items() if count}


def _name(draft: Draft, place: int) -> str:
    """Return what a timer is called: the words before the noun, or behind "called"."""
    words: list[str] = []
    at = place - 1
    while at >= 0 and draft.free(at):
        span = draft.spans[at]
        if span.number is not None or span.has(*_LINKS, *_UNNAMED, "units", "durations"):
            break
        if any(sense.group.startswith("later.") for sense in span.senses):
            break
        words.insert(0, span.text)
        draft.take(at, Role.TEXT, "timer")
        at -= 1
    if not words and draft.index.lexicon.links and len(draft.spans[place].parts) == 2:
        words = [draft.spans[place].parts[0]]
    return " ".join(words)
