"""The routes of OpenAI's and Anthropic's APIs: llama.cpp's own, with Ollama's names of models.

They cannot say `num_ctx`, `shift` or `keep_alive`: what the engine's environment says holds.
"""

import json
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from dev.engine.errors import EngineError
from dev.engine.inference import Inference
from dev.engine.responses import while_connected
from dev.engine.scheduler import Scheduler
from dev.engine.store import Store


def openai_routes(store: Store, scheduler: Scheduler, inference: Inference) -> APIRouter:
    """Make ``/v1/models`` and the routes that run a model."""
    router = APIRouter(prefix="/v1")

    @router.get("/models")
    async def models() -> dict[str, Any]:
        return {
            "object": "list",
            "data": [
                {
                    "id": str(model.name),
                    "object": "model",
                    "created": int(model.modified_at.timestamp()),
                    "owned_by": model.name.namespace,
                }
                for model in store.models()
            ],
        }

    @router.post("/chat/completions")
    @router.post("/completions")
    @router.post("/embeddings")
    @router.post("/messages")
    async def run(request: Request) -> Response:
        try:
            body = json.loads(await request.body())
            model = store.find(body["model"])
            options = inference.options(model, {})
        except (ValueError, KeyError, TypeError):
            return _error(EngineError(400, "the body must be a JSON object with a model"))
        except EngineError as err:
            return _error(err)
        stack = AsyncExitStack()

        async def start() -> Any:
            runner = await stack.enter_async_context(scheduler.use(model, options, None))
            return await stack.enter_async_context(runner.open(request.url.path, body))

        try:
            upstream = await while_connected(request, start())
        except EngineError as err:
            await stack.aclose()
            return _error(err)

        async def passed_on() -> AsyncGenerator[bytes, None]:
            async with stack:
                async for chunk in upstream.aiter_raw():
                    yield chunk

        return StreamingResponse(
            passed_on(), upstream.status_code, media_type=upstream.headers["content-type"]
        )

    return router


def _error(error: EngineError) -> JSONResponse:
    kind = "invalid_request_error" if error.status < 500 else "api_error"
    detail = {"message": error.message, "type": kind, "param": None, "code": None}
    return JSONResponse({"error": detail}, error.status)
