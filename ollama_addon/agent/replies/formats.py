"""Times, dates, lengths of time and numbers as they are written in a language and a country."""

from __future__ import annotations

import datetime as dt

from babel.dates import format_date, format_skeleton, format_time, format_timedelta
from babel.numbers import format_decimal

from ollama_addon.agent.replies.texts import Texts, locale_of


class Formats:
    """Writes values; `country` has two letters, such as `GB`."""

    def __init__(self, texts: Texts, country: str = "") -> None:
        self._texts = texts
        self._locale = locale_of(texts.language, country)

    def time(self, moment: dt.datetime) -> str:
        """Return a time of day: `21:40`, `9:40 PM`."""
        return _plain(format_time(moment, "short", locale=self._locale))

    def date(self, day: dt.date) -> str:
        """Return a date with its day of the week: `Wednesday 25 November 2026`."""
        return _plain(format_date(day, "full", locale=self._locale))

    def day(self, day: dt.date, today: dt.date) -> str:
        """Return a day as seen from today: its day of the week, with the date if it is far off."""
        skeleton = "EEEE" if 0 <= (day - today).days < 7 else "MMMMEEEEd"
        if skeleton == "EEEE":
            name = str(self._locale.days["stand-alone"]["wide"][day.weekday()])
            return name[:1].upper() + name[1:]
        return _plain(format_skeleton(skeleton, day, locale=self._locale))

    def duration(self, seconds: float) -> str:
        """Return a length of time: `1 hour and 30 minutes`."""
        left = max(0, round(seconds))
        parts: list[str] = []
        for unit, size in (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1)):
            number, left = divmod(left, size)
            if number or (unit == "second" and not parts):
                length = dt.timedelta(seconds=number * size)
                parts.append(
                    _plain(format_timedelta(length, unit, threshold=1e9, locale=self._locale))  # type: ignore[arg-type]
                )
        if not self._texts.spaced:
            return "".join(part.replace(" ", "") for part in parts)
        return self._texts.listing(parts)

    def number(self, value: float) -> str:
        """Return a number with at most two places: `20.5`, in German `20,5`."""
        return _plain(format_decimal(round(value, 2), "0.##", locale=self._locale))

    def measured(self, value: object, unit: str = "") -> str:
        """Return a value with its unit: `20.5 °C`, `40 %`; words are left as they are."""
        try:
            text = self.number(float(str(value)))
        except (OverflowError, ValueError):
            text = str(value)
        return f"{text} {unit}" if unit else text


def _plain(text: str) -> str:
    """Return a text with plain spaces, which every voice reads."""
    return text.replace("\u202f", " ").replace("\xa0", " ")
