"""What kind of failure an exception in Locust's request event is."""

from __future__ import annotations

import socket

import requests
from locust.exception import CatchResponseError, ResponseError

from loadproof.model import FailureKind


def classify(exception: BaseException | str, status: int | None) -> FailureKind:
    """The kind, from the event's exception and the answer's status (0 or None without one)."""
    if isinstance(exception, requests.HTTPError):
        return FailureKind.STATUS
    if isinstance(exception, (CatchResponseError, ResponseError)):
        return FailureKind.CHECK
    # FastHttpUser's client wraps what happened in a RetriesExceeded.
    exception = getattr(exception, "original", exception)
    if isinstance(exception, (requests.Timeout, TimeoutError, socket.timeout)):
        return FailureKind.TIMEOUT
    if status:
        # An answer came, and something in the scenario refused it.
        return FailureKind.CHECK if status < 400 else FailureKind.STATUS
    return FailureKind.TRANSPORT
