"""The machine that Loadproof runs on: processors, memory, disks, network, pressure."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Final

import psutil

from loadproof.model import Reading, Unit, Watch
from loadproof.monitors.readings.programs import Programs
from loadproof.monitors.source import Row, Source

_PROC = Path("/proc")
_BUSY: Final = ("user", "nice", "system", "irq", "softirq", "steal")
"""Not `guest`: the kernel counts it in `user`. `steal` is: what is stolen cannot be used either."""
_SHOWN: Final = ("user", "nice", "system", "iowait", "steal")
_MOST_CORES = 64
"""Machines with more get the sums only: four series a core are too many for anybody to look at."""


class HostMonitor(Source):
    """Series: `cpu` and its kinds in cores, `cpu.0` to `cpu.N` likewise, `memory.used`, `disk.read`, ..."""

    def __init__(self, watch: Watch, now: Callable[[], float], proc: Path = _PROC) -> None:
        super().__init__(watch, now)
        self._proc = proc
        # Not read each second for nothing: Linux tells how much of it is used among 200 other numbers.
        self._has_swap = psutil.swap_memory().total > 0
        self._programs = Programs(proc)

    def open(self) -> None:
        """Everybody may read what is read here."""
        if not (self._proc / "pressure" / "cpu").exists():
            self.remarks.append("this kernel tells no pressure (PSI)")
        if (psutil.cpu_count() or 1) > _MOST_CORES:
            self.remarks.append(f"more than {_MOST_CORES} cores: only their sum is kept")

    def read(self) -> list[Reading]:
        """The machine's state; rates from the second sample on."""
        time_s = self._now()
        found = [*self._cpu(time_s), *self._memory(), *self._disks(time_s), *self._network(time_s)]
        found += self._pressure(time_s)
        return self._stamped(time_s, found)

    def close(self) -> None:
        """Nothing is open between two samples."""

    def _cpu(self, time_s: float) -> Iterator[Row]:
        per_core = psutil.cpu_times(percpu=True)
        sums: dict[str, float] = {}
        complete = True
        for number, times in enumerate(per_core):
            kinds = {kind: float(getattr(times, kind, 0.0)) for kind in (*_BUSY, "iowait", "idle")}
            rates = {k: self._rates.per_second(f"cpu.{number}.{k}", time_s, v) for k, v in kinds.items()}
            known = {kind: rate for kind, rate in rates.items() if rate is not None}
            complete = complete and len(known) == len(rates)
            # As a share of what the core's own clock counted: our interval differs from it by a few
            # milliseconds.
            counted = sum(known.values())
            if len(known) < len(rates) or counted == 0:
                continue
            known = {kind: rate / counted for kind, rate in known.items()}
            busy = sum(known[kind] for kind in _BUSY)
            if len(per_core) <= _MOST_CORES:
                yield f"cpu.{number}", busy, Unit.CORES, 1.0
                for kind in _SHOWN:
                    yield f"cpu.{number}.{kind}", known[kind], Unit.CORES, 1.0
            for kind, rate in (*known.items(), ("busy", busy)):
                sums[kind] = sums.get(kind, 0.0) + rate
        if complete and sums:
            limit = float(len(per_core))
            yield "cpu", sums["busy"], Unit.CORES, limit
            for kind in _SHOWN:
                yield f"cpu.{kind}", sums[kind], Unit.CORES, limit
        for program, cores in self._programs.used(time_s) if psutil.LINUX else ():
            yield f"cpu.program.{program}", cores, Unit.CORES, float(len(per_core))
        yield "load.1m", os.getloadavg()[0], Unit.NONE, None

    def _memory(self) -> Iterator[Row]:
        memory = psutil.virtual_memory()
        yield "memory.used", float(memory.total - memory.available), Unit.BYTES, float(memory.total)
        if self._has_swap:
            swap = psutil.swap_memory()
            yield "swap.used", float(swap.used), Unit.BYTES, float(swap.total)

    def _disks(self, time_s: float) -> Iterator[Row]:
        disks = psutil.disk_io_counters(perdisk=True)
        whole = [disk for name, disk in disks.items() if _is_whole(name)]
        if not whole:
            return
        read, written = sum(disk.read_bytes for disk in whole), sum(disk.write_bytes for disk in whole)
        for series, value in (("disk.read", read), ("disk.written", written)):
            rate = self._rates.per_second(series, time_s, value)
            if rate is not None:
                yield series, rate, Unit.BYTES_PER_SECOND, None
        shares = []
        for name, disk in disks.items():
            busy_s = getattr(disk, "busy_time", 0) / 1000
            rate = self._rates.per_second(f"disk.busy {name}", time_s, busy_s)
            shares += [] if rate is None else [rate]
        if shares:
            yield "disk.busy", min(1.0, max(shares)), Unit.SHARE, 1.0

    def _network(self, time_s: float) -> Iterator[Row]:
        sums = {"net.received": 0, "net.sent": 0, "net.loopback": 0}
        for name, card in psutil.net_io_counters(pernic=True).items():
            if name.startswith("lo"):
                sums["net.loopback"] += card.bytes_sent
            else:
                sums["net.received"] += card.bytes_recv
                sums["net.sent"] += card.bytes_sent
        for series, value in sums.items():
            rate = self._rates.per_second(series, time_s, value)
            if rate is not None:
                yield series, rate, Unit.BYTES_PER_SECOND, None
        retransmits = _retransmits(self._proc / "net" / "snmp")
        if retransmits is not None:
            rate = self._rates.per_second("tcp.retransmits", time_s, retransmits)
            if rate is not None:
                yield "tcp.retransmits", rate, Unit.PER_SECOND, None

    def _pressure(self, time_s: float) -> Iterator[Row]:
        for resource in ("cpu", "memory", "io"):
            for kind, total_s in _stalls(self._proc / "pressure" / resource):
                series = f"pressure.{resource}" if kind == "some" else f"pressure.{resource}.full"
                rate = self._rates.per_second(series, time_s, total_s)
                if rate is not None:
                    yield series, min(1.0, rate), Unit.SHARE, 1.0


@cache
def _is_whole(disk: str) -> bool:
    """A disk, no part of one: what goes through a part is counted for its disk, too."""
    return not psutil.LINUX or Path("/sys/block", disk.replace("/", "!")).exists()


def _retransmits(snmp: Path) -> int | None:
    """TCP segments sent again since the machine started; None where the kernel does not tell."""
    try:
        lines = [line.split() for line in snmp.read_text().splitlines() if line.startswith("Tcp:")]
    except OSError:
        return None
    if len(lines) != 2 or "RetransSegs" not in lines[0]:
        return None
    return int(lines[1][lines[0].index("RetransSegs")])


def _stalls(file: Path) -> Iterator[tuple[str, float]]:
    """("some" or "full", seconds in which tasks waited for the resource since the machine started)."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        kind, _, numbers = line.partition(" ")
        total = numbers.rpartition("total=")[2]
        if kind in {"some", "full"} and total.isdigit():
            yield kind, int(total) / 1e6
