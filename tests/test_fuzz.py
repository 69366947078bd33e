"""Whatever stands in the options, is proposed by a model or comes to the gateway."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import quote

import httpx
from hypothesis import given, seed, strategies as st

from ollama_addon.agent.actions.repair import HouseNames, Verdict, repair
from ollama_addon.engine.servers import Servers
from ollama_addon.home.model import Entity
from ollama_addon.model_name import canonical, is_valid
from ollama_addon.options import Options, check_options, wanted_models
from ollama_addon.understanding.names import labels_of
from ollama_addon.understanding.verb_table import TARGETLESS, VERBS
from ollama_addon.understanding.vocabulary import Action
from ollama_addon.web.gateway.gateway import make_gateway
from ollama_addon.web.gateway.key import Key
from tests.agent.homes import family_home
from tests.fuzzing import SEED, relaxed

HOME = family_home()
NAMES = HouseNames(HOME, labels_of(HOME), "en")
INTENTS = sorted({verb.intent for verb in (*VERBS, *TARGETLESS)})
ODD = ["../../etc/passwd", "m\x00", "m\r\nX: y", "%2f", "m:1", "a" * 500, "", " ", "\ud800"]

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([*ODD, *HOME.entities, "switch.attic_pump", "Kitchen", "all"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


def fields(kind: Any, **inner: Any) -> Any:
    """Return objects with some fields of a group of options, whatever is in them."""
    return st.fixed_dictionaries(
        {}, optional={name: inner.get(name, JSON) for name in [*kind.model_fields, "odd"]}
    )


AGENT = fields(
    Options.model_fields["agents"].default[0].__class__, name=JSON | st.text(), model=JSON
)
OPTIONS = JSON | fields(
    Options,
    agents=st.lists(AGENT | JSON, max_size=3) | JSON,
    servers=st.lists(JSON | st.fixed_dictionaries({"url": JSON, "api_key": JSON}), max_size=2),
    gateway=JSON | st.fixed_dictionaries({"key": JSON, "allow_pulls": JSON}),
    engine=JSON | fields(Options.model_fields["engine"].default.__class__),
)


@seed(SEED)
@relaxed(150)
@given(OPTIONS)
def test_any_options_are_read(raw: Any) -> None:
    options, problems = check_options(raw)
    for problem in problems:
        assert problem.message.strip()
        json.dumps([problem.field, problem.message])
    for agent in options.agents:
        assert agent.id.isascii()
        assert agent.model == "" or is_valid(agent.model)
    assert len({agent.id for agent in options.agents}) == len(options.agents)
    assert all(is_valid(name) for name in wanted_models(options))
    again, wrong = check_options(options.model_dump(mode="json"))
    assert (again, wrong) == (options, [])


SLOT_NAMES = (
    "name area floor domain device_class entity_id brightness position temperature item message "
    "color minutes step mode field:x"
).split()
SLOTS = st.dictionaries(st.sampled_from(SLOT_NAMES) | st.text(max_size=6), JSON, max_size=5)


@seed(SEED)
@relaxed(300)
@given(st.sampled_from(INTENTS) | st.text(max_size=12), SLOTS, st.none() | st.just("kitchen"))
def test_whatever_is_proposed_is_valid_or_refused(
    intent: str, slots: dict[str, Any], area_id: str | None
) -> None:
    repaired = repair(Action(intent, slots), NAMES, area_id=area_id)
    if repaired.verdict is Verdict.REFUSED:
        assert repaired.reason
        return
    assert repaired.action is not None
    assert repaired.action.intent in INTENTS
    named = repaired.action.slots.get("name")
    assert named is None or named in HOME.entities
    for entity in (*repaired.candidates, repaired.target):
        assert not isinstance(entity, Entity) or entity.id in HOME.entities
    if repaired.verdict is not Verdict.AMBIGUOUS:
        # What is valid stays as it is.
        again = repair(repaired.action, NAMES, area_id=area_id)
        assert again.verdict is not Verdict.REFUSED
        assert again.target == repaired.target


@seed(SEED)
@relaxed(300)
@given(st.text(max_size=40) | st.sampled_from(ODD))
def test_any_name_of_a_model(name: str) -> None:
    if is_valid(name):
        assert is_valid(canonical(name))
        assert canonical(canonical(name)) == canonical(name)
        assert not set(name) & set("\r\n\0 %\\")
        assert not any(part.startswith((".", "-")) for part in name.split("/"))


BODY = JSON | st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("model", "name", "source", "from", "MODEL", "options"), JSON)
)
PATHS = ["/api/chat", "/api/generate", "/api/show", "/api/pull", "/api/copy", "/v1/completions"]


@seed(SEED)
@relaxed(150)
@given(
    st.sampled_from(PATHS) | st.binary(max_size=12).map(lambda odd: f"/{quote(odd)}"),
    st.binary(max_size=30) | BODY.map(lambda data: json.dumps(data).encode()),
)
def test_any_body_at_the_gateway_is_answered(path: str, body: bytes) -> None:
    async def ask() -> None:
        app = make_gateway(Servers((), None), Key("k"), allow_changes=True)
        transport = httpx.ASGITransport(app)
        headers = {"Authorization": "Bearer k"}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://gateway", headers=headers
        ) as client:
            answer = await client.post(
                httpx.URL("http://gateway").copy_with(path=path), content=body
            )
        assert 400 <= answer.status_code < 600
        assert answer.status_code != 500
        if path in PATHS:
            assert answer.json()["error"]

    asyncio.run(ask())
