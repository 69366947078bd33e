"""Whether a JSON schema is one, and whether what a model wrote is valid under it.

Also a script for `isolated`: it needs nothing of the app. A pattern alone can take for ever.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator, SchemaError, ValidationError

SECONDS = 5
"""Of processor time."""
MEMORY = 256 * 1024 * 1024
"""Bytes that are added to what the process has at its start."""
_LONGEST = 300
"""Characters of what is said to be wrong."""


def check(schema: Mapping[str, Any]) -> str:
    """Return what is wrong with a schema; empty when nothing is."""
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return error.message[:_LONGEST]
    except RecursionError:
        return "it is nested too deeply"
    return ""


def read(text: str, schema: Mapping[str, Any]) -> tuple[Any, str]:
    """Return the data that a model wrote, and what is wrong with it; that is empty for nothing."""
    try:
        data = json.loads(_bare(text))
        Draft202012Validator(schema).validate(data)
    except ValidationError as error:
        return None, f"{error.json_path}: {error.message[:_LONGEST]}."
    except (ValueError, RecursionError, ArithmeticError) as error:
        return None, f"it is no JSON ({str(error)[:_LONGEST]})."
    return data, ""


def answer(asked: Mapping[str, Any]) -> Any:
    """Check the `schema` that is asked about, or read a `text` under it."""
    text = asked.get("text")
    return check(asked["schema"]) if text is None else read(text, asked["schema"])


def _bare(text: str) -> str:
    """Take away what models put around JSON to have it shown."""
    text = text.strip()
    if text.startswith("```"):
        text = text.removeprefix("```").removeprefix("json").removesuffix("```")
    return text
