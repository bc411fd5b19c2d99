"""The weight of a load generator beside the other programs of its machine.

Where autogroups are on, Linux shares the processors out between sessions, and `nice` acts within one of them
only (sched(7)). The generator runs in a session of its own, which gets more weight where the system allows:
what it measures must not wait for what else the machine does. Control groups go before autogroups.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

NICE: Final = -5
"""About three times the weight of another session. Beside four busy ones on two cores a thread that sleeps
and computes in turn woke 0.3 ms late in the median, where it had been 1.5 to 3.9 ms.
"""
_PROC: Final = Path("/proc")


def raise_session(pid: int, proc: Path = _PROC) -> bool:
    """Give the session of this process more weight; False where that may not be, or is no matter."""
    if not _on(proc):
        return False
    try:
        (proc / str(pid) / "autogroup").write_text(str(NICE))
    except OSError:
        return False
    return True


def described(proc: Path = _PROC) -> str:
    """What there is to know of it on this machine, in a sentence."""
    if not _on(proc):
        return "no scheduling by sessions here (autogroup): nothing to raise"
    try:
        nice = (proc / "self" / "autogroup").read_text().rpartition(" ")[2].strip()
        (proc / "self" / "autogroup").write_text(str(NICE))
        (proc / "self" / "autogroup").write_text(nice)
    except OSError:
        return "its session has the weight of any other: root, or CAP_SYS_NICE, may raise it (autogroup)"
    return f"its session gets more weight than others (autogroup, nice {NICE})"


def _on(proc: Path) -> bool:
    try:
        return (proc / "sys" / "kernel" / "sched_autogroup_enabled").read_text().strip() == "1"
    except OSError:
        return False
