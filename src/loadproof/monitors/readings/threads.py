"""The busiest thread of a process: an event loop or an interpreter lock holds one core of however many.

Linux counts for each thread the time on a processor and the time it was ready and waited for one
(https://docs.kernel.org/scheduler/sched-stats.html, /proc/PID/task/TID/schedstat).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

_MOST_THREADS: Final = 100
"""With more, reading them all would cost more than it tells: no single thread of so many is the limit."""


@dataclass(frozen=True, slots=True)
class BusiestThread:
    """Shares of the time since the last look."""

    busy: float
    """On a processor, or ready and waiting for one: 1 is a thread that always has work."""
    waited: float
    """Ready, but others had the processors."""


class Threads:
    """All threads of some processes, compared with the last look."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._last: dict[str, tuple[int, int]] = {}
        self._last_s: float | None = None

    def busiest(self, pids: list[int], time_s: float) -> BusiestThread | None:
        """None at the first look, with too many threads, or where the kernel does not tell."""
        files = [file for pid in pids for file in (self._proc / str(pid) / "task").glob("*/schedstat")]
        before, before_s = self._last, self._last_s
        self._last, self._last_s = ({}, None) if len(files) > _MOST_THREADS else (_read(files), time_s)
        if before_s is None or time_s <= before_s:
            return None
        found = []
        for thread, (run_ns, wait_ns) in self._last.items():
            run_before_ns, wait_before_ns = before.get(thread, (run_ns, wait_ns))
            waited = (wait_ns - wait_before_ns) / 1e9 / (time_s - before_s)
            busy = (run_ns - run_before_ns) / 1e9 / (time_s - before_s) + waited
            found.append(BusiestThread(min(1.0, busy), min(1.0, waited)))
        return max(found, key=lambda thread: thread.busy, default=None)

    def forget(self) -> None:
        """After a restart the next look is the first."""
        self._last, self._last_s = {}, None


def _read(files: list[Path]) -> dict[str, tuple[int, int]]:
    """Nanoseconds run and waited since each thread began."""
    found = {}
    for file in files:
        try:
            run_ns, wait_ns, _ = file.read_text().split()
        except (OSError, ValueError):
            continue  # it has ended
        found[file.parent.name] = (int(run_ns), int(wait_ns))
    return found
