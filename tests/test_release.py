"""What a release writes, and the workflows that make one."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from dev.addon.check import problems
from dev.addon.release import ReleaseError, set_image, set_version
from tests.conftest import needs_apparmor

ROOT = Path(__file__).parents[1]
FILES = (
    *("config.yaml", "build.yaml", "repository.yaml", "Dockerfile", "apparmor.txt"),
    *("pyproject.toml", "requirements.txt", "README.md", "DOCS.md", "CHANGELOG.md"),
    *("ollama_addon/__init__.py", "custom_components/ollama_addon/manifest.json"),
)
WORKFLOWS = sorted((ROOT / ".github" / "workflows").iterdir())


@pytest.fixture
def addon(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "translations", tmp_path / "translations")
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    log = tmp_path / "CHANGELOG.md"
    if "Unreleased." not in log.read_text():
        log.write_text(log.read_text().replace("\n## ", "\n## 9.8.7\n\nUnreleased.\n\n## ", 1))
    return tmp_path


@needs_apparmor
def test_a_version_is_written_everywhere(addon: Path) -> None:
    set_version(addon, "12.3.4")
    assert list(problems(addon)) == []
    assert yaml.safe_load((addon / "config.yaml").read_text())["version"] == "12.3.4"
    log = (addon / "CHANGELOG.md").read_text()
    assert "Unreleased." not in log
    assert "\n## 12.3.4\n" in log


@pytest.mark.parametrize("version", ["1", "v1.2.3", "1.2.3.4", "1.2.3-beta"])
def test_what_is_no_version(addon: Path, version: str) -> None:
    with pytest.raises(ReleaseError, match="is not a version"):
        set_version(addon, version)


def test_nothing_is_written_without_a_changelog(addon: Path) -> None:
    (addon / "CHANGELOG.md").write_text("# Changelog\n\n## 0.1.0\n\nReleased on 2026-01-01.\n")
    before = (addon / "config.yaml").read_text()
    with pytest.raises(ReleaseError, match=r"CHANGELOG\.md must have one line"):
        set_version(addon, "12.3.4")
    assert (addon / "config.yaml").read_text() == before


@needs_apparmor
def test_the_image_is_stamped_once(addon: Path) -> None:
    for image in ("ghcr.io/someone/ollama-addon", "ghcr.io/other/ollama-addon"):
        set_image(addon, image)
        assert yaml.safe_load((addon / "config.yaml").read_text())["image"] == image
        assert list(problems(addon)) == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_uses_fixed_actions_and_asks_for_little(path: Path) -> None:
    workflow: dict[str, Any] = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {}
    for name, job in workflow["jobs"].items():
        assert "permissions" in job, name
    for used in re.findall(r"uses: (\S+)", path.read_text()):
        assert used.startswith("./") or re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", used), used
    for script in re.findall(r"\b(?:script|\.ci)/[a-z]+", path.read_text()):
        assert (ROOT / script).exists(), script


def test_the_release_builds_what_the_store_offers() -> None:
    release = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    assert sorted(yaml.safe_load(release["env"]["ARCHITECTURES"])) == sorted(config["arch"])
