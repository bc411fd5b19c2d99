"""The busiest thread of some processes: an event loop or an interpreter lock holds one core of however many.

Linux counts for each thread the time on a processor and the time it was ready and waited for one
(https://docs.kernel.org/scheduler/sched-stats.html, /proc/PID/task/TID/schedstat).
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from loadproof.monitors.parts.table import Stat, read_file

MOST_AT_ONCE: Final = 200
"""Threads that are read at one look. Of more, the busiest so far and then the others in turn."""
_HOT: Final = 80

_REQUESTS: Final = re.compile(
    r"https?-\S+-e(xec)?|https?-\S*\.\.e?x?e?c-\d+|XNIO-\d+ task-?\d*|puma \S+ tp \d+"
)
"""Tomcat's, Undertow's and Puma's, each of which has one request at a time; the kernel keeps 15 characters of
a name, of which newer JVMs take the first and the last."""
_CUT: Final = re.compile(r"https?-[a-z0-9-]*nio-.*")
"""Tomcat's where an address in the name leaves no room for what they do."""
_ACCEPTOR_AND_POLLER: Final = 2
_NAME_CHARACTERS: Final = 15


@dataclass(frozen=True, slots=True)
class BusiestThread:
    """Shares of the time since the last look."""

    busy: float
    """On a processor, or ready and waiting for one: 1 is a thread that always has work."""
    waited: float
    """Ready, but others had the processors."""
    all_busy: float = 0.0
    """Of all threads together, in cores: run or ready to."""


@dataclass(slots=True)
class _Seen:
    run_ns: int
    wait_ns: int
    time_s: float
    busy: float = 0.0


class Threads:
    """Threads by process, each compared with when it was read last."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = str(proc)
        self._seen: dict[str, _Seen] = {}

    def busiest(self, processes: Sequence[Stat], time_s: float) -> BusiestThread | None:
        """Of these processes; None at the first look, or where the kernel does not tell."""
        found: list[BusiestThread] = []
        for path in self._chosen(processes):
            now = _read(path)
            before = self._seen.get(path)
            if now is None:
                self._seen.pop(path, None)
                continue
            seen = _Seen(*now, time_s)
            self._seen[path] = seen
            if before is not None and time_s > before.time_s:
                waited = (now[1] - before.wait_ns) / 1e9 / (time_s - before.time_s)
                seen.busy = (now[0] - before.run_ns) / 1e9 / (time_s - before.time_s) + waited
                found.append(BusiestThread(min(1.0, seen.busy), min(1.0, waited)))
        if not found:
            return None
        most = max(found, key=lambda thread: thread.busy)
        return replace(most, all_busy=sum(thread.busy for thread in found))

    def _chosen(self, processes: Sequence[Stat]) -> list[str]:
        paths = [
            f"{self._proc}/{stat.pid}/task/{thread}/schedstat"
            for stat in processes
            for thread in ((stat.pid,) if stat.threads == 1 else self._list(stat.pid))
        ]
        if len(paths) < len(self._seen):
            living = set(paths)
            self._seen = {path: seen for path, seen in self._seen.items() if path in living}
        if len(paths) <= MOST_AT_ONCE:
            return paths
        never = _Seen(0, 0, 0.0)
        hot = sorted(paths, key=lambda path: -self._seen.get(path, never).busy)[:_HOT]
        rest = sorted(set(paths) - set(hot), key=lambda path: self._seen.get(path, never).time_s)
        return [*hot, *rest[: MOST_AT_ONCE - _HOT]]

    def _list(self, pid: int) -> list[str]:
        try:
            return os.listdir(f"{self._proc}/{pid}/task")  # noqa: PTH208  # once a second and process
        except OSError:
            return []


def request_threads(pid: int, proc: str = "/proc") -> int:
    """How many threads of a JVM or of Puma answer requests, by their names; 0 where none is called so."""
    names: Counter[str] = Counter()
    try:
        for thread in os.listdir(f"{proc}/{pid}/task"):  # noqa: PTH208  # every few seconds
            with open(f"{proc}/{pid}/task/{thread}/comm", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
                names[file.read().rstrip("\n")] += 1
    except OSError:
        return 0  # it, or one of them, has just ended: the next look tells
    found = sum(count for name, count in names.items() if _REQUESTS.fullmatch(name))
    cut = [count for name, count in names.items() if len(name) == _NAME_CHARACTERS and _CUT.fullmatch(name)]
    return found or sum(max(0, count - _ACCEPTOR_AND_POLLER) for count in cut)


def _read(path: str) -> tuple[int, int] | None:
    """Nanoseconds run and waited since the thread began; None when it has ended."""
    try:
        run_ns, wait_ns, _ = read_file(path).split()
    except (OSError, ValueError):
        return None
    return int(run_ns), int(wait_ns)
