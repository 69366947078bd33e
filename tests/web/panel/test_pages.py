"""The panel's pages and words, who may use them, and what stands behind them."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, get_args

import pytest

from ollama_addon.agent.trace import Trace
from ollama_addon.history import verdict
from ollama_addon.web.api import status_parts
from ollama_addon.web.panel.pages import PAGES, STATIC
from ollama_addon.web.panel.texts import LANGUAGES, chosen, texts
from tests.web.running import Sidecar, sidecar

TEMPLATES = STATIC.parent / "templates"


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Sidecar]:
    async with sidecar(tmp_path) as running:
        yield running


def path(page: str) -> str:
    return "/" if page == PAGES[0] else f"/{page}"


@pytest.mark.parametrize("page", PAGES)
async def test_a_page_works_below_any_path_and_without_inline_code(
    running: Sidecar, page: str
) -> None:
    answer = await running.browser.get(path(page), headers={"Accept-Language": "en"})
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["referrer-policy"] == "no-referrer"
    addresses = re.findall(r'(?:src|href)="([^"]*)"', answer.text)
    assert f"static/{page}.js" in addresses
    assert not [each for each in addresses if each.startswith("/") or "://" in each]
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=|<style", answer.text)
    assert answer.text.count("aria-current") == 1
    for each in addresses:
        if each.startswith("static/"):
            assert (await running.browser.get(f"/{each}")).status_code == 200


@pytest.mark.parametrize(
    ("accepted", "home", "language"),
    [
        ("de-CH,de;q=0.9,en;q=0.8", "en", "de"),
        ("xx,en;q=0.3,nl;q=0.7", "en", "nl"),
        ("", "fr-FR", "fr"),
        ("xx;q=wrong, *", "yy", "en"),
    ],
)
def test_the_language_is_the_browsers_then_the_homes(
    accepted: str, home: str, language: str
) -> None:
    assert chosen(accepted, home) == language


async def test_a_page_speaks_the_language(running: Sidecar) -> None:
    page = await running.browser.get("/models", headers={"Accept-Language": "de"})
    assert '<html lang="de">' in page.text
    assert texts("de")["page.models"] in page.text
    assert (await running.browser.get("/texts/de.json")).json() == texts("de")
    assert (await running.browser.get("/texts/xx.json")).status_code == 404


def test_it_speaks_what_the_options_are_labelled_in() -> None:
    labelled = {file.stem for file in (Path(__file__).parents[3] / "translations").glob("*.yaml")}
    assert set(LANGUAGES) == labelled


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_says_everything(language: str) -> None:
    def own(which: str) -> dict[str, str]:
        found: dict[str, str] = json.loads((STATIC.parent / "texts" / f"{which}.json").read_text())
        return found

    english, translated = own("en"), own(language)
    assert translated.keys() == english.keys()
    for key, words in translated.items():
        marks = set(re.findall(r"\{\w+\}", words))
        assert marks == set(re.findall(r"\{\w+\}", english[key])), key
        assert words.strip(), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_of_the_glossary_are_used(language: str) -> None:
    forbidden = {
        "": ("add-on", "addon", "add on"),
        "en": ("journal", "pipeline", "sentence", "licence", "quantis", "weights"),
        "de": ("aufzeichnung", "freigegeben", "satz", "sätze", "pipeline", "gewichte"),
        "fr": ("complément", "phrase", "pipeline", "poids"),
        "es": ("complemento", "frase", "pipeline", "pesos"),
        "nl": ("verloop", "zinnen", "pipeline", "gewichten"),
        "it": ("componente aggiuntivo", "frase", "pipeline", "pesi"),
        "pl": ("kronika", "dodatek", "zdanie", "potok"),
        "pt": ("diário", "suplemento", "frase", "pipeline"),
    }
    for key, words in texts(language).items():
        # Names of options are those of the configuration.
        said = words.replace("journal_days", "").casefold()
        found = [word for word in forbidden[""] + forbidden[language] if word in said]
        assert not found, f"{key}: {words}"


def test_pages_and_the_product_have_one_name() -> None:
    history = {"de": "Verlauf", "fr": "Historique", "es": "Historial", "nl": "Geschiedenis"}
    history |= {"en": "History", "it": "Storico", "pl": "Historia", "pt": "Histórico"}
    for language in LANGUAGES:
        known = texts(language)
        names = {known[key] for key in ("nav.happened", "page.happened", "overview.journal")}
        assert names == {history[language]}
        assert all(known[f"nav.{page}"] == known[f"page.{page}"] for page in PAGES)
        assert "Ollama Assist" in known["lost"]


def test_every_word_that_is_used_is_there_and_the_other_way_round() -> None:
    code = "".join(file.read_text() for file in (*STATIC.glob("*.js"), *TEMPLATES.glob("*.html")))
    known = texts("en")
    quoted = set(re.findall(r"[\"']([\w.]+)[\"']", code))
    counted = set(re.findall(r'counted\(\s*"([\w.]+)"', code)) | {"turns.more"}
    forms = {f"{key}.{form}" for key in counted for form in ("one", "other")}
    asked = set(re.findall(r"\bt\(\s*[\"']([\w.]+\w)[\"'][,)\s]", code))
    assert (asked | forms) - known.keys() == set()
    made = tuple(re.findall(r"\bt\(\s*[`\"']([\w.]+\.)(?:\$\{|[\"'] ~)", code))
    # Those of forms, which are made of the names of their fields and options.
    made += ("field.", "engine.", "strategy.", "confirm.", "kv_cache_type.")
    unused = {key for key in known if key not in quoted | forms and not key.startswith(made)}
    assert unused == set()


OWN_SENTENCE = {"home_refused", "not_read", "broken", "running", "failing"}
"""Codes whose parts are told in the sidecar's own words, since only these have the cause."""
AS_ANOTHER = {"some_missing", "under_way", "kept", "off"}
"""Codes that have the sentence of another one, or one with a plural."""


def test_every_state_of_a_part_has_a_sentence() -> None:
    source = Path(status_parts.__file__).read_text("utf-8")
    codes = set(re.findall(r'_part\(\s*"\w+",\s*"(\w+)"', source))
    assert "not_used" in codes
    known = texts("en")
    missing = {code for code in codes - OWN_SENTENCE - AS_ANOTHER if f"status.{code}" not in known}
    assert missing == set()
    health = get_args(status_parts.Health)
    assert {f"state.{each}" for each in health} <= known.keys()


def test_everything_that_can_become_of_a_request_has_a_sentence() -> None:
    source = Path(verdict.__file__).read_text("utf-8")
    codes = set(re.findall(r'Verdict\(\s*"(\w+)"', source))
    known = texts("en")
    assert "similar" in codes
    assert {code for code in codes if f"became.{code}" not in known} == set()


def test_the_panel_is_small() -> None:
    scripts = b"".join(file.read_bytes() for file in sorted(STATIC.glob("*.js")))
    assert len(gzip.compress(scripts)) <= 32_768
    assert len(gzip.compress((STATIC / "panel.css").read_bytes())) <= 6_144


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("DELETE", "/api/history"),
        ("POST", "/api/models/pull"),
        ("PUT", "/api/options"),
        ("POST", "/api/restart"),
        ("POST", "/api/agents/home/converse"),
    ],
)
async def test_a_page_elsewhere_cannot_change_anything(
    running: Sidecar, method: str, address: str
) -> None:
    del running.browser.headers["X-Requested-With"]
    answer = await running.browser.request(method, address, json={})
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "forged"
    # Who has the token is no browser that was led here.
    running.browser.auth = None  # type: ignore[assignment]
    bearer = {"Authorization": f"Bearer {running.token}"}
    answer = await running.browser.delete("/api/history", headers=bearer)
    assert answer.status_code == 200


async def test_nobody_else_sees_the_panel(running: Sidecar) -> None:
    running.browser.auth = None  # type: ignore[assignment]
    for page in PAGES:
        assert (await running.browser.get(path(page))).status_code == 401


async def test_files_are_asked_for_again_and_not_sent_again(running: Sidecar) -> None:
    first = await running.browser.get("/static/panel.css")
    assert first.headers["cache-control"] == "no-cache"
    again = await running.browser.get(
        "/static/panel.css", headers={"If-None-Match": first.headers["etag"]}
    )
    assert again.status_code == 304


def record(number: int, **more: Any) -> Trace:
    return Trace(f"sentence {number}", "en", "panel", turn_id=f"t{number}", agent="home", **more)


async def test_the_journal_is_read_page_by_page(running: Sidecar) -> None:
    for number in range(5):
        running.parts.journal.keep(record(number, outcome="done" if number else "failed"))
    first = (await running.browser.get("/api/history?limit=3")).json()
    assert [turn["id"] for turn in first["turns"]] == ["t4", "t3", "t2"]
    assert first["days"] == 30
    last = (await running.browser.get(f"/api/history?limit=3&before={first['next']}")).json()
    assert [turn["id"] for turn in last["turns"]] == ["t1", "t0"]
    assert last["next"] is None
    failed = (await running.browser.get("/api/history?outcome=failed")).json()
    assert [turn["id"] for turn in failed["turns"]] == ["t0"]
    series = (await running.browser.get("/api/history/series?limit=2")).json()
    assert [turn["id"] for turn in series] == ["t3", "t4"]


async def test_the_journal_is_exported_and_deleted(running: Sidecar) -> None:
    empty = await running.browser.get("/api/history/export?format=turns")
    assert empty.json() == []
    for number in range(3):
        running.parts.journal.keep(record(number))
    exported = await running.browser.get("/api/history/export?format=turns&search=sentence")
    assert "attachment" in exported.headers["content-disposition"]
    assert [turn["turn_id"] for turn in exported.json()] == ["t0", "t1", "t2"]
    assert (await running.browser.get("/api/history/t1")).json()["text"] == "sentence 1"
    assert (await running.browser.delete("/api/history/t1")).status_code == 204
    for method in ("GET", "DELETE"):
        gone = await running.browser.request(method, "/api/history/t1")
        assert gone.status_code == 404
        assert gone.json()["error"]["code"] == "unknown_turn"
    assert (await running.browser.delete("/api/history")).json() == {"deleted": 2}


@pytest.mark.parametrize("query", ["limit=0", "limit=9999", "before=x", "since=-1"])
async def test_what_is_asked_wrongly_of_the_journal(running: Sidecar, query: str) -> None:
    answer = await running.browser.get(f"/api/history?{query}")
    assert answer.status_code == 422
    assert answer.json()["error"]["message"].endswith(".")


async def test_instructions_are_previewed_while_home_assistant_is_away(running: Sidecar) -> None:
    async def preview(instructions: str) -> Any:
        body = {"instructions": instructions}
        return (await running.browser.post("/api/instructions/preview", json=body)).json()

    assert (await preview("Be kind."))["text"] == "Be kind."
    rendered = await preview("{{ 1 + 1 }}")
    assert (rendered["text"], rendered["fallback"]) == ("2", True)
    assert (await preview("{{ wrong"))["error"]


async def test_the_home_is_described_before_it_was_read(running: Sidecar) -> None:
    home = (await running.browser.get("/api/home")).json()
    assert (home["entities"], home["areas"]) == (0, [])


async def test_a_prompt_needs_an_agent_a_text_and_the_home(running: Sidecar) -> None:
    body = {"text": "hello"}
    nobody = await running.browser.post("/api/agents/nobody/prompt", json=body)
    assert nobody.json()["error"]["code"] == "unknown_agent"
    (agent,) = (await running.browser.get("/api/agents")).json()
    path = f"/api/agents/{agent['id']}/prompt"
    nowhere = await running.browser.post(path, json=body)
    assert nowhere.json()["error"]["code"] == "home_away"
    silent = await running.browser.post(path, json={"text": " "})
    assert silent.json()["error"]["code"] == "empty_text"
