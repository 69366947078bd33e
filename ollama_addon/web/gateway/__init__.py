"""The Ollama API, passed through to the engine."""
