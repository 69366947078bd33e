"""The embedded engine: Ollama's documented API over llama.cpp, for development and tests only."""

#: What ``/api/version`` says. The build part tells a person that this is not Ollama itself.
VERSION = "0.32.0+embedded"
