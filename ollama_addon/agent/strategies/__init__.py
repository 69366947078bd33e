"""How a turn is put to a model."""
