"""The Supervisor."""
