import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from dev.addon.check import problems, rating
from dev.supervisor import InvalidOptions
from dev.supervisor.options import validate
from ollama_addon.options import AgentOptions, Options, ServerOptions, check_options
from tests.conftest import needs_apparmor

ROOT = Path(__file__).parents[1]


def read(name: str) -> dict[str, Any]:
    content = yaml.safe_load((ROOT / name).read_text())
    assert isinstance(content, dict)
    return content


CONFIG = read("config.yaml")


def test_the_defaults_are_valid_under_their_own_schema() -> None:
    assert validate(CONFIG["schema"], CONFIG["options"]) == CONFIG["options"]


def test_the_defaults_are_those_of_the_code() -> None:
    options, problems = check_options(CONFIG["options"])
    assert problems == []
    assert options == Options()


def test_everything_in_the_schema_can_be_read_and_nothing_else() -> None:
    def fields(kind: Any) -> set[str]:
        return set(kind.model_fields)

    schema = CONFIG["schema"]
    assert set(schema) == fields(Options)
    assert set(schema["agents"][0]) == fields(AgentOptions)
    assert set(schema["servers"][0]) == fields(ServerOptions)
    for group in ("gateway", "engine"):
        assert set(schema[group]) == fields(Options.model_fields[group].annotation)


@pytest.mark.parametrize(
    "options",
    [
        {"agents": [{"name": "Only a name and a model", "model": "m"}]},
        {"agents": [{"name": "Only a name"}]},
        {"servers": [{"url": "192.168.1.20:11434", "api": "openai"}]},
        {"agents": [{"name": "n", "model": "m", "confirm": [], "temperature": 0.5}]},
        {"servers": [{"url": "http://192.168.1.20:11434"}]},
        {"gateway": {}, "engine": {}},
    ],
)
def test_what_people_leave_out_is_valid_for_both(options: dict[str, Any]) -> None:
    given = validate(CONFIG["schema"], CONFIG["options"] | options)
    assert check_options(given)[1] == []


@pytest.mark.parametrize(
    "options",
    [
        {"agents": [{"model": "m"}]},
        {"agents": [{"name": "n", "model": "m", "context_window": 2047}]},
        {"agents": [{"name": "n", "model": "m", "confirm": ["lock"]}]},
        {"agents": [{"name": "n", "model": "m", "strategy": "clever"}]},
        {"servers": [{"url": ""}]},
        {"engine": {"kv_cache_type": "q2"}},
        {"journal_days": -1},
    ],
)
def test_what_the_page_refuses(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidOptions):
        validate(CONFIG["schema"], CONFIG["options"] | options)


NEEDED = (
    *("config.yaml", "build.yaml", "repository.yaml", "Dockerfile", "apparmor.txt"),
    *("pyproject.toml", "requirements.txt", "README.md", "DOCS.md", "CHANGELOG.md", "translations"),
    *("ollama_addon/__init__.py", "custom_components/ollama_addon/manifest.json"),
)


@pytest.fixture
def addon(tmp_path: Path) -> Path:
    """Return a copy of the files that are checked."""
    for name in NEEDED:
        source, target = ROOT / name, tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy(source, target)
    return tmp_path


@needs_apparmor
def test_the_files_are_as_the_supervisor_wants_them() -> None:
    assert list(problems(ROOT)) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("config.yaml", "slug: ollama_addon\n", "", "'slug' is a required property"),
        ("config.yaml", "ingress: true", "ingres: true", "'ingres' was unexpected"),
        ("config.yaml", "timeout: 30", "timeout: 10", "'timeout' is at its default"),
        ("config.yaml", "timeout: 30", "timeout: 301", "301 is greater"),
        ("config.yaml", "timeout: 30", "watchdog: http://[HOST]:8099", "'watchdog' was unexpected"),
        ("config.yaml", "  - amd64", "  - armv7", "'armv7' is not one of"),
        ("config.yaml", "ingress: true", "host_network: true", "rating is below 8"),
        ("config.yaml", "ingress: true", "ingress: true\nfull_access: true", "rating is below 8"),
        ("config.yaml", "/dev/dri/card0", "/dev/dri", "devices are exact nodes"),
        ("config.yaml", '"*/models"', '"/data/models/**"', "does not match"),
        ("config.yaml", "  journal_days: 30", "  journal_days: -1", "default options are invalid"),
        ("config.yaml", "  journal_days: 30", '  journal_days: "30"', "what their schema makes"),
        ("config.yaml", "key: password?", "key: secret?", "no type that the Supervisor knows"),
        ("config.yaml", "  11434/tcp: Ollama", "  11435/tcp: Ollama", "needs a description"),
        ("build.yaml", "build_from:", "squash: true\nbuild_from:", "'squash' was unexpected"),
        ("build.yaml", "trixie", "bookworm", "must be the image of build.yaml"),
        ("repository.yaml", "name:", "nam:", "'name' is a required property"),
        (
            "translations/nl.yaml",
            "    name: Gespreksagenten\n",
            "",
            "'name' is a required property",
        ),
        ("translations/pl.yaml", "  wyoming:", "  wyomming:", "'wyoming' has no label"),
        ("translations/fr.yaml", "      threads:", "      fils:", "'threads' has no label"),
        ("translations/it.yaml", "11434/tcp", "11435/tcp", "11434/tcp must stand here"),
        ("translations/pt.yaml", "configuration:", "configuration: [", "cannot be read"),
        ("apparmor.txt", "profile ollama_addon", " profile ollama_addon", "0 do"),
        pytest.param(
            *("apparmor.txt", "  capability kill,", "  capability fly,", "apparmor.txt: "),
            marks=needs_apparmor,
        ),
        ("CHANGELOG.md", "## 0.1.0", "## 0.0.9", "the version is 0.0.9"),
        ("CHANGELOG.md", "## 0.1.0", "## 0.1.0 — soon", "must be a version alone"),
        (
            "README.md",
            "](https://github.com",
            "](docs/x.png) [](https://github.com",
            "whole address",
        ),
        ("DOCS.md", "](https://", "](DOCS.md) [](https://", "DOCS.md: DOCS.md must be a whole"),
        ("ollama_addon/__init__.py", "0.1.0", "0.2.0", "the version is 0.2.0"),
        ("Dockerfile", "BUILD_VERSION=0.1.0", "BUILD_VERSION=0.2.0", "the version is 0.2.0"),
        ("requirements.txt", "\nfastapi==0.", "\nfastapi==0.0.", "fastapi>=0"),
        ("requirements.txt", "\nhttpx==", "\nhttpy==", "httpx>=0.28 is not met"),
    ],
)
def test_what_is_wrong_is_said(addon: Path, file: str, old: str, new: str, said: str) -> None:
    text = (addon / file).read_text()
    assert old in text
    (addon / file).write_text(text.replace(old, new, 1))
    found = list(problems(addon))
    assert any(said in each for each in found), found


@pytest.mark.parametrize(
    "name", ["eval/config.json", "docs/build.yml", ".github/workflows/build.yaml"]
)
def test_a_file_that_is_taken_for_the_add_ons(addon: Path, name: str) -> None:
    (addon / name).parent.mkdir(parents=True)
    (addon / name).write_text("{}")
    assert [each for each in problems(addon) if each.startswith(name)]


def test_a_package_without_a_hash(addon: Path) -> None:
    path = addon / "requirements.txt"
    lines = path.read_text().splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("idna=="))
    end = next(n for n in range(at + 1, len(lines)) if not lines[n].startswith(" "))
    path.write_text("\n".join([*lines[:at], lines[at].rstrip(" \\"), *lines[end:]]))
    assert any("has no hash" in each for each in problems(addon))


@needs_apparmor
def test_a_language_that_is_missing(addon: Path) -> None:
    (addon / "translations" / "de.yaml").unlink()
    assert list(problems(addon)) == ["translations/de.yaml is missing."]


@pytest.mark.parametrize(
    ("config", "profile", "points"),
    [
        ({}, False, 5),
        ({"ingress": True}, True, 8),
        ({"ingress": True, "host_network": True}, True, 7),
        ({"ingress": True, "hassio_role": "manager"}, True, 7),
        ({"ingress": True, "privileged": ["PERFMON"]}, True, 7),
        ({"apparmor": False, "host_pid": True}, True, 2),
        ({"ingress": True, "full_access": True}, True, 1),
    ],
)
def test_the_security_rating(config: dict[str, Any], profile: bool, points: int) -> None:
    assert rating(config, profile=profile) == points


PAGES = ("README.md", "DOCS.md", "CHANGELOG.md")
MAIN = re.compile(
    r"https://(?:github\.com/ollama-addon/ollama-addon/blob"
    r"|raw\.githubusercontent\.com/ollama-addon/ollama-addon)/main/([^)#\s]+)(?:#([^)\s]+))?"
)


@pytest.mark.parametrize("page", PAGES)
def test_what_the_store_links_to_is_there(page: str) -> None:
    for path, anchor in MAIN.findall((ROOT / page).read_text()):
        target = ROOT / path
        assert target.is_file(), path
        if anchor:
            headings = re.findall(r"^#+ (.*)$", target.read_text(), re.M)
            anchors = {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}
            assert anchor in anchors, f"{path}#{anchor}"
