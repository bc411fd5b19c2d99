"""Finding processes: by what they listen on, by name, by command, by container; and what belongs to one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import psutil

from loadproof import sockets
from loadproof.monitors import MonitorError
from loadproof.monitors.parts import containers
from loadproof.monitors.parts.table import ProcessTable

_DOCKER_SOCKET = "/var/run/docker.sock"
_DOCKER_TIMEOUT_S = 2.0


def listening(port: int) -> list[int]:
    """The processes that hold the listening socket of a TCP port of this machine, parents first.

    Every one that inherited the socket, and the parent that they have in common when it runs the same
    program. Raises MonitorError when nobody listens, or when the system does not say who.
    """
    try:
        table = sockets.read_sockets()
    except psutil.AccessDenied:
        hint = "run Loadproof as the user of the service, or name the process: monitors: process: {pid: ...}"
        raise MonitorError(f"this system does not say who listens on port {port}", hint) from None
    found = table.on_port(port)
    if not found:
        raise MonitorError(f"nobody listens on port {port} of this machine")
    held = sockets.holders([one.key for one in found], psutil.pids(), table.has_inodes)
    pids = sorted(held - {1}) or sorted(held)
    if not pids:
        hint = "run Loadproof as the user of the service, or as root"
        raise MonitorError(f"the process that listens on port {port} belongs to another user", hint)
    working = workers_of(pids, ProcessTable())
    if set(working) <= set(pids) and (names := _forwarders(working)):
        hint = "name its container: monitors: process: {container: NAME}"
        raise MonitorError(f"port {port} is forwarded to a container by {names}, which cannot be seen", hint)
    return with_common_parent(roots(working))


def workers_of(pids: Iterable[int], table: ProcessTable) -> list[int]:
    """The processes; in the place of a container's forwarder those in the container that it forwards to."""
    found: set[int] = set()
    for pid in pids:
        stat = table.stat(pid)
        forwards = stat is not None and stat.comm in containers.FORWARDERS
        found |= set((forwards and containers.behind(table, pid, table.pids())) or [pid])
    return sorted(found)


def _forwarders(pids: Iterable[int]) -> str:
    names = {psutil.Process(pid).name() for pid in pids if psutil.pid_exists(pid)}
    return ", ".join(sorted(names & containers.FORWARDERS))


def with_common_parent(pids: list[int]) -> list[int]:
    """Workers that each bound the port themselves have a master that never held it."""
    if len(pids) < 2:
        return pids
    try:
        parents = {psutil.Process(pid).ppid() for pid in pids}
        programs = {psutil.Process(pid).exe() for pid in (*pids, *parents)}
    except psutil.Error:
        return pids
    return sorted(parents) if len(parents) == 1 and len(programs) == 1 else pids


def roots(pids: list[int]) -> list[int]:
    """Those that are no descendants of others among them: the master of a pre-forking server."""
    above = {pid: _ancestors(pid) for pid in pids}
    return [pid for pid in pids if not above[pid] & set(pids)]


def named(name: str) -> list[int]:
    """The processes of one program. Raises MonitorError when there is none."""
    pids = [p.pid for p in psutil.process_iter(["name"]) if p.info["name"] == name]
    if not pids:
        raise MonitorError(f"no process is called '{name}'", "ps -e lists the names")
    return roots(pids)


def with_command(part: str) -> list[int]:
    """The processes with `part` in their command line, this one left out. Raises MonitorError."""
    own = {psutil.Process().pid, *_ancestors(psutil.Process().pid)}
    pids = [
        p.pid
        for p in psutil.process_iter(["cmdline"])
        if p.pid not in own and part in " ".join(p.info["cmdline"] or ())
    ]
    if not pids:
        raise MonitorError(f"no process has '{part}' in its command line", "ps -ef lists the command lines")
    return roots(pids)


def in_container(name: str, socket: str = _DOCKER_SOCKET) -> list[int]:
    """The first process of a Docker container. Raises MonitorError."""
    if not Path(socket).is_socket():
        raise MonitorError(f"Docker does not answer: there is no {socket}", "is Docker running?")
    import httpx  # it takes a while, and few name a container

    transport = httpx.HTTPTransport(uds=socket)
    try:
        with httpx.Client(transport=transport, timeout=_DOCKER_TIMEOUT_S) as client:
            answer = client.get(f"http://docker/containers/{name}/json")
        pid = answer.json()["State"]["Pid"] if answer.status_code == 200 else 0
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        hint = f"is Docker running, and may this user read {socket}?"
        raise MonitorError(f"Docker does not answer: {error}", hint) from None
    if not pid:
        raise MonitorError(f"no container called '{name}' is running", "docker ps lists the names")
    return [int(pid)]


def _ancestors(pid: int) -> set[int]:
    table, found = ProcessTable(), set[int]()
    while (stat := table.stat(pid)) is not None and stat.parent and stat.parent not in found:
        pid = stat.parent
        found.add(pid)
    return found


FINDERS: Final[dict[str, Callable[..., list[int]]]] = {
    "pid": lambda pid: [pid],
    "port": listening,
    "name": named,
    "command": with_command,
    "container": in_container,
}
"""By the keys of `monitors: process:`."""
