"""The app's options, checked.

The names are those of `config.yaml`. A wrong value never stops the app: it becomes an
`OptionProblem`, and the rest starts.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    HttpUrl,
    TypeAdapter,
    ValidationError,
)

from ollama_addon.model_name import ALLOWED, canonical, is_valid

DEFAULT_MODEL = "qwen3:4b-instruct"

Confirm = Literal["none", "unlock", "alarm", "garage_door"]
"""A kind of action that asks first; `none` is for nothing."""
ASK_FIRST = frozenset({"unlock", "alarm", "garage_door"})
"""The kinds of action that ask first where nothing is chosen."""


@dataclass(frozen=True, slots=True)
class OptionProblem:
    """An option that is not as it should be."""

    field: str
    """Where it stands, such as `agents[0].context_window`."""
    message: str
    """A sentence: what is wrong, what is allowed, what is used instead."""
    notice: bool = False
    """Whether it only has to be known: the options can be kept as they are."""


def _model_name(value: str) -> str:
    if not is_valid(value):
        raise ValueError(f"must be the name of a model: {ALLOWED}")
    return value


def _model_or_none(value: str) -> str:
    return _model_name(value) if value else value


def _url(value: str) -> str:
    # As the `ollama` command takes it: without a scheme it is plain HTTP on Ollama's port.
    if "://" not in value:
        value = f"http://{value}" if re.search(r":\d+(/|$)", value) else f"http://{value}:11434"
    try:
        return str(_HTTP_URL.validate_python(value)).rstrip("/")
    except ValidationError:
        raise ValueError("must be an address such as http://192.168.1.20:11434") from None


def _host_name(value: str) -> str:
    if _HOST_NAME.fullmatch(value) is None:
        raise ValueError("must be a name such as assist.example.org, or *.example.org")
    return value.lower()


MOST = 100
"""Agents, servers or models: more are no configuration."""
_NAMED = 20
"""Options that do not exist, of which each is told with what may be meant."""
_HOST_NAME = re.compile(r"(?:\*\.)?\w[\w-]*(?:\.\w[\w-]*)+", re.ASCII)
_ID = re.compile(r"[a-z0-9][a-z0-9_]{0,63}")
_HTTP_URL = TypeAdapter(HttpUrl)
ModelName = Annotated[str, AfterValidator(_model_name)]
ModelOrNone = Annotated[str, AfterValidator(_model_or_none)]
Url = Annotated[str, AfterValidator(_url)]
HostName = Annotated[str, AfterValidator(_host_name)]


_WORDS = {
    **dict.fromkeys(("1", "true", "yes", "on", "enable"), True),
    **dict.fromkeys(("0", "false", "no", "off", "disable"), False),
}


def _switch(value: object) -> object:
    # Words as the Supervisor takes them; pydantic has others.
    return _WORDS.get(value.strip().lower(), "neither") if isinstance(value, str) else value


Switch = Annotated[bool, BeforeValidator(_switch)]


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, str_strip_whitespace=True)


class AgentOptions(_Group):
    """One conversation agent."""

    id: str = ""
    """Part of the agent's address, unique among the agents. At first made from the name."""
    name: str = Field(min_length=1, max_length=80)
    model: ModelOrNone = ""
    """Empty: the agent carries out clear commands and does nothing else."""
    instructions: str = ""
    """A Home Assistant template, or `file:NAME` for a file in the app's configuration folder."""
    control_home: Switch = True
    instant_commands: Switch = True
    """Whether clear commands are carried out without the model."""
    context_window: int = Field(default=8192, ge=2048)
    """Tokens."""
    max_history: int = Field(default=20, ge=0)
    """Turns that the model sees again; 0 is no limit."""
    keep_alive: int = Field(default=-1, ge=-1)
    """Seconds that the model stays in memory after a turn; -1 is for ever, 0 not at all."""
    think: Switch = False
    strategy: Literal["auto", "structured", "native"] = "auto"
    confirm: tuple[Confirm, ...] = ()
    """The kinds of action that ask first; empty is all of them, `none` is nothing."""
    automations: Literal["ask", "off"] = "ask"
    """Whether the agent sets up automations, always after it read them back."""
    tools: tuple[str, ...] = ()
    """Ids of further LLM APIs of Home Assistant, such as those of MCP servers."""
    temperature: float | None = Field(default=None, ge=0, le=2)

    @property
    def asks_first(self) -> frozenset[str]:
        """The kinds of action that ask first, with the meaning of an empty `confirm` resolved."""
        return frozenset(self.confirm) - {"none"} if self.confirm else ASK_FIRST


class ServerOptions(_Group):
    """Another server on the network."""

    url: Url
    api_key: str = Field(default="", repr=False)
    """Sent as a bearer token when it is not empty."""
    api: Literal["auto", "ollama", "openai"] = "auto"
    """The API that the server speaks; `auto` finds it out."""


class GatewayOptions(_Group):
    """The Ollama API for other apps in the home."""

    key: str = Field(default="", repr=False)
    """What callers must send as a bearer token; one is made when it is empty."""
    allow_pulls: Switch = False
    """Whether callers may pull, create, copy and delete models."""


class EngineOptions(_Group):
    """The bundled Ollama server."""

    keep_alive: int = Field(default=300, ge=-1)
    """Seconds, for callers that do not say; -1 is for ever, 0 not at all."""
    num_parallel: int = Field(default=1, ge=1, le=16)
    max_loaded_models: int = Field(default=0, ge=0, le=16)
    """0 leaves it to Ollama."""
    flash_attention: Switch = True
    kv_cache_type: Literal["f16", "q8_0", "q4_0"] = "f16"
    vulkan: Switch = True
    threads: int = Field(default=0, ge=0, le=256)
    """0 is automatic: one core is left to Home Assistant."""
    cache_ram: int = Field(default=512, ge=0)
    """MiB of memory for prompts that may come back, for each loaded model."""

    @property
    def uses_flash_attention(self) -> bool:
        """Whether flash attention is on: without it no model loads with a smaller KV cache."""
        return self.flash_attention or self.kv_cache_type != "f16"


class Options(_Group):
    """Everything that can be configured."""

    models: tuple[ModelName, ...] = ()
    """Models wanted besides the agents'."""
    agents: tuple[AgentOptions, ...] = (
        AgentOptions(id="ollama_assist", name="Ollama Assist", model=DEFAULT_MODEL),
    )
    servers: tuple[ServerOptions, ...] = ()
    gateway: GatewayOptions = GatewayOptions()
    allowed_hosts: tuple[HostName, ...] = ()
    """Names under which panel, API and gateway answer besides those of a home network."""
    engine: EngineOptions = EngineOptions()
    install_integration: Switch = True
    own_integration: Switch = False
    """Whether Home Assistant's own `ollama` integration is made to use this app, too."""
    memory: Switch = True
    """Whether agents remember what they are asked to remember."""
    wyoming: Switch = True
    """Whether the first agent speaks the Wyoming protocol until the integration is there."""
    journal_days: int = Field(default=30, ge=0, le=3650)
    """0 keeps nothing."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"


def load_options(path: Path) -> tuple[Options, list[OptionProblem]]:
    """Read the options from the JSON file at `path`, as `read_options` and `check_options` do."""
    raw, problems = read_options(path)
    return (Options(), problems) if problems else check_options(raw)


def read_options(path: Path) -> tuple[dict[str, Any], list[OptionProblem]]:
    """Return what the JSON file at `path` holds, nothing when it is missing or cannot be read."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}, []
    except (OSError, ValueError) as error:
        message = f"{path} cannot be read ({error}). The defaults are used instead."
        return {}, [OptionProblem("", message)]
    if not isinstance(raw, dict):
        return {}, [OptionProblem("", "The options must be an object. The defaults are used.")]
    return raw, []


def check_options(
    raw: object, known_ids: Mapping[str, str] | None = None
) -> tuple[Options, list[OptionProblem]]:
    """Make options of what a configuration holds, and say what is wrong in it.

    A wrong value is replaced by its default, an agent or a server without its required values
    is left out. `known_ids` are the ids that agents had before, by name.
    """
    problems: list[OptionProblem] = []
    if not isinstance(raw, Mapping):
        message = "The options must be an object. The defaults are used instead."
        return Options(), [OptionProblem("", message)]
    values = {key: value for key, value in raw.items() if value is not None}
    for key in ("agents", "servers", "models"):
        if isinstance(values.get(key), list) and len(values[key]) > MOST:
            message = f"'{key}' has more than {MOST} entries. The rest is left out."
            problems.append(OptionProblem(key, message))
            values[key] = values[key][:MOST]
    if "models" in values:
        values["models"] = _names(values["models"], problems)
    if isinstance(values.get("agents"), list):
        values["agents"] = with_ids(values["agents"], known_ids or {}, problems)
    for key, kind in (("agents", AgentOptions), ("servers", ServerOptions)):
        if key in values:
            values[key] = _items(kind, values[key], key, problems)
    for key, group in (("gateway", GatewayOptions), ("engine", EngineOptions)):
        if key in values:
            values[key] = _read(group, values[key], key, problems) or group()
    engine = values.get("engine", EngineOptions())
    if engine.uses_flash_attention and not engine.flash_attention:
        message = (
            f"'engine.kv_cache_type' {engine.kv_cache_type} needs flash attention, which is "
            "switched on with it. To have it off, choose f16."
        )
        problems.append(OptionProblem("engine.flash_attention", message, notice=True))
    return _read(Options, values, "", problems) or Options(), problems


def wanted_models(options: Options) -> tuple[str, ...]:
    """List the models that have to be there: the agents' first, each once."""
    wanted: dict[str, str] = {}
    for name in (*(agent.model for agent in options.agents), *options.models):
        if name:
            wanted.setdefault(canonical(name), name)
    return tuple(wanted.values())


_G = TypeVar("_G", bound=_Group)


def _read(kind: type[_G], raw: object, field: str, problems: list[OptionProblem]) -> _G | None:
    """Make a group of options, wrong values replaced by defaults; None when it can't be made."""
    if not isinstance(raw, Mapping):
        problems.append(
            OptionProblem(field, f"'{field}' must be a group of options. It is left out.")
        )
        return None
    prefix = f"{field}." if field else ""
    known = set(kind.model_fields)
    values: dict[str, Any] = {}
    unknown = [key for key in raw if key not in known]
    if len(unknown) > _NAMED:
        problems.append(OptionProblem(field, f"{len(unknown)} of these options do not exist."))
        unknown = unknown[:_NAMED]
    for key, value in raw.items():
        if key in known:
            if value is not None:
                values[key] = value
        elif key in unknown:
            close = get_close_matches(str(key), known, n=1)
            hint = (
                f" Is '{close[0]}' meant?" if close else f" There are: {', '.join(sorted(known))}."
            )
            problems.append(
                OptionProblem(f"{prefix}{key}", f"There is no option '{prefix}{key}'.{hint}")
            )
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        wrong = {str(details["loc"][0]): details for details in reversed(error.errors())}
    fatal = [key for key in wrong if kind.model_fields[key].is_required()]
    for key, details in wrong.items():
        what = details["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
        what = what.replace("valid tuple", "list")
        what = what[0].lower() + what[1:]
        if key in fatal:
            result = f"{field} is left out."
        else:
            default = kind.model_fields[key].default
            values.pop(key)
            result = f"{json.dumps(default)} is used instead."
        given = "is missing" if details["type"] == "missing" else f"is wrong: {what}"
        problems.append(OptionProblem(f"{prefix}{key}", f"'{prefix}{key}' {given}. {result}"))
    return None if fatal else kind.model_validate(values)


def _items(
    kind: type[_G], raw: object, field: str, problems: list[OptionProblem]
) -> tuple[_G, ...]:
    if not isinstance(raw, list):
        problems.append(OptionProblem(field, f"'{field}' must be a list. It is left out."))
        return ()
    items = (_read(kind, item, f"{field}[{at}]", problems) for at, item in enumerate(raw))
    return tuple(item for item in items if item is not None)


def _names(raw: object, problems: list[OptionProblem]) -> tuple[str, ...]:
    if not isinstance(raw, list):
        problems.append(OptionProblem("models", "'models' must be a list. It is left out."))
        return ()
    names = []
    for at, name in enumerate(raw):
        if isinstance(name, str) and is_valid(name.strip()):
            names.append(name.strip())
        else:
            message = f"'models[{at}]' must be the name of a model: {ALLOWED}. It is left out."
            problems.append(OptionProblem(f"models[{at}]", message))
    return tuple(names)


def agent_id(name: str) -> str:
    """Return the id that is made from an agent's name."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")[:60]
    # A name in another script keeps its id however many agents stand before it.
    return slug or f"agent_{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def with_ids(
    agents: Sequence[object], known: Mapping[str, str], problems: list[OptionProblem]
) -> list[object]:
    """Return the agents of a configuration with an id each; one that is set counts first.

    An agent without one gets the id that its name had before (`known`), else one that is made of
    its name. What is no agent at all stays as it is.
    """
    ids: list[str] = []
    named = [_named(agent) for agent in agents]
    for at, agent in enumerate(named):
        given = agent.get("id") or "" if agent else ""
        if not isinstance(given, str) or (given and not _ID.fullmatch(given)):
            message = (
                f"'agents[{at}].id' is wrong: it must be made of small letters, digits and '_', "
                "at most 64. Another one is made."
            )
            problems.append(OptionProblem(f"agents[{at}].id", message))
            given = ""
        elif given and given in ids:
            first = (named[ids.index(given)] or {}).get("name")
            message = (
                f"'agents[{at}].id' is that of {first}, too: this agent gets an id of its own. Its "
                "history and its entity in Home Assistant begin anew."
            )
            problems.append(OptionProblem(f"agents[{at}].id", message, notice=True))
            given = ""
        ids.append(given)
    taken = set(ids)
    numbers: Counter[str] = Counter()
    for at, agent in enumerate(named):
        if agent and not ids[at]:
            before = known.get(agent["name"].strip(), "")
            usable = _ID.fullmatch(before) is not None and before not in taken
            made = before if usable else agent_id(agent["name"].strip())
            unique = made
            while unique in taken:
                numbers[made] += 1
                unique = f"{made}_{numbers[made] + 1}"
            taken.add(unique)
            ids[at] = unique
    return [{**agent, "id": ids[at]} if agent else agents[at] for at, agent in enumerate(named)]


def _named(agent: object) -> Mapping[str, Any] | None:
    """Return what has a name that an agent can have."""
    if not isinstance(agent, Mapping):
        return None
    name = agent.get("name")
    return agent if isinstance(name, str) and name.strip() else None
