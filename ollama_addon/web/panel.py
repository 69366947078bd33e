"""The web panel: a first plain page with the state of things and a chat."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.templating import Jinja2Templates
from starlette.responses import Response

from ollama_addon import __version__
from ollama_addon.web.state import parts

_HERE = Path(__file__).parent
STATIC = _HERE / "static"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)

router = APIRouter()
_templates = Jinja2Templates(_HERE / "templates")


@router.get("/", include_in_schema=False)
async def panel(request: Request) -> Response:
    """Return the page. All its addresses are relative, so that any ingress path works."""
    agents = [agent.options for agent in parts(request).agents.values()]
    response = _templates.TemplateResponse(
        request, "panel.html", {"agents": agents, "version": __version__}
    )
    response.headers["Content-Security-Policy"] = _POLICY
    return response
