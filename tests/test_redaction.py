"""What is not told: secrets, addresses' passwords, and what errors quote."""

from __future__ import annotations

import io
import logging
import re
from pathlib import Path

import pytest

from ollama_addon import redaction
from ollama_addon.errors import AddonError
from ollama_addon.redaction import HIDDEN, RedactingFormatter, hide, redacted, without_credentials


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_secrets", set())


def test_secrets_are_hidden_wherever_they_stand() -> None:
    hide("a-secret-of-many-letters", "short", "", " ")
    assert redacted("x a-secret-of-many-letters2 y") == f"x {HIDDEN}2 y"
    assert redacted("in short: shortly, 'short'") == f"in {HIDDEN}: shortly, '{HIDDEN}'"
    assert redacted("nothing") == "nothing"


def test_the_longer_secret_is_hidden_whole() -> None:
    hide("abcdefgh", "abcdefgh-ijkl")
    assert redacted("abcdefgh-ijkl") == HIDDEN


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("ConnectError: http://anna:pass@10.0.0.2:11434/api", "pass"),
        ("https://anna:p@ss@host", "p@ss"),
        ("redis://:pass@host and http://two:three@b", "three"),
        ("ws://anna@host", "anna"),
        ("Authorization: Bearer abcdefghijklmnop", "abcdefghijklmnop"),
        ("authorization: basic YW5uYTpwYXNz", "YW5uYTpwYXNz"),
        ('{"api_key": "sesame", "model": "m"}', "sesame"),
        ("{'token': 'sesame'}", "sesame"),
        ("GET /x?access_token=sesame&y=1", "sesame"),
        ("password=sesame", "sesame"),
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: str, gone: str) -> None:
    assert gone not in redacted(text)
    assert HIDDEN in redacted(text)


@pytest.mark.parametrize(
    "text",
    [
        "Ollama answers at http://10.0.0.2:11434.",
        "Write to anna@example.org about http://host/path@x",
        "The prompt has 2,000 tokens: 9 were new",
        "Basic settings and the bearer of the token",
        "The token was made anew",
    ],
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert redacted(text) == text


@pytest.mark.parametrize(
    ("url", "plain", "header"),
    [
        ("http://host:1/a", "http://host:1/a", ""),
        ("http://anna:pass@host:1/a", "http://host:1/a", "Basic YW5uYTpwYXNz"),
        ("http://anna:p%40ss@[::1]:1", "http://[::1]:1", "Basic YW5uYTpwQHNz"),
        ("https://anna@host", "https://host", "Basic YW5uYTo="),
    ],
)
def test_an_address_is_taken_apart(url: str, plain: str, header: str) -> None:
    assert without_credentials(url) == (plain, header)
    for secret in ("pass", "p@ss", "p%40ss"):
        if secret in url:
            assert secret not in redacted(f"with {secret}")


def logged(error: BaseException) -> str:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(RedactingFormatter("%(message)s"))
    logger = logging.Logger("test")
    logger.addHandler(handler)
    logger.error("It failed", exc_info=error)
    return out.getvalue()


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise error from cause
    except BaseException as caught:
        return caught


def test_an_error_says_where_it_was_and_not_what_it_read() -> None:
    text = logged(raised(KeyError("grandmother"), raised(ValueError("cannot read 'jewels'"))))
    assert "grandmother" not in text
    assert "jewels" not in text
    assert text.splitlines()[-1] == "KeyError"
    assert text.count("in raised") == 2
    assert "After that:" in text


def test_an_error_about_code_keeps_its_words() -> None:
    text = logged(raised(TypeError("'NoneType' object is not subscriptable")))
    assert text.endswith("TypeError: 'NoneType' object is not subscriptable\n")


def test_a_group_tells_of_each() -> None:
    group = ExceptionGroup("several", [ValueError("jewels"), OSError("disk full")])
    text = logged(raised(group))
    assert "jewels" not in text
    assert "OSError: disk full" in text
    assert "ValueError" in text


def test_an_error_that_led_to_itself_is_told_once() -> None:
    error = ValueError("x")
    error.__cause__ = error
    assert logged(error).count("ValueError") == 1


def test_a_private_error_is_logged_by_its_code() -> None:
    private = AddonError("home_failed", "There is no jewel box.", 502, private=True)
    assert private.logged == "home_failed"
    assert "jewel" not in logged(raised(private))
    assert AddonError("x", "The disk is full.").logged == "The disk is full."


def test_the_log_gets_of_our_errors_what_may_be_logged() -> None:
    found = []
    for file in (Path(__file__).parents[1] / "ollama_addon").rglob("*.py"):
        for call in re.findall(r"_LOGGER\.\w+\((?:[^()]|\([^()]*\))*\)", file.read_text("utf-8")):
            if re.search(r"\b(?:error|err)\.message\b", call):
                found.append(f"{file.name}: {call}")  # noqa: PERF401 - easier to read
    assert found == [], "Log `error.logged`: the message may quote what was said."
