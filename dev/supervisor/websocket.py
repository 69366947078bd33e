"""Passes the messages of two WebSockets to each other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from aiohttp import ClientWebSocketResponse, WSMsgType, web

Socket: TypeAlias = web.WebSocketResponse | ClientWebSocketResponse


async def bridge(
    server: web.WebSocketResponse,
    client: ClientWebSocketResponse,
    refuse: Callable[[str], Awaitable[bool]] | None = None,
) -> None:
    """Pass messages both ways until one side closes, then close the other.

    `refuse` is asked of each text that the server side received, and keeps it when true.
    """
    ways = [
        asyncio.ensure_future(_forward(server, client, refuse)),
        asyncio.ensure_future(_forward(client, server)),
    ]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        await client.close()
        await server.close()


async def _forward(
    source: Socket, target: Socket, refuse: Callable[[str], Awaitable[bool]] | None = None
) -> None:
    async for message in source:
        if message.type is WSMsgType.TEXT:
            if refuse is None or not await refuse(message.data):
                await target.send_str(message.data)
        elif message.type is WSMsgType.BINARY:
            await target.send_bytes(message.data)
