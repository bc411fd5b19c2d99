"""What a JVM tells of its heap to everybody who may read its file: no agent, no restart, no metrics page.

HotSpot keeps its counters in /tmp/hsperfdata_USER/PID, as `jstat` reads them (the layout is in
jdk.internal.perf and perfMemory.hpp: a prologue of 32 bytes, then entries of name, type and value). There are
none with -XX:-UsePerfData or -XX:+PerfDisableSharedMem.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_MAGIC: Final = b"\xca\xfe\xc0\xc0"
_LITTLE_ENDIAN: Final = 1
_ENTRIES_AT: Final = 24
_MOST_BYTES: Final = 1 << 20
_COLLECTORS: Final = 4
_OLD: Final = "sun.gc.generation.1"
_TICKS_PER_S: Final = "sun.os.hrt.frequency"


@dataclass(frozen=True, slots=True)
class Heap:
    """Of one JVM, since the last look."""

    pauses: float | None
    """Share of the time in which it stood still for a collection; None at the first look."""
    old_bytes: float | None
    """In use in the old generation after the last full collection; None before the first."""
    old_limit_bytes: float


@dataclass(slots=True)
class _Seen:
    time_s: float
    paused_s: float
    collections: float
    """Full ones."""
    after_bytes: float | None = None


@dataclass(slots=True)
class Heaps:
    """Compares each JVM with its last look."""

    proc: Path = Path("/proc")
    _files: dict[int, Path | None] = field(default_factory=dict)
    _seen: dict[int, _Seen] = field(default_factory=dict)

    def look(self, pids: Iterable[int], time_s: float) -> list[Heap]:
        """Of the processes that are JVMs and may be read."""
        return [heap for pid in pids if (heap := self._one(pid, time_s)) is not None]

    def _one(self, pid: int, time_s: float) -> Heap | None:
        if pid not in self._files:
            self._files[pid] = _file_of(pid, self.proc)
        file = self._files[pid]
        counters = read_counters(file) if file else {}
        used, limit = counters.get(f"{_OLD}.space.0.used"), counters.get(f"{_OLD}.maxCapacity")
        ticks_per_s = counters.get(_TICKS_PER_S)
        if used is None or not limit or limit <= 0 or not ticks_per_s:
            return None
        known = [n for n in range(_COLLECTORS) if f"sun.gc.collector.{n}.time" in counters]
        paused_s = sum(counters[f"sun.gc.collector.{n}.time"] for n in known) / ticks_per_s
        collections = counters.get("sun.gc.collector.1.invocations", 0.0)
        before = self._seen.get(pid)
        now = _Seen(time_s, paused_s, collections)
        pauses = None
        if before is not None and time_s > before.time_s:
            pauses = min(1.0, max(0.0, paused_s - before.paused_s) / (time_s - before.time_s))
            # What no full collection has looked at may be garbage: G1 gives single regions back long before.
            now.after_bytes = used if collections > before.collections else before.after_bytes
        self._seen[pid] = now
        return Heap(pauses, now.after_bytes, limit)


def read_counters(file: Path) -> dict[str, float]:
    """The numbers of a file by name; empty for one that is none, is gone, or may not be read."""
    try:
        with file.open("rb") as stream:
            data = stream.read(_MOST_BYTES)
    except OSError:
        return {}
    if len(data) < 32 or data[:4] != _MAGIC:
        return {}
    order = "<" if data[4] == _LITTLE_ENDIAN else ">"
    offset, entries = struct.unpack_from(f"{order}ii", data, _ENTRIES_AT)
    found: dict[str, float] = {}
    with contextlib.suppress(struct.error, ValueError):  # it is being written: what was read is right
        for _ in range(entries):
            length, name_at, vector = struct.unpack_from(f"{order}iii", data, offset)
            if length <= 0:
                break
            (value_at,) = struct.unpack_from(f"{order}i", data, offset + 16)
            if data[offset + 12 : offset + 13] == b"J" and vector == 0:
                name = data[offset + name_at : data.index(b"\0", offset + name_at)].decode("ascii", "replace")
                found[name] = float(struct.unpack_from(f"{order}q", data, offset + value_at)[0])
            offset += length
    return found


def _file_of(pid: int, proc: Path) -> Path | None:
    """In the file system, and under the pid, that the process itself sees."""
    try:
        status = (proc / str(pid) / "status").read_text()
    except OSError:
        return None
    own = next((line.split()[-1] for line in status.splitlines() if line.startswith("NSpid:")), str(pid))
    with contextlib.suppress(OSError):
        for file in (proc / str(pid) / "root" / "tmp").glob(f"hsperfdata_*/{own}"):
            return file
    return None
