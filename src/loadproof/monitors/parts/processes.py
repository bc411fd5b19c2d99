"""Finding processes: by what they listen on, by name, by command, by container; and what belongs to one."""

from __future__ import annotations

import contextlib
from pathlib import Path

import httpx
import psutil

from loadproof.monitors import MonitorError

DATA_STORES = frozenset({"postgres", "mysqld", "mariadbd", "redis-server", "valkey-server", "mongod"})
"""Programs that a service may have started and that are no part of it."""
_DOCKER_SOCKET = "/var/run/docker.sock"
_DOCKER_TIMEOUT_S = 2.0


def listening(port: int) -> list[int]:
    """The processes that listen on a TCP port of this machine, parents first.

    Raises MonitorError when nobody does, or when the system does not say who.
    """
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        hint = "run Loadproof as the user of the service, or name the process: monitors: process: {pid: ...}"
        raise MonitorError(f"this system does not say who listens on port {port}", hint) from None
    found = [c for c in connections if c.status == psutil.CONN_LISTEN and c.laddr and c.laddr.port == port]
    pids = sorted({c.pid for c in found if c.pid is not None})
    if not found:
        raise MonitorError(f"nobody listens on port {port} of this machine")
    if not pids:
        hint = "run Loadproof as the user of the service, or as root"
        raise MonitorError(f"the process that listens on port {port} belongs to another user", hint)
    return roots(pids)


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


def family(pids: list[int]) -> tuple[list[psutil.Process], list[psutil.Process]]:
    """The processes and their descendants; and those of them that are data stores, which are not counted.

    Raises MonitorError when none of `pids` exists any more.
    """
    members: dict[int, psutil.Process] = {}
    stores: dict[int, psutil.Process] = {}
    waiting = [pid for pid in pids if _lives(pid)]
    roots_ = frozenset(waiting)
    while waiting:
        pid = waiting.pop()
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            if pid not in roots_ and process.name() in DATA_STORES:
                stores[pid] = process
                continue
            members[pid] = process
            waiting += [child for child in children(pid) if child not in members]
    if not members:
        raise MonitorError(f"the process {', '.join(map(str, pids))} has ended")
    return list(members.values()), list(stores.values())


def children(pid: int) -> list[int]:
    """The children of one process.

    Linux lists them for each thread (proc(5), /proc/PID/task/TID/children), which costs a fraction of what
    walking the whole process table does, as psutil has to.
    """
    lists = list(Path(f"/proc/{pid}/task").glob("*/children"))
    if not lists:
        return [child.pid for child in psutil.Process(pid).children()]
    found: list[int] = []
    for file in lists:
        with contextlib.suppress(OSError):  # the thread has ended
            found += [int(word) for word in file.read_text().split()]
    return found


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _ancestors(pid: int) -> set[int]:
    try:
        return {parent.pid for parent in psutil.Process(pid).parents()}
    except psutil.NoSuchProcess:
        return set()
