"""Cameras."""

from __future__ import annotations

import io
from typing import Any

from homeassistant.components.camera import Camera
from PIL import Image, ImageDraw

from .entity import DevEntity, setup


class DevCamera(DevEntity, Camera):
    """A camera that always shows the same: words of the inventory on a colored ground."""

    def __init__(self, *of: Any) -> None:
        Camera.__init__(self)
        DevEntity.__init__(self, *of)

    def describe(self, data: dict[str, Any]) -> None:
        """Take over what it shows."""
        self._shows = str(data.get("shows", data["name"]))
        self._color = str(data.get("color", "steelblue"))

    def camera_image(self, width: int | None = None, height: int | None = None) -> bytes:
        """Return a picture."""
        picture = Image.new("RGB", (width or 640, height or 360), self._color)
        ImageDraw.Draw(picture).text((20, 20), self._shows, fill="white", font_size=48)
        taken = io.BytesIO()
        picture.save(taken, "JPEG")
        return taken.getvalue()


async_setup_entry = setup("camera", DevCamera)
