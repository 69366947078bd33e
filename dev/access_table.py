"""Who may do what, made from the routes: `python -m dev.access_table` puts it in SECURITY.md."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.applications import Starlette
from starlette.routing import Route

from ollama_addon.app.settings import Settings
from ollama_addon.app.wiring import make_app
from ollama_addon.engine.servers import Servers
from ollama_addon.web.access.auth import PEOPLE_ONLY
from ollama_addon.web.access.door import is_open
from ollama_addon.web.gateway.gateway import make_gateway
from ollama_addon.web.gateway.key import Key

SECURITY = Path(__file__).parents[1] / "SECURITY.md"
COMMAND = "python -m dev.access_table"
Role = Literal["nobody", "user", "administrator", "password", "token", "gateway key"]
ROLES: tuple[Role, ...] = (
    "nobody",
    "user",
    "administrator",
    "password",
    "token",
    "gateway key",
)
"""Who asks: somebody on the network, a user of Home Assistant through ingress who is none of its
administrators, one who is, a browser with the panel's password, a program with a token or key."""
_BEGIN, _END = "<!-- roles: made by `python -m dev.access_table` -->", "<!-- end of roles -->"


@dataclass(frozen=True, order=True, slots=True)
class Row:
    """What one route lets in."""

    port: Literal["panel and API", "gateway"]
    path: str
    method: str
    roles: tuple[Role, ...]


def rows() -> list[Row]:
    """Return a row for each method of each route of both ports."""
    with TemporaryDirectory() as data:
        app = make_app(replace(Settings.from_environment(), data=Path(data)))
    return [*sorted(_of_app(app)), *sorted(_of_gateway(_gateway()))]


def _gateway() -> Starlette:
    return make_gateway(Servers([], None), Key("any"))


def _of_app(app: FastAPI) -> Iterator[Row]:
    described = str(app.openapi_url)
    yield Row("panel and API", described, "GET", _known(described, people_only=False))
    yield Row("panel and API", "/static/{path}", "GET", ROLES)
    for path, route in _flat(app.routes):
        people_only = PEOPLE_ONLY in route.dependencies
        for method in route.methods or ():
            roles = _known(path, people_only=people_only)
            yield Row("panel and API", path, method, roles)


def _flat(routes: Any, prefix: str = "") -> Iterator[tuple[str, APIRoute]]:
    """Yield each route with its whole path; a router that is included may have a prefix."""
    for route in routes:
        if isinstance(route, APIRoute):
            yield prefix + route.path, route
        elif inner := getattr(route, "original_router", None):
            yield from _flat(inner.routes, prefix + route.include_context.prefix)


def _known(path: str, *, people_only: bool) -> tuple[Role, ...]:
    if is_open(path):
        return ROLES
    people: tuple[Role, ...] = ("administrator", "password")
    return people if people_only else (*people, "token")


def _of_gateway(app: Starlette) -> Iterator[Row]:
    for route in app.routes:
        assert isinstance(route, Route)
        methods = route.methods or set()
        # Starlette answers HEAD wherever it answers GET.
        for method in methods - ({"HEAD"} if "GET" in methods else set()):
            yield Row("gateway", route.path, method, ("gateway key",))


def table() -> str:
    """Return the table as it stands in SECURITY.md: a row for each path and those it lets in."""
    lines = [
        "| port | route | methods | " + " | ".join(ROLES) + " |",
        "|---" * (len(ROLES) + 3) + "|",
    ]
    merged: dict[tuple[str, str, tuple[Role, ...]], list[str]] = {}
    for row in rows():
        merged.setdefault((row.port, row.path, row.roles), []).append(row.method)
    for (port, path, roles), methods in merged.items():
        cells = ["yes" if role in roles else "" for role in ROLES]
        lines.append("| " + " | ".join([port, f"`{path}`", ", ".join(methods), *cells]) + " |")
    return "\n".join(lines)


def written(text: str) -> str:
    """Return the text of SECURITY.md with the table as it is now."""
    before, _, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    assert end, f"SECURITY.md has no '{_BEGIN}' and '{_END}'"
    return f"{before}{_BEGIN}\n\n{table()}\n\n{_END}{after}"


def main() -> int:
    """Write the table into SECURITY.md."""
    SECURITY.write_text(written(SECURITY.read_text("utf-8")), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
