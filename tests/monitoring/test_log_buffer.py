from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from ollama_addon.engine.daemon import OUTPUT
from ollama_addon.engine.lines import Line, line_of
from ollama_addon.monitoring.log_buffer import Entry, LogBuffer

LOGGER = logging.getLogger("ollama_addon.home.mirror")


@pytest.fixture
def logbook() -> Iterator[LogBuffer]:
    kept = LogBuffer()
    logger = logging.getLogger("ollama_addon")
    before = logger.level
    logger.addHandler(kept)
    logger.setLevel(logging.DEBUG)
    yield kept
    logger.removeHandler(kept)
    logger.setLevel(before)


def said(logbook: LogBuffer, level: int = logging.INFO) -> list[tuple[str, str, str]]:
    return [(each.level, each.source, each.message) for each in logbook.entries(level)]


def test_the_sidecar_and_the_server_in_one_log(logbook: LogBuffer) -> None:
    told: list[Entry] = []
    logbook.on_entry = told.append
    LOGGER.debug("details")
    LOGGER.warning("careful, %s", "you")
    logbook.add_line(Line(logging.INFO, "llama is loading"))
    logbook.add_line(Line(logging.ERROR, "no memory"))
    OUTPUT.error("no memory")  # the same line once more, on its way to the add-on's log
    assert said(logbook) == [
        ("WARNING", "home.mirror", "careful, you"),
        ("INFO", "ollama", "llama is loading"),
        ("ERROR", "ollama", "no memory"),
    ]
    assert said(logbook, logging.ERROR) == [("ERROR", "ollama", "no memory")]
    assert len(said(logbook, logging.DEBUG)) == 4
    assert told[0].message == "details"
    assert told[0].as_json()["time"] > 0


def test_it_does_not_grow(logbook: LogBuffer) -> None:
    for number in range(3000):
        logbook.add_line(Line(logging.INFO, f"{number} " + "x" * 5000))
    entries = logbook.entries()
    assert len(entries) == 2000
    assert entries[-1].message.startswith("2999 ")
    assert max(len(entry.message) for entry in entries) == 2000


def test_a_traceback_is_kept(logbook: LogBuffer) -> None:
    try:
        raise RuntimeError("broken")
    except RuntimeError:
        LOGGER.exception("It failed")
    (entry,) = logbook.entries()
    assert "It failed" in entry.message
    assert "RuntimeError: broken" in entry.message


def test_a_line_of_the_server_is_kept_as_it_was_written_too() -> None:
    logbook = LogBuffer()
    plain, written = "llama_model_loader: done", 'time=1 level=WARN msg="the disk is slow" took=3s'
    for text in (plain, written):
        logbook.add_line(line_of(text))
    assert [(each.level, each.message, each.raw) for each in logbook.entries()] == [
        ("INFO", plain, ""),
        ("WARNING", "the disk is slow took=3s", written),
    ]
