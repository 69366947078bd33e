"""How much a request carries, and how long it may take to bring it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.datastructures import Headers

from ollama_addon.errors import AddonError

PATIENCE = 60.0
"""Seconds within which a body has to be there."""
_STRUCTURE = (b"{", b"[", b",")
"""What begins a part of JSON. In base64 there is none of it."""


async def read(headers: Headers, parts: AsyncIterator[bytes], size: int, most: int) -> bytes:
    """Read a body whole, of at most `size` bytes and `most` parts of JSON.

    A few bytes a part make hundreds in memory, and take long to be read: so much is refused
    before it is. Raises AddonError for what is too large, too complicated or too slow.
    """
    too_large = AddonError("too_large", f"A request may have at most {size // 2**20} MiB.", 413)
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length) > size:
        raise too_large
    body = bytearray()
    counted = 0
    try:
        async with asyncio.timeout(PATIENCE):
            async for part in parts:
                body += part
                counted += sum(map(part.count, _STRUCTURE))
                if len(body) > size:
                    raise too_large
                if counted > most:
                    raise AddonError(
                        "too_complicated", f"A request may have at most {most:,} parts.", 413
                    )
    except TimeoutError:
        raise AddonError("too_slow", "The request did not come to its end in time.", 408) from None
    return bytes(body)
