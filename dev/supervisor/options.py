"""Checks an add-on's options against the schema in its `config.yaml`, as the Supervisor does."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

_TYPE = re.compile(r"(?P<name>[a-z]+)(?:\((?P<arguments>.*)\))?(?P<optional>\?)?")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_BOOLEANS = {"1": True, "true": True, "yes": True, "on": True, "enable": True} | {
    "0": False,
    "false": False,
    "no": False,
    "off": False,
    "disable": False,
}


class InvalidOptions(Exception):  # noqa: N818 - the Supervisor's own word
    """The options do not fit the schema; the message names the option."""


def merge(defaults: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """Lay options over the defaults: nested mappings key by key, everything else as a whole."""
    merged = dict(defaults)
    for key, value in options.items():
        below = merged.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            value = merge(below, value)
        merged[key] = value
    return merged


def validate(schema: dict[str, Any], options: Any, where: str = "root") -> dict[str, Any]:
    """Return the options as the add-on will read them, or raise `InvalidOptions`.

    Unknown options are dropped, values are coerced (`"5"` is an `int`), and everything
    that is not marked optional must be there: lists of mappings and mappings always.
    """
    if not isinstance(options, dict):
        raise InvalidOptions(f"Invalid dict for option '{where}'")
    valid = {
        key: _element(schema[key], value, key) for key, value in options.items() if key in schema
    }
    for key in schema.keys() - valid.keys():
        kind = schema[key][0] if isinstance(schema[key], list) else schema[key]
        if not (isinstance(kind, str) and kind.endswith("?")):
            raise InvalidOptions(f"Missing option '{key}' in {where}")
    return valid


def _element(kind: Any, value: Any, key: str) -> Any:
    if isinstance(kind, list):
        if not isinstance(value, list):
            raise InvalidOptions(f"Invalid list for option '{key}'")
        return [_element(kind[0], item, key) for item in value]
    if isinstance(kind, dict):
        return validate(kind, value, key)
    if value is None:
        raise InvalidOptions(f"Missing required option '{key}'")
    match = _TYPE.fullmatch(kind)
    if match is None:
        raise InvalidOptions(f"Unknown type '{kind}'")
    try:
        return _single(match["name"], match["arguments"] or "", value)
    except (TypeError, ValueError) as error:
        raise InvalidOptions(f"{error} for option '{key}'. Got {value!r}") from None


def _single(name: str, arguments: str, value: Any) -> Any:
    match name:
        case "str" | "password":
            if not isinstance(value, str):
                raise ValueError("expected str")
            _check_range(len(value), arguments, "length of value")
            return value
        case "int" | "float":
            number = _number(name, value)
            _check_range(number, arguments, "value")
            return number
        case "port":
            number = _number("int", value)
            _check_range(number, "1,65535", "value")
            return number
        case "bool":
            if isinstance(value, str):
                value = _BOOLEANS.get(value.lower())
            if value is None:
                raise ValueError("expected boolean")
            return bool(value)
        case "email":
            return _must(_EMAIL.fullmatch(str(value)), value, "expected an email address")
        case "url":
            parts = urlsplit(str(value))
            return _must(parts.scheme and parts.netloc, value, "expected a URL")
        case "match":
            return _must(re.match(arguments, str(value)), str(value), "does not match the pattern")
        case "list":
            return _must(
                str(value) in arguments.split("|"), str(value), f"value must be one of {arguments}"
            )
        case "device":
            return _must(isinstance(value, str), value, "expected a device's path")
    raise ValueError(f"unknown type '{name}'")


def _number(name: str, value: Any) -> int | float:
    try:
        return int(value) if name == "int" else float(value)
    except (TypeError, ValueError):
        raise ValueError(f"expected {name}") from None


def _must(condition: object, value: Any, message: str) -> Any:
    if not condition:
        raise ValueError(message)
    return value


def _check_range(number: float, limits: str, what: str) -> None:
    low, _, high = limits.partition(",")
    if low and number < float(low):
        raise ValueError(f"{what} must be at least {low}")
    if high and number > float(high):
        raise ValueError(f"{what} must be at most {high}")
