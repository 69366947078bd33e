"""Writes a version, or the image of a published one, into every file that holds it.

Needs nothing but Python, so that the release workflow can run it as it is.
"""

from __future__ import annotations

import argparse
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_VERSION = r"\d+\.\d+\.\d+"
_PLACES = {
    "pyproject.toml": (r'^version = ".*"$', 'version = "{}"'),
    "config.yaml": (r"^version: .*$", "version: {}"),
    "Dockerfile": (r"^ARG BUILD_VERSION=.*$", "ARG BUILD_VERSION={}"),
    "ollama_addon/__init__.py": (r'^__version__ = ".*"$', '__version__ = "{}"'),
    "custom_components/ollama_addon/manifest.json": (r'^  "version": ".*"$', '  "version": "{}"'),
}


class ReleaseError(Exception):
    """The files are not as a release needs them; the message says what to do."""


def set_version(root: Path, version: str) -> None:
    """Write `version` everywhere, and today's date into the unreleased part of the changelog.

    Raises ReleaseError before anything is written.
    """
    if not re.fullmatch(_VERSION, version):
        raise ReleaseError(f"'{version}' is not a version such as 0.2.0.")
    places = dict(_PLACES)
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    places["CHANGELOG.md"] = (r"^## .*\n\nUnreleased\.$", f"## {{}}\n\nReleased on {today}.")
    _write(root, places, version)


def set_image(root: Path, image: str) -> None:
    """Have the Supervisor pull `image`, without a tag, where it would build one. Idempotent."""
    path = root / "config.yaml"
    without = re.sub(r"^image: .*\n", "", path.read_text(encoding="utf-8"), flags=re.M)
    path.write_text(re.sub(r"^(slug: .*\n)", rf"\1image: {image}\n", without, flags=re.M), "utf-8")


def _write(root: Path, places: dict[str, tuple[str, str]], version: str) -> None:
    changed = {}
    for name, (pattern, replacement) in places.items():
        text = (root / name).read_text(encoding="utf-8")
        found = re.findall(pattern, text, re.M)
        if len(found) != 1:
            raise ReleaseError(f"{name} must have one line like '{pattern}'; it has {len(found)}.")
        changed[name] = text.replace(found[0], replacement.format(version), 1)
    for name, text in changed.items():
        (root / name).write_text(text, encoding="utf-8")


def main() -> int:
    """Do what the command line says; return the exit status."""
    parser = argparse.ArgumentParser(prog="script/release")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("version", nargs="?", help="such as 0.2.0")
    what.add_argument("--image", help="the image's name, without a tag")
    arguments = parser.parse_args()
    try:
        if arguments.image:
            set_image(ROOT, arguments.image)
        else:
            set_version(ROOT, arguments.version)
    except ReleaseError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
