"""Where k6 goes for a name that the script's `hosts` send elsewhere, as a hosts file does (its lib/netext).

A name with a port comes first, then the name, then `*.domain`; addresses are never sent elsewhere. So a
script loads a machine before its name leads there: that machine is asked, guarded and watched.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from loadproof.safety.hosts import as_address
from loadproof.safety.urls import PORTS

if TYPE_CHECKING:
    from loadproof.engines.k6.options import Options


def mapped(url: str, options: Options) -> str:
    """The base URL with the address that k6 connects to; as it is where `hosts` do not speak of it."""
    hosts: dict[str, Any] = options.get("hosts") or {}
    try:
        parts = urlsplit(url)
        name, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return url
    written = {str(key).lower(): str(value) for key, value in hosts.items()}
    found = _of(name, port or PORTS.get(parts.scheme), written)
    if found is None:
        return url
    address, own_port = found
    literal = f"[{address}]" if ":" in address else address
    given = own_port or port
    return urlunsplit((parts.scheme, f"{literal}:{given}" if given else literal, parts.path, parts.query, ""))


def all_mapped(urls: Iterable[str], options: Options) -> list[str]:
    """Each once."""
    return list(dict.fromkeys(mapped(url, options) for url in urls))


def _of(name: str, port: int | None, hosts: dict[str, str]) -> tuple[str, int | None] | None:
    """Address and port, if it has one, that a name is sent to."""
    if not name or as_address(name):
        return None
    labels = name.split(".")
    patterns = (f"*.{'.'.join(labels[start:])}" for start in range(1, len(labels)))
    for key in (f"{name}:{port}", name, *patterns):
        if key in hosts:
            return _split(hosts[key])
    return None


def _split(written: str) -> tuple[str, int | None]:
    if as_address(written):
        return written, None
    address, _, port = written.rpartition(":")
    return address.strip("[]"), int(port) if port.isdigit() else None
