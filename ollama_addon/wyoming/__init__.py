"""The agent before the companion integration is there."""
