"""What a generator runs out of: processors, file descriptors, and local ports to connect from."""

from __future__ import annotations

import errno
import os
import socket
import sys
from pathlib import Path

_PROC = Path("/proc")


def descriptors_in_use(limit: int, proc: Path = _PROC) -> int | None:
    """Open descriptors of this process; None where the kernel does not tell.

    Without a descriptor left they cannot be counted: then there are `limit` of them.
    """
    folder = proc / "self" / "fd"
    try:
        # From Linux 6.2 on this is their number; to list 15,000 takes 11 ms, the first time 44.
        return folder.stat().st_size or len(os.listdir(folder))  # noqa: PTH208  # no object for each
    except OSError as error:
        return limit if error.errno == errno.EMFILE else None


def sockets_and_ports(proc: Path = _PROC) -> tuple[int, int] | None:
    """TCP sockets of this machine, with those in TIME_WAIT, and how many local ports there are for them.

    An upper bound: connections to other addresses may share a port, and a server's sockets take none. Which
    port is whose is told by /proc/net/tcp only, which takes milliseconds where there are thousands. None
    where the kernel does not tell.
    """
    try:
        first, last = (proc / "sys/net/ipv4/ip_local_port_range").read_text().split()
        lines = (proc / "net/sockstat").read_text().splitlines()
        more = proc / "net/sockstat6"
        lines += more.read_text().splitlines() if more.exists() else []
    except (OSError, ValueError):
        return None
    used = 0
    for line in lines:
        protocol, *words = line.split()
        if protocol in ("TCP:", "TCP6:"):
            counts = dict(zip(words[::2], words[1::2], strict=False))
            used += int(counts.get("inuse", 0)) + int(counts.get("tw", 0))
    return used, int(last) - int(first) + 1


def usable_cores() -> int:
    """Those that this process may use, which taskset and containers make fewer than there are."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port of loopback that nobody has just now: of TCP, or of UDP."""
    with socket.socket(type=kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
