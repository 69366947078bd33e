"""What takes longer than two seconds shows that it goes on. Only Python's own library is used."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ON_TERMINAL = 1.0
"""Seconds between two looks where the line is written over."""
_IN_LOG = 10.0
"""The same where each is a line of its own; the first comes after two seconds."""


@contextmanager
def step(title: str, folder: Path | None = None, size: int = 0) -> Iterator[None]:
    """Tell on standard error that something is being done, how long already, and when it is done.

    While `folder` grows towards `size` megabytes, that is told, too.
    """
    began, done = time.monotonic(), threading.Event()
    before = _megabytes(folder)
    terminal = sys.stderr.isatty()
    print(f"  {title} …", end="" if terminal else "\n", file=sys.stderr, flush=True)

    def tell() -> None:
        wait = _ON_TERMINAL if terminal else 2.0
        while not done.wait(wait):
            wait = _ON_TERMINAL if terminal else _IN_LOG
            there = f", {_megabytes(folder) - before} of about {size} MB" if folder else ""
            line = f"  {title} … {time.monotonic() - began:.0f} s{there}"
            print(
                f"\r\033[K{line}" if terminal else line,
                end="" if terminal else "\n",
                file=sys.stderr,
                flush=True,
            )

    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    outcome = "failed"
    try:
        yield
        outcome = "done"
    finally:
        done.set()
        thread.join()
        start = "\r\033[K" if terminal else ""
        line = f"{start}  {title}: {outcome} ({time.monotonic() - began:.0f} s)"
        print(line, file=sys.stderr, flush=True)


def _megabytes(folder: Path | None) -> int:
    """Return what the files of a folder take, as far as they can be seen."""
    if folder is None or not folder.exists():
        return 0
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_blocks * 512
        except OSError:
            continue
    return total // 10**6
