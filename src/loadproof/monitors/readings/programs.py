"""Whose the machine's processors are: what programs use that are not Loadproof's own, by name."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from loadproof.monitors.parts.table import read_file

LEAST_CORES: Final = 0.05
"""Less is not told: a desktop has hundreds of programs that do nearly nothing."""
_EVERY: Final = 2
"""Of the samples: with 300 processes one look takes 6 ms."""
_MOST: Final = 2_000
"""Processes; with more of them the look itself would be what disturbs."""
_TICKS: Final = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


class Programs:
    """`used` yields each program's cores over the time since the last look."""

    def __init__(self, proc: Path, own: int | None = None) -> None:
        """`own`: the process whose tree is left out, by default this one with its engine."""
        self._proc = proc
        self._own = os.getpid() if own is None else own
        self._before: dict[int, float] = {}
        self._before_s = 0.0
        self._turn = 0
        self._last: list[tuple[str, float]] = []

    def used(self, time_s: float) -> list[tuple[str, float]]:
        """(Program, cores), greatest first; niced ones are left out: they take what nobody else wants."""
        self._turn += 1
        if self._turn % _EVERY == 1:
            self._last = self._look(time_s)
        return self._last

    def _look(self, time_s: float) -> list[tuple[str, float]]:
        found = list(self._processes())
        if len(found) > _MOST:
            return []
        own = _tree(self._own, {pid: parent for pid, parent, *_ in found})
        length_s, self._before_s = time_s - self._before_s, time_s
        now = {pid: used_s for pid, _, _, _, used_s in found}
        sums: dict[str, float] = defaultdict(float)
        for pid, _, name, nice, used_s in found:
            if pid not in own and nice <= 0 and pid in self._before:
                sums[name] += max(0.0, used_s - self._before[pid])
        first = not self._before
        self._before = now
        if first or length_s <= 0:
            return []
        cores = [(name, used_s / length_s) for name, used_s in sums.items()]
        return sorted((one for one in cores if one[1] >= LEAST_CORES), key=lambda one: -one[1])

    def _processes(self) -> Iterator[tuple[int, int, str, int, float]]:
        """Id, parent, program, nice and seconds of processor time of each process that may be read."""
        for name in os.listdir(self._proc):  # noqa: PTH208  # once a second or two
            if not name.isdigit():
                continue
            try:
                text = read_file(f"{self._proc}/{name}/stat").decode(errors="replace")
            except OSError:
                continue  # it has ended meanwhile
            # The name may hold spaces and brackets: what follows begins after the last bracket (proc(5)).
            head, _, rest = text.rpartition(")")
            fields = rest.split()
            used_s = (int(fields[11]) + int(fields[12])) / _TICKS
            yield int(name), int(fields[1]), head.partition("(")[2], int(fields[16]), used_s


def _tree(root: int, parents: dict[int, int]) -> set[int]:
    """The process and all that come from it."""
    found = {root}
    for start in list(parents):
        line, pid = [], start
        while pid not in found and pid in parents:
            line.append(pid)
            pid = parents[pid]
        if pid in found:
            found.update(line)
    return found
