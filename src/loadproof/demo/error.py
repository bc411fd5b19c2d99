"""The one error of the demo: what is wrong, and the way out."""

from __future__ import annotations

from loadproof.errors import ExitCode, LoadproofError, Problem


class DemoError(LoadproofError):
    """The demo cannot start or cannot do what it was asked: a message and a hint, never a traceback."""

    exit_code = ExitCode.USAGE

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = message
        self.hint = hint
        super().__init__(Problem(message, hint=hint))
