"""Names of Ollama models: which are valid, and which mean the same model."""

from __future__ import annotations

import re

# What Ollama's own parser takes, without a scheme and without a digest:
# [host/][namespace/]model[:tag]. No part may begin with a dot or a dash.
_NAME = re.compile(
    r"(?:(?:(?P<host>\w[\w.:-]{0,349})/)?(?P<namespace>\w[\w-]{0,79})/)?"
    r"(?P<model>\w[\w.-]{0,79})(?::(?P<tag>\w[\w.-]{0,79}))?",
    re.ASCII,
)
ALLOWED = "[host/][namespace/]model[:tag] of letters, digits, '.', '-' and '_'"


def is_valid(name: str) -> bool:
    """Whether Ollama would take `name` as the name of a model."""
    return _NAME.fullmatch(name) is not None


def canonical(name: str) -> str:
    """Spell a model's name in the one way in which it is compared with others.

    `Llama3.2`, `library/llama3.2` and `llama3.2:latest` all become `llama3.2:latest`.
    A name that is not valid comes back as it was.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        return name
    host, namespace, model, tag = match.group("host", "namespace", "model", "tag")
    if host and host.lower() != "registry.ollama.ai":
        prefix = f"{host}/{namespace}/"
    elif namespace and namespace.lower() != "library":
        prefix = f"{namespace}/"
    else:
        prefix = ""
    return f"{prefix}{model}:{tag or 'latest'}".lower()


def in_registry(name: str) -> tuple[str, str]:
    """Return the host that a valid name is pulled from, and the path of its manifest there."""
    match = _NAME.fullmatch(name)
    assert match is not None
    host, namespace, model, tag = match.group("host", "namespace", "model", "tag")
    path = f"v2/{namespace or 'library'}/{model}/manifests/{tag or 'latest'}"
    return host or "registry.ollama.ai", path
