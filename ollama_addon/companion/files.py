"""The companion integration's files, placed into Home Assistant's `custom_components`.

Nothing of another author is ever touched, nor what is newer or kept by HACS. New files are
written beside the old ones, made safe on the disk and renamed into place; a placing that was
interrupted is undone by the next one.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from awesomeversion import AwesomeVersion, AwesomeVersionException

from ollama_addon.errors import AddonError

DOMAIN = "ollama_addon"
_ASIDE = f".{DOMAIN}"
"""Where files wait, in `custom_components` and so on its file system. Home Assistant takes every
folder with a manifest for an integration: this one has none, only folders."""

State = Literal["placed", "newer", "foreign", "hacs", "failed"]


@dataclass(frozen=True, slots=True)
class Placing:
    """What became of a placing, or why there was none."""

    state: State
    message: str
    """A sentence for a person."""
    version: str | None = None
    """Of the integration that now stands there."""
    changed: bool = False
    """Whether files were written."""


def place(source: Path, config: Path) -> Placing:
    """Have the integration in `source` stand in Home Assistant's configuration folder.

    Never raises: what cannot be done is a `Placing` that says why.
    """
    try:
        return _place(source, config)
    except OSError as error:
        return Placing(
            "failed",
            f"The integration could not be placed in Home Assistant: {error.strerror or error}. "
            "Check the disk of the host, then restart the app.",
        )


def remove(source: Path, config: Path) -> bool:
    """Remove the integration from Home Assistant's configuration folder, where it is ours.

    What HACS keeps, what another author made and what is no folder of its own is left. Returns
    whether something was removed. Raises AddonError.
    """
    target = config / "custom_components" / DOMAIN
    own, there = _manifest(source), _manifest(target)
    if own is None or there is None or not _is_ours(there, own) or target.is_symlink():
        return False
    try:
        if _kept_by_hacs(config, own):
            return False
        shutil.rmtree(target)
    except OSError as error:
        raise AddonError(
            "not_removed",
            f"The integration's files could not be removed: {error.strerror or error}.",
            507,
        ) from error
    return True


def started_after(config: Path) -> bool | None:
    """Return whether Home Assistant started after the integration's files were written.

    None when its configuration folder does not tell.
    """
    try:
        began = json.loads((config / ".ha_run.lock").read_text(encoding="utf-8"))["start_ts"]
        written = (config / "custom_components" / DOMAIN / "manifest.json").stat().st_mtime
        return float(began) > written
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _place(source: Path, config: Path) -> Placing:
    own = _manifest(source)
    if own is None:
        return Placing("failed", "This build of the app brings no integration along.")
    version = str(own["version"])
    if not config.is_dir():
        return Placing(
            "failed",
            "Home Assistant's configuration folder is not there, so that the integration could "
            "not be placed. Reinstall the app, or install the integration with HACS.",
        )
    components = config / "custom_components"
    target = components / DOMAIN
    for path in (components, target):
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            return Placing(
                "foreign",
                f"{path.relative_to(config)} in Home Assistant's configuration folder is not a "
                "folder of its own. It is left as it is, and the integration not placed.",
            )
    components.mkdir(exist_ok=True)
    _tidy(components)
    if not target.exists():
        _write(source, components)
        return Placing("placed", f"The integration {version} was installed.", version, True)
    if (other := _why_not(source, own, target)) is not None:
        return other
    before = _manifest(target)
    known = str(before.get("version")) if before else None
    if _same_files(source, target):
        return Placing("placed", f"The integration {version} is installed.", version)
    _write(source, components)
    done = "repaired" if known in (None, version) else f"updated from {known}"
    return Placing("placed", f"The integration {version} was {done}.", version, True)


def _why_not(source: Path, own: Mapping[str, Any], target: Path) -> Placing | None:
    """Return why what stands there is left alone; None when it is ours to replace."""
    there = _manifest(target)
    version = str(there.get("version")) if there else None
    if _kept_by_hacs(target.parents[1], own):
        return Placing("hacs", "The integration is kept by HACS, and updated there.", version)
    if there is None and set(_files(target)) <= set(_files(source)):
        return None  # ours, damaged
    if there is None or not _is_ours(there, own):
        return Placing(
            "foreign",
            f"There is an integration of another author in custom_components/{DOMAIN}. It is left "
            "as it is. Remove that folder and restart the app, to use this one's.",
            version,
        )
    if _is_newer(version, str(own["version"])):
        return Placing(
            "newer",
            f"The integration that is installed ({version}) is newer than this app "
            f"({own['version']}), and left as it is. Update the app.",
            version,
        )
    return None


def _manifest(folder: Path) -> dict[str, Any] | None:
    """Return an integration's manifest, None when it has none that can be read."""
    try:
        content = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _is_ours(manifest: Mapping[str, Any], own: Mapping[str, Any]) -> bool:
    if manifest.get("domain") != own["domain"]:
        return False
    owners = manifest.get("codeowners")
    known = set(map(str, owners)) if isinstance(owners, list) else set()
    return bool(known & set(own["codeowners"])) or (
        manifest.get("documentation") == own["documentation"]
    )


def _is_newer(version: str | None, own: str) -> bool:
    try:
        return AwesomeVersion(version or "") > AwesomeVersion(own)
    except AwesomeVersionException:
        return False  # none that Home Assistant would load


def _kept_by_hacs(config: Path, own: Mapping[str, Any]) -> bool:
    """Return whether HACS has installed this repository, or another one of its domain."""
    try:
        kept = json.loads((config / ".storage" / "hacs.repositories").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    repository = "/".join(str(own["documentation"]).lower().split("/")[-2:])
    return any(
        (each.get("domain") == DOMAIN or str(each.get("full_name")).lower() == repository)
        and any(each.get(key) for key in ("installed", "version_installed", "installed_commit"))
        for each in _mappings(kept)
    )


def _mappings(value: object) -> Iterator[Mapping[str, Any]]:
    """Yield every object in a JSON value; HACS has changed how it nests them."""
    todo = [value]
    while todo:
        each = todo.pop()
        if isinstance(each, dict):
            yield each
            todo.extend(each.values())
        elif isinstance(each, list):
            todo.extend(each)


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, relative to it. Links are files, and never followed."""
    for path, folders, names in os.walk(folder):
        here = Path(path)
        links = [name for name in folders if (here / name).is_symlink()]
        folders[:] = sorted(
            name for name in folders if name != "__pycache__" and not (here / name).is_symlink()
        )
        for name in sorted((*names, *links)):
            yield (here / name).relative_to(folder)


def _same_files(source: Path, target: Path) -> bool:
    """Return whether all that is in `source` is in `target`, and the same."""
    there = {name for name in _files(target) if not (target / name).is_symlink()}
    return all(
        name in there and (target / name).read_bytes() == (source / name).read_bytes()
        for name in _files(source)
    )


def _write(source: Path, components: Path) -> None:
    """Put the files of `source` in the place of what stands there."""
    target, new, old = (components / DOMAIN, *_aside(components))
    try:
        new.mkdir(parents=True)
        for name in _files(source):
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            with (new / name).open("wb") as file:
                file.write((source / name).read_bytes())
                file.flush()
                os.fsync(file.fileno())
        for path, _, _ in os.walk(new):
            _sync_folder(Path(path))
        if target.exists():
            target.rename(old)
        new.rename(target)
        _sync_folder(components)
    finally:
        # If it failed, the old one goes back at once; what cannot be removed now is later.
        with contextlib.suppress(OSError):
            _tidy(components)


def _tidy(components: Path) -> None:
    """Undo a placing that was interrupted, and remove what any has left."""
    target, _, old = (components / DOMAIN, *_aside(components))
    aside = components / _ASIDE
    if aside.is_symlink() or aside.is_file():
        aside.unlink()
    if not aside.exists():
        return
    if old.is_dir() and not target.exists():
        old.rename(target)
    shutil.rmtree(aside)
    _sync_folder(components)


def _aside(components: Path) -> tuple[Path, Path]:
    """Return where new and old files wait."""
    return components / _ASIDE / "new", components / _ASIDE / "old"


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
