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
