"""The companion integration's files, placed and replaced; what is not ours stays as it is."""

from __future__ import annotations

import errno
import itertools
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from ollama_addon import __version__
from ollama_addon.companion.files import DOMAIN, place, started_after

ROOT = Path(__file__).parents[2]
MANIFEST = {
    "domain": DOMAIN,
    "name": "Ollama",
    "codeowners": ["@ollama-addon"],
    "documentation": "https://github.com/ollama-addon/ollama-addon",
    "version": "0.2.0",
}
Files = dict[str, bytes]


def make(folder: Path, version: str = "0.2.0", **changes: Any) -> Path:
    """Write an integration, the same one for the same version."""
    (folder / "translations").mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({**MANIFEST, "version": version, **changes}))
    (folder / "__init__.py").write_text(f"VERSION = {version!r}\n")
    (folder / "translations" / "en.json").write_text("{}")
    return folder


def read(folder: Path) -> Files:
    """Return what is in a folder, links by what they point to."""
    return {
        str(path.relative_to(folder)): str(path.readlink()).encode()
        if path.is_symlink()
        else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make(tmp_path / "source")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "config").mkdir()
    return tmp_path / "config"


@pytest.fixture
def target(config: Path) -> Path:
    """Where the integration belongs; its folder is not there yet."""
    return config / "custom_components" / DOMAIN


def alone(target: Path) -> bool:
    """Return whether nothing but the integration is in `custom_components`."""
    return [each.name for each in target.parent.iterdir()] == [DOMAIN]


def test_where_there_was_none(source: Path, config: Path, target: Path) -> None:
    (source / "__pycache__").mkdir()
    (source / "__pycache__" / "a.pyc").write_bytes(b"")
    placed = place(source, config)
    assert (placed.state, placed.version, placed.changed) == ("placed", "0.2.0", True)
    assert "0.2.0 was installed" in placed.message
    assert read(target) == read(make(config / "other"))
    assert alone(target)


def test_an_older_one_is_updated(source: Path, config: Path, target: Path) -> None:
    make(target, "0.1.9")
    (target / "gone.py").write_text("# in no later version")
    placed = place(source, config)
    assert (placed.state, placed.changed) == ("placed", True)
    assert "updated from 0.1.9" in placed.message
    assert read(target) == read(source)
    assert alone(target)


def test_the_same_one_is_left_alone(source: Path, config: Path, target: Path) -> None:
    make(target)
    (target / "__pycache__").mkdir()
    before = target.stat().st_ino
    placed = place(source, config)
    assert (placed.state, placed.version, placed.changed) == ("placed", "0.2.0", False)
    assert target.stat().st_ino == before


@pytest.mark.parametrize("version", ["0.2.1", "0.10.0", "1.0.0", "2026.11.0"])
def test_a_newer_one_is_left_alone(source: Path, config: Path, target: Path, version: str) -> None:
    before = read(make(target, version))
    placed = place(source, config)
    assert (placed.state, placed.version, placed.changed) == ("newer", version, False)
    assert read(target) == before


def remove(target: Path) -> None:
    (target / "translations" / "en.json").unlink()


def cut(target: Path) -> None:
    (target / "manifest.json").write_text('{"domain": "oll')


def change(target: Path) -> None:
    (target / "__init__.py").write_text("")


def no_version(target: Path) -> None:
    (target / "manifest.json").write_text(json.dumps({**MANIFEST, "version": "none"}))


def empty(target: Path) -> None:
    for name in read(target):
        (target / name).unlink()


@pytest.mark.parametrize("damage", [remove, cut, change, no_version, empty])
def test_a_damaged_one_is_repaired(
    source: Path, config: Path, target: Path, damage: Callable[[Path], None]
) -> None:
    damage(make(target))
    placed = place(source, config)
    assert (placed.state, placed.version, placed.changed) == ("placed", "0.2.0", True)
    assert read(target) == read(source)


@pytest.mark.parametrize(
    "changes",
    [
        {"domain": "other"},
        {"codeowners": ["@somebody"], "documentation": "https://example.org"},
        {"codeowners": None, "documentation": None, "version": "0.0.1"},
    ],
)
def test_another_authors_is_left_alone(
    source: Path, config: Path, target: Path, changes: dict[str, Any]
) -> None:
    before = read(make(target, **changes))
    placed = place(source, config)
    assert (placed.state, placed.changed) == ("foreign", False)
    assert "another author" in placed.message
    assert read(target) == before


def test_a_folder_without_a_manifest_that_is_somebodys(
    source: Path, config: Path, target: Path
) -> None:
    target.mkdir(parents=True)
    (target / "notes.txt").write_text("mine")
    assert place(source, config).state == "foreign"
    assert read(target) == {"notes.txt": b"mine"}


@pytest.mark.parametrize("link", ["custom_components", f"custom_components/{DOMAIN}"])
def test_a_link_is_not_followed(source: Path, config: Path, tmp_path: Path, link: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    make(elsewhere / DOMAIN, "0.1.0")
    (config / link).parent.mkdir(exist_ok=True)
    (config / link).symlink_to(elsewhere if link == "custom_components" else elsewhere / DOMAIN)
    before = read(elsewhere)
    placed = place(source, config)
    assert (placed.state, placed.changed) == ("foreign", False)
    assert link in placed.message
    assert read(elsewhere) == before


@pytest.mark.parametrize("name", ["__init__.py", "translations"])
def test_a_link_inside_is_replaced_and_not_followed(
    source: Path, config: Path, target: Path, tmp_path: Path, name: str
) -> None:
    make(target)
    elsewhere = make(tmp_path / "elsewhere")
    before = read(elsewhere)
    (target / name).rename(tmp_path / "moved")
    (target / name).symlink_to(elsewhere / name)
    assert place(source, config).changed
    assert read(target) == read(source)
    assert read(elsewhere) == before


@pytest.mark.parametrize(
    "kept",
    [
        {"1": {"full_name": "Ollama-Addon/ollama-addon", "installed": True}},
        {"1": {"full_name": "a/fork", "domain": DOMAIN, "version_installed": "v0.1.0"}},
        {"integration": [{"domain": DOMAIN, "installed_commit": "abc"}]},
    ],
)
def test_what_hacs_keeps_is_left_alone(
    source: Path, config: Path, target: Path, kept: dict[str, Any]
) -> None:
    storage = config / ".storage"
    storage.mkdir()
    (storage / "hacs.repositories").write_text(json.dumps({"version": 6, "data": kept}))
    before = read(make(target, "0.1.0"))
    placed = place(source, config)
    assert (placed.state, placed.version, placed.changed) == ("hacs", "0.1.0", False)
    assert read(target) == before


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"data": {"1": {"full_name": "ollama-addon/ollama-addon"}}}),
        json.dumps({"data": {"1": {"full_name": "other/one", "installed": True}}}),
        "{",
    ],
)
def test_what_hacs_only_knows_of_is_updated(
    source: Path, config: Path, target: Path, text: str
) -> None:
    (config / ".storage").mkdir()
    (config / ".storage" / "hacs.repositories").write_text(text)
    make(target, "0.1.0")
    assert place(source, config).changed


def test_there_is_no_folder_of_home_assistant(source: Path, tmp_path: Path) -> None:
    placed = place(source, tmp_path / "nowhere")
    assert (placed.state, placed.version) == ("failed", None)
    assert "not there" in placed.message
    assert not (tmp_path / "nowhere").exists()


def test_there_is_nothing_to_place(config: Path, tmp_path: Path) -> None:
    assert place(tmp_path / "nothing", config).state == "failed"
    assert list(config.iterdir()) == []


class Killed(BaseException):
    """The process ended here."""


@contextmanager
def ending_at(
    step: int, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> Iterator[list[str]]:
    """Have the given step on the disk fail; after `Killed`, nothing is done any more.

    Yields the steps that have failed.
    """
    steps = itertools.count()
    failed: list[str] = []

    def failing(name: str) -> None:
        original = getattr(os, name)

        def fail(*args: Any, **more: Any) -> Any:
            if next(steps) == step or (failed and isinstance(error, Killed)):
                failed.append(name)
                raise error
            return original(*args, **more)

        patch.setattr(os, name, fail)

    with monkeypatch.context() as patch:
        for name in ("mkdir", "rename", "fsync", "unlink", "rmdir"):
            failing(name)
        yield failed


@pytest.mark.parametrize("before", [None, "0.1.0"])
def test_killed_at_any_step(
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    before: str | None,
) -> None:
    new = read(source)
    for step in itertools.count():
        config = tmp_path / f"config-{step}"
        config.mkdir()
        target = config / "custom_components" / DOMAIN
        old = read(make(target, before)) if before else None
        with ending_at(step, monkeypatch, Killed()) as failed, suppress(Killed):
            place(source, config)
        if target.exists():
            assert read(target) in (new, old)
        else:
            aside = target.parent / f".{DOMAIN}"
            assert old is None or read(aside / "old") == old
        # Home Assistant takes what has a manifest for an integration.
        assert not list(config.glob("custom_components/.*/manifest.json"))
        placed = place(source, config)
        assert (placed.state, placed.version) == ("placed", "0.2.0")
        assert read(target) == new
        assert alone(target)
        if not failed:
            break
    assert step > 12


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_fault_of_the_disk_at_any_step(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    for step in itertools.count():
        config = tmp_path / f"config-{step}"
        target = config / "custom_components" / DOMAIN
        old = read(make(target, "0.1.0"))
        with ending_at(step, monkeypatch, OSError(code, os.strerror(code))) as failed:
            placed = place(source, config)
        if placed.state == "placed":
            assert read(target) == read(source)
        else:
            assert placed.state == "failed"
            assert os.strerror(code) in placed.message
            assert read(target) in (old, read(source))
        if not failed:
            break
        assert place(source, config).state == "placed"
        assert alone(target)
    assert step > 8


def test_whether_home_assistant_started_later(source: Path, config: Path) -> None:
    assert started_after(config) is None
    place(source, config)
    written = (config / "custom_components" / DOMAIN / "manifest.json").stat().st_mtime
    lock = config / ".ha_run.lock"
    for text, expected in [
        (json.dumps({"start_ts": written + 1}), True),
        (json.dumps({"start_ts": written - 1}), False),
        (json.dumps({"pid": 1}), None),
        ("", None),
        ("[]", None),
    ]:
        lock.write_text(text)
        assert started_after(config) is expected


def test_our_own_integration_can_be_placed(config: Path, target: Path) -> None:
    source = ROOT / "custom_components" / DOMAIN
    placed = place(source, config)
    assert (placed.state, placed.version) == ("placed", __version__)
    assert not place(source, config).changed
    assert not list(target.rglob("*.pyc"))


def test_the_image_brings_it_along() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    (folder,) = re.findall(r"^COPY custom_components (\S+)$", dockerfile, re.MULTILINE)
    assert f"OLLAMA_ADDON_COMPANION={folder}/{DOMAIN}" in dockerfile
    assert "!custom_components\n" in (ROOT / ".dockerignore").read_text()


def test_the_add_on_may_write_and_announce() -> None:
    manifest = yaml.safe_load((ROOT / "config.yaml").read_text())
    assert {"type": "homeassistant_config", "read_only": False} in manifest["map"]
    assert {DOMAIN, "wyoming"} <= set(manifest["discovery"])
    assert not any(port.startswith("10400") for port in manifest["ports"])
