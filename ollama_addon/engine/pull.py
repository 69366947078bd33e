"""How far a download of a model is, and what ended it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

import ollama

from .catalogue import LIBRARY

State = Literal[
    "waiting", "pulling", "stalled", "verifying", "retrying", "done", "failed", "cancelled"
]
"""`stalled`: nothing has arrived for a minute, though nobody said that anything is wrong."""

Cause = Literal[
    "",
    "unknown_model",
    "closed",
    "newer_needed",
    "other_machine",
    "bad_name",
    "disk_full",
    "no_room",
    "refused",
    "interrupted",
    "unreachable",
    "internal",
]
"""Why a download failed or is interrupted."""

# What Ollama says when another attempt would end in the same way. What a registry answers comes
# through as `pull model manifest: 403: …`, or for 401 and 404 as a sentence of Ollama's own.
_FINAL: tuple[tuple[str, Cause], ...] = (
    (r"file does not exist|\b404: ", "unknown_model"),
    (r"invalid model name", "bad_name"),
    (r"no space left|\b507: ", "disk_full"),
    (r"newer version of ollama|\b412: ", "newer_needed"),
    (r"unauthorized|access denied|\b40[13]: ", "closed"),
    (r"requires mlx", "other_machine"),
    (r"\b4(?!08|25|29)\d\d: ", "refused"),
)
_STATUSES: dict[int, Cause] = {
    400: "refused",
    401: "closed",
    403: "closed",
    404: "unknown_model",
    412: "newer_needed",
    507: "disk_full",
}
_SENTENCES: dict[Cause, str] = {
    "unknown_model": "There is no such model in Ollama's library. Check its name there.",
    "bad_name": "That is not the name of a model.",
    "disk_full": "The disk is full. Delete models that are not needed, then try again.",
    "newer_needed": "It needs a newer Ollama. Update the app.",
    "closed": "It is not open to everybody, or there is no such model. Choose another model.",
    "other_machine": "It is made for other machines. Choose another model.",
}


@dataclass(frozen=True, slots=True)
class Pull:
    """How far a download is."""

    name: str
    state: State = "waiting"
    completed: int = 0
    """Bytes."""
    total: int = 0
    """Bytes, as far as is known."""
    rate: float = 0
    """Bytes a second, over the last half minute; 0 when nothing arrives or it is not known yet."""
    problem: str = ""
    """What went wrong, as a sentence."""
    cause: Cause = ""
    """What went wrong, for programs."""
    nearest: tuple[str, ...] = ()
    """Models of the library whose names are nearest, when there is none of this name."""

    @property
    def active(self) -> bool:
        """Whether it goes on by itself."""
        return self.state not in ("done", "failed", "cancelled")

    @property
    def percent(self) -> int:
        """How much of it is there, 0 to 100."""
        return 100 * self.completed // self.total if self.total else 0

    @property
    def seconds_left(self) -> float | None:
        """How long it will still take, when that can be said."""
        if self.state != "pulling" or not self.rate:
            return None
        return (self.total - self.completed) / self.rate

    @property
    def message(self) -> str:
        """A sentence for a person."""
        size = f"{self.percent} % of {self.total / 1e9:.1f} GB"
        if self.state == "waiting":
            return f"The model {self.name} waits to be downloaded."
        if self.state == "pulling" and self.seconds_left is not None:
            rate = f"{self.rate / 1e6:.1f} MB/s"
            left = _left(self.seconds_left)
            return f"The model {self.name} is being downloaded: {size}, {rate}, {left} left."
        if self.state == "pulling":
            return f"The model {self.name} is being downloaded{f': {size}' if self.total else ''}."
        if self.state == "stalled":
            return (
                f"The download of {self.name} has stopped at {size}: nothing has arrived for a "
                "minute. It goes on by itself when the connection does."
            )
        if self.state == "verifying":
            return f"The model {self.name} has been downloaded and is being checked."
        if self.state == "retrying":
            return f"The download of {self.name} is interrupted: {self.problem}"
        if self.state == "failed":
            return f"The model {self.name} could not be downloaded. {self.problem}"
        if self.state == "cancelled":
            return f"The download of {self.name} was cancelled; it can be resumed."
        return f"The model {self.name} is ready."


def _left(seconds: float) -> str:
    if seconds >= 5400:
        return f"{seconds / 3600:.1f} h"
    return f"{max(1, round(seconds / 60))} min"


def final_cause(error: Exception) -> Cause:
    """Return why another attempt would end in the same way; empty when it may not."""
    if not isinstance(error, ollama.ResponseError):
        return ""
    text = error.error.lower()
    for pattern, cause in _FINAL:
        if re.search(pattern, text):
            return cause
    return _STATUSES.get(error.status_code, "")


def sentence_of(cause: Cause, error: ollama.ResponseError, nearest: tuple[str, ...]) -> str:
    """Say what ended a download for good, and what to do."""
    sentence = _SENTENCES.get(cause) or f"{words_of(error)} Another attempt would end like that."
    if nearest:
        sentence += f" The nearest names are: {', '.join(nearest)}."
    return sentence


def words_of(error: ollama.ResponseError) -> str:
    """Return what Ollama said, as a sentence."""
    return f"Ollama said: {' '.join(error.error.split())[:300]}."


def nearest_names(name: str) -> tuple[str, ...]:
    """Return up to three models of Ollama's library whose names are nearest to one."""
    wanted = name.lower().removeprefix("registry.ollama.ai/").removeprefix("library/")
    model = wanted.partition(":")[0]
    same = [known for known in LIBRARY if known.partition(":")[0] == model and known != wanted]
    if same:
        return tuple(same[:3])  # only its tag is wrong
    close = get_close_matches(wanted, LIBRARY, n=3, cutoff=0.7)
    families = sorted({known.partition(":")[0] for known in LIBRARY})
    for family in get_close_matches(model, families, n=2, cutoff=0.6):
        close += [known for known in LIBRARY if known.partition(":")[0] == family]
    return tuple(dict.fromkeys(close))[:3]
