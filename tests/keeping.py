"""Options kept as the panel keeps them: what was read is named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx


async def keep_options(client: httpx.AsyncClient, options: Mapping[str, Any]) -> httpx.Response:
    """Keep other options in place of those that are kept now."""
    version = (await client.get("/api/options")).headers["ETag"]
    headers = {"If-Match": version}
    return await client.put("/api/options", json={"options": options}, headers=headers)
