"""PHP-FPM's pools: how many workers each may have, and how many of them are at work.

The master's title names its configuration. The status page (`pm.status_path`) is asked over the pool's own
FastCGI socket, so that no web server has to pass it on (https://fastcgi-archives.github.io, FastCGI 1.0).
"""

from __future__ import annotations

import configparser
import glob
import json
import re
import socket
import struct
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_TITLE: Final = re.compile(r"php-fpm: master process \((?P<file>[^)]+)\)")
_TIMEOUT_S: Final = 0.2
"""The page needs a worker itself: while all are occupied it is not waited for."""
_BEGIN, _END, _PARAMETERS, _INPUT, _OUTPUT = 1, 3, 4, 5, 6
_RESPONDER: Final = struct.pack("!HB5x", 1, 0)
_MOST_BYTES: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class FpmPool:
    """One of the configuration."""

    name: str
    address: str
    """`unix:/run/php-fpm.sock`, `127.0.0.1:9000`."""
    most: int
    """pm.max_children."""
    status_path: str
    """Empty where the status page is off."""


@dataclass(frozen=True, slots=True)
class FpmStatus:
    """As the page tells it."""

    active: int
    """Workers with a request, without the one that answered this question."""
    queued: int
    max_children_reached: int
    slow: int


def pools(title: str, root: Path = Path("/")) -> list[FpmPool]:
    """Of the master with that title and file system; none where its configuration may not be read."""
    match = _TITLE.search(title)
    if match is None:
        return []
    found = []
    for text in _texts(match["file"], root):
        parser = configparser.ConfigParser(
            strict=False, interpolation=None, allow_no_value=True, inline_comment_prefixes=(";",)
        )
        try:
            parser.read_string(text)
        except configparser.Error:
            continue
        for name in parser.sections():
            if name != "global" and (pool := _pool(name, parser[name])) is not None:
                found.append(pool)
    return found


def used_by(found: list[FpmPool], addresses: Collection[str]) -> list[FpmPool]:
    """The pools that were seen to be handed work; all where none was."""
    return [pool for pool in found if pool.address in addresses] or found


def status(pool: FpmPool, root: Path = Path("/")) -> FpmStatus | None:
    """What the page says now; None where it is off, refused, or nobody was free to answer in time."""
    if not pool.status_path:
        return None
    try:
        with _connected(pool.address, root) as link:
            link.sendall(_question(pool.status_path))
            answer = _answer(link)
        told: dict[str, Any] = json.loads(answer.partition(b"\r\n\r\n")[2])
        return FpmStatus(
            max(0, int(told["active processes"]) - 1), int(told["listen queue"]),
            int(told["max children reached"]), int(told["slow requests"]),
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, struct.error):
        return None


def _texts(file: str, root: Path) -> Iterator[str]:
    """The configuration, and what it includes."""
    try:
        text = (root / file.lstrip("/")).read_text(errors="replace")
    except OSError:
        return
    yield text
    for line in text.splitlines():
        key, _, pattern = line.partition("=")
        if key.strip() == "include":
            for path in sorted(glob.glob(str(root / pattern.strip().lstrip("/")))):  # noqa: PTH207  # absolute
                yield Path(path).read_text(errors="replace")


def _pool(name: str, keys: Mapping[str, str]) -> FpmPool | None:
    listen, most = keys.get("listen") or "", keys.get("pm.max_children") or ""
    if not listen or not most.isdigit():
        return None
    if listen.startswith("/"):
        address = f"unix:{listen}"
    else:
        address = f"127.0.0.1:{listen}" if listen.isdigit() else listen
    return FpmPool(name, address.replace("$pool", name), int(most), keys.get("pm.status_path") or "")


def _connected(address: str, root: Path) -> socket.socket:
    if address.startswith("unix:"):
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            link.settimeout(_TIMEOUT_S)
            link.connect(str(root / address.removeprefix("unix:/")))
        except OSError:
            link.close()
            raise
        return link
    host, _, port = address.rpartition(":")
    return socket.create_connection((host.strip("[]") or "127.0.0.1", int(port)), timeout=_TIMEOUT_S)


def _question(path: str) -> bytes:
    parameters = b"".join(
        struct.pack("BB", len(name), len(value)) + name.encode() + value.encode()
        for name, value in (
            ("REQUEST_METHOD", "GET"), ("QUERY_STRING", "json"),
            ("SCRIPT_NAME", path), ("SCRIPT_FILENAME", path),
        )
    )  # fmt: skip
    records = ((_BEGIN, _RESPONDER), (_PARAMETERS, parameters), (_PARAMETERS, b""), (_INPUT, b""))
    return b"".join(struct.pack("!BBHHxx", 1, kind, 1, len(content)) + content for kind, content in records)


def _answer(link: socket.socket) -> bytes:
    with link.makefile("rb") as stream:
        output = bytearray()
        while len(output) < _MOST_BYTES:
            _, kind, _, length, padding = struct.unpack("!BBHHBx", stream.read(8))
            content = stream.read(length + padding)[:length]
            if kind == _END:
                break
            if kind == _OUTPUT:
                output += content
        return bytes(output)
