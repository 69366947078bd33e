"""Files that are replaced whole, or left as they were."""

from __future__ import annotations

import threading
from pathlib import Path

from ollama_addon.errors import AddonError

_WRITING = threading.Lock()


def keep(path: Path, text: str, what: str) -> None:
    """Replace a file whole, for nobody else to read; a crash leaves the old one.

    Raises AddonError (`not_kept`) where it cannot be written, as on a full disk; `what` begins
    the sentence.
    """
    temporary = path.with_name(f"{path.name}.new")
    with _WRITING:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.touch(mode=0o600)
            temporary.write_text(text, "utf-8")
            temporary.replace(path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise AddonError(
                "not_kept",
                f"{what} could not be kept: {error.strerror or error}. See to it that the disk "
                "has room, then try again.",
                507,
            ) from error
