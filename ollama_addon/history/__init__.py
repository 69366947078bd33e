"""What was said and done, kept in SQLite."""
