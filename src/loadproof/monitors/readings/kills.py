"""Processes that the kernel killed for the memory of their control group, and the part that each was of.

A kill by the machine's own out-of-memory killer is in the same counter: it is told apart by the limit, which
was not reached (https://docs.kernel.org/admin-guide/cgroup-v2.html, memory.events).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from loadproof.monitors.parts.part import Part
    from loadproof.monitors.readings.cgroup import Cgroup, OutOfMemory


class MemoryKills:
    """Remembers each group's counters, also while the service is gone and after it came back."""

    def __init__(self) -> None:
        self._before: dict[Path, OutOfMemory] = {}
        self._ended: dict[str, int] = {}
        """Processes that have ended by part, at the last look."""

    def begin(self, parts: Sequence[Part]) -> None:
        """Parts that were found anew count their processes from here on."""
        self._ended = {part.name: part.ended for part in parts}

    def watch(self, group: Cgroup) -> None:
        """What was killed in a group before it was first seen is not told."""
        if group.kills_folder not in self._before:
            self._new(group)

    def look(self, parts: Sequence[Part], groups: Mapping[str, Cgroup]) -> dict[str, int]:
        """Kills since the last look, by the name of the part; those without one are left out.

        Of parts that share a group it is the one that lost a process; where none was seen to lose one, such
        as a program that it started between two looks, the first.
        """
        lost = {part.name: max(0, part.ended - self._ended.get(part.name, 0)) for part in parts}
        self.begin(parts)
        sharing: dict[Path, list[str]] = defaultdict(list)
        for part in parts:
            group = groups.get(part.name)
            if group is not None and group.kills_folder is not None:
                sharing[group.kills_folder].append(part.name)
        found: Counter[str] = Counter()
        for names in sharing.values():
            killed = self._new(groups[names[0]])
            names.sort(key=lambda name: -lost[name])
            for name in names:
                mine = min(killed, lost[name])
                found[name] += mine
                killed -= mine
            found[names[0]] += killed
        return {name: killed for name, killed in found.items() if killed}

    def _new(self, group: Cgroup) -> int:
        """Since they were last read; of a group that was made anew all."""
        now, folder = group.out_of_memory(), group.kills_folder
        if now is None or folder is None:
            return 0
        before = self._before.setdefault(folder, now)
        if now.killed == before.killed:
            return 0  # a limit that was reached a moment before a kill counts for that kill
        self._before[folder] = now
        if now.killed < before.killed:
            return now.killed
        by_a_limit = now.reached is None or before.reached is None or now.reached > before.reached
        return now.killed - before.killed if by_a_limit else 0
