"""What is not told: keys and passwords, wherever a text leaves the app.

Logs, errors and status pass through here. What was said and what the home is called is kept out of
them where they are written (`AddonError.logged`), as no pattern knows it.
"""

from __future__ import annotations

import base64
import logging
import re
import traceback
from types import TracebackType
from urllib.parse import unquote, urlsplit

from ollama_addon.errors import AddonError

HIDDEN = "**REDACTED**"
"""What stands for it, as in Home Assistant's diagnostics."""
_DISTINCT = 8
"""Characters from which on a secret is no word that a text may have by itself."""
_PATTERNS = (
    # The user and the password of an address.
    (re.compile(r"(://)[^\s/?#\"'<>]+@"), rf"\1{HIDDEN}@"),
    (re.compile(r"\b(bearer|basic) +[\w.~+/=-]{12,}", re.IGNORECASE), rf"\1 {HIDDEN}"),
    (
        re.compile(
            r"\b((?:api_?key|\w*token|password|secret)[\"']?[=:] ?[\"']?)[^\s&\"',}]+", re.I
        ),
        rf"\1{HIDDEN}",
    ),
)
_ABOUT_CODE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    NameError,
    OSError,
    RuntimeError,
    TypeError,
)
"""Errors whose words are about code and machines; those of others quote what they did not read."""

_secrets: set[str] = set()


def hide(*secrets: str) -> None:
    """Have secrets of this process hidden from now on; empty ones are none."""
    _secrets.update(secret for secret in secrets if secret.strip())


def redacted(text: str) -> str:
    """Return `text` without the secrets of this process, and without what looks like one."""
    for secret in sorted(_secrets, key=len, reverse=True):
        if len(secret) >= _DISTINCT:
            text = text.replace(secret, HIDDEN)
        elif secret in text:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", HIDDEN, text)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def without_credentials(url: str) -> tuple[str, str]:
    """Return an address without user and password, and the `Authorization` header made of them.

    The header is empty where the address has none.
    """
    parts = urlsplit(url)
    credentials, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, ""
    user, _, password = credentials.partition(":")
    hide(credentials, password, unquote(password))
    plain = f"{unquote(user)}:{unquote(password)}".encode()
    return parts._replace(netloc=host).geturl(), f"Basic {base64.b64encode(plain).decode()}"


class RedactingFormatter(logging.Formatter):
    """Writes lines of a log without secrets, and errors without what they quote."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        # Another handler may have left the whole traceback there, and is to find none of ours.
        kept, record.exc_text = record.exc_text, None
        try:
            return redacted(super().format(record))
        finally:
            record.exc_text = kept

    def formatException(  # noqa: N802 - the name is logging's
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None]
        | tuple[None, None, None],
    ) -> str:
        """Return where an error was raised, and its words where they are about code."""
        return "" if ei[1] is None else "\n".join(_told(ei[1]))


def _told(error: BaseException, known: frozenset[int] = frozenset()) -> list[str]:
    """Return the lines of an error: what led to it, where it was raised, what it is."""
    lines: list[str] = []
    known |= {id(error)}
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None and id(before) not in known:
        lines += [*_told(before, known), "", "After that:", ""]
    lines.append("Traceback (most recent call last):")
    lines += "".join(traceback.format_tb(error.__traceback__)).rstrip("\n").split("\n")
    words = error.logged if isinstance(error, AddonError) else str(error)
    about_code = isinstance(error, (AddonError, *_ABOUT_CODE))
    kind = type(error)
    name = (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )
    lines.append(f"{name}: {words}" if about_code and words else name)
    for inner in getattr(error, "exceptions", ()):
        lines += [f"  {line}" for line in _told(inner, known)]
    return lines
