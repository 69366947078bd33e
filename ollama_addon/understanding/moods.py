"""What kind of saying a clause is: an order, a negated one, a question, a report, a wish, talk."""

from __future__ import annotations

from collections.abc import Sequence

from ollama_addon.understanding.chart import Span
from ollama_addon.understanding.draft import Draft
from ollama_addon.understanding.interpretation import Mood, Role

_WHOLE = (
    ("undo", Mood.UNDO),
    ("never_mind", Mood.NEVER_MIND),
    ("yes", Mood.YES),
    ("no", Mood.NO),
    ("talk", Mood.TALK),
)
_ALONG = ("fillers", "openers", "articles", "requests")
_HOUSE = ("name", "area", "floor", "nouns", "places", "word", "timer")


def whole(spans: Sequence[Span], *, asked: bool) -> Mood | None:
    """Return the mood of a sentence that is a yes, a no, a never mind or talk as a whole.

    `asked` tells that the agent asked something: then a word such as "ok" answers it.
    """
    order = _WHOLE if not asked else (_WHOLE[2], _WHOLE[3], _WHOLE[1], _WHOLE[0], _WHOLE[4])
    for group, mood in order:
        said = [span for span in spans if span.has(group)]
        if not said:
            continue
        others = [span for span in spans if not span.has(group)]
        if group in ("yes", "no") and asked:
            # "No, yes" is neither.
            opposite = "no" if group == "yes" else "yes"
            if any(span.has(opposite) and not span.has(group) for span in spans):
                continue
        if all(span.has(*_ALONG, "talk", "yes", "no") for span in others):
            return mood
    return None


def determine(draft: Draft, *, asks: bool, names_something: bool) -> Mood:
    """Return the mood of a clause, and take the words that tell it.

    `asks` tells that a question mark stands behind it; `names_something` whether it names
    anything of the house.
    """
    requested = _leading(draft)
    left = _left_alone(draft)
    negated = _negated(draft)
    if left or negated:
        _questioned(draft, asks=asks and not requested, negated=True)
        return Mood.NEGATED
    if not requested and _questioned(draft, asks=asks):
        return Mood.QUESTION
    if asks and not requested and not _begins_with_verb(draft):
        return Mood.QUESTION
    told = _told(draft, requested=requested)
    if told is not None:
        return told
    if asks and not requested:
        draft.doubt("question_mark")
    return Mood.ORDER


def _leading(draft: Draft) -> bool:
    """Take openers, requests and wishes at the beginning; tell whether it is requested."""
    requested = False
    at = 0
    while at < len(draft):
        span = draft.spans[at]
        if not draft.free(at):
            at += 1
            continue
        if span.has("requests", "wishes") and not (span.has("weak") and requested):
            draft.take(at, Role.REQUEST)
            requested = True
        elif (
            span.has("openers", "then", "and")
            and not span.has("questions", "verbs", "weak", "name", "word")
        ) or (
            span.has("fillers")
            and not span.has("verbs", "weak", "name", "word", "questions", "negations", "yes", "no")
        ):
            draft.take(at, Role.FILLER)
        else:
            break
        at += 1
    # Elsewhere a request is only polite: "the lights off, could you".
    for at in draft.all_free():
        span = draft.spans[at]
        if span.has("requests") and not span.has("verbs", "weak", "name", "nouns", "questions"):
            draft.take(at, Role.REQUEST)
            requested = True
    return requested


def _left_alone(draft: Draft) -> bool:
    """Whether something is to stay as it is: "leave the TV on", "lass das Licht an"."""
    first = draft.first()
    if not draft.has(first, "leave"):
        return False
    span = draft.spans[first]
    rest = [at for at in draft.all_free() if at > first]
    if span.has("verbs", "weak") and not any(draft.has(at, "states", "particles") for at in rest):
        return False
    if any(draft.spans[at].number is not None for at in rest):
        return False  # "keep the humidity at 45"
    draft.take(first, Role.NEGATION, "leave")
    for at in rest:
        if draft.has(at, "states", "particles") and not draft.has(at, "name", "nouns", "area"):
            draft.take(at, Role.STATE)
    return True


def _negated(draft: Draft) -> bool:
    found = False
    for at in list(draft.all_free()):
        span = draft.spans[at]
        if not span.has("negations") or span.has("name"):
            continue
        if at == draft.last() and (only := _only_before(draft, at)) is not None:
            # "All lights on, only the night light not".
            draft.take(only, Role.EXCEPTION)
            draft.take(at, Role.EXCEPTION)
            continue
        if span.has("except") and at != draft.first():
            continue
        if corrects(draft, at):
            continue
        draft.take(at, Role.NEGATION, "not")
        found = True
    return found


def corrects(draft: Draft, at: int) -> bool:
    """Whether a "no" takes back what was said before ("no, 21") and negates nothing itself."""
    span = draft.spans[at]
    if not span.has("corrections") or at != draft.first():
        return False
    if not span.has("negations"):
        return True
    comma = at + 1 < len(draft) and bool(set(draft.spans[at + 1].before) & set(",，、"))
    return comma or not any(
        draft.has(each, "verbs", "weak", "requests", *_HOUSE) or draft.spans[each].parts
        for each in range(at + 1, len(draft))
    )


def _only_before(draft: Draft, at: int) -> int | None:
    """Return an "only" before a negation at the end, with something between the two."""
    for before in range(at - 2, 0, -1):
        if draft.free(before) and draft.has(before, "only") and not draft.has(before, "name"):
            return before
    return None


def _begins_with_verb(draft: Draft) -> bool:
    first = draft.first()
    return draft.has(first, "verbs", "weak") and not draft.has(
        first, "nouns", "name", "area", "states"
    )


def _questioned(draft: Draft, *, asks: bool, negated: bool = False) -> bool:
    """Take the word that opens a question; tell whether there is one."""
    first = draft.first()
    last = draft.last()
    characters = draft.index.lexicon.script == "characters"
    if draft.has(first, "questions") and not (
        draft.has(first, "verbs", "weak") and not asks and not _asks_clearly(draft, first)
    ):
        draft.take(first, Role.QUESTION, draft.spans[first].meanings("questions")[0])
        _more(draft, first)
        return True
    if characters and draft.has(last, "questions"):
        draft.take(last, Role.QUESTION, draft.spans[last].meanings("questions")[0])
        _more(draft, -1)
        return True
    for at in draft.all_free():
        # "And the lights, which are on?", "Im Flur, was ist da an?"
        meanings = draft.spans[at].meanings("questions")
        open_words = [m for m in meanings if m not in ("yes_no", "ask", "any", "all", "who")]
        named = draft.has(at, "name", "verbs", "weak", "later.when", "articles")
        if open_words and not named and (asks or characters or at == first):
            draft.take(at, Role.QUESTION, open_words[0])
            _more(draft, at)
            return True
    return False


def _asks_clearly(draft: Draft, at: int) -> bool:
    meanings = set(draft.spans[at].meanings("questions"))
    return not meanings <= {"yes_no", "any", "ask"}


def _more(draft: Draft, first: int) -> None:
    """Take further words of asking behind the first one: "tell me | which …"."""
    at = first + 1
    while at < len(draft):
        span = draft.spans[at]
        if draft.free(at) and span.has("questions") and not span.has("name"):
            draft.take(at, Role.QUESTION, span.meanings("questions")[0])
        elif not draft.is_empty(at) or not draft.free(at):
            break
        at += 1


def _told(draft: Draft, *, requested: bool) -> Mood | None:
    """Return `REPORT` or `WISH` for what is told and not ordered; takes the words that tell it."""
    first = draft.first()
    free = list(draft.all_free())
    feeling = [at for at in free if draft.has(at, "feelings")]
    subject = [
        at
        for at in free
        if draft.has(at, "subjects") and not draft.has(at, "name", "nouns", "pronouns")
    ]
    helper = [at for at in free if draft.has(at, "auxiliaries", "be")]
    past = [at for at in free if draft.has(at, "past") and not draft.has(at, "verbs", "particles")]
    opening = (
        first < len(draft)
        and (draft.has(first, "subjects") or draft.has(first, "auxiliaries"))
        and not draft.has(first, "verbs", "weak")
    )
    ordered = any(
        draft.has(at, "verbs", "weak")
        and not draft.has(at, "past", "states", "feelings", "levels")
        and not (at != first and draft.has(at, "nouns", "name"))
        for at in free
    )
    if (
        feeling
        and not requested
        and (opening or not ordered)
        and not _is_value(draft, feeling, ordered)
    ):
        for at in (*feeling, *subject, *helper):
            draft.take(at, Role.SUBJECT, "feeling" if at in feeling else "")
        return Mood.WISH
    if requested:
        return None
    if opening:
        about = any(draft.has(at, *_HOUSE) for at in free) or bool(past) or ordered
        _take_all(draft, Role.SUBJECT, subject, helper, past)
        return Mood.REPORT if about else Mood.WISH
    if past and (helper or not ordered):
        _take_all(draft, Role.SUBJECT, subject, helper, past)
        return Mood.REPORT
    middle = [at for at in helper if at > first and not draft.has(at, "fillers", "verbs", "weak")]
    if middle and not ordered:
        _take_all(draft, Role.SUBJECT, subject, middle)
        return Mood.REPORT
    return None


def _is_value(draft: Draft, feeling: Sequence[int], ordered: bool) -> bool:
    """Whether a word for a feeling is a value here: "warm" as a white, "dim" as a verb."""
    return all(
        draft.has(
            at, "verbs", "whites", "levels", "directions", "name", "states", "particles", "house"
        )
        for at in feeling
    ) and (
        ordered
        or not any(draft.has(at, "subjects", "auxiliaries", "be") for at in range(len(draft)))
    )


def _take_all(draft: Draft, role: Role, *groups: Sequence[int]) -> None:
    for group in groups:
        for at in group:
            draft.take(at, role)


def names_anything(spans: Sequence[Span]) -> bool:
    """Tell whether spans name anything of a house."""
    return any(span.has(*_HOUSE) or span.parts for span in spans)
