import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from dev.supervisor import InvalidOptions
from dev.supervisor.options import validate
from ollama_addon import __version__
from ollama_addon.options import AgentOptions, Options, ServerOptions, check_options

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
        return set(kind.model_fields) - {"id"}

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
        {"agents": [{"name": "n"}]},
        {"agents": [{"name": "n", "model": "m", "context_window": 2047}]},
        {"agents": [{"name": "n", "model": "m", "confirm": ["lock"]}]},
        {"agents": [{"name": "n", "model": "m", "strategy": "clever"}]},
        {"servers": [{"url": "nas"}]},
        {"engine": {"kv_cache_type": "q2"}},
        {"journal_days": -1},
    ],
)
def test_what_the_page_refuses(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidOptions):
        validate(CONFIG["schema"], CONFIG["options"] | options)


@pytest.mark.parametrize(
    "path", sorted((ROOT / "translations").glob("*.yaml")), ids=lambda p: p.stem
)
def test_every_option_has_a_label(path: Path) -> None:
    labels = yaml.safe_load(path.read_text())

    def check(schema: dict[str, Any], labels: dict[str, Any]) -> None:
        assert set(labels) == set(schema)
        for key, kind in schema.items():
            assert labels[key]["name"]
            assert labels[key]["description"]
            kind = kind[0] if isinstance(kind, list) else kind
            if isinstance(kind, dict):
                check(kind, labels[key]["fields"])
            else:
                assert "fields" not in labels[key]

    check(CONFIG["schema"], labels["configuration"])
    assert set(labels["network"]) == set(CONFIG["ports"])


def test_the_store_needs_these_keys() -> None:
    assert {"name", "version", "slug", "description", "arch"} <= CONFIG.keys()
    assert read("repository.yaml")["name"]


def test_the_version_is_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert CONFIG["version"] == __version__ == project["version"]
    assert f"BUILD_VERSION={__version__}" in (ROOT / "Dockerfile").read_text()


def test_the_base_image_is_the_same_with_and_without_the_build_file() -> None:
    (image,) = set(read("build.yaml")["build_from"].values())
    assert set(read("build.yaml")["build_from"]) == set(CONFIG["arch"])
    assert f"ARG BUILD_FROM={image}\n" in (ROOT / "Dockerfile").read_text()


def test_no_other_file_is_taken_for_an_add_on() -> None:
    # The Supervisor looks for these in every folder but hidden ones.
    found = {
        str(path.relative_to(ROOT))
        for kind in ("config", "build")
        for ending in ("yaml", "yml", "json")
        for path in ROOT.rglob(f"{kind}.{ending}")
        if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
    }
    assert found == {"config.yaml", "build.yaml"}
