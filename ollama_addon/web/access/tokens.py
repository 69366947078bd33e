"""The app's own token: made on first use, and kept."""

from __future__ import annotations

import logging
import secrets
from pathlib import Path

from ollama_addon.errors import AddonError
from ollama_addon.files import keep
from ollama_addon.redaction import hide

_LOGGER = logging.getLogger(__name__)

_unkept: dict[Path, str] = {}
"""Tokens that could not be written."""


def read_token(path: Path) -> str:
    """Return the token kept in a file, made and kept on first use.

    Where it cannot be kept, as on a full disk, it is the same until the process ends.
    """
    if path.exists() and (token := path.read_text().strip()):
        hide(token)
        return token
    token = _unkept.get(path) or new_token()
    try:
        keep(path, token, f"{path}, which changes then,")
    except AddonError as error:
        if path not in _unkept:
            _LOGGER.error("%s", error.logged)
        _unkept[path] = token
    return token


def new_token() -> str:
    """Make a token that nobody can guess."""
    token = secrets.token_urlsafe(32)
    hide(token)
    return token
