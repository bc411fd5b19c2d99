"""Whether an event loop is free: one that waits in anything but its own wait for events answers nobody.

A synchronous call in an asynchronous function, a query or a sleep, uses no processor and holds up everybody.
/proc/PID/syscall says where the thread stands (proc(5)); it may be read by its user and by root.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

_PROC = Path("/proc")
_EPOLL: Final = {"x86_64": {"232", "281", "441"}, "aarch64": {"22", "441"}}
"""epoll_wait, epoll_pwait, epoll_pwait2, by the machine's table of system calls."""
_RUNNING: Final = "running"
_EVENTS: Final = "anon_inode:[eventpoll]"
_WATCHED: Final = re.compile(r"^tfd: *(\d+)", re.MULTILINE)
_SOCKET: Final = re.compile(r"socket:\[(\d+)\]")


def occupied(pids: Iterable[int], proc: Path = _PROC, machine: str = "") -> dict[int, bool]:
    """The first threads of these processes; those that may not be looked at are left out."""
    free = _EPOLL.get(machine or platform.machine())
    found: dict[int, bool] = {}
    for pid in pids if free else ():
        try:
            text = (proc / str(pid) / "syscall").read_text()
        except OSError:
            continue
        call = text.split()[0] if text.strip() else ""
        if call == _RUNNING or call.isdigit():
            found[pid] = call not in (free or ())
    return found


def accepts_by_events(pid: int, listeners: Collection[int], proc: Path = _PROC) -> bool:
    """Whether a process waits for new connections with epoll(7), as event loops do, however it was started.

    `listeners`: the inodes of the sockets that somebody listens on. False where it may not be looked into.
    """
    folder = proc / str(pid)
    held = {name: target for name in _names(folder / "fd") if (target := _target(folder / "fd" / name))}
    watched = [
        held.get(name, "")
        for events in (name for name, target in held.items() if target == _EVENTS)
        for name in _WATCHED.findall(_text(folder / "fdinfo" / events))
    ]
    found = [_SOCKET.fullmatch(target) for target in watched]
    return any(one is not None and int(one[1]) in listeners for one in found)


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208  # once for each process, which may hold thousands
    except OSError:
        return []


def _target(link: Path) -> str:
    try:
        return os.readlink(link)  # noqa: PTH115  # what it names is no path
    except OSError:
        return ""


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
