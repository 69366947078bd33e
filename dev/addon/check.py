"""Checks the app's files against what the Supervisor and its store demand.

`python -m dev.addon.check` says what is wrong, a line each, and ends with 1 when anything is.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from dev.addon.schemas import BUILD, CONFIG, ELEMENT, REPOSITORY, TRANSLATION
from dev.supervisor.options import InvalidOptions, validate

ROOT = Path(__file__).resolve().parents[2]
LANGUAGES = ("de", "en", "es", "fr", "it", "nl", "pl", "pt")
_DANGEROUS = set(
    "BPF CHECKPOINT_RESTORE DAC_READ_SEARCH NET_ADMIN NET_RAW PERFMON SYS_ADMIN SYS_MODULE "
    "SYS_PTRACE SYS_RAWIO".split()
)


def problems(root: Path) -> Iterator[str]:
    """Tell what is wrong with the app whose files lie in `root`, a sentence each."""
    config = yield from _document(root / "config.yaml", CONFIG)
    build = yield from _document(root / "build.yaml", BUILD)
    yield from _document(root / "repository.yaml", REPOSITORY)
    yield from _stray(root)
    if config:
        yield from _config(config)
        yield from _labels(root / "translations", config)
        if rating(config, profile=(root / "apparmor.txt").exists()) < 8:
            yield "config.yaml: the security rating is below 8."
    if config and build:
        if set(build["build_from"]) != set(config["arch"]):
            yield "build.yaml: 'build_from' must name the architectures of config.yaml."
        default = re.search(r"^ARG BUILD_FROM=(.*)$", (root / "Dockerfile").read_text(), re.M)
        if not default or set(build["build_from"].values()) != {default[1]}:
            yield "Dockerfile: the default of BUILD_FROM must be the image of build.yaml."
    yield from _profile(root / "apparmor.txt")
    yield from _pages(root)
    yield from _versions(root)
    yield from _locked(root)


def rating(config: dict[str, Any], *, profile: bool) -> int:
    """Return the security rating, 1 to 8, by the Supervisor's own formula.

    `profile` tells whether there is an AppArmor profile of our own.
    """
    if config.get("docker_api") or config.get("full_access"):
        return 1
    points = 5
    if config.get("apparmor") is False:
        points -= 1
    elif profile:
        points += 1
    if config.get("ingress"):
        points += 2
    elif config.get("auth_api"):
        points += 1
    if _DANGEROUS & set(config.get("privileged", ())) or config.get("kernel_modules"):
        points -= 1
    points -= {"manager": 1, "admin": 2}.get(config.get("hassio_role", ""), 0)
    points -= bool(config.get("host_network")) + 2 * bool(config.get("host_pid"))
    points -= bool(config.get("host_uts") and "SYS_ADMIN" in config.get("privileged", ()))
    return max(min(points, 8), 1)


def _document(path: Path, schema: dict[str, Any]) -> Generator[str, None, dict[str, Any]]:
    """Check a file against its schema; return what is in it, nothing when it cannot be used."""
    name = path.name if path.parent.name != "translations" else f"translations/{path.name}"
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        yield f"{name}: cannot be read: {error}"
        return {}
    wrong = list(Draft202012Validator(schema).iter_errors(content))
    for each in wrong:
        where = ".".join(map(str, each.absolute_path))
        yield f"{name}: {where}: {each.message}" if where else f"{name}: {each.message}"
    if wrong or not isinstance(content, dict):
        return {}
    for key, value in content.items():
        known = schema["properties"][key]
        if "default" in known and known["default"] == value:
            yield f"{name}: '{key}' is at its default; leave it out."
    return content


def _stray(root: Path) -> Iterator[str]:
    """Find what the store would take for another app, or the builder for its settings."""
    for kind in ("config", "build"):
        for ending in ("json", "yaml", "yml"):
            for path in root.rglob(f"{kind}.{ending}"):
                below = path.relative_to(root)
                hidden = any(part.startswith(".") for part in below.parts)
                # The store does not look into dot-folders; the builder does into this one.
                hidden &= not (kind == "build" and below.parts[0] == ".github")
                if below != Path(f"{kind}.yaml") and not hidden and "rootfs" not in below.parts:
                    yield f"{below}: the Supervisor takes a file of this name for the app's."


def _config(config: dict[str, Any]) -> Iterator[str]:
    yield from _types(config["schema"], "schema")
    try:
        if validate(config["schema"], config["options"]) != config["options"]:
            yield "config.yaml: the default options are not what their schema makes of them."
    except InvalidOptions as error:
        yield f"config.yaml: the default options are invalid: {error}"
    if config.get("ingress") and config.get("webui"):
        yield "config.yaml: 'webui' has no meaning beside ingress."
    if set(config.get("ports", ())) != set(config.get("ports_description", ())):
        yield "config.yaml: every port needs a description."
    for path in config.get("devices", ()):
        if path.endswith("/dri") or "*" in path:
            yield f"config.yaml: {path} matches nothing; devices are exact nodes."


def _types(kind: Any, where: str) -> Iterator[str]:
    if isinstance(kind, dict):
        for key, below in kind.items():
            yield from _types(below, f"{where}.{key}")
    elif isinstance(kind, list):
        if len(kind) != 1 or isinstance(kind[0], list):
            yield f"config.yaml: {where} must hold one type, which is no list."
        else:
            yield from _types(kind[0], f"{where}[]")
    elif not (isinstance(kind, str) and ELEMENT.fullmatch(kind)):
        yield f"config.yaml: {where} is of no type that the Supervisor knows: {kind}"


def _labels(folder: Path, config: dict[str, Any]) -> Iterator[str]:
    found = {path.stem for path in folder.glob("*.yaml")}
    for language in sorted({*LANGUAGES} - found):
        yield f"translations/{language}.yaml is missing."
    for language in sorted(found):
        content = yield from _document(folder / f"{language}.yaml", TRANSLATION)
        if content:
            where = f"translations/{language}.yaml"
            yield from _compare(config["schema"], content["configuration"], where)
            for port in sorted(set(config["ports"]) ^ set(content["network"])):
                yield f"{where}: {port} must stand here and in config.yaml."


def _compare(schema: dict[str, Any], labels: dict[str, Any], where: str) -> Iterator[str]:
    for key in sorted(set(schema) - set(labels)):
        yield f"{where}: '{key}' has no label."
    for key in sorted(set(labels) - set(schema)):
        yield f"{where}: there is no option '{key}'."
    for key in sorted(set(labels) & set(schema)):
        kind = schema[key][0] if isinstance(schema[key], list) else schema[key]
        fields = labels[key].get("fields", {})
        yield from _compare(kind if isinstance(kind, dict) else {}, fields, f"{where}: {key}")


def _profile(path: Path) -> Iterator[str]:
    """Check that there is one profile, and that AppArmor's own parser takes it."""
    try:
        names = re.findall(r"^profile (\S+)", path.read_text(), re.M)
    except OSError as error:
        yield f"{path.name}: cannot be read: {error}"
        return
    if len(names) != 1:
        yield f"{path.name}: one line must begin with 'profile'; {len(names)} do."
    parser = apparmor_parser()
    if parser is None:
        yield f"{path.name}: not checked, because apparmor_parser is missing; install 'apparmor'."
        return
    command = [parser, "--skip-kernel-load", "--skip-cache", "--debug", str(path)]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    if result.returncode:
        yield f"{path.name}: {result.stderr.strip()}"


def apparmor_parser() -> str | None:
    """Return the path of the program that reads profiles, if it is installed."""
    return shutil.which("apparmor_parser", path="/usr/sbin:/sbin:/usr/bin:/bin")


def _pages(root: Path) -> Iterator[str]:
    """Check what the store shows: it follows no relative links, and finds notes by the version."""
    for name in ("README.md", "DOCS.md", "CHANGELOG.md"):
        text = (root / name).read_text()
        for link in re.findall(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"", text):
            target = "".join(link)
            if not target.startswith(("https://", "http://", "#", "mailto:")):
                yield f"{name}: {target} must be a whole address."
    for heading in re.findall(r"^## (.*)$", (root / "CHANGELOG.md").read_text(), re.M):
        if not re.fullmatch(r"\d+\.\d+\.\d+", heading):
            yield f"CHANGELOG.md: the heading '{heading}' must be a version alone."


def _versions(root: Path) -> Iterator[str]:
    """Check that the version is the same wherever it stands."""
    version = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    companion = root / "custom_components/ollama_addon/manifest.json"
    places = {
        "config.yaml": str(yaml.safe_load((root / "config.yaml").read_text()).get("version")),
        "ollama_addon/__init__.py": _found(
            root / "ollama_addon/__init__.py", r'__version__ = "(.*)"'
        ),
        "Dockerfile": _found(root / "Dockerfile", r"^ARG BUILD_VERSION=(.*)$"),
        "CHANGELOG.md": _newest(root / "CHANGELOG.md"),
        str(companion.relative_to(root)): json.loads(companion.read_text())["version"],
    }
    for place, other in places.items():
        if other != version:
            yield f"{place}: the version is {other}, in pyproject.toml it is {version}."


def _newest(changelog: Path) -> str:
    """Return the newest version that is out, or the first one while none is."""
    headings = re.findall(r"^## (\S+)$(\n\nUnreleased\.$)?", changelog.read_text(), re.M)
    out = [version for version, unreleased in headings if not unreleased]
    return str([*out, *(version for version, _ in headings), "missing"][0])


def _found(path: Path, pattern: str) -> str:
    match = re.search(pattern, path.read_text(), re.M)
    return match[1] if match else "missing"


def _locked(root: Path) -> Iterator[str]:
    """Check that the locked packages are those that pyproject.toml asks for."""
    text = (root / "requirements.txt").read_text()
    pinned = dict(re.findall(r"^([\w.-]+)==(\S+) \\$", text, re.M))
    locked = {canonicalize_name(name): version for name, version in pinned.items()}
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    for line in project["dependencies"]:
        wanted = Requirement(line)
        version = locked.get(canonicalize_name(wanted.name))
        if version is None or version not in wanted.specifier:
            yield f"requirements.txt: {line} is not met; run script/lock."
    for block in re.split(r"^(?=\w)", text, flags=re.M):
        if block[:1].isalnum() and "--hash=sha256:" not in block:
            yield f"requirements.txt: {block.split()[0]} has no hash; run script/lock."


def main() -> int:
    """Print what is wrong; return the exit status."""
    wrong = list(problems(ROOT))
    print("\n".join(wrong) or "The app's files are as the Supervisor wants them.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
