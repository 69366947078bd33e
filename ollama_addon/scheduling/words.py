"""Orders and automations in words: what will be done, and when, in the person's language.

The sentences stand in `texts/`, a file for each spoken language; times, dates and lengths of
time are written by CLDR's rules (Babel).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from babel.dates import format_skeleton, format_time

from ollama_addon.agent.actions.opposites import members_of
from ollama_addon.agent.replies.formats import Formats
from ollama_addon.agent.replies.texts import locale_of, texts_for
from ollama_addon.agent.replies.verbs import value_of, verb_of
from ollama_addon.home.model import House
from ollama_addon.understanding.vocabulary import Action

_TEXTS = Path(__file__).parent / "texts"
LANGUAGES = tuple(sorted(path.stem for path in _TEXTS.glob("*.yaml")))
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Many times faster where PyYAML was built with it: the first order of a language waits for it."""
_NAMED = 4
"""Names that are said of a group; of larger ones, how many more there are."""
_SOON = 120.0
"""Seconds up to which a length of time is said and not a time of day."""


class Words:
    """What is said of orders in one language; `country` decides how times are written."""

    def __init__(self, language: str, country: str = "") -> None:
        self.language = language
        self._texts = _texts(language)
        self._locale = locale_of(language, country)
        self._spoken = texts_for(language)
        self._formats = Formats(self._spoken, country)

    def text(self, key: str, **values: object) -> str:
        """Return one of the sentences; parts of `key` are divided by dots."""
        found: Any = self._texts
        for part in key.split("."):
            found = found[part]
        return str(found).format(**values)

    @property
    def spaced(self) -> bool:
        """Whether the language puts spaces between words."""
        return bool(self._texts["space"])

    def weekday(self, day: int) -> str:
        """Return the name of a day of the week; 0 is Monday."""
        return str(self._texts["automations"]["days"][day])

    def listing(self, parts: Sequence[str]) -> str:
        """Return words as people list them: `A, B and C`."""
        comma = ", " if self.spaced else "、"
        last = self._texts["and"]
        return last.join(filter(None, (comma.join(parts[:-1]), parts[-1]))) if parts else ""

    # Times

    def time(self, moment: datetime) -> str:
        """Return a time of day: `21:40`, `9:40 PM`."""
        return format_time(moment, "short", locale=self._locale).replace("\u202f", " ")

    def when(self, moment: datetime, now: datetime) -> str:
        """Return when something will be, as seen from now: `tomorrow at 7:00`."""
        ahead = moment.timestamp() - now.timestamp()
        if 0 < ahead < _SOON:
            return self.text("times.delay", duration=self.duration(ahead))
        days = (moment.date() - now.date()).days
        time = self.time(moment)
        if days == 0:
            return self.text("times.today", time=time)
        if days == 1:
            return self.text("times.tomorrow", time=time)
        if 1 < days < 7:
            weekday = self._texts["weekdays"][moment.weekday()]
            return self.text("times.weekday", weekday=weekday, time=time)
        return self.text("times.date", date=self.date(moment, now), time=time)

    def date(self, moment: datetime, now: datetime) -> str:
        """Return a date; with the year where that is not clear."""
        skeleton = "MMMMd" if (moment.date() - now.date()).days in range(300) else "yMMMMd"
        return str(format_skeleton(skeleton, moment, locale=self._locale))

    def duration(self, seconds: float) -> str:
        """Return a length of time: `1 hour and 30 minutes`."""
        return self._formats.duration(max(1, round(seconds)))

    # Actions

    def actions(self, actions: Sequence[Action], house: House) -> str:
        """Return what actions do: `turn off TV and turn on Desk lamp`."""
        return self.listing([self.action(action, house) for action in actions])

    def action(self, action: Action, house: House) -> str:
        """Return what an action does: `turn off TV`, `set Thermostat to 21 °C`."""
        key = verb_of(action, house)
        value = value_of(action, house, self._formats, self.language, {})
        key = f"will.{key if key != 'set' or value else 'other'}"
        return self._spoken.text(key, names=self.names(action, house), value=value)

    def names(self, action: Action, house: House) -> str:
        """Return what an action is about, by name."""
        members = members_of(action, house)
        names = []
        for member in members:
            area = house.area_of(member)
            alike = sum(other.name == member.name for other in house.entities.values())
            names.append(f"{member.name} ({area.name})" if area and alike > 1 else member.name)
        if not names:
            # Not exposed any more: what it is known by still tells a person which it was.
            return str(action.slots.get("name") or action.slots.get("domain") or "")
        more = len(names) - _NAMED
        return self.listing(names if more < 2 else [*names[:_NAMED], f"+{more}"])


@cache
def words_for(language: str, country: str = "") -> Words:
    """Return the words of a language; English where there is no file for it."""
    base = language.replace("_", "-").partition("-")[0].casefold()
    base = {"no": "nb"}.get(base, base)
    return Words(base if base in LANGUAGES else "en", country.upper())


@cache
def _texts(language: str) -> Mapping[str, Any]:
    text = (_TEXTS / f"{language}.yaml").read_text("utf-8")
    texts: Mapping[str, Any] = yaml.load(text, _LOADER)
    return texts
