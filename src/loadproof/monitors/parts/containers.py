"""Containers on this machine: who is in one, who is behind its forwarder, and what its own network sees.

A container's sockets are in a network of its own, where this program's look does not reach: its processes'
/proc/PID/net does (network_namespaces(7)). No container engine is asked, so that it works with each of them.
"""

from __future__ import annotations

import ipaddress
import os
import re
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

from loadproof import sockets
from loadproof.monitors.readings.cgroup import groups_of, members_of, sharing
from loadproof.sockets import Link, ListeningSocket, Sockets

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from loadproof.monitors.parts.table import ProcessTable

FORWARDERS: Final = frozenset({"docker-proxy", "rootlessport", "slirp4netns", "pasta"})
"""Take a container's connections outside of it: what does the work is in the container."""
_CONTAINER = re.compile(
    r"/(docker|libpod|crio|cri-containerd|kubepods|lxc|nspawn)(?![^/]*\.service)[^/]*[-/]"
)
_ESTABLISHED, _LISTEN = "01", "0A"
_PROC: Final = "/proc"


def group_of(pid: int, proc: Path = Path(_PROC)) -> tuple[str, str]:
    """(Controller, path) of the control group that is the container of a process; empty outside of all."""
    found = groups_of(pid, proc).items()
    return next((one for one in found if _CONTAINER.search(f"{one[1]}/")), ("", ""))


def together(pids: Sequence[int]) -> set[int]:
    """The processes, with everybody in their container, or in a control group that has limits of its own.

    What shares its limits is one part. A group that this program is in as well says nothing of the service.
    """
    found = set(pids)
    for pid in pids:
        controller, group = group_of(pid)
        inside = sharing(pid) | (members_of(pid, controller) if group else set())
        if not inside & {1, os.getpid()}:
            found |= inside
    return found


def behind(table: ProcessTable, forwarder: int, pids: Iterable[int]) -> list[int]:
    """Who takes, inside of a container, what a forwarder takes outside; none where that is not known."""
    words = dict(pairwise(table.arguments(forwarder)))
    address, port = words.get("-container-ip", ""), words.get("-container-port", "")
    return listening_at(address, int(port), pids) if port.isdigit() else []


def listening_at(host: str, port: int, pids: Iterable[int]) -> list[int]:
    """The processes of the container with that address that hold its listening socket."""
    for member, inside in _containers(pids):
        if host not in _addresses(member):
            continue
        keys = [one.key for one in sockets_of(member).on_port(port)]
        # Several containers may share a network, as those of a pod do.
        if found := sockets.holders(keys, inside, has_inodes=True):
            return sorted(found)
    return []


def has_own_network(pid: int) -> bool:
    """Whether its sockets are in another network than this program's."""
    try:
        return os.readlink(f"{_PROC}/{pid}/ns/net") != os.readlink(f"{_PROC}/self/ns/net")  # noqa: PTH115
    except OSError:
        return False


def sockets_of(pid: int, proc: str = _PROC) -> Sockets:
    """TCP sockets of the network that a process is in: /proc/PID/net/tcp and tcp6 (proc(5))."""
    found = Sockets()
    for name in ("tcp", "tcp6"):
        try:
            with open(f"{proc}/{pid}/net/{name}", encoding="ascii") as file:  # noqa: PTH123
                lines = file.readlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            here, there, state = fields[1], fields[2], fields[3]
            key = int(fields[9])
            if state == _LISTEN:
                found.listeners.append(ListeningSocket(key, *_endpoint(here)))
            elif state == _ESTABLISHED:
                found.links.append(Link(key, *_endpoint(here), *_endpoint(there)))
    return found


def _containers(pids: Iterable[int]) -> list[tuple[int, list[int]]]:
    """(One process, all) of each container with a network of its own."""
    groups: dict[str, list[int]] = {}
    for pid in pids:
        if group := group_of(pid)[1]:
            groups.setdefault(group, []).append(pid)
    return [(inside[0], inside) for inside in groups.values() if has_own_network(inside[0])]


def _addresses(pid: int) -> set[str]:
    """This network's own addresses: of fib_trie, the lines before "/32 host LOCAL"."""
    try:
        lines = Path(f"{_PROC}/{pid}/net/fib_trie").read_text().splitlines()
    except OSError:
        return set()
    return {
        before.rpartition("-- ")[2].strip()
        for before, line in pairwise(lines)
        if "/32 host LOCAL" in line and "-- " in before
    }


def _endpoint(text: str) -> tuple[str, int]:
    """`0100007F:1F90` is 127.0.0.1:8080: words of four bytes in this machine's order."""
    address, _, port = text.partition(":")
    raw = bytes.fromhex(address)
    words = [raw[start : start + 4][::-1] for start in range(0, len(raw), 4)]
    found = ipaddress.ip_address(b"".join(words))
    mapped = getattr(found, "ipv4_mapped", None)
    return str(mapped or found), int(port, 16)
