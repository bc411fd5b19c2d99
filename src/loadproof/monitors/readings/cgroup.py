"""What a process may use by its control group (cgroup v2), and how often it was held back.

https://docs.kernel.org/admin-guide/cgroup-v2.html: a limit of any group above a process holds for it, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Throttling:
    """Totals since the group was made."""

    periods: int
    throttled: int
    """Periods in which the group used up its share and had to wait."""
    waited_s: float


class Cgroup:
    """The control group of one process; without one there are no limits."""

    def __init__(self, pid: int, proc: Path = _PROC) -> None:
        self._folders = _folders(pid, proc)

    def cores(self) -> float | None:
        """The fewest cores that a group allows; None for no limit."""
        found = []
        for folder in self._folders:
            quota, _, period = _text(folder / "cpu.max").partition(" ")
            if quota.isdigit() and period.isdigit() and int(period):
                found.append(int(quota) / int(period))
        return min(found, default=None)

    def memory_limit_bytes(self) -> float | None:
        """The least memory that a group allows; None for no limit."""
        texts = [_text(folder / "memory.max") for folder in self._folders]
        return min((float(text) for text in texts if text.isdigit()), default=None)

    def memory_bytes(self) -> float | None:
        """What the innermost group uses, its file cache included; None when it is not counted."""
        text = _text(self._folders[0] / "memory.current") if self._folders else ""
        return float(text) if text.isdigit() else None

    def throttling(self) -> Throttling | None:
        """Of the innermost group that has a limit of its own."""
        for folder in self._folders:
            if not _text(folder / "cpu.max").partition(" ")[0].isdigit():
                continue
            lines = (line.partition(" ") for line in _text(folder / "cpu.stat").splitlines())
            numbers = {name: int(value) for name, _, value in lines if value.isdigit()}
            if {"nr_periods", "nr_throttled", "throttled_usec"} <= numbers.keys():
                waited_s = numbers["throttled_usec"] / 1e6
                return Throttling(numbers["nr_periods"], numbers["nr_throttled"], waited_s)
        return None


def _folders(pid: int, proc: Path) -> list[Path]:
    """The group's folder and those above it, up to the root of the hierarchy."""
    inside = [line[3:] for line in _text(proc / str(pid) / "cgroup").splitlines() if line.startswith("0::")]
    mounts = [line.split() for line in _text(proc / "mounts").splitlines()]
    roots = [Path(fields[1]) for fields in mounts if len(fields) > 2 and fields[2] == "cgroup2"]
    if not inside or not roots:
        return []
    folder = roots[0] / inside[0].lstrip("/")
    return [place for place in (folder, *folder.parents) if place == roots[0] or roots[0] in place.parents]


def _text(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""
