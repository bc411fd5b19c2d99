"""The probe's own process: one GET after the other, five a second, and nothing else to do.

    python -m loadproof.run.probe        reads the URL from its standard input, ends when that ends

Prints a line for each answer: seconds that it took, and its status (0 for none). What it measures is free of
the generator's trouble, since it shares nothing with it but the machine.
"""

from __future__ import annotations

import base64
import http.client
import selectors
import sys
import time
from typing import Final
from urllib.parse import unquote, urlsplit

INTERVAL_S: Final = 0.2
_TIMEOUT_S: Final = 10.0


def connection_to(url: str) -> tuple[http.client.HTTPConnection, str, dict[str, str]]:
    """A connection that is not open yet, the path and the headers."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    headers = {"User-Agent": "loadproof-probe"}
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = "Basic " + base64.b64encode(login.encode()).decode()
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return kind(parts.hostname or "", parts.port, timeout=_TIMEOUT_S), path, headers


def ask(connection: http.client.HTTPConnection, path: str, headers: dict[str, str]) -> tuple[float, int]:
    """Seconds to the last byte of the answer, and its status; 0 for no answer."""
    started_s = time.monotonic()
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        status = answer.status
    except (OSError, http.client.HTTPException):
        connection.close()
        status = 0
    return time.monotonic() - started_s, status


def main() -> None:
    """Until standard input ends."""
    connection, path, headers = connection_to(sys.stdin.readline().strip())
    stdin = selectors.DefaultSelector()
    stdin.register(sys.stdin, selectors.EVENT_READ)
    due_s = time.monotonic()
    while True:
        took_s, status = ask(connection, path, headers)
        print(f"{took_s:.6f} {status}", flush=True)
        due_s = max(due_s + INTERVAL_S, time.monotonic())
        if stdin.select(max(0.0, due_s - time.monotonic())):
            return


if __name__ == "__main__":
    main()
