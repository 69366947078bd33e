"""How errors of the routes are answered."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from ollama_addon.errors import AddonError
from ollama_addon.web.access.refusals import refusal


def answer_errors(app: FastAPI) -> None:
    """Have every error answered with a code and a sentence."""

    @app.exception_handler(AddonError)
    async def addon_error(request: Request, error: AddonError) -> JSONResponse:
        return refusal(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part != "body") or "the request"
        return refusal(AddonError("invalid_request", f"{where}: {first['msg']}.", 422))

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> JSONResponse:
        if error.status_code == 404:
            message = f"There is nothing at {request.url.path}."
            return refusal(AddonError("not_found", message, 404))
        return refusal(AddonError("http_error", str(error.detail), error.status_code))

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        message = "Something went wrong in the app; its log says what."
        return refusal(AddonError("internal", message, 500))
