"""The one kind of error that reaches a person."""

from __future__ import annotations


class AddonError(Exception):
    """Something that went wrong and can be said.

    `code` is a word for programs (`unknown_agent`), `message` a sentence for a person
    that says what to do, `status` the HTTP status that the web layer answers with. `private` is
    for a message that quotes what was said, or names things of the home.
    """

    def __init__(
        self, code: str, message: str, status: int = 500, *, private: bool = False
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self._private = private

    @property
    def logged(self) -> str:
        """What a log may hold of it: the sentence, or only the code of a private one."""
        return self.code if self._private else self.message
