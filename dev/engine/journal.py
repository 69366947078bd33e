"""The last requests, as ``GET /dev/requests`` shows them: what was reused, what was computed."""

import logging
from collections import deque
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from dev.engine.messages import Usage

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Entry:
    at: str
    path: str
    body: dict[str, Any]
    done_reason: str
    prompt_tokens: int
    cached_tokens: int
    generated_tokens: int
    load_ms: float
    prompt_ms: float
    generate_ms: float


class RequestLog:
    """Keeps the last 200 requests in memory."""

    def __init__(self) -> None:
        self._entries: deque[_Entry] = deque(maxlen=200)

    def add(
        self,
        path: str,
        body: dict[str, Any],
        done_reason: str,
        load_seconds: float,
        usage: Usage | None,
    ) -> None:
        """Keep a request that ended, and log it; ``usage`` is None when it did not finish."""
        usage = usage or Usage(0, 0, 0, 0.0, 0.0)
        self._entries.append(
            _Entry(
                at=datetime.now(UTC).isoformat(),
                path=path,
                body=body,
                done_reason=done_reason,
                prompt_tokens=usage.prompt_tokens,
                cached_tokens=usage.cached_tokens,
                generated_tokens=usage.generated_tokens,
                load_ms=round(load_seconds * 1000, 3),
                prompt_ms=usage.prompt_ms,
                generate_ms=usage.generate_ms,
            )
        )
        _LOGGER.info(
            "%s %s: prompt_n=%d cache_n=%d predicted_n=%d prompt_ms=%.0f predicted_ms=%.0f",
            path,
            done_reason,
            usage.prompt_tokens - usage.cached_tokens,
            usage.cached_tokens,
            usage.generated_tokens,
            usage.prompt_ms,
            usage.generate_ms,
        )

    def last(self, count: int) -> list[dict[str, Any]]:
        """Return the newest entries, the oldest of them first."""
        return [asdict(entry) for entry in list(self._entries)[-count:]] if count > 0 else []
