"""Benches: how fast it is, against Home Assistant's own integration on the same engine."""
