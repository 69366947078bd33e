"""The one kind of error that reaches a person."""

from __future__ import annotations


class AddonError(Exception):
    """Something that went wrong and can be said.

    `code` is a word for programs (`unknown_agent`), `message` a sentence for a person
    that says what to do, `status` the HTTP status that the web layer answers with.
    """

    def __init__(self, code: str, message: str, status: int = 500) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
