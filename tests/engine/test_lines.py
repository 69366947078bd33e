from __future__ import annotations

import logging

import pytest
from hypothesis import given, strategies as st

from ollama_addon.engine.lines import Line, line_of


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            'time=2026-11-23T10:00:00.000Z level=INFO source=routes.go:1 msg="Listening on '
            '127.0.0.1:11435 (version 0.33.0)"',
            Line(logging.INFO, "Listening on 127.0.0.1:11435 (version 0.33.0)"),
        ),
        (
            "time=2026-11-23T10:00:00Z level=WARN source=x.go:2 msg=slow took=3.2s "
            'model="a b" why="it said \\"no\\""',
            Line(logging.WARNING, 'slow took=3.2s model=a b why=it said "no"'),
        ),
        ("time=now level=ERROR msg=bad", Line(logging.ERROR, "bad")),
        (
            '[GIN] 2026/11/23 - 10:00:00 | 200 |  1.234567s | 127.0.0.1 | POST  "/api/chat"',
            Line(logging.DEBUG, "POST /api/chat answered with 200 after 1.234567s"),
        ),
        (
            '[GIN] 2026/11/23 - 10:00:00 | 500 |     12.3ms | 127.0.0.1 | POST  "/api/chat"',
            Line(logging.WARNING, "POST /api/chat answered with 500 after 12.3ms"),
        ),
        ("llama_model_load: done", Line(logging.INFO, "llama_model_load: done")),
    ],
)
def test_lines(text: str, line: Line) -> None:
    assert line_of(text) == line


@given(st.text(max_size=300) | st.text(max_size=200).map(lambda text: f"time={text} level=INFO"))
def test_any_line_says_something(text: str) -> None:
    assert bool(line_of(text).message.strip()) or not text.strip()
