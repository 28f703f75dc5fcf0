"""Exceptions of the package."""

from __future__ import annotations


class Error(Exception):
    """A mistake in what was given, or a failure of the program; the text says what to do.

    `code` is the exit code of the program: 1 after a failure, 2 for wrong settings; None if it was not started.
    """

    def __init__(self, message: str, code: int | None = None) -> None:
        """Keep the message and the exit code."""
        super().__init__(message)
        self.code = code


class Undescribable(Error):
    """A network that the program's list of layers cannot express; the text says which part."""


class IsobathWarning(UserWarning):
    """A network that will probably not train, or one without a verdict."""
