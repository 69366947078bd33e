"""Sets of options, judged by the Supervisor's rules and by the sidecar.

What one accepts the other accepts, but where the last column says why not. The configuration page
and the YAML editor reach the sidecar through the Supervisor; the panel asks the sidecar first.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from dev.supervisor.options import InvalidOptions, validate
from ollama_addon.options import check_options
from ollama_addon.supervisor.own_options import complete

CONFIG = yaml.safe_load((Path(__file__).parents[1] / "config.yaml").read_text())
SCHEMA, DEFAULTS = CONFIG["schema"], CONFIG["options"]

PANEL = "the panel says what the Supervisor drops or turns into something else without a word"
COMPLETED = "the panel leaves null out, and completes groups that are missing"


def agent(**values: Any) -> dict[str, Any]:
    return {"agents": [{"name": "A", **values}]}


def server(url: Any, **values: Any) -> dict[str, Any]:
    return {"servers": [{"url": url, **values}]}


def engine(**values: Any) -> dict[str, Any]:
    return {"engine": values}


ACCEPTED: list[dict[str, Any]] = [
    {},
    DEFAULTS,
    {"models": []},
    {"models": ["qwen3:1.7b", "hf.co/owner/model-GGUF:Q4_K_M", "library/llama3.2"]},
    {"agents": []},
    agent(),
    agent(model=""),
    agent(model="m"),
    agent(model="registry.example.org:5000/me/m:1"),
    agent(instructions=""),
    agent(instructions="{{ now() }}\nline two"),
    agent(instructions="file:assistant.md"),
    agent(control_home=False),
    agent(control_home="no"),
    agent(control_home="ON"),
    agent(control_home="enable"),
    agent(control_home="0"),
    agent(instant_commands=False),
    agent(think="true"),
    agent(context_window=2048),
    agent(context_window="4096"),
    agent(max_history=0),
    agent(max_history="7"),
    agent(keep_alive=-1),
    agent(keep_alive="0"),
    agent(strategy="native"),
    agent(confirm=[]),
    agent(confirm=["none"]),
    agent(confirm=["unlock", "alarm", "garage_door"]),
    agent(automations="off"),
    agent(tools=["mcp_server", "home"]),
    agent(tools=[]),
    agent(temperature=0),
    agent(temperature="0.5"),
    agent(temperature=2),
    agent(id="kitchen_2"),
    agent(id=""),
    {"agents": [{"name": "A"}, {"name": "A"}]},
    {"agents": [{"name": "A", "id": "x"}, {"name": "B", "id": "x"}]},
    {"agents": [{"name": "Дом"}, {"name": "家"}, {"name": 'O\'Neill "x"'}]},
    server("http://192.168.1.20:11434"),
    server("192.168.1.20:11434"),
    server("192.168.1.20"),
    server("nas.local:8080/ollama"),
    server("https://ai.example.org/v1/"),
    server("http://user:password@nas.local:11434"),
    server("http://[fd00::1]:11434"),
    server("[fd00::1]:11434"),
    server("nas", api_key="k"),
    server("nas", api="openai"),
    server("nas", api="auto", api_key=""),
    {"servers": []},
    {"gateway": {}},
    {"gateway": {"key": "k", "allow_pulls": "yes"}},
    {"allowed_hosts": ["assist.example.org", "*.example.org"]},
    {"allowed_hosts": []},
    engine(),
    engine(keep_alive=-1, num_parallel=16, max_loaded_models=0),
    engine(num_parallel="2"),
    engine(flash_attention=False),
    engine(kv_cache_type="q8_0", vulkan="off"),
    engine(threads=256, cache_ram=0),
    {"memory": False},
    {"memory": "off"},
    {"install_integration": "disable", "own_integration": "1", "wyoming": False},
    {"journal_days": 0},
    {"journal_days": "3650"},
    {"log_level": "debug"},
]

REFUSED: list[dict[str, Any]] = [
    {"models": "qwen3"},
    {"models": ["two words"]},
    {"models": ["../etc/passwd"]},
    {"models": [""]},
    {"models": {}},
    {"agents": {}},
    {"agents": ["A"]},
    {"agents": [[]]},
    {"agents": [{}]},
    {"agents": [{"model": "m"}]},
    agent(name=""),
    agent(name=5),
    agent(name="a" * 81),
    agent(model="-bad-"),
    agent(model="a b"),
    agent(model="http://host/m"),
    agent(instructions=5),
    agent(instructions=["a"]),
    agent(control_home="perhaps"),
    agent(control_home=""),
    agent(instant_commands="y"),
    agent(context_window=2047),
    agent(context_window="many"),
    agent(context_window=[]),
    agent(context_window="1e4"),
    agent(max_history=-1),
    agent(keep_alive=-2),
    agent(keep_alive="5m"),
    agent(strategy="clever"),
    agent(strategy=""),
    agent(confirm="unlock"),
    agent(confirm=["lock"]),
    agent(automations="always"),
    agent(tools="mcp"),
    agent(tools=[5]),
    agent(temperature=2.1),
    agent(temperature=-0.1),
    agent(temperature="warm"),
    agent(id="Kitchen"),
    agent(id="../x"),
    agent(id="a" * 65),
    {"servers": {}},
    {"servers": ["nas"]},
    {"servers": [{}]},
    server(""),
    server("two words"),
    server("ftp://nas"),
    server("http://"),
    server("nas", api_key=5),
    server("nas", api="azure"),
    {"gateway": []},
    {"gateway": {"key": 5}},
    {"gateway": {"allow_pulls": "perhaps"}},
    {"allowed_hosts": "nas"},
    {"allowed_hosts": ["http://nas.local"]},
    {"allowed_hosts": ["nas"]},
    {"engine": "fast"},
    engine(keep_alive=-2),
    engine(num_parallel=0),
    engine(num_parallel=17),
    engine(max_loaded_models=-1),
    engine(kv_cache_type="q2"),
    engine(threads=257),
    engine(threads="all"),
    engine(cache_ram=-1),
    {"memory": "perhaps"},
    {"wyoming": ""},
    {"journal_days": -1},
    {"journal_days": 3651},
    {"log_level": "loud"},
]

JUDGED_APART: list[tuple[dict[str, Any], bool, bool, str]] = [
    # options, the Supervisor accepts, the sidecar accepts, why
    ({"sevrers": []}, True, False, PANEL),
    (agent(context_windw=4096), True, False, PANEL),
    (engine(thraeds=2), True, False, PANEL),
    (agent(context_window=4096.7), True, False, PANEL),
    ({"models": [7.5]}, True, False, PANEL),
    (agent(control_home=7), True, False, PANEL),
    (agent(control_home=[]), True, False, PANEL),
    ({"agents": [{"name": "  "}]}, True, False, PANEL),
    (server("nas:99999"), True, False, PANEL),
    (agent(temperature=None), False, True, COMPLETED),
    (agent(model=None), False, True, COMPLETED),
    (agent(tools=[None]), False, False, ""),
    ({"models": None}, False, True, COMPLETED),
    ({"agents": None}, False, True, COMPLETED),
    ({"gateway": None}, False, True, COMPLETED),
    ({"gateway": {"key": None}}, False, True, COMPLETED),
    ({"engine": {"threads": None}}, False, True, COMPLETED),
    ({"log_level": None}, False, True, COMPLETED),
]


def supervisor_accepts(options: dict[str, Any]) -> bool:
    try:
        made = validate(SCHEMA, DEFAULTS | options)
    except InvalidOptions:
        return False
    # What comes through it is never a wrong value for the sidecar, at most one that it explains.
    assert isinstance(made, dict)
    return True


def sidecar_accepts(options: dict[str, Any]) -> bool:
    return not [problem for problem in check_options(options)[1] if not problem.notice]


def test_there_are_many() -> None:
    assert len(ACCEPTED) + len(REFUSED) + len(JUDGED_APART) >= 118


@pytest.mark.parametrize("options", ACCEPTED, ids=repr)
def test_both_accept(options: dict[str, Any]) -> None:
    assert sidecar_accepts(options), check_options(options)[1]
    assert supervisor_accepts(options)
    # What the Supervisor makes of it means the same.
    made = validate(SCHEMA, DEFAULTS | options)
    assert check_options(made)[0] == check_options(DEFAULTS | options)[0]


@pytest.mark.parametrize("options", REFUSED, ids=repr)
def test_both_refuse(options: dict[str, Any]) -> None:
    assert not sidecar_accepts(options)
    assert not supervisor_accepts(options)


@pytest.mark.parametrize(("options", "supervisor", "sidecar", "why"), JUDGED_APART, ids=repr)
def test_one_is_stricter_for_a_reason(
    options: dict[str, Any], supervisor: bool, sidecar: bool, why: str
) -> None:
    assert supervisor_accepts(options) is supervisor
    assert sidecar_accepts(options) is sidecar
    if why == COMPLETED:
        validate(SCHEMA, complete(options))


@pytest.mark.parametrize(
    "options", [{}, {"journal_days": 7}, {"agents": [{"name": "A"}]}], ids=repr
)
def test_groups_that_are_missing_are_completed(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidOptions, match="Missing option"):
        validate(SCHEMA, options)
    assert sidecar_accepts(options)
    validate(SCHEMA, complete(options))
