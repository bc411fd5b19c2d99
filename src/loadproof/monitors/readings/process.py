"""A process on this machine with its children: what it uses, against what it may use."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

import psutil

from loadproof.model import Reading, Unit
from loadproof.monitors import MonitorError
from loadproof.monitors.parts import processes
from loadproof.monitors.rates import Rates
from loadproof.monitors.readings.cgroup import Cgroup
from loadproof.monitors.readings.threads import Threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from loadproof.model import Watch

_MANY_PROCESSES: Final = 1_000
_LOOK_AGAIN_S: Final = 5.0
"""Children come and go, and whoever looks for them walks the whole process table: 15 µs a process, which on
a machine of many would cost more than all the rest if it were done once a second."""

_FINDERS: dict[str, Callable[..., list[int]]] = {
    "pid": lambda pid: [pid],
    "port": processes.listening,
    "name": processes.named,
    "command": processes.with_command,
    "container": processes.in_container,
}


class ProcessMonitor:
    """Series: `cpu` (cores, of what it may use), `rss`, `fds`, `threads`, `cgroup.memory`, `throttled`, ...

    Memory that processes share is counted once for each of them, as in every sum of RSS.
    """

    def __init__(self, watch: Watch, now: Callable[[], float]) -> None:
        self.remarks: list[str] = []
        self._source = watch.name
        self._settings = watch.settings
        self._now = now
        self._rates = Rates()
        self._threads = Threads()
        self._members: list[psutil.Process] = []
        self._members_s = 0.0
        self._roots: list[int] = []
        self._many = False
        self._memory_bytes = float(psutil.virtual_memory().total)
        self._cgroup: Cgroup | None = None
        self._told: set[str] = set()

    def open(self) -> None:
        """Find the process."""
        how, wanted = next((k, v) for k, v in self._settings.items() if k in _FINDERS and v is not None)
        pids = _FINDERS[how](wanted)
        self._many = len(psutil.pids()) > _MANY_PROCESSES
        self._find_family(pids)
        self._cgroup = Cgroup(pids[0])
        self._roots = pids
        if not psutil.LINUX:
            self._tell("limits of control groups are read on Linux only")

    def read(self) -> list[Reading]:
        """Sums over the process and its children."""
        if not self._members:
            self.open()
        time_s = self._now()
        if time_s - self._members_s > (_LOOK_AGAIN_S if self._many else 0.0):
            self._find_family(self._roots)
        rows = [*self._usage(time_s), *self._limits(time_s)]
        return [
            Reading(time_s, self._source, series, value, unit, limit) for series, value, unit, limit in rows
        ]

    def close(self) -> None:
        """Nothing is open between two samples."""

    def _find_family(self, pids: list[int]) -> None:
        known = {process.pid for process in self._members}
        try:
            self._members, stores = processes.family(pids)
        except MonitorError:
            self._members = []  # the next read looks for it anew: it may have been restarted
            self._rates.forget()
            self._threads.forget()
            raise
        self._members_s = self._now()
        if self._many and known != {process.pid for process in self._members}:
            self._rates.forget()  # what a child used before it was found belongs to no one second
        for store in {process.name() for process in stores if process.is_running()}:
            self._tell(f"{store}, which the process started, is not counted as a part of it")

    def _usage(self, time_s: float) -> Iterator[Row]:
        sums = dict.fromkeys(("user", "system", "rss", "fds", "threads", "voluntary", "involuntary"), 0.0)
        alive = []
        for process in self._members:
            try:
                with process.oneshot():
                    self._add(process, sums)
            except psutil.NoSuchProcess:
                continue
            except psutil.AccessDenied as error:
                raise MonitorError(
                    f"the process {process.pid} may not be read", "run as its user or as root"
                ) from error
            alive.append(process)
        if self._roots[0] not in {process.pid for process in alive}:
            self._members = []
            self._rates.forget()
            self._threads.forget()
            raise MonitorError(f"the process {self._roots[0]} has ended")
        self._members = alive
        user, system = (self._rates.per_second(k, time_s, sums[k]) for k in ("user", "system"))
        if user is not None and system is not None:
            limit = self._cores()
            yield "cpu", user + system, Unit.CORES, limit
            yield "cpu.user", user, Unit.CORES, limit
            yield "cpu.system", system, Unit.CORES, limit
        busiest = self._threads.busiest([process.pid for process in alive], time_s)
        if busiest is not None:
            yield "thread.busy", busiest.busy, Unit.SHARE, 1.0
            yield "thread.waited", busiest.waited, Unit.SHARE, 1.0
        yield "rss", sums["rss"], Unit.BYTES, self._memory_limit()
        yield "threads", sums["threads"], Unit.COUNT, None
        yield "processes", float(len(alive)), Unit.COUNT, None
        if "fds" not in self._told:
            # Each process has a limit of its own, and may have as many descriptors as the others.
            yield "fds", sums["fds"], Unit.COUNT, self._descriptor_limit(alive)
        for kind in ("voluntary", "involuntary"):
            rate = self._rates.per_second(kind, time_s, sums[kind])
            if rate is not None:
                yield f"context_switches.{kind}", rate, Unit.PER_SECOND, None

    def _add(self, process: psutil.Process, sums: dict[str, float]) -> None:
        times = process.cpu_times()
        # A child's whole time moves here when it ends, so that the sum over all living ones never shrinks.
        sums["user"] += times.user + getattr(times, "children_user", 0.0)
        sums["system"] += times.system + getattr(times, "children_system", 0.0)
        sums["rss"] += process.memory_info().rss
        sums["threads"] += process.num_threads()
        switches = process.num_ctx_switches()
        sums["voluntary"] += switches.voluntary
        sums["involuntary"] += switches.involuntary
        try:
            sums["fds"] += process.num_fds()
        except psutil.AccessDenied:
            self._told.add("fds")
            self._tell("its open files may be counted by its user only")

    def _limits(self, time_s: float) -> Iterator[Row]:
        cgroup = self._cgroup
        if cgroup is None:
            return
        used = cgroup.memory_bytes()
        if used is not None:
            yield "cgroup.memory", used, Unit.BYTES, cgroup.memory_limit_bytes()
        throttling = cgroup.throttling()
        if throttling is None:
            return
        periods = self._rates.per_second("periods", time_s, throttling.periods)
        throttled = self._rates.per_second("throttled", time_s, throttling.throttled)
        waited = self._rates.per_second("waited", time_s, throttling.waited_s)
        if periods and throttled is not None and waited is not None:
            yield "throttled", throttled / periods, Unit.SHARE, 1.0
            yield "throttled.time", waited, Unit.CORES, None

    def _cores(self) -> float:
        """Cores that it may use: of the machine, of its affinity, of its control group, the fewest."""
        limits = [float(psutil.cpu_count() or 1)]
        with contextlib.suppress(psutil.Error, AttributeError):  # no such thing on macOS
            limits.append(float(len(psutil.Process(self._roots[0]).cpu_affinity() or ()) or limits[0]))
        allowed = self._cgroup.cores() if self._cgroup else None
        return min([*limits, *([] if allowed is None else [allowed])])

    def _memory_limit(self) -> float:
        allowed = self._cgroup.memory_limit_bytes() if self._cgroup else None
        return self._memory_bytes if allowed is None else min(self._memory_bytes, allowed)

    def _descriptor_limit(self, alive: list[psutil.Process]) -> float | None:
        try:
            soft = [process.rlimit(psutil.RLIMIT_NOFILE)[0] for process in alive]
        except (psutil.Error, AttributeError):
            return None
        return None if any(limit < 0 for limit in soft) else float(sum(soft))

    def _tell(self, remark: str) -> None:
        if remark not in self._told:
            self._told.add(remark)
            self.remarks.append(remark)


Row = tuple[str, float, Unit, float | None]
"""Series, value, unit, limit."""
