"""Real Home Assistant Core for development: installed, onboarded, with a house in it."""
