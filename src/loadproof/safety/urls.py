"""Where a URL leads: its host and its port."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}
"""The port of a URL that names none, by its scheme."""
_THIS_MACHINE: Final = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0", "::"})  # noqa: S104  # to send to


def host_and_port(url: str) -> tuple[str, int | None]:
    """Of a base URL: loopback is always 127.0.0.1, and a port that is not named is its scheme's."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return url, None
    name = (parts.hostname or "").lower()
    return "127.0.0.1" if name in _THIS_MACHINE else name, port or PORTS.get(parts.scheme)


def same_host(one: str, other: str) -> bool:
    """Whether two URLs mean the same host and port; the names of this machine's loopback are one."""
    return host_and_port(one) == host_and_port(other)
