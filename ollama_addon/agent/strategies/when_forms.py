"""When an action is to be done, as a model writes it behind the phrase: a small set of forms."""

from __future__ import annotations

import re

from ollama_addon.understanding.interpretation import Moment, When

PATTERN = (
    "(in [1-9][0-9]{0,2} (seconds|minutes|hours)"
    "|for [1-9][0-9]{0,2} (seconds|minutes|hours)"
    "|(tomorrow )?at ([01][0-9]|2[0-3]):[0-5][0-9]"
    "|at (sunrise|sunset))"
)
"""As a pattern of a JSON schema."""
EXAMPLES = ("in 10 minutes", "for 2 hours", "at 22:30", "tomorrow at 07:00", "at sunset")
_FORM = re.compile(
    r"\s+(?:(?P<kind>in|for) (?P<count>\d{1,4}) (?P<unit>second|minute|hour)s?"
    r"|(?P<day>tomorrow )?at (?P<hour>\d{1,2}):(?P<minute>\d\d)"
    r"|at (?P<sun>sunrise|sunset))$",
    re.IGNORECASE,
)
_SECONDS = {"second": 1.0, "minute": 60.0, "hour": 3600.0}


def parted(phrase: str) -> tuple[str, When | None]:
    """Return a phrase without its time, and the time, None where it has none."""
    match = _FORM.search(phrase)
    if match is None:
        return phrase, None
    words = match[0].strip()
    if match["kind"]:
        seconds = int(match["count"]) * _SECONDS[match["unit"].lower()]
        when = (
            When(words, delay=seconds)
            if match["kind"].lower() == "in"
            else When(words, length=seconds)
        )
    elif match["sun"]:
        sun = match["sun"].lower()
        when = When(words, at=Moment(sun="sunrise" if sun == "sunrise" else "sunset"))
    else:
        hour, minute = int(match["hour"]), int(match["minute"])
        if hour > 23 or minute > 59:
            return phrase, None
        when = When(words, at=Moment(hour, minute, days=1 if match["day"] else None))
    return phrase[: match.start()], when
