"""The web panel: its pages, its words and its files."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from starlette.responses import Response

from ollama_addon import __version__
from ollama_addon.errors import AddonError
from ollama_addon.web.panel.texts import LANGUAGES, chosen, texts
from ollama_addon.web.state import parts

_HERE = Path(__file__).parent
STATIC = _HERE / "static"
PAGES = ("overview", "chat", "happened", "models", "agents", "log")
"""The first is at the root. All addresses in them are relative: any ingress path works."""
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
    "Cache-Control": "no-store",
    "Vary": "Accept-Language",
}

router = APIRouter(include_in_schema=False)
_templates = Jinja2Templates(_HERE / "templates")


class Static(StaticFiles):
    """Files that a browser asks for again after each update of the app."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """Return a file; one that has not changed is not sent again."""
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response


@router.get("/texts/{language}.json")
async def words(language: str) -> Mapping[str, str]:
    """Return the words of a language, for the scripts."""
    if language not in LANGUAGES:
        raise AddonError("unknown_language", f"There are: {', '.join(LANGUAGES)}.", 404)
    return texts(language)


def _page(name: str) -> Callable[[Request], Awaitable[Response]]:
    async def page(request: Request) -> Response:
        accepted = request.headers.get("accept-language", "")
        language = chosen(accepted, parts(request).mirror.house.language)
        context = {
            "page": name,
            "pages": PAGES,
            "language": language,
            "t": texts(language).__getitem__,
            "version": __version__,
        }
        return _templates.TemplateResponse(request, f"{name}.html", context, headers=_HEADERS)

    return page


for _name in PAGES:
    router.add_api_route("/" if _name == PAGES[0] else f"/{_name}", _page(_name))
