"""Memory of processes that share pages: each shared page counts once (PSS), as /proc/PID/smaps_rollup has it.

The kernel walks all pages of a process for that, a millisecond for some hundred MB, so that not every
process is looked at in every second: in between its memory moves with its RSS, which is free to read.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from loadproof.monitors.parts.table import Stat

BUDGET_S: Final = 0.003
"""Of each second."""
_FIRST_S: Final = 0.5
"""Of the first look, before the load."""


@dataclass(slots=True)
class _Known:
    pss_bytes: int
    rss_bytes: int
    """When PSS was read."""
    turn: int


@dataclass(slots=True)
class SharedMemory:
    """PSS of many processes, within a budget of time."""

    proc: str = "/proc"
    _known: dict[tuple[int, float], _Known] = field(default_factory=dict)
    _refused: set[tuple[int, float]] = field(default_factory=set)
    _turn: int = 0

    def look(self, stats: Mapping[int, Stat]) -> None:
        """Read those that are not known yet, then those that were read the longest ago."""
        self._turn += 1
        living = {(pid, stat.started_s): stat for pid, stat in stats.items() if not stat.zombie}
        self._known = {key: known for key, known in self._known.items() if key in living}
        self._refused &= living.keys()
        order = sorted(
            (key for key in living if key not in self._refused),
            key=lambda key: self._known[key].turn if key in self._known else -1,
        )
        end_s = time.perf_counter() + (BUDGET_S if self._turn > 1 else _FIRST_S)
        for key in order:
            pss = _pss(self.proc, key[0])
            if pss is None:
                self._refused.add(key)
            else:
                self._known[key] = _Known(pss, living[key].rss_bytes, self._turn)
            if time.perf_counter() > end_s:
                break

    def of(self, stats: Iterable[Stat]) -> tuple[float, bool]:
        """(Bytes of these processes together, whether all of it is PSS)."""
        total, all_pss = 0.0, True
        for stat in stats:
            known = self._known.get((stat.pid, stat.started_s))
            if known is None:
                total += stat.rss_bytes
                all_pss = all_pss and (stat.pid, stat.started_s) not in self._refused
            else:
                total += max(0.0, known.pss_bytes + stat.rss_bytes - known.rss_bytes)
        return total, all_pss


def _pss(proc: str, pid: int) -> int | None:
    try:
        with open(f"{proc}/{pid}/smaps_rollup", "rb") as file:  # noqa: PTH123
            for line in file:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        return None
    return None
