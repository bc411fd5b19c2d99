"""Whether an event loop is free: one that waits in anything but its own wait for events answers nobody.

A synchronous call in an asynchronous function, a query or a sleep, uses no processor and holds up everybody.
/proc/PID/syscall says where the thread stands (proc(5)); it may be read by its user and by root.
"""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_PROC = Path("/proc")
_EPOLL: Final = {"x86_64": {"232", "281", "441"}, "aarch64": {"22", "441"}}
"""epoll_wait, epoll_pwait, epoll_pwait2, by the machine's table of system calls."""
_RUNNING: Final = "running"


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
