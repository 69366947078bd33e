"""The development stack, brought up once for all the tests that need it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from dev.stack import Stack


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def running_stack() -> AsyncIterator[Stack]:
    async with Stack("test", log=print) as stack:
        yield stack


@pytest_asyncio.fixture(loop_scope="session")
async def stack(running_stack: Stack) -> Stack:
    """Return the stack with the house as it was at first."""
    await running_stack.home.reset()
    return running_stack


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # What is quick comes first: a mistake is seen before the stack is brought up.
    items.sort(key=lambda item: item.get_closest_marker("stack") is not None)
