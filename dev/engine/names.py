"""Names of models: ``[host/][namespace/]model[:tag]``."""

import re
from dataclasses import dataclass
from pathlib import PurePath

from dev.engine.errors import EngineError

_HOST = "registry.ollama.ai"
_NAMESPACE = "library"
_TAG = "latest"
_NAME = re.compile(
    r"(?:(?:(?P<host>[a-z0-9][\w.:-]*)/)?(?P<namespace>[a-z0-9_][\w-]*)/)?"
    r"(?P<model>[a-z0-9_][\w.-]*)(?::(?P<tag>[a-z0-9_][\w.-]*))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class ModelName:
    """A full name; ``str`` gives the short form that people use."""

    model: str
    tag: str = _TAG
    namespace: str = _NAMESPACE
    host: str = _HOST

    @classmethod
    def parse(cls, text: str) -> "ModelName":
        """Return the name, in lower case; EngineError 400 when it cannot be one."""
        if not text:
            raise EngineError(400, "model is required")
        match = _NAME.fullmatch(text.lower())
        if match is None:
            raise EngineError(400, "invalid model name")
        return cls(**{part: value for part, value in match.groupdict().items() if value})

    @classmethod
    def of_path(cls, path: PurePath) -> "ModelName":
        """Return the name that is kept at this path below the folder of manifests."""
        host, namespace, model, tag = path.parts
        return cls(model, tag, namespace, host)

    @property
    def path(self) -> PurePath:
        """Where its manifest is kept, below the folder of manifests."""
        return PurePath(self.host, self.namespace, self.model, self.tag)

    def __str__(self) -> str:
        """Leave out the host and the namespace where they are the usual ones."""
        short = f"{self.model}:{self.tag}"
        if self.host != _HOST:
            return f"{self.host}/{self.namespace}/{short}"
        return short if self.namespace == _NAMESPACE else f"{self.namespace}/{short}"
