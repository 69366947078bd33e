from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from ollama_addon.engine.inventory import Model
from ollama_addon.engine.updates import Updates
from ollama_addon.model_name import in_registry

MANIFEST = b'{"layers":[]}'
DIGEST = hashlib.sha256(MANIFEST).hexdigest()


class Registry:
    def __init__(self) -> None:
        self.paths: list[str] = []
        self.answers: dict[str, web.Response] = {}
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        self.server = TestServer(app)

    async def _answer(self, request: web.Request) -> web.Response:
        self.paths.append(request.path)
        if request.path.startswith("/v2/gone/"):
            raise web.HTTPNotFound
        headers = {"Ollama-Content-Digest": "sha256:told"} if "told" in request.path else {}
        return web.Response(body=MANIFEST, headers=headers)

    def model(self, path: str, digest: str) -> Model:
        return Model(f"localhost:{self.server.port}/{path}", present=True, digest=digest)


@pytest_asyncio.fixture
async def registry() -> AsyncIterator[Registry]:
    found = Registry()
    await found.server.start_server()
    yield found
    await found.server.close()


@pytest.mark.parametrize(
    ("name", "host", "path"),
    [
        ("qwen3:4b", "registry.ollama.ai", "v2/library/qwen3/manifests/4b"),
        ("me/mine", "registry.ollama.ai", "v2/me/mine/manifests/latest"),
        ("hf.co/me/Mine-GGUF:Q4_K_M", "hf.co", "v2/me/Mine-GGUF/manifests/Q4_K_M"),
    ],
)
def test_where_a_model_comes_from(name: str, host: str, path: str) -> None:
    assert in_registry(name) == (host, path)


async def test_newer_versions_are_seen(registry: Registry) -> None:
    same = registry.model("library/same:1b", DIGEST)
    prefixed = registry.model("library/prefixed:1b", f"sha256:{DIGEST}")
    told = registry.model("library/told:1b", "told")
    older = registry.model("library/older:1b", "0" * 64)
    gone = registry.model("gone/gone:1b", DIGEST)
    absent = Model("library/absent:1b", wanted=True)
    everything = [same, prefixed, told, older, gone, absent]
    updates = Updates("http")
    assert updates.checked is None
    assert {updates.verdict(each) for each in everything} == {"unknown"}
    await updates.check(everything)
    assert updates.checked is not None
    assert [updates.verdict(each) for each in everything] == [
        "current",
        "current",
        "current",
        "newer",
        "unknown",
        "unknown",
    ]
    # What is not here is not asked for, and nothing else is said to the registry.
    assert len(registry.paths) == 5


async def test_without_a_registry(registry: Registry) -> None:
    model = registry.model("library/same:1b", DIGEST)
    updates = Updates("http")
    await updates.check([model])
    await registry.server.close()
    await updates.check([model])
    assert updates.verdict(model) == "unknown"
