"""The process table: who there is, whose child each is, and what each has used."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_GREATEST_BYTES: Final = 1 << 12
"""Of a file that is read whole: stat, statm and schedstat are one line each."""


@dataclass(frozen=True, slots=True)
class Stat:
    """One process at one moment."""

    pid: int
    comm: str
    zombie: bool
    parent: int
    user_s: float
    system_s: float
    children_user_s: float
    """Of the children that have ended and were waited for, and theirs."""
    children_system_s: float
    threads: int
    started_s: float
    """Since the machine started; with the pid it tells one process from its successor of the same pid."""
    rss_bytes: int
    blocked: bool = False
    """Its first thread waits for a disk, or for what behaves like one."""


def read_file(path: str) -> bytes:
    """A small file of /proc, whole. Raises OSError.

    Of sixty processes some hundred are read in each second: without Python's buffers each costs a third.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, _GREATEST_BYTES)
    finally:
        os.close(descriptor)


class ProcessTable:
    """This machine's. On Linux from /proc (proc(5)), without the cost of psutil; elsewhere from psutil."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = str(proc)
        self._linux = (proc / "self" / "stat").exists()

    def now_s(self) -> float:
        """On the clock of `Stat.started_s`."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) if self._linux else time.time()

    def pids(self) -> set[int]:
        """Everybody."""
        if not self._linux:
            return set(psutil.pids())
        return {int(name) for name in os.listdir(self._proc) if name.isdigit()}  # noqa: PTH208  # once a second

    def stat(self, pid: int) -> Stat | None:
        """None when it has ended."""
        if not self._linux:
            return _by_psutil(pid)
        try:
            text = read_file(f"{self._proc}/{pid}/stat").decode(errors="replace")
        except OSError:
            return None
        comm = text[text.find("(") + 1 : text.rfind(")")]
        fields = text[text.rfind(")") + 2 :].split()
        return Stat(
            pid, comm, fields[0] in {"Z", "X"}, int(fields[1]),
            int(fields[11]) / _TICKS_PER_S, int(fields[12]) / _TICKS_PER_S,
            int(fields[13]) / _TICKS_PER_S, int(fields[14]) / _TICKS_PER_S,
            int(fields[17]), int(fields[19]) / _TICKS_PER_S, int(fields[21]) * _PAGE_BYTES,
            fields[0] == "D",
        )  # fmt: skip

    def executable(self, pid: int) -> str:
        """The path of its program; empty when that may not be known."""
        try:
            if self._linux:
                return os.readlink(f"{self._proc}/{pid}/exe").removesuffix(" (deleted)")  # noqa: PTH115
            return psutil.Process(pid).exe()
        except (psutil.Error, OSError):
            return ""

    def arguments(self, pid: int) -> list[str]:
        """Its command line; empty when that may not be known. A title in its place is split at its spaces."""
        try:
            if not self._linux:
                return psutil.Process(pid).cmdline()
            text = self._whole(pid, "cmdline")
        except (psutil.Error, OSError):
            return []
        words = text.removesuffix("\0").split("\0") if text.endswith("\0") else text.split(" ")
        return words if len(words) > 1 else words[0].split(" ") if text else []

    def folder(self, pid: int) -> str:
        """Where it works; empty when that may not be known."""
        try:
            return psutil.Process(pid).cwd()
        except (psutil.Error, OSError):
            return ""

    def environment(self, pid: int) -> Mapping[str, str]:
        """What it was started with; empty when that may not be known."""
        try:
            if not self._linux:
                return psutil.Process(pid).environ()
            pairs = (line.partition("=") for line in self._whole(pid, "environ").split("\0"))
            return {name: value for name, joined, value in pairs if joined}
        except (psutil.Error, OSError):
            return {}

    def _whole(self, pid: int, name: str) -> str:
        with open(f"{self._proc}/{pid}/{name}", "rb", buffering=0) as file:  # noqa: PTH123  # of each process
            return file.read().decode(errors="surrogateescape")


def _by_psutil(pid: int) -> Stat | None:
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            times = process.cpu_times()
            return Stat(
                pid, process.name(), process.status() == psutil.STATUS_ZOMBIE, process.ppid(),
                times.user, times.system,
                getattr(times, "children_user", 0.0), getattr(times, "children_system", 0.0),
                process.num_threads(), process.create_time(), process.memory_info().rss,
            )  # fmt: skip
    except psutil.Error:
        return None
