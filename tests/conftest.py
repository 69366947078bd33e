"""The development stack, brought up once for all the tests that need it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from dev.addon.check import apparmor_parser
from dev.homeassistant.core import HomeAssistant, home_assistant
from dev.homeassistant.install import why_not
from dev.stack import ROOT, Stack
from ollama_addon import redaction

needs_apparmor = pytest.mark.skipif(
    apparmor_parser() is None,
    reason="apparmor_parser is missing: install 'apparmor', or run script/test as root on Debian",
)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def running_stack() -> AsyncIterator[Stack]:
    async with Stack("test", log=print) as stack:
        yield stack


@pytest_asyncio.fixture(loop_scope="session")
async def stack(running_stack: Stack) -> Stack:
    """Return the stack with the house as it was at first."""
    await running_stack.home.reset()
    return running_stack


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def lone_core(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[HomeAssistant]:
    """A real Home Assistant that nothing of this project runs beside."""
    house = ROOT / "dev" / "inventory" / "house.yaml"
    folder = tmp_path_factory.mktemp("core")
    async with home_assistant(folder, house, companion=False) as core:
        yield core


@pytest.fixture(autouse=True)
def own_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide in each test only its own secrets: "key" is the secret of some."""
    monkeypatch.setattr(redaction, "_secrets", set())


_SHARED = ("running_stack", "lone_core")
"""What is dear and there once a process: all tests that need it run in the same one."""


def _group(item: pytest.Item) -> str:
    """Return the name of the tests that run in one process with this one: its file, mostly."""
    fixtures = getattr(item, "fixturenames", ())
    return next((name for name in _SHARED if name in fixtures), item.nodeid.partition("::")[0])


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="run the tests that are marked 'all', too")


# Before pytest-xdist reads the groups, which it does in a hook of the same name.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--all"):
        left_out = [item for item in items if item.get_closest_marker("all")]
        items[:] = [item for item in items if not item.get_closest_marker("all")]
        config.hook.pytest_deselected(items=left_out)
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item)))
    parallel = os.environ.get("PYTEST_XDIST_WORKER") is not None

    def order(item: pytest.Item) -> int:
        # What is quick comes first: a mistake is seen before the stack is brought up. In
        # parallel the stack does: one process needs for it the time that is needed for the rest.
        if parallel and _group(item) == _SHARED[0]:
            return 0
        return 2 if item.get_closest_marker("stack") else 1

    items.sort(key=order)
    if "HASS_URL" not in os.environ and (reason := why_not()):
        for item in items:
            if item.get_closest_marker("stack"):
                item.add_marker(pytest.mark.skip(reason=reason))
