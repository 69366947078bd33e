"""The conversation agent."""
