"""Houses of any size for a scripted Home Assistant: rooms with what rooms have in them."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from tests.home.scripted_home import Message, ScriptedHome
from tests.home.scripted_house import ScriptedHouse

_KINDS: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("light", "ceiling light", "off", {"supported_color_modes": ["hs", "color_temp"]}),
    ("light", "floor lamp", "on", {"supported_color_modes": ["brightness"], "brightness": 120}),
    ("switch", "socket", "off", {}),
    ("cover", "blinds", "open", {"supported_features": 15, "current_position": 100}),
    ("sensor", "temperature", "21.4", {"device_class": "temperature"}),
    ("binary_sensor", "window", "off", {"device_class": "window"}),
    ("media_player", "speaker", "idle", {"supported_features": 152461}),
    (
        "climate",
        "heating",
        "heat",
        {"supported_features": 1, "min_temp": 7, "max_temp": 30, "hvac_modes": ["off", "heat"]},
    ),
)
_PER_ROOM = 10
_COLOURS = ("Amber", "Blue", "Coral", "Denim", "Ebony", "Flax", "Green", "Hazel", "Ivory", "Jade")
_ROOMS = ("room", "office", "suite", "studio", "den", "store", "hall", "lounge", "attic", "cellar")


def furnish(home: ScriptedHome, entities: int) -> ScriptedHouse:
    """Give a scripted home so many exposed entities, ten to a room, and answers to orders."""
    house = ScriptedHouse(home)
    house.areas = []
    for number in range(entities):
        room, place = divmod(number, _PER_ROOM)
        area = f"area_{room}"
        name = _room(room)
        if place == 0:
            house.areas.append({"area_id": area, "name": name, "floor_id": "ground", "aliases": []})
        domain, what, state, attributes = _KINDS[place % len(_KINDS)]
        house.add(
            f"{domain}.{what.replace(' ', '_')}_{number}",
            state,
            original_name=f"{name} {what}{' two' if place >= len(_KINDS) else ''}",
            area_id=area,
            attributes=attributes,
        )
    home.posts["intent/handle"] = _done
    home.answers["manifest/get"] = ValueError("Integration not found")
    home.answers["config_entries/get"] = []
    home.answers["frontend/get_translations"] = {"resources": {}}
    return house


def target(rooms: int, number: int) -> str:
    """Return the name of a light in a house of so many rooms, another one for each number."""
    room = (rooms // 2 + number) % rooms
    return f"{_room(room)} ceiling light"


def _room(number: int) -> str:
    tens, one = divmod(number, len(_ROOMS))
    hundreds, ten = divmod(tens, len(_COLOURS))
    words = [_COLOURS[ten], _ROOMS[one]]
    return " ".join(words if not hundreds else [*words, str(hundreds + 1)])


def _done(request: Message) -> web.Response:
    return web.json_response(
        {
            "response_type": "action_done",
            "data": {
                "targets": [],
                "success": [{"type": "entity", "name": "x", "id": "light.x"}],
                "failed": [],
            },
        }
    )
