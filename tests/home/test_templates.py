"""Instructions, rendered by Home Assistant and without it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ollama_addon.home import templates as module
from ollama_addon.home.connection import Connection
from ollama_addon.home.fallback import render_alone
from ollama_addon.home.sandbox import MAX_TEXT, TOO_MUCH
from ollama_addon.home.templates import Rendered, Templates

from .scripted_home import ScriptedHome, eventually

TEMPLATE = "Hello {{ name }}"


@pytest.fixture
async def templates(connection: Connection) -> Templates:
    await connection.start()
    await eventually(lambda: connection.connected)
    return Templates(connection)


def result(text: Any, **listeners: Any) -> dict[str, Any]:
    return {"result": text, "listeners": {"all": False, "entities": [], **listeners}}


async def test_rendered_once_and_kept_live(home: ScriptedHome, templates: Templates) -> None:
    home.answers["render_template"] = [result("Hello Ada", time=True, entities=["b.b", "a.a"])]
    first = await templates.render(TEMPLATE, {"name": "Ada"})
    assert first == Rendered("Hello Ada", True, ("a.a", "b.b"))
    assert await templates.render(TEMPLATE, {"name": "Ada"}) == first
    (request,) = home.asked("render_template")
    assert (request["template"], request["variables"]) == (TEMPLATE, {"name": "Ada"})
    await home.send("render_template", result("Good evening Ada"))
    await asyncio.sleep(0.05)
    assert (await templates.render(TEMPLATE, {"name": "Ada"})).text == "Good evening Ada"
    assert len(home.asked("render_template")) == 1


@pytest.mark.parametrize(
    ("value", "text"), [(3, "3"), (True, "True"), (None, "None"), (["a", 1], "['a', 1]")]
)
async def test_a_result_that_home_assistant_took_for_a_value(
    home: ScriptedHome, templates: Templates, value: Any, text: str
) -> None:
    home.answers["render_template"] = [result(value)]
    assert (await templates.render("{{ x }}", {})).text == text


async def test_plain_text_needs_nobody(home: ScriptedHome, templates: Templates) -> None:
    assert await templates.render(" Be kind. ", {}) == Rendered("Be kind.")
    assert not home.asked("render_template")


async def test_a_template_that_is_wrong(home: ScriptedHome, templates: Templates) -> None:
    home.answers["render_template"] = ValueError("unexpected '}'")
    rendered = await templates.render("{{ }", {})
    assert rendered == Rendered("", error="unexpected '}'.")


async def test_a_template_that_fails_as_it_is_rendered(
    home: ScriptedHome, templates: Templates
) -> None:
    warning = {"error": "'x' is undefined", "level": "WARNING"}
    home.answers["render_template"] = [warning, result("Hello ")]
    assert await templates.render("Hello {{ x }}", {}) == Rendered("Hello ")
    home.answers["render_template"] = [{"error": "division by zero", "level": "ERROR"}]
    rendered = await templates.render("{{ 1 / 0 }}", {})
    assert rendered == Rendered("", error="division by zero")


async def test_no_more_are_kept_live_than_needed(
    home: ScriptedHome, templates: Templates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT", 2)
    home.answers["render_template"] = lambda request: [result(request["variables"]["n"])]
    for number in (1, 2, 1, 3):
        assert (await templates.render(TEMPLATE, {"n": number})).text == str(number)
    await eventually(lambda: len(home.subscribed("render_template")) == 2)
    live = [request["variables"]["n"] for request in home.subscribed("render_template")]
    assert live == [1, 3]


async def test_asked_at_once_it_is_rendered_once(home: ScriptedHome, templates: Templates) -> None:
    home.answers["render_template"] = [result("x")]
    texts = await asyncio.gather(*(templates.render(TEMPLATE, {}) for _ in range(5)))
    assert {rendered.text for rendered in texts} == {"x"}
    assert len(home.asked("render_template")) == 1


async def test_away_the_last_text_stays(
    home: ScriptedHome, connection: Connection, templates: Templates
) -> None:
    home.answers["render_template"] = [result("It is warm, Ada")]
    await templates.render(TEMPLATE, {"name": "Ada"})
    await home.close()
    await eventually(lambda: not connection.connected)
    assert (await templates.render(TEMPLATE, {"name": "Ada"})).text == "It is warm, Ada"
    unseen = await templates.render(TEMPLATE, {"name": "Bob"})
    assert unseen == Rendered("Hello Bob", fallback=True)
    await home.open()
    home.answers["render_template"] = [result("It is cold, Ada")]
    await eventually(lambda: connection.connected)
    assert (await templates.render(TEMPLATE, {"name": "Ada"})).text == "It is cold, Ada"


async def test_a_home_that_does_not_render(
    home: ScriptedHome, templates: Templates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    home.answers["render_template"] = []
    rendered = await templates.render(TEMPLATE, {"name": "Ada"})
    assert rendered == Rendered("Hello Ada", fallback=True)
    await eventually(lambda: not home.subscribed("render_template"))


async def test_a_template_that_is_too_long(home: ScriptedHome, templates: Templates) -> None:
    rendered = await templates.render("{{ x }}" * 100_000, {})
    assert rendered.error is not None
    assert "characters" in rendered.error
    assert not home.asked("render_template")


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("Hello {{ name }}.", "Hello Ada."),
        ("It is {{ states('sensor.t') }} °C.", "It is  °C."),
        ("{{ states('sensor.t') | float + 1 }} {{ states('a.b') | int(5) }}", "1.0 0"),
        ("{{ states('sensor.t') | float | round(1) }} {{ states('sensor.t') | round }}", "0.0 0"),
        ("{% if now().hour < 12 %}Morning{% else %}Day{% endif %}", "Day"),
        ("{{ (now() - as_datetime('x')).days * 3 + 4 }}.", "."),
        ("{% for light in states.light %}{{ light.name }}{% endfor %}none", "none"),
        ("{{ states.light | selectattr('state', 'eq', 'on') | list | count }}", "0"),
        ("{{ 'a-b' | regex_replace('-', '+') }}", "a-b"),
        ("{% if 'a' is search('a') %}yes{% else %}no{% endif %}", "no"),
        ("{% set x = namespace(n=2) %}{{ x.n * 3 }} {{ 17 % 5 }} {{ 'ab' * 2 }}", "6 2 abab"),
        ("{{ ''.__class__.__mro__ }}", ""),
        ("{{ 3600 * 24 * 365 }} {{ 2 ** 10 }} {{ '%05.1f' % 2 }}", "31536000 1024 002.0"),
    ],
)
async def test_alone(template: str, text: str) -> None:
    assert await render_alone(template, {"name": "Ada"}) == (text, None)


@pytest.mark.parametrize(
    "template",
    [
        "{% if %}",
        "{{ 1 / 0 }}",
        "{{ 'a' * 10 ** 9 }}",
        "{{ 'a' * 1000000000 }}",
        "{{ 1000000000 * ['a'] }}",
        "{{ 'a' * 90000 * 90000 }}",
        "{{ '%*s' % (1000000000, 'a') }}",
        "{{ 9 ** 999999999 }}",
        "{{ '%1000000000s' % 'a' }}",
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        f"{{% for a in range({MAX_TEXT}) %}}ab{{% endfor %}}",
        "{% set ns = namespace(x='a') %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}"
        "{% endfor %}{{ ns.x }}",
        "{% set ns = namespace(x='a') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}"
        "{% endfor %}",
        "{% set ns = namespace(x=9) %}{% for i in range(60) %}{% set ns.x = ns.x * ns.x %}"
        "{% endfor %}{{ ns.x }}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}"
        "{% endfor %}",
        "{{ 'a' | center(1000000000) }}",
        "{{ 'a'.ljust(1000000000) }}",
        "{{ '%1000000000d' | format(1) }}",
        "{{ '{:1000000000}'.format(1) }}",
        "{{ [1] | batch(1000000000, 'x') | list }}",
        "{{ ('a' * 90000).replace('a', 'b' * 90000) }}",
        "{{ range(1000000000) | list }}",
        "{{ ''.join(range(99999) | map('string')) * 9 }}",
        "{{ " + "(" * 40_000 + "1" + ")" * 40_000 + " }}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% macro f() %}{% for a in range(9) %}{{ f() }}{% endfor %}{% endmacro %}{{ f() }}",
    ],
)
async def test_alone_within_limits(template: str) -> None:
    text, error = await render_alone(template, {})
    assert text == ""
    assert error


@pytest.mark.parametrize(
    "template",
    [
        "{{ cycler.__init__.__globals__ }}",
        "{{ lipsum.__globals__['os'].environ }}",
        "{{ self.__init__.__globals__ }}",
        "{{ joiner.__init__.__globals__.os.popen('id').read() }}",
        "{{ ''.__class__.__base__.__subclasses__() }}",
        "{{ '{0.__class__.__base__}'.format('') }}",
        "{% include '/etc/passwd' %}",
        "{% import 'os' as os %}{{ os }}",
        "{{ ().__class__ | attr('__base__') | attr('__subclasses__') }}",
    ],
)
async def test_alone_nothing_else_is_reached(
    template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUPERVISOR_TOKEN", "the secret of the house")
    text, error = await render_alone(template, {})
    for said in (text, error or ""):
        assert "secret" not in said
        assert "root:" not in said
        assert "<class" not in said
        assert "built-in" not in said


async def test_a_text_of_home_assistant_that_is_too_long(
    home: ScriptedHome, templates: Templates
) -> None:
    home.answers["render_template"] = [result("a" * (MAX_TEXT + 1))]
    assert await templates.render("{{ x }}", {}) == Rendered("", error=TOO_MUCH)


async def test_alone_is_rendered_once(
    templates: Templates, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def alone(template: str, variables: Any) -> tuple[str, None]:
        asked.append(template)
        return "Hi", None

    monkeypatch.setattr("ollama_addon.home.templates.render_alone", alone)
    await connection.stop()
    texts = [await templates.render("Hi {{ x }}", {}) for _ in range(3)]
    assert texts == [Rendered("Hi", fallback=True)] * 3
    assert asked == ["Hi {{ x }}"]
