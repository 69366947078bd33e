"""Checks an app's options against the schema in its `config.yaml`, as the Supervisor does.

The rules and the sentences are those of the Supervisor's `apps/options.py` (August 2026), on the
library that it uses. Left out are devices, of which any path is taken, and the check of passwords
against known leaks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import voluptuous as vol
from voluptuous.humanize import humanize_error

_ELEMENT = re.compile(
    r"^(?:"
    r"|bool|email|url|port"
    r"|device(?:\((?P<filter>subsystem=[a-z]+)\))?"
    r"|str(?:\((?P<s_min>\d+)?,(?P<s_max>\d+)?\))?"
    r"|password(?:\((?P<p_min>\d+)?,(?P<p_max>\d+)?\))?"
    r"|int(?:\((?P<i_min>-?\d+)?,(?P<i_max>-?\d+)?\))?"
    r"|float(?:\((?P<f_min>-?\d*\.?\d+)?,(?P<f_max>-?\d*\.?\d+)?\))?"
    r"|match\((?P<match>.*)\)"
    r"|list\((?P<list>.+)\)"
    r")\??$"
)
_RANGES = ("i_min", "i_max", "f_min", "f_max", "s_min", "s_max", "p_min", "p_max")
_PORT = vol.All(vol.Coerce(int), vol.Range(min=1, max=65535))


class InvalidOptions(Exception):  # noqa: N818 - the Supervisor's own word
    """The options do not fit the schema.

    The message is the Supervisor's: it ends with "Got" and what was sent, keys included.
    """


def merge(defaults: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """Lay options over the defaults: nested mappings key by key, everything else as a whole."""
    merged = dict(defaults)
    for key, value in options.items():
        below = merged.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            value = merge(below, value)
        merged[key] = value
    return merged


def validate(
    schema: Mapping[str, Any],
    options: Any,
    name: str = "Test app",
    slug: str = "local_test",
    secrets: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the options as the app will read them, or raise `InvalidOptions`.

    Options that the schema does not know are dropped without a word, values are coerced (`"5"` is
    an `int`), `!secret NAME` is looked up in `secrets`, and whatever is not marked optional must
    be there: lists of mappings and mappings always.
    """
    rules = _Rules(dict(schema), f"{name} ({slug})", secrets or {})
    try:
        valid = vol.Schema(vol.All(dict, rules.whole))(options)
    except vol.Invalid as error:
        raise InvalidOptions(humanize_error(options, error)) from None
    assert isinstance(valid, dict)
    return valid


class _Rules:
    def __init__(self, schema: dict[str, Any], where: str, secrets: Mapping[str, str]) -> None:
        self._schema = schema
        self._where = where
        self._secrets = secrets

    def whole(self, options: dict[str, Any]) -> dict[str, Any]:
        valid = {}
        for key, value in options.items():
            if key not in self._schema:
                continue
            try:
                valid[key] = self._element(self._schema[key], value, key)
            except (IndexError, KeyError):
                raise vol.Invalid(f"Type error for option '{key}' in {self._where}") from None
        self._complete(self._schema, valid, "root")
        return valid

    def _element(self, kind: Any, value: Any, key: str) -> Any:
        if isinstance(kind, list):
            if not isinstance(value, list):
                raise vol.Invalid(f"Invalid list for option '{key}' in {self._where}")
            return [self._element(kind[0], item, key) for item in value]
        if isinstance(kind, dict):
            if not isinstance(value, dict):
                raise vol.Invalid(f"Invalid dict for option '{key}' in {self._where}")
            valid = {
                below: self._element(kind[below], each, below)
                for below, each in value.items()
                if below in kind
            }
            self._complete(kind, valid, key)
            return valid
        return self._single(kind, value, key)

    def _single(self, kind: str, value: Any, key: str) -> Any:
        if value is None:
            raise vol.Invalid(f"Missing required option '{key}' in {self._where}")
        if str(value).startswith("!secret "):
            secret = value.partition(" ")[2]
            value = self._secrets.get(secret)
            if value is None:
                raise vol.Invalid(f"Unknown secret '{secret}' in {self._where}")
        match = _ELEMENT.match(kind)
        if not match:
            raise vol.Invalid(f"Unknown type '{kind}' in {self._where}")
        limits: Any = {each[2:]: float(match[each]) for each in _RANGES if match[each]}
        if kind.startswith(("str", "password")):
            return vol.All(str, vol.Length(**limits))(value)
        if kind.startswith("int"):
            return vol.All(vol.Coerce(int), vol.Range(**limits))(value)
        if kind.startswith("float"):
            return vol.All(vol.Coerce(float), vol.Range(**limits))(value)
        if kind.startswith("bool"):
            return vol.Boolean()(value)
        if kind.startswith("email"):
            return vol.Email()(value)
        if kind.startswith("url"):
            return vol.Url()(value)
        if kind.startswith("port"):
            return _PORT(value)
        if kind.startswith("match"):
            return vol.Match(match["match"])(str(value))
        if kind.startswith("list"):
            return vol.In(match["list"].split("|"))(str(value))
        if kind.startswith("device"):
            if not isinstance(value, str):
                raise vol.Invalid(f"Expected a string for option '{key}' in {self._where}")
            return value
        raise vol.Invalid(f"Fatal error for option '{key}' with type '{kind}' in {self._where}")

    def _complete(self, schema: Mapping[str, Any], given: Mapping[str, Any], root: str) -> None:
        for key in set(schema) - set(given):
            kind = schema[key]
            if isinstance(kind, list) and kind:
                # What is in a list decides whether the list may be missing.
                kind = kind[0]
            if not (isinstance(kind, str) and kind.endswith("?")):
                raise vol.Invalid(f"Missing option '{key}' in {root} in {self._where}")
