"""Interim answers (1xx) are no answers: RFC 9110, 15.2 has a client read on to the final one.

http.client skips 100 only. It takes 103 Early Hints for the answer, and the answer for the next request's:
each user gets another's, in no time.
"""

from __future__ import annotations

import http.client
from typing import Any

import urllib3.connection

# Interim answers that may come before the answer itself. A server that sends them for ever keeps every read
# within its timeout; neither http.client nor geventhttpclient ever gives up on it.
INTERIM_LIMIT = 64

# geventhttpclient reads a head of any length, each part of a line in time that grows with the line: one that
# never ends keeps the process from anything else. http.client has limits of its own.
HEAD_LIMIT = 2**20


class FinalResponse(http.client.HTTPResponse):
    """http.client's response, which skips every interim answer and a bounded number of them."""

    _interim = 0

    def _read_status(self) -> Any:
        version, status, reason = super()._read_status()  # type: ignore[misc]  # typeshed does not show it
        self._interim += 1
        if self._interim > INTERIM_LIMIT + 1:
            raise http.client.BadStatusLine(f"more than {INTERIM_LIMIT} interim responses")
        if 100 < status < 200 and status != http.client.SWITCHING_PROTOCOLS:
            status = http.client.CONTINUE  # the one whose headers http.client skips before it reads on
        return version, status, reason


def install() -> None:
    """Read answers so in python-requests' client, whoever uses it in this process."""
    urllib3.connection.HTTPConnection.response_class = FinalResponse
