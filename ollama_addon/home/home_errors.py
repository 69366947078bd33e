"""What can go wrong with Home Assistant, as errors for a person."""

from __future__ import annotations

from ollama_addon.errors import AddonError


def away(reason: str = "") -> AddonError:
    """Make the error of a Home Assistant that cannot be reached now; `reason` says why."""
    return AddonError(
        "home_away",
        "Home Assistant cannot be reached now"
        + (f" ({reason})" if reason else "")
        + ". It may be restarting: try again in a moment.",
        503,
    )


def reason_of(err: BaseException) -> str:
    """Return what an error says, or its kind where it says nothing."""
    if isinstance(err, TimeoutError):
        return "no answer in time"
    return str(err) or type(err).__name__


def as_sentence(text: str) -> str:
    """Return what Home Assistant says of a failure, with a full stop."""
    text = text.strip() or "Home Assistant could not do it"
    return text if text.endswith((".", "!", "?")) else f"{text}."
