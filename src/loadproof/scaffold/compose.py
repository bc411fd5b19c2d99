"""What a compose file says of where its service can be reached."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from loadproof.plan.document import Mapping, Scalar, Sequence, Tree, read_document

_NOT_HTTP: Final = frozenset({1433, 1521, 2181, 3306, 4317, 5432, 5672, 6379, 9042, 9092, 11211, 27017})
"""Container ports of databases, caches and queues."""
_SHORT = re.compile(r"(?:[\d.]+:)?(\d+):(\d+)(?:/tcp)?")


def published_url(file: Path) -> str | None:
    """http://127.0.0.1:PORT of the one service that publishes a port for HTTP; None when it is not plain."""
    tree, _ = read_document(file)
    services = tree.get("services") if isinstance(tree, Mapping) else None
    if not isinstance(services, Mapping):
        return None
    found = {
        published
        for service in services.entries
        for published, inside in _ports(service.value)
        if inside not in _NOT_HTTP
    }
    return f"http://127.0.0.1:{found.pop()}" if len(found) == 1 else None


def _ports(service: Tree) -> Iterator[tuple[int, int]]:
    """Published port and port in the container."""
    ports = service.get("ports") if isinstance(service, Mapping) else None
    for item in ports.items if isinstance(ports, Sequence) else ():
        if isinstance(item, Scalar):
            match = _SHORT.fullmatch(item.raw)
            if match:
                yield int(match[1]), int(match[2])
        elif isinstance(item, Mapping):
            published, inside = item.get("published"), item.get("target")
            numbers = [n.raw for n in (published, inside) if isinstance(n, Scalar) and n.raw.isdecimal()]
            if len(numbers) == 2:
                yield int(numbers[0]), int(numbers[1])
