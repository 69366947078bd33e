"""The app's image, built by its own Dockerfile on a machine that reaches no image registry.

`python -m dev.addon.image` builds it and says how large it is. The base and the engine's image
are made here, from Debian's packages and the embedded engine; everything else is as published.
Needs root, for buildah's chroot isolation.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dev.homeassistant.install import cache_folder

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
IMAGE = "localhost/ollama-addon"
LARGEST = 350_000_000
"""Bytes that the image may add to the base image, without Ollama's own files."""
_TOOLS = {
    "buildah": "buildah",
    "podman": "podman",
    "runc": "runc",
    "catatonit": "catatonit",
    "debootstrap": "debootstrap",
}
"""Programs and the Debian packages that they come in."""
_SUITE = "trixie"
_BASE_PACKAGES = "bash,ca-certificates,curl,jq,tzdata,xz-utils"
_ENGINE_PACKAGES = ("fastapi", "httpx", "psutil", "uvicorn")
_SLIM = ("doc", "info", "locale", "man")
"""Folders below /usr/share that Debian's slim images leave out."""


class ImageError(Exception):
    """The image cannot be built; the message says why and what to do."""


def build(log: Callable[[str], None]) -> str:
    """Return the name of the image of this checkout, built if it has changed.

    Takes about five minutes the first time, and seconds later. Raises ImageError.
    """
    if os.geteuid() != 0:
        raise ImageError("The image is built by root only: buildah's chroot isolation needs it.")
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "image.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _install_tools(log)
        base = _base(log)
        engine = _engine(base, log)
        began = time.monotonic()
        version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
        # Clones of one user share the images, so each has a name of its own.
        name = f"{IMAGE}:{hashlib.sha256(str(ROOT).encode()).hexdigest()[:12]}"
        _bud(
            name,
            ROOT,
            BUILD_FROM=base,
            OLLAMA_IMAGE=engine,
            BUILD_ARCH="aarch64" if platform.machine() == "aarch64" else "amd64",
            BUILD_VERSION=version,
        )
        log(f"The image is built ({time.monotonic() - began:.0f} s).")
        return name


@dataclass(frozen=True, slots=True)
class Size:
    """The bytes of an image's files, and whose they are."""

    whole: int
    ollama: int
    base: int

    @property
    def added(self) -> int:
        """What is neither Ollama's nor the base image's, which apps share."""
        return self.whole - self.ollama - self.base

    def __str__(self) -> str:
        """Say it in megabytes."""
        parts = {"Ollama": self.ollama, "base image": self.base, "added": self.added}
        listed = ", ".join(f"{name} {part / 1e6:.0f}" for name, part in parts.items())
        return f"{self.whole / 1e6:.0f} MB ({listed})"


def size(image: str) -> Size:
    """Return how large an image is that `build` has made."""
    ollama = ("usr/bin/ollama", "usr/lib/ollama")
    return Size(_bytes(image, "."), _bytes(image, *ollama), _bytes(_base(print), "."))


def _bytes(image: str, *paths: str) -> int:
    script = 'cd "$(buildah mount "$1")"; shift; du -xcb "$@" | tail -n 1 | cut -f1'
    container = _run(["buildah", "from", "--pull-never", image]).strip()
    try:
        return int(_run(["sh", "-ec", script, "sh", container, *paths]))
    finally:
        _run(["buildah", "rm", container])


def _base(log: Callable[[str], None]) -> str:
    """Return the base image, made if it is missing."""
    # The certificates are this machine's, for builds behind a proxy that has its own.
    certificates = Path("/etc/ssl/certs/ca-certificates.crt")
    inputs = [HERE / "base" / "init", HERE / "base" / "Dockerfile", certificates]
    name = f"{IMAGE}-base:{_SUITE}-{_digest(inputs, _BASE_PACKAGES)}"
    if _exists(name):
        return name
    log(f"Making a base image from Debian {_SUITE} …")
    scripts = Path("/usr/share/debootstrap/scripts")
    if not (scripts / _SUITE).exists():
        # An older debootstrap does not know the name; all releases share one script.
        (scripts / _SUITE).symlink_to("sid")
    with tempfile.TemporaryDirectory() as temporary:
        context = Path(temporary)
        root = context / "root"
        packages = f"--include={_BASE_PACKAGES}"
        _run(["debootstrap", "--variant=minbase", packages, _SUITE, str(root)])
        for each in _SLIM:
            shutil.rmtree(root / "usr/share" / each)
        exclude = "".join(f"path-exclude /usr/share/{each}/*\n" for each in _SLIM)
        (root / "etc/dpkg/dpkg.cfg.d/slim").write_text(exclude)
        for each in ("var/cache/apt", "var/lib/apt/lists"):
            shutil.rmtree(root / each)
        shutil.copy(certificates, root / "etc/ssl/certs/ca-certificates.crt")
        for path in inputs[:2]:
            shutil.copy(path, context)
        _bud(name, context)
    return name


def _engine(base: str, log: Callable[[str], None]) -> str:
    """Return the image that stands for Ollama's, made if it is missing."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    packages = [*_ENGINE_PACKAGES, *(p for p in groups["dev"] if p.startswith("xllamacpp"))]
    files = [*sorted((ROOT / "dev" / "engine").glob("*.*")), *sorted((HERE / "engine").iterdir())]
    name = f"{IMAGE}-engine:{_digest(files, base, *packages, *groups['model'])}"
    if _exists(name):
        return name
    log("Making an engine image …")
    with tempfile.TemporaryDirectory() as temporary:
        context = Path(temporary)
        shutil.copytree(HERE / "engine", context, dirs_exist_ok=True)
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "dev" / "engine", context / "dev" / "engine", ignore=ignore)
        (context / "dev" / "__init__.py").touch()
        _bud(
            name,
            context,
            BUILD_FROM=base,
            PACKAGES=" ".join(packages),
            MODEL=" ".join(groups["model"]),
        )
    return name


def _bud(name: str, context: Path, **arguments: str) -> None:
    given = [part for key, value in arguments.items() for part in ("--build-arg", f"{key}={value}")]
    _run(
        [
            *("buildah", "bud", "--isolation=chroot", "--network=host", "--format=docker"),
            *("--layers", "--pull-never", "--quiet", "--tag", name, *given, str(context)),
        ]
    )


def _install_tools(log: Callable[[str], None]) -> None:
    missing = [package for tool, package in _TOOLS.items() if not shutil.which(tool)]
    if not missing:
        return
    if not shutil.which("apt-get"):
        raise ImageError(f"These programs are missing: {', '.join(missing)}. Install them.")
    log(f"Installing {', '.join(missing)} …")
    _run(["apt-get", "update", "-qq"])
    _run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing])


def _digest(files: Sequence[Path], *more: str) -> str:
    digest = hashlib.sha256("\n".join(more).encode())
    for path in files:
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _exists(image: str) -> bool:
    return subprocess.run(["podman", "image", "exists", image], check=False).returncode == 0


def _run(command: Sequence[str]) -> str:
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    if result.returncode:
        last = "\n".join((result.stderr or result.stdout).strip().splitlines()[-12:])
        raise ImageError(f"'{' '.join(command[:3])} …' failed:\n{last}")
    return result.stdout


def main() -> int:
    """Build the image and say how large it is; return the exit status."""
    try:
        image = build(lambda sentence: print(sentence, file=sys.stderr, flush=True))
        total = size(image)
    except ImageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{image}: {total}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
