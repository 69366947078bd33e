"""What is said to who may not come in: JSON to a program, a page to a person."""

from __future__ import annotations

from pathlib import Path

from fastapi.templating import Jinja2Templates
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response

from ollama_addon.errors import AddonError
from ollama_addon.redaction import redacted
from ollama_addon.web.panel.texts import chosen, texts

_WORDED = ("home_away", "no_user", "not_administrator", "unauthorized", "wrong_host")
"""What has words for a person; the rest is for programs."""
_SOON = 5
"""Seconds after which a page that only has to wait is asked for again."""
_NO_PAGES = ("/api/", "/texts/", "/metrics")
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'self'"
    ),
    "Cache-Control": "no-store",
    "Vary": "Accept-Language",
}
_templates = Jinja2Templates(Path(__file__).parents[1] / "panel" / "templates")


def refusal(error: AddonError) -> JSONResponse:
    """Answer with a code and a sentence."""
    message = redacted(error.message)
    return JSONResponse({"error": {"code": error.code, "message": message}}, error.status)


def refusal_page(connection: HTTPConnection, error: AddonError) -> Response | None:
    """Say to a person, in the language of the browser, why the panel is not shown.

    None where no person is to read it, or it is nothing that a person has to do with.
    """
    path = connection.scope["path"]
    wanted = "text/html" in connection.headers.get("accept", "")
    if not wanted or path.startswith(_NO_PAGES) or error.code not in _WORDED:
        return None
    language = chosen(connection.headers.get("accept-language", ""), "")
    context = {
        "language": language,
        "t": texts(language).__getitem__,
        "code": error.code,
        "again": _SOON if error.code == "home_away" else None,
        # Relative, as the path of ingress is not known here.
        "root": "../" * (path.count("/") - 1),
    }
    return _templates.TemplateResponse(
        Request(connection.scope), "refused.html", context, error.status, headers=_HEADERS
    )
