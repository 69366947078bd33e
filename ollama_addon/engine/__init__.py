"""The Ollama server."""
