"""Home Assistant Core, installed once for all clones of this user.

It needs Python 3.14. Where the machine has none, Debian's is used: forky in a folder of the
cache, entered by chroot in a mount namespace of its own.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

VERSION = "2026.11.0"

_STAMP = f"{VERSION}-2"
"""Changed with whatever is installed, so that an older folder is made anew."""
_DEBIAN = "ca-certificates,python3.14,python3.14-venv,libpython3.14-dev,g++"
_INTEGRATIONS = (
    "analytics",
    "assist_pipeline",
    "backup",
    "bluetooth_adapters",
    "brands",
    "cloud",
    "conversation",
    "default_config",
    "ffmpeg",
    "file_upload",
    "frontend",
    "hardware",
    "hassio",
    "http",
    "image_upload",
    "infrared",
    "intent",
    "isal",
    "labs",
    "mcp_server",
    "mobile_app",
    "ollama",
    "onboarding",
    "radio_frequency",
    "recorder",
    "stt",
    "tts",
    "wake_word",
    "wyoming",
)
"""Whose requirements are installed, so that Home Assistant need not do so as it starts."""
_REQUIREMENTS = """
import json, pathlib, sys, homeassistant.components as c
base, seen, found = pathlib.Path(c.__path__[0]), set(), set()
todo = sys.argv[1:]
while todo:
    name = todo.pop()
    path = base / name / "manifest.json"
    if name in seen or not path.exists(): continue
    seen.add(name)
    manifest = json.loads(path.read_text())
    found.update(manifest.get("requirements", ()))
    todo += manifest.get("dependencies", ())
print("\\n".join(sorted(found)))
"""


class InstallError(Exception):
    """Home Assistant cannot be installed; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Installation:
    """Where Home Assistant is, and how to run it."""

    root: Path | None
    """The folder to chroot into; None where Python 3.14 is the machine's own."""
    venv: Path

    def command(self, config: Path, arguments: Sequence[str]) -> list[str]:
        """Return the command that runs `python *arguments` with a configuration folder.

        The folder is `/config` to what is run in a chroot.
        """
        if self.root is None:
            return [str(self.venv / "bin" / "python"), *arguments]
        script = (
            'set -e; cd "$1"; mkdir -p config; mount --bind "$2" config;'
            "mount --rbind /dev dev; mount -t proc proc proc;"
            'shift 2; exec chroot . /venv/bin/python "$@"'
        )
        return [
            *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"),
            *("sh", "-c", script, "sh", str(self.root), str(config)),
            *arguments,
        ]

    def config_path(self, config: Path) -> str:
        """Return how Home Assistant calls its configuration folder."""
        return str(config) if self.root is None else "/config"


def cache_folder() -> Path:
    """Return where what is slow to make is kept for all clones."""
    if given := os.environ.get("OLLAMA_ADDON_CACHE"):
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "ollama-addon"


def installed() -> bool:
    """Tell whether Home Assistant is installed."""
    stamp = cache_folder() / f"core-{VERSION}" / "stamp"
    return stamp.exists() and stamp.read_text() == _STAMP


def why_not() -> str:
    """Return why Home Assistant cannot be had on this machine; empty where it can."""
    if installed() or os.geteuid() == 0 or _own_python():
        return ""
    return (
        "Home Assistant needs Python 3.14.2 or newer. Install python3.14, or run this as root on "
        "Debian, where it is fetched into the cache."
    )


def install(log: Callable[[str], None]) -> Installation:
    """Return Home Assistant, installing it first where it is missing.

    Takes about two minutes the first time. Raises InstallError.
    """
    folder = cache_folder() / f"core-{VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        python = _own_python()
        root = None if python else folder / "root"
        venv = (root or folder) / "venv"
        if not installed():
            if reason := why_not():
                raise InstallError(reason)
            began = time.monotonic()
            if root is not None:
                _make_root(root, log)
            log(f"Installing Home Assistant {VERSION} …")
            _make_venv(python, root, venv)
            (folder / "stamp").write_text(_STAMP)
            log(f"Home Assistant is installed ({time.monotonic() - began:.0f} s).")
        return Installation(root, venv)


def _own_python() -> str | None:
    """Return the machine's own Python 3.14, if it has one."""
    check = "import sys; sys.exit(sys.version_info < (3, 14, 2))"
    for name in ("python3.14", "python3"):
        path = shutil.which(name)
        if path and subprocess.run([path, "-c", check], check=False).returncode == 0:
            return path
    return None


def _make_root(root: Path, log: Callable[[str], None]) -> None:
    """Make a folder with Debian's Python 3.14."""
    if not shutil.which("debootstrap"):
        log("Installing debootstrap …")
        _run(["apt-get", "update", "-qq"])
        _run(["apt-get", "install", "-y", "-qq", "debootstrap"])
    shutil.rmtree(root, ignore_errors=True)
    log("Fetching Python 3.14 from Debian forky …")
    scripts = Path("/usr/share/debootstrap/scripts")
    if not (scripts / "forky").exists():
        # An older debootstrap does not know the name; all releases share one script.
        (scripts / "forky").symlink_to("sid")
    _run(["debootstrap", "--variant=minbase", f"--include={_DEBIAN}", "forky", str(root)])
    (root / "config").mkdir()
    certificates = Path("/etc/ssl/certs/ca-certificates.crt")
    if certificates.exists():
        shutil.copy(certificates, root / "etc/ssl/certs/ca-certificates.crt")
    for name in ("resolv.conf", "hosts"):
        shutil.copy(Path("/etc") / name, root / "etc" / name)


def _make_venv(python: str | None, root: Path | None, venv: Path) -> None:
    """Install Home Assistant and all that it would otherwise install as it starts."""
    shutil.rmtree(venv, ignore_errors=True)

    def run(*command: str) -> str:
        if root is None:
            return _run(command)
        environment = [
            "PATH=/usr/local/bin:/usr/bin:/bin",
            "HOME=/root",
            "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt",
        ]
        script = (
            'cd "$1"; mount --rbind /dev dev; mount -t proc proc proc; shift; exec chroot . "$@"'
        )
        return _run(
            [
                *("unshare", "--mount", "--pid", "--fork", "--kill-child"),
                *("--propagation", "private", "sh", "-ec", script, "sh", str(root)),
                *("env", "-i", *environment, *command),
            ]
        )

    inside = str(venv) if root is None else "/venv"
    run(python or "python3.14", "-m", "venv", inside)
    run(f"{inside}/bin/pip", "install", "-q", "--disable-pip-version-check", "uv")
    uv = (f"{inside}/bin/uv", "pip", "install", "-q", "--python", f"{inside}/bin/python")
    run(*uv, f"homeassistant=={VERSION}")
    requirements = run(f"{inside}/bin/python", "-c", _REQUIREMENTS, *_INTEGRATIONS).split("\n")
    run(*uv, *(name for name in requirements if name))


def _run(command: Sequence[str]) -> str:
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    if result.returncode:
        last = "\n".join((result.stderr or result.stdout).strip().splitlines()[-8:])
        raise InstallError(f"'{command[0]} …' failed with status {result.returncode}:\n{last}")
    return result.stdout
