"""The app's options, checked.

The names are those of `config.yaml`. A wrong value never stops the app: it becomes an
`OptionProblem`, and the rest starts.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
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


def _agent_id(value: str) -> str:
    if value and not _ID.fullmatch(value):
        raise ValueError("must be made of small letters, digits and '_', at most 64")
    return value


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


_HOST_NAME = re.compile(r"(?:\*\.)?\w[\w-]*(?:\.\w[\w-]*)+", re.ASCII)
_ID = re.compile(r"[a-z0-9][a-z0-9_]{0,63}")
_HTTP_URL = TypeAdapter(HttpUrl)
ModelName = Annotated[str, AfterValidator(_model_name)]
ModelOrNone = Annotated[str, AfterValidator(_model_or_none)]
AgentId = Annotated[str, AfterValidator(_agent_id)]
Url = Annotated[str, AfterValidator(_url)]
HostName = Annotated[str, AfterValidator(_host_name)]


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, str_strip_whitespace=True)


class AgentOptions(_Group):
    """One conversation agent."""

    id: AgentId = ""
    """Part of the agent's address, unique among the agents. At first made from the name."""
    name: str = Field(min_length=1, max_length=80)
    model: ModelOrNone = ""
    """Empty: the agent carries out clear commands and does nothing else."""
    instructions: str = ""
    """A Home Assistant template, or `file:NAME` for a file in the app's configuration folder."""
    control_home: bool = True
    instant_commands: bool = True
    """Whether clear commands are carried out without the model."""
    context_window: int = Field(default=8192, ge=2048)
    """Tokens."""
    max_history: int = Field(default=20, ge=0)
    """Turns that the model sees again; 0 is no limit."""
    keep_alive: int = Field(default=-1, ge=-1)
    """Seconds that the model stays in memory after a turn; -1 is for ever, 0 not at all."""
    think: bool = False
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
    allow_pulls: bool = False
    """Whether callers may pull, create, copy and delete models."""


class EngineOptions(_Group):
    """The bundled Ollama server."""

    keep_alive: int = Field(default=300, ge=-1)
    """Seconds, for callers that do not say; -1 is for ever, 0 not at all."""
    num_parallel: int = Field(default=1, ge=1, le=16)
    max_loaded_models: int = Field(default=0, ge=0, le=16)
    """0 leaves it to Ollama."""
    flash_attention: bool = True
    kv_cache_type: Literal["f16", "q8_0", "q4_0"] = "f16"
    vulkan: bool = True
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
    install_integration: bool = True
    own_integration: bool = False
    """Whether Home Assistant's own `ollama` integration is made to use this app, too."""
    memory: bool = True
    """Whether agents remember what they are asked to remember."""
    wyoming: bool = True
    """Whether the first agent speaks the Wyoming protocol until the integration is there."""
    journal_days: int = Field(default=30, ge=0, le=3650)
    """0 keeps nothing."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"


def load_options(path: Path) -> tuple[Options, list[OptionProblem]]:
    """Read the options from the JSON file at `path`.

    A file that is missing means the defaults. Whatever is wrong in it is returned as
    problems: a wrong value is replaced by its default, an agent or a server without
    its required values is left out.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Options(), []
    except (OSError, ValueError) as error:
        message = f"{path} cannot be read ({error}). The defaults are used instead."
        return Options(), [OptionProblem("", message)]
    return check_options(raw)


def check_options(
    raw: object, known_ids: Mapping[str, str] | None = None
) -> tuple[Options, list[OptionProblem]]:
    """Make options of what a configuration holds, and say what is wrong in it.

    `known_ids` are the ids that agents had before, by name: an agent without an id gets the
    one that was known under its name.
    """
    problems: list[OptionProblem] = []
    if not isinstance(raw, Mapping):
        message = "The options must be an object. The defaults are used instead."
        return Options(), [OptionProblem("", message)]
    values = {key: value for key, value in raw.items() if value is not None}
    if "models" in values:
        values["models"] = _names(values["models"], problems)
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
    if "agents" in values:
        values["agents"] = _with_ids(values["agents"], known_ids, problems)
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
    for key, value in raw.items():
        if key not in known:
            close = get_close_matches(str(key), known, n=1)
            hint = (
                f" Is '{close[0]}' meant?" if close else f" There are: {', '.join(sorted(known))}."
            )
            problems.append(
                OptionProblem(f"{prefix}{key}", f"There is no option '{prefix}{key}'.{hint}")
            )
        elif value is not None:
            values[key] = value
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


def _with_ids(
    agents: Sequence[AgentOptions],
    known_ids: Mapping[str, str] | None,
    problems: list[OptionProblem],
) -> tuple[AgentOptions, ...]:
    """Give every agent an id of its own; one that is set counts before one that is made."""
    known = known_ids or {}
    ids: list[str] = []
    for at, agent in enumerate(agents):
        ids.append(agent.id if agent.id not in ids else "")
        if agent.id and not ids[at]:
            first = agents[ids.index(agent.id)].name
            message = (
                f"'agents[{at}].id' is that of {first}, too: {agent.name} gets one of its own. "
                "Its history and its entity in Home Assistant begin anew."
            )
            problems.append(OptionProblem(f"agents[{at}].id", message, notice=True))
    for at, agent in enumerate(agents):
        if ids[at]:
            continue
        before = known.get(agent.name, "")
        made = before if _ID.fullmatch(before) and before not in ids else agent_id(agent.name)
        unique, number = made, 1
        while unique in ids:
            number += 1
            unique = f"{made}_{number}"
        ids[at] = unique
    return tuple(
        agent.model_copy(update={"id": each}) for agent, each in zip(agents, ids, strict=True)
    )
