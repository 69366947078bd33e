"""The routes of Ollama's API, and one for developers."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from starlette.exceptions import HTTPException

from dev.engine import VERSION
from dev.engine.environment import Environment
from dev.engine.errors import EngineError
from dev.engine.inference import Inference, timestamp
from dev.engine.journal import RequestLog
from dev.engine.openai import openai_routes
from dev.engine.requests import (
    ChatRequest,
    CopyRequest,
    DeleteRequest,
    EmbeddingsRequest,
    EmbedRequest,
    GenerateRequest,
    PullRequest,
    ShowRequest,
    read_body,
)
from dev.engine.responses import respond, while_connected
from dev.engine.scheduler import Scheduler
from dev.engine.store import Store, StoredModel

_LOGGER = logging.getLogger(__name__)


def create_app(environment: Environment, scheduler: Scheduler) -> FastAPI:
    """Tie the parts together."""
    store = Store(environment.models)
    journal = RequestLog()
    inference = Inference(store, scheduler, journal, environment.context_length)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        _LOGGER.warning("This is the embedded engine: for development and tests only, not Ollama")
        yield
        await scheduler.close()

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(openai_routes(store, scheduler, inference))

    @app.exception_handler(EngineError)
    async def engine_error(_request: Request, error: EngineError) -> Response:
        return JSONResponse({"error": error.message}, error.status)

    @app.exception_handler(HTTPException)
    async def no_route(_request: Request, error: HTTPException) -> Response:
        return PlainTextResponse(f"{error.status_code} {error.detail}", error.status_code)

    @app.api_route("/", methods=["GET", "HEAD"])
    async def root() -> Response:
        return PlainTextResponse("Ollama is running")

    @app.api_route("/api/version", methods=["GET", "HEAD"])
    async def version() -> dict[str, str]:
        return {"version": VERSION}

    @app.api_route("/api/tags", methods=["GET", "HEAD"])
    async def tags() -> dict[str, Any]:
        return {"models": [_listed(model) for model in store.models()]}

    @app.post("/api/show")
    async def show(request: Request) -> dict[str, Any]:
        body = await read_body(request, ShowRequest)
        return _shown(store.find(body.model_name), verbose=body.verbose)

    @app.get("/api/ps")
    async def running() -> dict[str, Any]:
        loaded = scheduler.loaded
        if loaded is None or not loaded.runner.alive:
            return {"models": []}
        listed = _listed(loaded.model)
        del listed["modified_at"]
        listed |= {
            "size": loaded.runner.memory,
            "size_vram": 0,
            "expires_at": timestamp(loaded.expires_at),
            "context_length": loaded.runner.num_ctx,
        }
        return {"models": [listed]}

    @app.post("/api/pull")
    async def pull(request: Request) -> Response:
        body = await read_body(request, PullRequest)
        return await respond(request, store.pull(body.model_name), stream=body.stream)

    @app.post("/api/copy")
    async def copy(request: Request) -> Response:
        body = await read_body(request, CopyRequest)
        store.copy(body.source, body.destination)
        return Response()

    @app.delete("/api/delete")
    async def delete(request: Request) -> Response:
        name = (await read_body(request, DeleteRequest)).model_name
        model = store.find(name)
        store.delete(name)
        scheduler.expire(model)  # what is shown of a loaded model is read from its files
        return Response()

    @app.post("/api/chat")
    async def chat(request: Request) -> Response:
        body = await read_body(request, ChatRequest)
        return await respond(request, inference.chat(body), stream=body.stream)

    @app.post("/api/generate")
    async def generate(request: Request) -> Response:
        body = await read_body(request, GenerateRequest)
        return await respond(request, inference.generate(body), stream=body.stream)

    @app.post("/api/embed")
    async def embed(request: Request) -> dict[str, Any]:
        body = await read_body(request, EmbedRequest)
        return await while_connected(request, inference.embed(body))

    @app.post("/api/embeddings")
    async def embeddings(request: Request) -> dict[str, Any]:
        body = await read_body(request, EmbeddingsRequest)
        asked = EmbedRequest(
            model=body.model, input=body.prompt, options=body.options, keep_alive=body.keep_alive
        )
        answer = await while_connected(request, inference.embed(asked))
        return {"embedding": next(iter(answer["embeddings"]), [])}

    @app.get("/dev/requests")
    async def last_requests(count: int = 50) -> dict[str, Any]:
        """Show the last requests with what was reused; for development, no part of Ollama."""
        return {"requests": journal.last(count), "loads": scheduler.loads}

    return app


def _listed(model: StoredModel) -> dict[str, Any]:
    return {
        "name": str(model.name),
        "model": str(model.name),
        "modified_at": timestamp(model.modified_at),
        "size": model.size,
        "digest": model.digest,
        "details": model.details,
    }


def _shown(model: StoredModel, *, verbose: bool) -> dict[str, Any]:
    parameters = [
        f'{name:<30} "{value}"' for name, values in model.parameters.items() for value in values
    ]
    modelfile = [
        '# Modelfile generated by "ollama show"',
        "# To build a new Modelfile based on this, replace FROM with:",
        f"# FROM {model.name}",
        "",
        f"FROM {model.weights}",
        f'TEMPLATE """{model.template}"""',
        *(f"PARAMETER {line}" for line in parameters),
    ]
    metadata = {
        key: value if verbose or not isinstance(value, list) or len(value) <= 5 else []
        for key, value in model.metadata.items()
        if key not in ("general.name", "tokenizer.chat_template")
    }
    return {
        "license": model.license,
        "modelfile": "\n".join(modelfile),
        "parameters": "\n".join(parameters),
        "template": model.template,
        "details": model.details,
        "model_info": metadata,
        "capabilities": model.configuration["capabilities"],
        "modified_at": timestamp(model.modified_at),
    }
