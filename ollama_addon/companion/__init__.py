"""The companion integration: its files, and what it is told."""
