"""How the gateway says what is wrong: as Ollama does, or as the API that a route belongs to."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ollama_addon.errors import AddonError
from ollama_addon.redaction import redacted


def error_answer(path: str, message: str, status: int, code: str) -> JSONResponse:
    """Say what is wrong in the way that the clients of a route know."""
    message = redacted(message)
    if path.startswith("/v1/"):
        return JSONResponse({"error": {"message": message, "type": code, "code": code}}, status)
    return JSONResponse({"error": message}, status)


async def refuse(request: Request, error: Exception) -> Response:
    """Answer an AddonError."""
    assert isinstance(error, AddonError)
    # Ollama's clients know by 404 that a model has to be downloaded.
    status = 404 if error.code == "model_missing" else error.status
    return error_answer(request.url.path, error.message, status, error.code)


async def refuse_plainly(request: Request, error: Exception) -> Response:
    """Answer what has no route, or not with this method."""
    assert isinstance(error, HTTPException)
    message = f"The gateway has no {request.method} {request.url.path}."
    response = error_answer(request.url.path, message, error.status_code, "not_found")
    response.headers.update(error.headers or {})
    return response


async def nobody(request: Request, error: Exception) -> Response:
    """Answer for a caller who has hung up, and will not read it."""
    return Response(status_code=400)
