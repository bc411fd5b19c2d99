"""Memory of processes that share pages: each shared page counts once (PSS), as /proc/PID/smaps_rollup has it.

The kernel walks all pages of a process for that, a millisecond for some hundred MB, so that not every
process is looked at in every second. In between its memory moves with what is cheap to read: what its own
pages grow by counts whole, and what its shared pages grow by counts as much as those that it had. Workers
that touch one another's cache would else each count the whole of it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from loadproof.monitors.parts.table import Stat, read_file

BUDGET_S: Final = 0.001
"""Processor time of each second: while others have the processors a look takes longer, and costs no more."""
_NEW_S: Final = 0.05
"""For processes that were never read: whatever else they are taken for, is wrong."""
_FIRST_S: Final = 0.5
"""Of the first look, before the load."""
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


class _Resident(NamedTuple):
    """Bytes in memory, each page counted whole, as proc(5) has them in statm."""

    own: int
    """Anonymous pages: no file's, and in no memory that processes share on purpose."""
    shared: int
    """Pages of files and of shared memory."""


@dataclass(slots=True)
class _Known:
    own_pss: int
    shared_pss: int
    resident: _Resident
    """When PSS was read."""
    rss_bytes: int
    """As the process table had it then."""
    turn: int
    now_bytes: float

    def move(self, now: _Resident) -> None:
        """By what is in memory now."""
        own = self.own_pss + now.own - self.resident.own
        share = self.shared_pss / self.resident.shared if self.resident.shared else 1.0
        self.now_bytes = max(0.0, own) + share * now.shared


@dataclass(slots=True)
class SharedMemory:
    """PSS of many processes, within a budget of time."""

    proc: str = "/proc"
    _known: dict[tuple[int, float], _Known] = field(default_factory=dict)
    _refused: set[tuple[int, float]] = field(default_factory=set)
    _turn: int = 0

    def look(self, stats: Mapping[int, Stat]) -> None:
        """Read those that are not known yet, then those that were read the longest ago; move the others."""
        self._turn += 1
        living = {(pid, stat.started_s): stat for pid, stat in stats.items() if not stat.zombie}
        self._known = {key: known for key, known in self._known.items() if key in living}
        self._refused &= living.keys()
        order = sorted(
            (key for key in living if key not in self._refused),
            key=lambda key: self._known[key].turn if key in self._known else -1,
        )
        began_s = time.thread_time()
        for key in order:
            budget_s = _FIRST_S if self._turn == 1 else BUDGET_S if key in self._known else _NEW_S
            if key is not order[0] and time.thread_time() - began_s > budget_s:
                break
            known = self._read(key[0], living[key])
            if known is None:
                self._refused.add(key)
            else:
                self._known[key] = known
        for key, known in self._known.items():
            if known.turn < self._turn and known.rss_bytes != living[key].rss_bytes:
                resident = _resident(self.proc, key[0])
                if resident is not None:
                    known.move(resident)

    def of(self, stats: Iterable[Stat]) -> tuple[float, bool]:
        """(Bytes of these processes together, whether all of it is PSS)."""
        total, all_pss = 0.0, True
        for stat in stats:
            known = self._known.get((stat.pid, stat.started_s))
            if known is None:
                total += stat.rss_bytes
                all_pss = all_pss and (stat.pid, stat.started_s) not in self._refused
            else:
                total += known.now_bytes
        return total, all_pss

    def _read(self, pid: int, stat: Stat) -> _Known | None:
        resident = _resident(self.proc, pid)
        pss = _pss(self.proc, pid)
        if resident is None or pss is None:
            return None
        whole, own = pss
        own = min(whole, resident.own) if own is None else own
        return _Known(own, whole - own, resident, stat.rss_bytes, self._turn, float(whole))


def _resident(proc: str, pid: int) -> _Resident | None:
    try:
        pages = read_file(f"{proc}/{pid}/statm").split()
    except OSError:
        return None
    resident, shared = int(pages[1]) * _PAGE_BYTES, int(pages[2]) * _PAGE_BYTES
    return _Resident(resident - shared, shared)


def _pss(proc: str, pid: int) -> tuple[int, int | None] | None:
    """Bytes: (all, of anonymous pages or None where the kernel does not tell); None where not allowed."""
    found: dict[bytes, int] = {}
    try:
        for line in read_file(f"{proc}/{pid}/smaps_rollup").splitlines():
            if line.startswith((b"Pss:", b"Pss_Anon:")):
                name, kilobytes, *_ = line.split()
                found[name] = int(kilobytes) * 1024
    except OSError:
        return None
    return (found[b"Pss:"], found.get(b"Pss_Anon:")) if b"Pss:" in found else None
