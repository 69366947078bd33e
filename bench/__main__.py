"""The command behind `script/bench`: how fast it is, against what it is held to."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import platform
import sys
import time
from typing import Any

from bench import gateway, instant, mirror, orders, shape, sharing, sidecar, soak, turn
from bench.figures import Figure, table

BENCHES = {
    "instant": instant.run,
    "turn": turn.run,
    "sidecar": sidecar.run,
    "gateway": gateway.run,
    "sharing": sharing.run,
    "mirror": mirror.run,
    "orders": orders.run,
}
"""What a whole run consists of; it takes about twenty minutes on two cores."""
LONG = {
    "homes": lambda quick: turn.run(quick, len(turn.HOMES)),
    "shape-1b": lambda quick: shape.run("1b", quick),
    "shape-4b": lambda quick: shape.run("4b", quick),
    "soak": soak.run,
}
"""What is run on request: all four homes, the shapes of larger models,
and thousands of turns."""


def main() -> int:
    """Run the benches that were named, or all; return the exit status."""
    parser = argparse.ArgumentParser(prog="script/bench", description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        choices=[*BENCHES, *LONG, []],
        metavar="BENCH",
        help=f"{', '.join(BENCHES)} (all of them when left out), or {', '.join(LONG)}",
    )
    parser.add_argument("--json", action="store_true", help="print one object for programs")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, one house")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    return asyncio.run(_run(arguments))


async def _run(arguments: argparse.Namespace) -> int:
    figures: list[Figure] = []
    raw: dict[str, Any] = {}
    for name in arguments.names or BENCHES:
        began = time.monotonic()
        print(f"{name} …", file=sys.stderr, flush=True)
        found, numbers = await (BENCHES | LONG)[name](arguments.quick)
        figures += found
        raw[name] = numbers
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    if arguments.json:
        machine = {"cores": os.cpu_count(), "machine": platform.machine()}
        rows = [figure.as_json() for figure in figures]
        print(json.dumps({"figures": rows, "machine": machine, "raw": raw}, indent=2))
    else:
        print(table(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
