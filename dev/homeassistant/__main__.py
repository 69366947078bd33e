"""`python -m dev.homeassistant` runs Home Assistant with the house until Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path

from dev.homeassistant.core import home_assistant
from dev.homeassistant.install import InstallError, install

ROOT = Path(__file__).resolve().parent.parent.parent


async def _run() -> None:
    house = ROOT / "dev" / "inventory" / "house.yaml"
    async with home_assistant(ROOT / ".dev" / "homeassistant", house) as home:
        print(f"Home Assistant: {home.url}  log-in: {home.username} / {home.password}")
        await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        if sys.argv[1:] == ["install"]:
            install(print)
        else:
            with contextlib.suppress(KeyboardInterrupt):
                asyncio.run(_run())
    except InstallError as error:
        sys.exit(str(error))
