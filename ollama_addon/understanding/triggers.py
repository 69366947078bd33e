"""What has to happen, or to be so, before something is done: "when the door opens"."""

from __future__ import annotations

from collections.abc import Sequence

from ollama_addon.understanding import questions
from ollama_addon.understanding.chart import Span
from ollama_addon.understanding.draft import Draft
from ollama_addon.understanding.interpretation import Context, Role, Trigger
from ollama_addon.understanding.lengths import length_at
from ollama_addon.understanding.names import HouseIndex
from ollama_addon.understanding.noun_phrases import resolve
from ollama_addon.understanding.phrases import read_phrases

_HAPPENING = {
    "open": "open",
    "close": "closed",
    "lock": "locked",
    "unlock": "unlocked",
    "on": "on",
    "off": "off",
    "start": "on",
    "stop": "off",
    "play": "playing",
    "pause": "paused",
}
_MORE = ("warmer", "up", "brighter", "louder")
_LESS = ("cooler", "down", "dimmer", "quieter")
_MEASURED = {"warmer": "temperature", "cooler": "temperature"}


def read_triggers(
    spans: Sequence[Span], index: HouseIndex, context: Context
) -> tuple[Trigger, ...]:
    """Return what words behind "when" or "if" wait for; empty when they are not understood."""
    if not spans:
        return ()
    draft = Draft(spans, index)
    for at in range(len(draft)):
        if draft.has(at, "later.sunset", "later.sunrise") and len(spans) <= 3:
            event = "sunset" if draft.has(at, "later.sunset") else "sunrise"
            return (Trigger("sun", event="sunset" if event == "sunset" else "sunrise"),)
    lasting = _lasting(draft)
    negated = _negated(draft)
    if zone := _presence(draft, index, negated=negated):
        return (zone,)
    compared = _compared(draft, index, context, lasting)
    if compared is not None:
        return (compared,)
    state, places = questions.asked_state(draft)
    for at in places:
        draft.take(at, Role.STATE, state)
    if not state:
        for at in draft.all_free():
            happening = _happening(draft, at)
            if happening:
                state = happening
                draft.take(at, Role.STATE, state)
                break
    if not state:
        return ()
    be = any(span.has("be") for span in spans)
    phrases = read_phrases(draft, ())
    fits = questions.can_be(state)
    entities = [
        entity
        for phrase in phrases.targets
        for entity in resolve(phrase, index, fits, context).entities
    ]
    if not entities or _unexplained(draft):
        return ()
    return (
        Trigger(
            "state",
            tuple(entities),
            _worded(_inverse(state) if negated else state, entities[0].domain),
            lasting=lasting,
            condition=be,
        ),
    )


def _happening(draft: Draft, at: int) -> str:
    """Return the state that something comes into by a verb: "opens", "geht auf"."""
    span = draft.spans[at]
    if told := span.meanings("happens"):
        return told[0]
    for meaning in span.meanings("verbs"):
        if meaning in _HAPPENING:
            return _HAPPENING[meaning]
    if not span.known and len(span.tokens) == 1:
        # "Opens" is "open" with an ending.
        key = draft.index.key(span.tokens[0].plain)
        for word, actions in draft.index.verb_words.items():
            if draft.index.key(word) == key:
                return next((_HAPPENING[a] for a in actions if a in _HAPPENING), "")
    return ""


def _worded(state: str, domain: str) -> str:
    """Return a state as entities of a domain have it."""
    if domain == "binary_sensor":
        return {"open": "on", "closed": "off", "motion": "on", "wet": "on"}.get(state, state)
    return state


def _inverse(state: str) -> str:
    return {
        "on": "off",
        "off": "on",
        "open": "closed",
        "closed": "open",
        "locked": "unlocked",
        "unlocked": "locked",
        "home": "not_home",
        "not_home": "home",
    }.get(state, state)


def _unexplained(draft: Draft) -> bool:
    return any(
        word.role is Role.UNKNOWN and not word.used and not _minor(word.text, draft)
        for word in draft.finish()
    )


def _minor(text: str, draft: Draft) -> bool:
    return any(
        span.text == text and span.has("subjects", "auxiliaries", "be", "fillers", "weak", "states")
        for span in draft.spans
    )


def _lasting(draft: Draft) -> float | None:
    for at in range(len(draft)):
        if draft.has(at, "later.length") and (length := length_at(draft, at + 1)):
            for each in range(at, length.end):
                draft.take(each, Role.TIME)
            return length.seconds
    return None


def _negated(draft: Draft) -> bool:
    found = False
    for at in list(draft.all_free()):
        if draft.has(at, "negations") and not draft.has(at, "name"):
            draft.take(at, Role.NEGATION)
            found = True
    return found


def _presence(draft: Draft, index: HouseIndex, *, negated: bool) -> Trigger | None:
    """Read "when Ana comes home", "if nobody is home"."""
    people = [e for e in index.house.entities.values() if e.domain == "person"]
    state = next(
        (
            meaning
            for at in draft.all_free()
            for meaning in draft.spans[at].meanings("states")
            if meaning in ("home", "not_home")
        ),
        "",
    )
    if not state or not people:
        return None
    named = [
        index.house.entities[id_]
        for span in draft.spans
        for id_ in span.meanings("name")
        if id_.startswith("person.")
    ]
    if negated:
        state = _inverse(state)
    return Trigger("zone", tuple(named or people), state, condition=not named)


def _compared(
    draft: Draft, index: HouseIndex, context: Context, lasting: float | None
) -> Trigger | None:
    """Read "when it gets warmer than 25 degrees", "if the humidity is above 60 percent"."""
    number = next((at for at in draft.all_free() if draft.spans[at].number is not None), None)
    if number is None:
        return None
    direction, attribute = "", ""
    for at in draft.all_free():
        for meaning in draft.spans[at].meanings("directions"):
            direction = direction or (
                "above" if meaning in _MORE else "below" if meaning in _LESS else ""
            )
            attribute = attribute or _MEASURED.get(meaning, "")
        for group, meaning in (("later.over", "above"), ("later.under", "below")):
            if draft.has(at, group):
                direction = direction or meaning
        for meaning in draft.spans[at].meanings("attributes"):
            attribute = attribute or meaning
    if not direction:
        return None
    if not attribute and draft.has(number + 1, "units"):
        units = draft.spans[number + 1].meanings("units")
        attribute = "temperature" if "degree" in units else ""
    value = draft.spans[number].number
    draft.take(number, Role.VALUE)
    phrases = read_phrases(draft, ())
    fits = questions.can_tell(attribute)
    entities = [
        entity
        for phrase in phrases.targets
        for entity in resolve(phrase, index, fits, context).entities
        if fits(entity)
    ]
    if not entities:
        entities = [
            entity
            for entity in index.house.entities.values()
            if entity.domain == "sensor"
            and entity.device_class == attribute
            and (not context.area_id or entity.area_id == context.area_id)
        ]
        if len(entities) != 1:
            return None
    above = value if direction == "above" else None
    below = value if direction == "below" else None
    first = entities[0]
    kept = "current_temperature" if first.domain == "climate" else ""
    return Trigger("numeric", (first,), above=above, below=below, attribute=kept, lasting=lasting)
