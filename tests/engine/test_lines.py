from __future__ import annotations

import logging

import pytest
from hypothesis import given, strategies as st

from ollama_addon.engine.lines import Line, how_it_ended, line_of


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
    found = line_of(text)
    assert (found.level, found.message) == (line.level, line.message)
    assert found.raw == text


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("0.01.123.456 W srv  init: the prompt cache is small", logging.WARNING),
        ("W srv  init: the prompt cache is small", logging.WARNING),
        ("I slot launch: id 0 | processing task", logging.INFO),
        ("E srv  load: failed to open the model", logging.ERROR),
        ("load_tensors: tensor 'output.weight' (q6_K) cannot be used", logging.INFO),
        ("warning: not compiled with GPU offload support", logging.WARNING),
        ("llama_context: WARNING: the context is small", logging.WARNING),
        ("error: V cache quantization requires flash_attn", logging.ERROR),
        ("panic: runtime error: index out of range", logging.ERROR),
        ("fatal error: concurrent map writes", logging.ERROR),
        ("ggml_cuda: cudaMalloc failed: out of memory", logging.ERROR),
        ("sched: failed to allocate, retrying without pipeline parallelism", logging.WARNING),
        ("srv  update_slots: error_count = 0", logging.INFO),
        ("I am a line that begins as one of them", logging.INFO),
    ],
)
def test_levels_of_a_runner(text: str, level: int) -> None:
    assert line_of(text).level == level


@pytest.mark.parametrize(
    ("status", "failure", "sentence"),
    [
        (0, "", "ended with exit status 0."),
        (2, "panic: x", "exit status 2. It said: panic: x"),
        (1, "failed to allocate CPU buffer", "because memory ran out"),
        (-9, "", "was killed, as happens when memory runs out."),
        (-4, "", "this processor lacks instructions"),
        (-15, "", "the signal SIGTERM."),
        (-99, "", "exit status -99."),
    ],
)
def test_how_it_ended_in_words(status: int, failure: str, sentence: str) -> None:
    assert sentence in how_it_ended(status, failure)


@given(st.text(max_size=300) | st.text(max_size=200).map(lambda text: f"time={text} level=INFO"))
def test_any_line_says_something(text: str) -> None:
    assert bool(line_of(text).message.strip()) or not text.strip()
