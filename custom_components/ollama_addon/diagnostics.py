"""What helps to find a fault: states, figures and the names of models.

Only what is listed here is told. Sentences are not, as they name addresses, agents and things of
the home, and nothing that was said is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from homeassistant.core import HomeAssistant

from .client import SidecarError
from .coordinator import OllamaAddonConfigEntry

_MODEL = (
    "name present wanted loaded size memory family parameter_size quantization update "
    "prompt_speed decode_speed percent active failed"
).split()
_TURN = ("outcome", "usage", "timings")


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: OllamaAddonConfigEntry
) -> dict[str, Any]:
    """Return how the app is, its agents and models."""
    coordinator = entry.runtime_data
    known = coordinator.data
    try:
        models: Any = [_only(model, _MODEL) for model in await coordinator.client.models()]
    except SidecarError as err:
        models = err.code
    return {
        "reachable": coordinator.last_update_success,
        "version": known.status.get("version"),
        "states": {
            name: part["state"]
            for name, part in known.status.items()
            if isinstance(part, dict) and "state" in part
        },
        "problems_in_options": len(known.status.get("problems") or ()),
        "agents": [
            {"model": agent.model, "control_home": agent.control_home}
            for agent in known.agents.values()
        ],
        "downloads": [_only(pull, ("name", "percent", "state")) for pull in known.pulls.values()],
        "last_turn": _only(known.turn, _TURN),
        "models": models,
    }


def _only(found: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    return {key: found[key] for key in keys if key in found}
