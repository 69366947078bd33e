"""Turns while they run, so that what the app does is done in the turn's own name."""

from __future__ import annotations

import secrets
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import probatio
from homeassistant.components import conversation, websocket_api
from homeassistant.components.homeassistant.exposed_entities import async_should_expose
from homeassistant.core import Context, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import config_validation as cv, entity_registry as er, intent
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN


@dataclass(frozen=True, slots=True)
class Turn:
    """Who speaks, where, and through which agent."""

    context: Context
    language: str
    device_id: str | None
    satellite_id: str | None
    agent_id: str


@dataclass(slots=True)
class Turns:
    """The turns that are running, by a token that only the app is told."""

    _running: dict[str, Turn] = field(default_factory=dict)

    @contextmanager
    def open(self, turn: Turn) -> Generator[str]:
        """Let a turn run; its token is worth nothing once it is over."""
        token = self.begin(turn)
        try:
            yield token
        finally:
            self.end(token)

    def begin(self, turn: Turn) -> str:
        """Let a turn run until `end`; return its token."""
        token = secrets.token_urlsafe(24)
        self._running[token] = turn
        return token

    def end(self, token: str) -> None:
        """Have a turn be over."""
        self._running.pop(token, None)

    def get(self, token: str) -> Turn | None:
        """Return a running turn."""
        return self._running.get(token)


TURNS: HassKey[Turns] = HassKey(DOMAIN)


@callback
def async_setup(hass: HomeAssistant) -> None:
    """Offer the commands that act as a turn."""
    hass.data[TURNS] = Turns()
    websocket_api.async_register_command(hass, websocket_act)
    websocket_api.async_register_command(hass, websocket_open_turn)
    websocket_api.async_register_command(hass, websocket_close_turn)


@websocket_api.require_admin
@websocket_api.websocket_command(
    {
        probatio.Required("type"): "ollama_addon/act",
        probatio.Required("turn"): cv.string,
        probatio.Exclusive("intent", "what"): cv.string,
        probatio.Exclusive("service", "what"): cv.service,
        probatio.Optional("data", default=dict): {cv.string: object},
        probatio.Optional("entity_id", default=list): cv.entity_ids,
    }
)
@websocket_api.async_response
async def websocket_act(
    hass: HomeAssistant,
    connection: websocket_api.ActiveConnection,
    msg: dict[str, Any],
) -> None:
    """Handle an intent or call a service as a turn that is running.

    Answers an intent as `POST /api/intent/handle` does, a service with an empty object, and
    `unknown_turn` when the turn is over: the app then acts in its own name.
    """
    turn = hass.data[TURNS].get(msg["turn"])
    if turn is None:
        connection.send_result(msg["id"], {"unknown_turn": True})
        return
    if "intent" in msg:
        response = await _intent(hass, turn, msg["intent"], msg["data"])
        connection.send_result(msg["id"], response.as_dict())
        return
    if "service" not in msg:
        connection.send_error(msg["id"], websocket_api.ERR_INVALID_FORMAT, "Nothing is to be done.")
        return
    entity_ids = msg["entity_id"]
    hidden = [
        each for each in entity_ids if not async_should_expose(hass, conversation.DOMAIN, each)
    ]
    if hidden or not entity_ids:
        connection.send_error(msg["id"], "not_exposed", f"Not exposed: {', '.join(hidden)}")
        return
    domain, _, service = msg["service"].partition(".")
    await hass.services.async_call(
        domain,
        service,
        dict(msg["data"]),
        blocking=True,
        context=turn.context,
        target={"entity_id": entity_ids},
    )
    connection.send_result(msg["id"], {})


@websocket_api.require_admin
@websocket_api.websocket_command(
    {
        probatio.Required("type"): "ollama_addon/open_turn",
        probatio.Required("agent_id"): cv.string,
        probatio.Required("language"): cv.string,
        probatio.Optional("user_id"): probatio.Any(None, cv.string),
        probatio.Optional("device_id"): probatio.Any(None, cv.string),
        probatio.Optional("satellite_id"): probatio.Any(None, cv.string),
    }
)
@websocket_api.async_response
async def websocket_open_turn(
    hass: HomeAssistant,
    connection: websocket_api.ActiveConnection,
    msg: dict[str, Any],
) -> None:
    """Open a turn for what was ordered earlier, in the name of who ordered it.

    Answers its token as `turn`, or `unknown_user` when that person may not come in any more.
    The turn is over with `close_turn`, or when this connection ends.
    """
    if (user_id := msg.get("user_id")) is not None:
        user = await hass.auth.async_get_user(user_id)
        if user is None or not user.is_active:
            connection.send_result(msg["id"], {"unknown_user": True})
            return
    turns = hass.data[TURNS]
    token = turns.begin(
        Turn(
            Context(user_id=user_id),
            msg["language"],
            msg.get("device_id"),
            msg.get("satellite_id"),
            _entity_of(hass, msg["agent_id"]),
        )
    )
    connection.subscriptions[token] = lambda: turns.end(token)
    connection.send_result(msg["id"], {"turn": token})


@websocket_api.require_admin
@websocket_api.websocket_command(
    {
        probatio.Required("type"): "ollama_addon/close_turn",
        probatio.Required("turn"): cv.string,
    }
)
@callback
def websocket_close_turn(
    hass: HomeAssistant,
    connection: websocket_api.ActiveConnection,
    msg: dict[str, Any],
) -> None:
    """End a turn that `open_turn` has opened."""
    if (end := connection.subscriptions.pop(msg["turn"], None)) is not None:
        end()
    connection.send_result(msg["id"])


def _entity_of(hass: HomeAssistant, agent_id: str) -> str:
    """Return the conversation entity of an agent; empty where it has none."""
    for entity in er.async_get(hass).entities.values():
        if (
            entity.platform == DOMAIN
            and entity.domain == conversation.DOMAIN
            and entity.unique_id.endswith(f"_{agent_id}_conversation")
        ):
            return entity.entity_id
    return ""


async def _intent(
    hass: HomeAssistant, turn: Turn, name: str, data: dict[str, Any]
) -> intent.IntentResponse:
    try:
        return await intent.async_handle(
            hass,
            DOMAIN,
            name,
            {slot: {"value": value} for slot, value in data.items()},
            "",
            turn.context,
            turn.language,
            assistant=conversation.DOMAIN,
            device_id=turn.device_id,
            satellite_id=turn.satellite_id,
            conversation_agent_id=turn.agent_id,
        )
    except (intent.IntentHandleError, intent.MatchFailedError, HomeAssistantError) as err:
        response = intent.IntentResponse(language=turn.language)
        response.async_set_error(intent.IntentResponseErrorCode.FAILED_TO_HANDLE, str(err))
        return response
