"""Answers of models, written by us, held against what the sentences ask for."""
