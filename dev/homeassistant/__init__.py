"""Real Home Assistant Core for development: installed, onboarded, with a house in it."""

from dev.homeassistant.core import HomeAssistant, home_assistant

__all__ = ["HomeAssistant", "home_assistant"]
