"""Whether and how one sample failed, as JMeter's code and message say."""

from __future__ import annotations

from typing import Final

from loadproof.model import FailureKind

_NO_ANSWER: Final = "Non HTTP response code: "
_TIMEOUTS: Final = ("SocketTimeoutException", "ConnectTimeoutException", "PoolTimeoutException",
                    "InterruptedIOException", "HttpTimeoutException")  # fmt: skip
_EXCEPTIONS: Final = ("Exception", "Error: ")
REFUSED_BY_GUARD: Final = "loadproof guard: "
"""How the messages of the agent begin, in a row's message."""
CUT_BY_STOP: Final = (
    "Socket closed", "Request aborted", "Connection has been shut", "Operation interrupted",
    "Closed by interrupt", "Pipe closed", "Connection pool shut down", "Request execution failed",
)  # fmt: skip
"""Messages of requests that JMeter's own "stop now" cut off, or the end of an Open Model's schedule."""


def failure_kind(code: str, message: str) -> FailureKind:
    """The kind of a failed sample."""
    if code.startswith(_NO_ANSWER) or (not code and any(word in message for word in _EXCEPTIONS)):
        timed_out = any(word in code for word in _TIMEOUTS)
        return FailureKind.TIMEOUT if timed_out else FailureKind.TRANSPORT
    if code.isdigit() and int(code) < 400:
        # The answer was fine for HTTP: an assertion of the plan, or a script, refused it.
        return FailureKind.CHECK
    if code == "500" and any(word in message for word in _EXCEPTIONS):
        timed_out = any(word in message for word in _TIMEOUTS)
        return FailureKind.TIMEOUT if timed_out else FailureKind.TRANSPORT
    return FailureKind.STATUS


def failure_text(code: str, message: str, said: str) -> str:
    """Why, in one line: the failed assertion's words, the error, or "HTTP 503"."""
    if code.startswith(_NO_ANSWER):
        reason = message.removeprefix("Non HTTP response message: ")
        return f"{code.removeprefix(_NO_ANSWER).rpartition('.')[2]}: {reason}"
    if code.isdigit() and len(code) == 3 and int(code) >= 400 and "Exception" not in message:
        return f"HTTP {code}"
    if said:
        return said
    return " ".join(part for part in (code, message) if part) or "failed"
