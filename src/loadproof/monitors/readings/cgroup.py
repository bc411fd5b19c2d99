"""What a process may use by its control groups, and how often it was held back.

A limit of any group above a process holds for it, too. Version 2 has one hierarchy
(https://docs.kernel.org/admin-guide/cgroup-v2.html), version 1 one for each controller
(https://docs.kernel.org/admin-guide/cgroup-v1/). A machine may have both: each controller is in one of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

_PROC = Path("/proc")
_NO_LIMIT_BYTES: Final = float(1 << 60)
"""What version 1 writes for none is beyond it."""
_OCTAL: Final = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Throttling:
    """Totals since the group was made."""

    periods: int
    throttled: int
    """Periods in which the group used up its share and had to wait."""
    waited_s: float


@dataclass(frozen=True, slots=True)
class OutOfMemory:
    """Totals since the group was made."""

    killed: int
    """Processes of the group that an out-of-memory killer ended, the machine's or that of a limit."""
    reached: int | None
    """How often a limit of memory left it nothing else; None where the kernel does not tell (version 1)."""


class Cgroup:
    """The control groups of one process; without one there are no limits."""

    def __init__(self, pid: int, proc: Path = _PROC) -> None:
        unified = _folders(pid, proc, "")
        cpu = [*unified, *_folders(pid, proc, "cpu")]
        self._quotas = [(folder, cores) for folder in cpu if (cores := _cores(folder)) is not None]
        self._memory = [*unified, *_folders(pid, proc, "memory")]
        self._limited = [f for f in self._memory if (_bytes(f) or _NO_LIMIT_BYTES) < _NO_LIMIT_BYTES]
        counting = (f for f in self._memory if self._limited and _counted(f, "oom_kill") is not None)
        self.kills_folder = next(counting, None)
        """Where its kills are counted: processes with the same one share them. None without a limit."""

    def cores(self) -> float | None:
        """The fewest cores that a group allowed when this was made; None for no limit."""
        return min((cores for _, cores in self._quotas), default=None)

    @property
    def cores_file(self) -> str:
        """Where that limit is written, as people look for it: `cpu.max`, `cpu.cfs_quota_us`."""
        tightest = min(self._quotas, key=lambda one: one[1], default=None)
        return _file(tightest[0], "cpu.max", "cpu.cfs_quota_us") if tightest else "cpu.max"

    def memory_limit_bytes(self) -> float | None:
        """The least memory that a group allows; None for no limit."""
        return min((size for folder in self._memory if (size := _bytes(folder)) is not None), default=None)

    @property
    def memory_file(self) -> str:
        """Where that limit is written: `memory.max`, `memory.limit_in_bytes`."""
        known = {size: folder for folder in self._memory if (size := _bytes(folder)) is not None}
        return _file(known[min(known)], "memory.max", "memory.limit_in_bytes") if known else "memory.max"

    def out_of_memory(self) -> OutOfMemory | None:
        """Kills in the innermost group, and how often a limit of it or of a group above was reached.

        None without a limit. `memory.events` of version 2 counts those in groups below as well, and
        `memory.events.local` (Linux 5.2) those in the group alone, as version 1 does.
        """
        killed = _counted(self.kills_folder, "oom_kill") if self.kills_folder else None
        if killed is None:
            return None
        reached = [count for one in self._limited if (count := _counted(one, "oom")) is not None]
        return OutOfMemory(killed, sum(reached) if reached else None)

    def throttling(self) -> Throttling | None:
        """Of the innermost group that has a limit of its own."""
        for folder, _ in self._quotas:
            lines = (line.partition(" ") for line in _text(folder / "cpu.stat").splitlines())
            numbers = {name: int(value) for name, _, value in lines if value.isdigit()}
            if "throttled_time" in numbers:  # version 1, in nanoseconds
                numbers["throttled_usec"] = numbers["throttled_time"] // 1_000
            if {"nr_periods", "nr_throttled", "throttled_usec"} <= numbers.keys():
                waited_s = numbers["throttled_usec"] / 1e6
                return Throttling(numbers["nr_periods"], numbers["nr_throttled"], waited_s)
        return None


def groups_of(pid: int, proc: Path = _PROC) -> dict[str, str]:
    """The path of its group by controller; "" is version 2, which has one for all."""
    found: dict[str, str] = {}
    for line in _text(proc / str(pid) / "cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        for name in controllers.split(","):
            found[name] = path
    return found


def members_of(pid: int, controller: str, proc: Path = _PROC) -> set[int]:
    """The processes of its group in that hierarchy; none where they may not be known."""
    folders = _folders(pid, proc, controller)
    text = _text(folders[0] / "cgroup.procs") if folders else ""
    return {int(line) for line in text.split() if line.isdigit()}


def sharing(pid: int, proc: Path = _PROC) -> set[int]:
    """The processes that share its limits: those in the innermost group that has some, and below it.

    A slice of systemd's and the root hold what has nothing to do with each other: they make no one part.
    """
    found: set[int] = set()
    for controller in groups_of(pid, proc):
        for folder in _folders(pid, proc, controller)[:-1]:
            if folder.name.endswith(".slice"):
                break
            if _cores(folder) is not None or (_bytes(folder) or _NO_LIMIT_BYTES) < _NO_LIMIT_BYTES:
                for file in folder.rglob("cgroup.procs"):
                    found |= {int(line) for line in _text(file).split() if line.isdigit()}
                break
    return found


def _folders(pid: int, proc: Path, controller: str) -> list[Path]:
    """The group's folder and those above it, up to the root of the controller's hierarchy."""
    inside, root = groups_of(pid, proc).get(controller), _mounts(_text(proc / "mounts")).get(controller)
    if inside is None or root is None:
        return []
    folder = root / inside.lstrip("/")
    if not folder.is_dir():
        folder = root  # in a container of version 1 the path is the host's, and the root is its own group
    return list(_up_to(folder, root))


def _up_to(folder: Path, root: Path) -> Iterator[Path]:
    for place in (folder, *folder.parents):
        if place == root or root in place.parents:
            yield place


@lru_cache(maxsize=8)
def _mounts(text: str) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for line in text.splitlines():
        fields = line.split()
        if len(fields) < 4:
            continue
        place = Path(_OCTAL.sub(lambda match: chr(int(match[1], 8)), fields[1]))
        if fields[2] == "cgroup2":
            found.setdefault("", place)
        elif fields[2] == "cgroup":
            for option in fields[3].split(","):
                found.setdefault(option, place)
    return found


def _cores(folder: Path) -> float | None:
    quota, _, period = _text(folder / "cpu.max").partition(" ")
    if not quota:
        quota, period = _text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us")
    if quota.isdigit() and period.isdigit() and int(period):
        return int(quota) / int(period)
    return None


def _bytes(folder: Path) -> float | None:
    """Version 1 writes "no limit" as the greatest number: whoever compares it with the machine sees that."""
    text = _text(folder / "memory.max") or _text(folder / "memory.limit_in_bytes")
    return float(text) if text.isdigit() else None


def _counted(folder: Path, event: str) -> int | None:
    """How often it happened in a group, without those below it where that is told."""
    for file in ("memory.events.local", "memory.events", "memory.oom_control"):
        for line in _text(folder / file).splitlines():
            name, _, value = line.partition(" ")
            if name == event and value.isdigit():
                return int(value)
    return None


def _file(folder: Path, second: str, first: str) -> str:
    return second if (folder / second).exists() else first


def _text(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""
