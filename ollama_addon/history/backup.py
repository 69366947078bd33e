"""The journal in backups: a database that is being written cannot be copied file by file.

The Supervisor leaves `journal.sqlite` and what belongs to it out of its backups (`config.yaml`).
What it takes is a second file beside it, which is there while a backup is made of a running
app, and while the app is stopped.
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

_LOGGER = logging.getLogger(__name__)


def saved(journal: Path) -> Path:
    """Return the file that goes into backups."""
    return journal.with_name("journal-saved.sqlite")


def begin(journal: Path) -> None:
    """Save the journal of a running app. Raises sqlite3.Error or OSError."""
    if not journal.exists():
        return
    unfinished = journal.with_name("journal.sqlite-unfinished")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600)
    with (
        closing(sqlite3.connect(f"{journal.resolve().as_uri()}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(unfinished)) as target,
    ):
        source.backup(target)
    unfinished.replace(saved(journal))


def end(journal: Path) -> None:
    """Remove what `begin` saved: what is deleted from the journal must not live on in it."""
    if journal.exists():
        saved(journal).unlink(missing_ok=True)


def restore(journal: Path) -> None:
    """Have the journal in place before it is opened. Never raises."""
    try:
        if journal.exists():
            saved(journal).unlink(missing_ok=True)  # of a backup that was broken off
        elif saved(journal).exists():
            saved(journal).replace(journal)
    except OSError as error:
        _LOGGER.error("The journal cannot be taken from %s: %s", saved(journal), error)


def save(journal: Path) -> None:
    """Put a journal that was closed where backups find it. Never raises."""
    # Something is left to be written into it, or it was not closed: it is better kept as it is.
    if not journal.exists() or journal.with_name(f"{journal.name}-wal").exists():
        return
    try:
        journal.replace(saved(journal))
    except OSError as error:
        _LOGGER.error("The journal cannot be put into %s: %s", saved(journal), error)
