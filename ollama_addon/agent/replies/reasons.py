"""Why something was not done: Home Assistant's English reasons in the person's language."""

from __future__ import annotations

import re

from ollama_addon.agent.replies.texts import Texts

_CODES = {
    "not_exposed": "not_exposed",
    "timeout": "timeout",
    "no_valid_targets": "not_found",
    "multiple_targets": "several",
    "invalid_intent": "cannot",
}
_REASONS: tuple[tuple[str, str], ...] = (
    (r"not exposed", "not_exposed"),
    (r"multiple (entities|targets|areas|floors) (matched|found)|more than one", "several"),
    (r"could not reach|unavailable|not respond|did not answer|connection|unreachable", "no_answer"),
    (r"no answer in time|timed? ?out", "timeout"),
    (r"timer", "no_timers"),
    (
        r"not support|unsupported|no device supports|feature|does not take|unknown (service|intent)"
        r"|(service|action) \S+ not found",
        "cannot",
    ),
    (r"out of range|must be at (most|least)|not a valid|invalid value|expected", "value_wrong"),
    (r"no matching|matched no|not found|unknown|no such", "not_found"),
)
_TROUBLES = {
    "home_away": "home_away",
    "engine_down": "engine_down",
    "engine_busy": "engine_busy",
    "model_missing": "model_missing",
    "no_model": "no_model",
}
_WITHOUT_NAMES = {"cannot": "cannot_that", "failed": "failed_that", "no_answer": "failed_that"}


def reason_text(texts: Texts, code: str, reason: str, names: str) -> str:
    """Return why Home Assistant did not do something, about things of these names.

    `code` and `reason` are its own. A reason that is not known is not read aloud in English;
    Home Assistant's log has it.
    """
    key = _CODES.get(code, "")
    if not key:
        found = (key for pattern, key in _REASONS if re.search(pattern, reason, re.IGNORECASE))
        key = next(found, "failed")
    if not names:
        key = {"not_exposed": "not_found", **_WITHOUT_NAMES}.get(key, key)
    return texts.text(key, names=names)


def trouble_text(texts: Texts, code: str) -> str:
    """Return the sentence about an error that ends a turn, empty for what is not a person's."""
    key = _TROUBLES.get(code)
    return texts.text(key) if key else ""
