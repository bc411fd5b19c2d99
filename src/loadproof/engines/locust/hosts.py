"""Hosts of users that speak another protocol than HTTP."""

from __future__ import annotations

from urllib.parse import urlsplit

from loadproof.safety.target import CONNECT_ONLY

_PORTS = {
    "ws": 80,
    "wss": 443,
    "mqtt": 1883,
    "mqtts": 8883,
    "amqp": 5672,
    "amqps": 5671,
    "redis": 6379,
    "rediss": 6379,
    "postgres": 5432,
    "postgresql": 5432,
    "mysql": 3306,
    "mongodb": 27017,
    "kafka": 9092,
    "nats": 4222,
}


def connect_only(hosts: str) -> list[str]:
    """The addresses that `--host` names, as targets that are guarded, watched and at most connected to.

    "ws://127.0.0.1:8765/chat", "127.0.0.1:50051", and brokers with commas between them; empty where no port
    is known.
    """
    found = []
    for host in hosts.split(","):
        try:
            parts = urlsplit(host if "://" in host else f"//{host}")
            port = parts.port or _PORTS.get(parts.scheme)
        except ValueError:
            continue
        if parts.hostname and port:
            name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
            found.append(f"{CONNECT_ONLY}://{name}:{port}")
    return found
