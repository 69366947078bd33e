"""Pictures for a model: what kind they are and how large, told by their first bytes."""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass

_HEAD = 512 * 1024
"""Bytes of a picture that are looked at: a photo has its size behind its description."""
_JPEG_SIZES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
"""Segments of a JPEG that hold its size."""


class ImageError(ValueError):
    """A picture that no model can be shown; says why."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that was checked. `width` and `height` are in pixels."""

    kind: str
    width: int
    height: int


def picture_of(text: str, *, most_pixels: int) -> Picture:
    """Return what a picture is, by the beginning of its base64. Raises ImageError."""
    kind, width, height = _read(base64.b64decode(text[: _HEAD * 4 // 3 // 4 * 4]))
    if not width or not height:
        raise ImageError("is empty or cut off")
    if width * height > most_pixels:
        most = most_pixels // 10**6
        raise ImageError(f"has {width} by {height} pixels, more than {most} million")
    return Picture(kind, width, height)


def _read(data: bytes) -> tuple[str, int, int]:
    """Return the kind and the size of a picture, 0 by 0 where it cannot be told."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        if data[12:16] != b"IHDR" or len(data) < 24:
            return "png", 0, 0
        return "png", *struct.unpack(">II", data[16:24])
    if data.startswith(b"\xff\xd8"):
        return "jpeg", *_jpeg(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp", *_webp(data)
    raise ImageError("is no PNG, JPEG or WebP")


def _jpeg(data: bytes) -> tuple[int, int]:
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in _JPEG_SIZES:
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        if length < 2:
            break
        at += 2 + length
    return 0, 0


def _webp(data: bytes) -> tuple[int, int]:
    if len(data) < 30:
        return 0, 0
    match data[12:16]:
        case b"VP8 ":
            width, height = struct.unpack("<HH", data[26:30])
            return width & 0x3FFF, height & 0x3FFF
        case b"VP8L":
            bits = int.from_bytes(data[21:25], "little")
            return (bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1
        case b"VP8X":
            width, height = data[24:27], data[27:30]
            return int.from_bytes(width, "little") + 1, int.from_bytes(height, "little") + 1
    return 0, 0
