"""The one error that the engine's routes answer with."""


class EngineError(Exception):
    """A request that fails: an HTTP status and a sentence, sent as ``{"error": message}``."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
