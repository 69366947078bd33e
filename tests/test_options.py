import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from ollama_addon.options import (
    DEFAULT_MODEL,
    AgentOptions,
    EngineOptions,
    Options,
    check_options,
    load_options,
    wanted_models,
)


def agent(**values: Any) -> dict[str, Any]:
    return {"name": "Kitchen", "model": "qwen3:1.7b", **values}


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    options, problems = load_options(tmp_path / "options.json")
    assert options == Options()
    assert problems == []
    assert [(each.id, each.name, each.model) for each in options.agents] == [
        ("ollama_assist", "Ollama Assist", DEFAULT_MODEL)
    ]


@pytest.mark.parametrize("content", ["{", "", "[1]", '"text"', "\x00"])
def test_a_file_that_cannot_be_used_is_said(tmp_path: Path, content: str) -> None:
    path = tmp_path / "options.json"
    path.write_text(content)
    options, problems = load_options(path)
    assert options == Options()
    assert len(problems) == 1


def test_what_is_configured_is_read(tmp_path: Path) -> None:
    path = tmp_path / "options.json"
    raw = {
        "models": ["llama3.2:1b"],
        "agents": [agent(context_window=4096, keep_alive=0, confirm=["alarm"], temperature=0.5)],
        "servers": [{"url": "http://192.168.1.20:11434/", "api_key": "k"}],
        "gateway": {"key": "secret", "allow_pulls": True},
        "engine": {"threads": 3},
        "journal_days": 0,
    }
    path.write_text(json.dumps(raw))
    options, problems = load_options(path)
    assert problems == []
    assert options.models == ("llama3.2:1b",)
    (kitchen,) = options.agents
    assert kitchen == AgentOptions(
        id="kitchen",
        name="Kitchen",
        model="qwen3:1.7b",
        context_window=4096,
        keep_alive=0,
        confirm=("alarm",),
        temperature=0.5,
    )
    assert (options.servers[0].url, options.servers[0].api_key) == (
        "http://192.168.1.20:11434",
        "k",
    )
    assert (options.gateway.key, options.gateway.allow_pulls) == ("secret", True)
    assert options.engine == EngineOptions(threads=3)
    assert options.journal_days == 0


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("context_window", 100, "2048"),
        ("context_window", "many", "integer"),
        ("max_history", -1, "0"),
        ("keep_alive", -2, "-1"),
        ("keep_alive", "5m", "integer"),
        ("strategy", "clever", "'structured'"),
        ("confirm", ["lock"], "'unlock'"),
        ("confirm", "unlock", "a list"),
        ("temperature", 3, "2"),
        ("control_home", "perhaps", "boolean"),
        ("model", "../../etc", "name of a model"),
        ("instructions", 5, "string"),
        ("instant_commands", "perhaps", "boolean"),
        ("automations", "always", "'off'"),
        ("tools", [5], "string"),
    ],
)
def test_a_wrong_value_of_an_agent_is_replaced(field: str, value: object, allowed: str) -> None:
    options, problems = check_options({"agents": [agent(**{field: value})]})
    (kitchen,) = options.agents
    assert getattr(kitchen, field) == AgentOptions.model_fields[field].default
    assert [problem.field for problem in problems] == [f"agents[0].{field}"]
    assert allowed in problems[0].message
    assert "is used instead" in problems[0].message


@pytest.mark.parametrize(
    "bad",
    [
        {"model": "m"},
        {"name": "", "model": "m"},
        {"name": "  ", "model": "m"},
        "not a group",
        None,
    ],
)
def test_an_agent_that_cannot_be_made_is_left_out(bad: object) -> None:
    options, problems = check_options({"agents": [bad, agent()]})
    assert [each.name for each in options.agents] == ["Kitchen"]
    assert "left out" in problems[0].message


def test_agents_can_be_none_at_all() -> None:
    assert check_options({"agents": []}) == (Options(agents=()), [])


def test_ids_are_unique_and_do_not_depend_on_the_others() -> None:
    names = ["Küche", "Kuche", "Living room!", "Дом", "家"]
    options, _ = check_options({"agents": [agent(name=name) for name in names]})
    ids = [each.id for each in options.agents]
    assert ids[:3] == ["kuche", "kuche_2", "living_room"]
    assert len(set(ids)) == len(ids)
    alone, _ = check_options({"agents": [agent(name="家")]})
    assert alone.agents[0].id == ids[4]


def test_an_id_is_kept_when_the_agent_is_renamed() -> None:
    options, problems = check_options({"agents": [agent(id="kitchen", name="Galley")]})
    assert (options.agents[0].id, options.agents[0].name) == ("kitchen", "Galley")
    assert problems == []


def test_the_second_agent_of_an_id_gets_its_own_and_that_is_said() -> None:
    raw = {"agents": [agent(id="x"), agent(id="x", name="Copy"), agent(name="X")]}
    options, problems = check_options(raw)
    assert [each.id for each in options.agents] == ["x", "copy", "x_2"]
    assert [problem.field for problem in problems] == ["agents[1].id"]
    assert problems[0].notice
    assert "Kitchen" in problems[0].message


def test_an_id_that_cannot_be_one_is_made_anew() -> None:
    options, problems = check_options({"agents": [agent(id="Kitchen!")]})
    assert options.agents[0].id == "kitchen"
    assert "small letters" in problems[0].message


def test_an_id_that_is_set_counts_before_one_that_is_made() -> None:
    options, _ = check_options({"agents": [agent(name="Home"), agent(name="New", id="home")]})
    assert [each.id for each in options.agents] == ["home_2", "home"]


def test_an_agent_without_an_id_gets_the_one_that_its_name_had() -> None:
    known = {"Kitchen": "galley", "Twin": "galley", "Bad": "../x"}
    raw = {"agents": [agent(), agent(name="Twin"), agent(name="Bad")]}
    options, problems = check_options(raw, known)
    assert [each.id for each in options.agents] == ["galley", "twin", "bad"]
    assert problems == []


@pytest.mark.parametrize(
    ("confirm", "kinds"),
    [
        ([], {"unlock", "garage_door", "alarm"}),
        (["none"], set()),
        (["alarm"], {"alarm"}),
        (["none", "unlock"], {"unlock"}),
    ],
)
def test_what_asks_first(confirm: list[str], kinds: set[str]) -> None:
    (kitchen,) = check_options({"agents": [agent(confirm=confirm)]})[0].agents
    assert kitchen.asks_first == kinds


@pytest.mark.parametrize("without", [{}, {"model": ""}, {"model": None}])
def test_an_agent_needs_no_model(without: dict[str, Any]) -> None:
    options, problems = check_options({"agents": [{"name": "Commands only", **without}]})
    assert [each.model for each in options.agents] == [""]
    assert problems == []
    assert wanted_models(options) == ()


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("192.168.1.20", "http://192.168.1.20:11434"),
        ("nas.local:8080", "http://nas.local:8080"),
        ("http://nas.local", "http://nas.local"),
        ("https://ai.example.org/ollama/", "https://ai.example.org/ollama"),
    ],
)
def test_addresses_of_servers(given: str, url: str) -> None:
    options, problems = check_options({"servers": [{"url": given}]})
    assert [server.url for server in options.servers] == [url]
    assert problems == []


@pytest.mark.parametrize("url", ["", "ftp://nas", "http://", "two words"])
def test_a_server_without_an_address_is_left_out(url: str) -> None:
    options, problems = check_options({"servers": [{"url": url}]})
    assert options.servers == ()
    assert "http://192.168.1.20:11434" in problems[0].message


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ({"models": "llama3.2"}, "models"),
        ({"models": ["fine", "not fine"]}, "models[1]"),
        ({"agents": {"name": "x"}}, "agents"),
        ({"engine": []}, "engine"),
        ({"engine": {"kv_cache_type": "q2"}}, "engine.kv_cache_type"),
        ({"gateway": {"allow_pulls": 7}}, "gateway.allow_pulls"),
        ({"log_level": "loud"}, "log_level"),
        ({"journal_days": -1}, "journal_days"),
    ],
)
def test_what_is_wrong_is_named(raw: dict[str, Any], field: str) -> None:
    _, problems = check_options(raw)
    assert [problem.field for problem in problems] == [field]


def test_a_misspelt_option_is_recognised() -> None:
    _, problems = check_options({"agents": [agent(context_windw=4096)], "sevrers": []})
    assert "Is 'context_window' meant?" in problems[0].message
    assert "Is 'servers' meant?" in problems[1].message


def test_keys_are_not_shown() -> None:
    raw = {
        "gateway": {"key": "s3cret", "allow_pulls": "s3cret?"},
        "servers": [{"url": "nas", "api_key": "s3cret"}],
    }
    options, problems = check_options(raw)
    assert "s3cret" not in repr(options)
    assert "s3cret" not in repr(problems)


def test_wanted_models_are_named_once_the_agents_first() -> None:
    raw = {
        "models": ["llama3.2", "library/qwen3:1.7b", "llama3.2:latest"],
        "agents": [agent(), agent(name="Second", model="gemma3:1b")],
    }
    assert wanted_models(check_options(raw)[0]) == ("qwen3:1.7b", "gemma3:1b", "llama3.2")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=10,
)
KEYS = st.sampled_from([*Options.model_fields, *AgentOptions.model_fields, "url", "key"])
LIKELY = st.dictionaries(
    KEYS, JSON | st.dictionaries(KEYS, JSON) | st.lists(st.dictionaries(KEYS, JSON))
)


@given(JSON | LIKELY)
def test_no_options_stop_the_add_on(raw: object) -> None:
    options, _ = check_options(raw)
    assert len({each.id for each in options.agents}) == len(options.agents)


def test_a_smaller_kv_cache_says_what_it_switches_on() -> None:
    options, problems = check_options(
        {"engine": {"kv_cache_type": "q8_0", "flash_attention": False}}
    )
    assert options.engine.uses_flash_attention
    assert [(each.field, each.notice) for each in problems] == [("engine.flash_attention", True)]
    assert check_options({"engine": {"kv_cache_type": "q8_0"}})[1] == []
    options, problems = check_options({"engine": {"flash_attention": False}})
    assert (options.engine.uses_flash_attention, problems) == (False, [])
