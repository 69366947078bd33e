"""What the tests of the panel need besides Python: Chromium, and axe to check accessibility."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

_AXE = "4.14.1"
_FILE = Path(__file__).resolve().parent.parent / ".dev" / f"axe-{_AXE}.min.js"
_NAMES = ("chromium", "chromium-browser", "google-chrome")


class BrowserError(Exception):
    """Something is missing; the message says what, and how to get it."""


def chromium() -> str:
    """Return the path of Chromium. Raises BrowserError."""
    named = os.environ.get("CHROMIUM")
    found = named or next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        raise BrowserError(
            "Chromium is missing: install it ('apt-get install chromium' on Debian), or name its "
            "program with CHROMIUM=/path/to/chromium."
        )
    return found


def has_axe() -> bool:
    """Tell whether axe was fetched before."""
    return _FILE.exists()


def axe() -> str:
    """Return the source of axe, fetched from npm's registry the first time. Raises BrowserError."""
    if not _FILE.exists():
        _fetch()
    return _FILE.read_text("utf-8")


def _fetch() -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise BrowserError("npm is missing: the check of accessibility fetches axe-core with it.")
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", "--silent", f"axe-core@{_AXE}"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        archive = next(Path(folder).glob("*.tgz"), None)
        if archive is None:
            raise BrowserError(f"axe-core {_AXE} cannot be fetched: {done.stderr.strip()[-300:]}")
        with tarfile.open(archive) as package:
            source = package.extractfile("package/axe.min.js")
            assert source is not None
            _FILE.parent.mkdir(exist_ok=True)
            temporary = _FILE.with_suffix(".new")
            temporary.write_bytes(source.read())
            temporary.replace(_FILE)
