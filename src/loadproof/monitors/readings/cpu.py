"""Processor time by part, from one look to the next. No time is lost when a worker ends."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadproof.monitors.parts.part import Part
    from loadproof.monitors.parts.table import Stat


@dataclass(slots=True)
class CpuUse:
    """Of one part in one step."""

    user_s: float = 0.0
    system_s: float = 0.0
    busiest_s: float = 0.0
    """Of the process that used most."""
    busiest_user_s: float = 0.0
    """Of this, what its own code took."""
    busiest: int = 0
    """Which."""


@dataclass(slots=True)
class ProcessorTime:
    """Compares each look with the last.

    What a worker used until its last look is in its own counters; what it used between that and its end is
    in its parent's counters for children that were waited for, as is all of a child that nobody ever saw.
    """

    _last: dict[int, Stat] = field(default_factory=dict)
    _parts: dict[int, Part] = field(default_factory=dict)
    _looked_s: float | None = None

    def step(
        self, stats: Mapping[int, Stat], part_of: Mapping[int, Part], now_s: float
    ) -> dict[str, CpuUse] | None:
        """Seconds by part since the last step; None at the first. `now_s` is on the clock of `started_s`."""
        before, looked_s, parts_before = self._last, self._looked_s, self._parts
        self._last, self._looked_s, self._parts = dict(stats), now_s, dict(part_of)
        if looked_s is None:
            return None
        used: dict[str, CpuUse] = defaultdict(CpuUse)
        ended: dict[int, list[Stat]] = defaultdict(list)
        for pid, stat in before.items():
            if pid not in stats or stats[pid].started_s != stat.started_s:
                ended[stat.parent].append(stat)
        for pid, stat in stats.items():
            last = before.get(pid)
            mine = used[part_of[pid].name]
            if last is not None and last.started_s == stat.started_s:
                user_s, system_s = stat.user_s - last.user_s, stat.system_s - last.system_s
                unseen = _of_children(stat, last, ended.get(pid, ()))
                mine.user_s += unseen[0]
                mine.system_s += unseen[1]
            elif stat.started_s >= looked_s - 1.0 and stat.parent in parts_before:
                user_s, system_s = stat.user_s, stat.system_s  # born since
            else:
                continue  # found late: what it used before belongs to no one second
            mine.user_s += user_s
            mine.system_s += system_s
            if user_s + system_s > mine.busiest_s:
                mine.busiest_s, mine.busiest_user_s, mine.busiest = user_s + system_s, user_s, pid
        return used


def _of_children(stat: Stat, last: Stat, ended: list[Stat] | tuple[()]) -> tuple[float, float]:
    """What children used that ended, beyond what was seen of them."""
    user_s = stat.children_user_s - last.children_user_s
    system_s = stat.children_system_s - last.children_system_s
    user_s -= sum(one.user_s + one.children_user_s for one in ended)
    system_s -= sum(one.system_s + one.children_system_s for one in ended)
    # A child that ended a moment ago may not have been waited for: its time comes with a later step.
    return max(0.0, user_s), max(0.0, system_s)
