"""The metadata at the head of a GGUF file."""

import struct
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

_SCALARS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
_STRING, _ARRAY = 8, 9


@lru_cache(maxsize=4)
def read_metadata(path: Path) -> dict[str, Any]:
    """Return the keys and values of a GGUF file, and ``general.parameter_count``.

    Raises ValueError when it is not a GGUF file.
    """
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise ValueError(f"{path.name} is not a GGUF file")
        _version, tensors, pairs = _unpack(file, "IQQ")
        metadata = {_text(file): _value(file, _unpack(file, "I")[0]) for _ in range(pairs)}
        metadata["general.parameter_count"] = sum(_tensor_size(file) for _ in range(tensors))
    return metadata


def _unpack(file: BinaryIO, layout: str) -> tuple[Any, ...]:
    return struct.unpack(f"<{layout}", file.read(struct.calcsize(f"<{layout}")))


def _text(file: BinaryIO) -> str:
    (length,) = _unpack(file, "Q")
    return file.read(length).decode("utf-8", "replace")


def _value(file: BinaryIO, kind: int) -> Any:
    if kind == _STRING:
        return _text(file)
    if kind == _ARRAY:
        item, length = _unpack(file, "IQ")
        if item in _SCALARS:
            return list(_unpack(file, f"{length}{_SCALARS[item]}"))
        return [_value(file, item) for _ in range(length)]
    return _unpack(file, _SCALARS[kind])[0]


def _tensor_size(file: BinaryIO) -> int:
    _text(file)
    (dimensions,) = _unpack(file, "I")
    size = 1
    for length in _unpack(file, f"{dimensions}Q"):
        size *= length
    _unpack(file, "IQ")  # type and offset
    return size
