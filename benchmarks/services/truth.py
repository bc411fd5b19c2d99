"""The sums over /proc, made without Loadproof."""

from __future__ import annotations

import os
import re
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass
class Truth:
    """Adds up /proc while the load lasts, twice a second."""

    roots: list[int]
    cpu: list[tuple[float, float]] = field(default_factory=list)
    pss: list[tuple[float, float]] = field(default_factory=list)
    processes: int = 0

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Truth:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.wait(0.5):
            now_s, ticks, members = time.time(), 0, _family(self.roots)
            for fields in members.values():
                ticks += sum(int(text) for text in fields[11:15])
            self.cpu.append((now_s, ticks / TICKS_PER_S))
            living = [pid for pid, fields in members.items() if fields[0] != "Z"]
            self.processes = max(self.processes, len(living))
            self.pss.append((now_s, float(sum(_pss(pid) for pid in living))))


def _family(roots: list[int]) -> dict[int, list[str]]:
    """stat of the roots and of all their descendants; what they have waited for is in their own numbers."""
    stats: dict[int, list[str]] = {}
    for entry in os.listdir("/proc"):  # noqa: PTH208
        if entry.isdigit():
            try:
                stats[int(entry)] = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
    found = {pid: stats[pid] for pid in roots if pid in stats}
    grown = True
    while grown:
        more = {pid: f for pid, f in stats.items() if int(f[1]) in found and pid not in found}
        found |= more
        grown = bool(more)
    return found


def _pss(pid: int) -> int:
    try:
        match = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(match[1]) * 1024 if match else 0
