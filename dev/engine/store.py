"""Models on disk, laid out as Ollama does: ``manifests/…`` and ``blobs/sha256-…``."""

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dev.engine import library
from dev.engine.errors import EngineError
from dev.engine.gguf import read_metadata
from dev.engine.library import Layer
from dev.engine.names import ModelName

_CHUNK = 4 * 1024 * 1024

Progress = dict[str, str | int]


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A model that has been pulled. ``digest`` is its manifest's, ``blobs`` where its parts are."""

    name: ModelName
    digest: str
    modified_at: datetime
    manifest: dict[str, Any]
    blobs: Path

    @property
    def size(self) -> int:
        """Bytes of all parts together."""
        parts = [*self.manifest["layers"], self.manifest["config"]]
        return sum(part["size"] for part in parts)

    @property
    def weights(self) -> Path:
        """The GGUF file."""
        (path,) = self._layers("model")
        return path

    @property
    def template(self) -> str:
        """The chat template (Jinja)."""
        (path,) = self._layers("template")
        return path.read_text()

    @property
    def license(self) -> str:
        """The licences' text."""
        return "\n".join(path.read_text() for path in self._layers("license"))

    @property
    def parameters(self) -> dict[str, Any]:
        """Options that hold unless a request says otherwise."""
        (path,) = self._layers("params")
        parameters: dict[str, Any] = json.loads(path.read_text())
        return parameters

    @property
    def configuration(self) -> dict[str, Any]:
        """Format, family, sizes and capabilities."""
        path = _blob(self.blobs, self.manifest["config"]["digest"])
        configuration: dict[str, Any] = json.loads(path.read_text())
        return configuration

    @property
    def metadata(self) -> dict[str, Any]:
        """What the GGUF file says of itself."""
        return read_metadata(self.weights)

    @property
    def details(self) -> dict[str, Any]:
        """The summary that every listing carries."""
        configuration = self.configuration
        return {
            "parent_model": "",
            "format": configuration["model_format"],
            "family": configuration["model_family"],
            "families": configuration["model_families"],
            "parameter_size": configuration["model_type"],
            "quantization_level": configuration["file_type"],
        }

    def _layers(self, kind: str) -> list[Path]:
        return [
            _blob(self.blobs, layer["digest"])
            for layer in self.manifest["layers"]
            if layer["mediaType"].endswith(f".{kind}")
        ]


class Store:
    """The folder of models: list, find, pull, copy, delete."""

    def __init__(self, folder: Path) -> None:
        self._blobs = folder / "blobs"
        self._manifests = folder / "manifests"
        self._pulling = asyncio.Lock()

    def models(self) -> list[StoredModel]:
        """Return what is there, the newest first."""
        found = [
            self._read(ModelName.of_path(path.relative_to(self._manifests)))
            for path in self._manifests.glob("*/*/*/*")
        ]
        return sorted(found, key=lambda model: model.modified_at, reverse=True)

    def find(self, text: str) -> StoredModel:
        """Return the model of this name; EngineError 404 when it is not there."""
        try:
            return self._read(ModelName.parse(text))
        except FileNotFoundError:
            raise EngineError(404, f"model '{text}' not found") from None

    def copy(self, source: str, destination: str) -> None:
        """Give a model a second name; EngineError when there is no such model."""
        manifest = json.dumps(self.find(source).manifest)
        self._write_manifest(ModelName.parse(destination), manifest)

    def delete(self, text: str) -> None:
        """Remove a name, and the blobs that no other name uses; EngineError 404 when unknown."""
        (self._manifests / self.find(text).name.path).unlink()
        used = {blob for model in self.models() for blob in _digests(model.manifest)}
        for path in self._blobs.glob("sha256-*"):
            if path.name.replace("-", ":", 1) not in used and not path.name.endswith("-partial"):
                path.unlink()

    async def pull(self, text: str) -> AsyncGenerator[Progress, None]:
        """Fetch a model, going on where an earlier pull was cut off.

        Yields progress in bytes; EngineError when there is no such model or its digest is wrong.
        """
        name = ModelName.parse(text)
        yield {"status": "pulling manifest"}
        configuration, layers = await asyncio.to_thread(library.find, name)
        self._blobs.mkdir(parents=True, exist_ok=True)
        async with self._pulling:
            for layer in [*layers, configuration]:
                async with aclosing(self._fetch(layer)) as fetching:
                    async for completed in fetching:
                        yield {
                            "status": f"pulling {layer.digest[7:19]}",
                            "digest": layer.digest,
                            "total": layer.size,
                            "completed": completed,
                        }
            yield {"status": "verifying sha256 digest"}
            for layer in [*layers, configuration]:
                await asyncio.to_thread(self._verify, layer)
        yield {"status": "writing manifest"}
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": configuration.describe(),
            "layers": [layer.describe() for layer in layers],
        }
        self._write_manifest(name, json.dumps(manifest))
        yield {"status": "success"}

    async def _fetch(self, layer: Layer) -> AsyncGenerator[int, None]:
        """Copy a layer into a partial blob, yielding how many bytes are there."""
        blob = _blob(self._blobs, layer.digest)
        partial = _partial(blob)
        if blob.exists():
            yield layer.size
            return
        if layer.source is None:
            partial.write_bytes(layer.content)
            yield layer.size
            return
        with layer.source.open("rb") as source, partial.open("ab") as target:
            completed = source.seek(min(target.tell(), layer.size))
            yield completed
            while chunk := await asyncio.to_thread(source.read, _CHUNK):
                await asyncio.to_thread(target.write, chunk)
                completed += len(chunk)
                yield completed

    def _verify(self, layer: Layer) -> None:
        blob = _blob(self._blobs, layer.digest)
        if blob.exists():
            return
        partial = _partial(blob)
        with partial.open("rb") as file:
            digest = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
        if digest != layer.digest:
            partial.unlink()
            raise EngineError(
                500,
                "digest mismatch, file must be downloaded again: "
                f"want {layer.digest}, got {digest}",
            )
        partial.rename(blob)

    def _read(self, name: ModelName) -> StoredModel:
        path = self._manifests / name.path
        content = path.read_bytes()
        return StoredModel(
            name=name,
            digest=hashlib.sha256(content).hexdigest(),
            modified_at=datetime.fromtimestamp(path.stat().st_mtime, UTC),
            manifest=json.loads(content),
            blobs=self._blobs,
        )

    def _write_manifest(self, name: ModelName, manifest: str) -> None:
        path = self._manifests / name.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(manifest)


def _digests(manifest: dict[str, Any]) -> list[str]:
    return [part["digest"] for part in [*manifest["layers"], manifest["config"]]]


def _blob(folder: Path, digest: str) -> Path:
    return folder / digest.replace(":", "-")


def _partial(blob: Path) -> Path:
    return blob.with_name(f"{blob.name}-partial")
