"""Makes the parts and ties them together."""
