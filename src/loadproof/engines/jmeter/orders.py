"""The words that a running JMeter obeys, by UDP on this machine's loopback."""

from __future__ import annotations

import socket

SHUTDOWN = "Shutdown"
"""Users finish their request; then the load ends."""
STOP_NOW = "StopTestNow"
"""Requests in flight are cut off."""


def order(port: int, word: str) -> None:
    """Send one word; nobody answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(word.encode("ascii"), ("127.0.0.1", port))


def free_port() -> int:
    """A UDP port that nobody has just now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
