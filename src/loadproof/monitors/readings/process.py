"""The processes of a service, part by part: what each uses, against what it may use."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import psutil

from loadproof import sockets
from loadproof.model import Event, EventKind, Reading, Unit, Watch
from loadproof.model.values import known_whole, rows
from loadproof.monitors import MonitorError, limits
from loadproof.monitors.parts.part import Part
from loadproof.monitors.parts.service import WatchedService
from loadproof.monitors.parts.table import Stat
from loadproof.monitors.readings.cgroup import Cgroup
from loadproof.monitors.readings.cpu import CpuUse, ProcessorTime
from loadproof.monitors.readings.kills import MemoryKills
from loadproof.monitors.readings.loops import accepts_by_events
from loadproof.monitors.readings.memory import SharedMemory
from loadproof.monitors.readings.threads import BusiestThread, Threads
from loadproof.monitors.readings.waits import Waits
from loadproof.monitors.readings.workers import ServiceWorkers
from loadproof.monitors.source import Row, Source

_LIMITS_EVERY: Final = 5
"""Looks. Limits seldom change."""
_FEW: Final = 16
"""Processes. Of more, descriptors and context switches are read with the limits: each costs a file."""
_MOST_PEERS: Final = 20
_OUT_OF_MEMORY: Final = "the kernel killed it, since its control group may have no more memory"
_SCALED: Final = ("cpu", "cpu.user", "cpu.system")


class ProcessMonitor(Source):
    """Series of all parts together: `cpu` (cores, of what they may use), `memory`, `rss`, `fds`, ...

    And of each part, with its name before: `nginx.cpu`, `php-fpm.memory`, `php-fpm.queued`.
    """

    def __init__(self, watch: Watch, now: Callable[[], float]) -> None:
        super().__init__(watch, now)
        self.events: list[Event] = []
        seeds = rows(watch.settings.get("parts")) or [watch.settings]
        port, follows = (
            known_whole(watch.settings.get("target_port")),
            bool(watch.settings.get("follow", True)),
        )
        self.service = WatchedService(seeds, port, follows=follows)
        self._cpu = ProcessorTime()
        self._memory = SharedMemory()
        self._threads: dict[str, Threads] = {}
        self._waits = Waits()
        self._workers = ServiceWorkers()
        self._groups: dict[str, Cgroup] = {}
        self._kills = MemoryKills()
        self._outer: dict[str, float] = {}
        """Cores by part, as the machine, its affinity and its group leave them."""
        self._runtimes: dict[tuple[int, float], limits.Runtime] = {}
        self._listeners: frozenset[int] = frozenset()
        """Inodes, when limits were read last."""
        self._handles: dict[tuple[int, float], psutil.Process] = {}
        self._free: set[tuple[str, str]] = set()
        """(Part, limit) where a process was seen above that limit: it does not hold."""
        self._looks = 0
        self._last_s: float | None = None
        self._told_parts: Any = None
        self._followed = 0
        self._peers: set[str] = set()

    def open(self) -> None:
        """Find the service and its parts."""
        self.service.open()
        self._kills.begin(self.service.parts)
        self._cpu = ProcessorTime()
        self._looks = 0
        self._last_s = None
        if not psutil.LINUX:
            self._tell("limits of control groups are read on Linux only, and parts behind by their ports")

    def read(self) -> list[Reading]:
        """Every part, and all of them together."""
        if not self.service.parts:
            self.open()
        else:
            try:
                self.service.look()
            except MonitorError as error:
                gone = self._gone(error)
                self.service.parts.clear()  # the next read looks for it anew: it may have been restarted
                self._rates.forget()
                raise gone from None
        time_s, now_s = self._now(), self.service.table.now_s()
        killed = self._kills.look(self.service.parts, self._groups)
        used = self._cpu.step(self.service.stats, self.service.part_of, now_s)
        self._memory.look(self.service.stats)
        if self._looks % _LIMITS_EVERY == 0:
            self._renew_limits()
        self._looks += 1
        rows = [*_kill_rows(killed), *self._rows(time_s, used)]
        self._last_s = time_s
        self._tell_parts()
        return self._stamped(time_s, rows)

    def look_at_all(self) -> None:
        """The last sample tells what the parts were in the end."""
        self._told_parts = None

    def close(self) -> None:
        """Nothing is open between two samples."""

    # --- values --------------------------------------------------------------------------------------

    def _rows(self, time_s: float, used: dict[str, CpuUse] | None) -> Iterator[Row]:
        queues = {one.address: one for one in sockets.listening()} if psutil.LINUX else {}
        busiest: list[BusiestThread] = []
        elapsed_s = time_s - self._last_s if self._last_s is not None else 0.0
        for part in self.service.parts:
            stats = [self.service.stats[pid] for pid in sorted(part.pids)]
            cores = 0.0
            if used is not None and elapsed_s > 0:
                mine = used.get(part.name, CpuUse())
                cores = (mine.user_s + mine.system_s) / elapsed_s
                yield from self._part_cpu(part, mine, elapsed_s)
            memory, part.shared = self._memory.of(stats)
            if not part.shared:
                self._tell(f"the memory of {part.name} is RSS, pages that processes share counted for each: "
                           "smaps_rollup may be read by its user and by root only")  # fmt: skip
            yield f"{part.name}.memory", memory, Unit.BYTES, part.memory.value if part.memory else None
            yield f"{part.name}.processes", float(len(part.pids)), Unit.COUNT, None
            yield f"{part.name}.threads", float(sum(s.threads for s in stats)), Unit.COUNT, None
            thread = self._threads.setdefault(part.name, Threads()).busiest(stats, time_s)
            if thread is not None:
                busiest.append(thread)
                yield f"{part.name}.thread.busy", thread.busy, Unit.SHARE, 1.0
                yield f"{part.name}.thread.waited", thread.waited, Unit.SHARE, 1.0
                limit = part.cores.value if part.cores else None
                yield f"{part.name}.ready", max(thread.all_busy, cores), Unit.CORES, limit
            yield from self._queue(part, queues, time_s)
            yield from self._workers.rows(part)
            yield from self._group(part, time_s)
        yield from self._together(used, elapsed_s, busiest)
        yield from self._connections()
        if psutil.LINUX:
            yield from self._waits.rows(self.service, time_s)
        if len(self.service.stats) <= _FEW or self._looks % _LIMITS_EVERY == 1:
            yield from self._descriptors(time_s)

    def _part_cpu(self, part: Part, used: CpuUse, elapsed_s: float) -> Iterator[Row]:
        limit = part.cores.value if part.cores else None
        yield f"{part.name}.cpu", (used.user_s + used.system_s) / elapsed_s, Unit.CORES, limit
        own = self._runtime_limit(used.busiest)
        cores = used.busiest_s / elapsed_s
        if (
            own is not None
            and limits.exceeded(used.busiest_user_s / elapsed_s, own)
            and own.name != "one thread"
        ):
            self._free.add((part.name, own.name))
            own = None
        yield f"{part.name}.busiest", cores, Unit.CORES, own.value if own else None

    def _together(
        self, used: dict[str, CpuUse] | None, elapsed_s: float, busiest: list[BusiestThread]
    ) -> Iterator[Row]:
        stats = [self.service.stats[pid] for part in self.service.parts for pid in part.pids]
        if used is not None and elapsed_s > 0:
            limit = self._whole_cores()
            user = sum(one.user_s for one in used.values()) / elapsed_s
            system = sum(one.system_s for one in used.values()) / elapsed_s
            for series, value in zip(_SCALED, (user + system, user, system), strict=True):
                yield series, value, Unit.CORES, limit
        known = [part.memory.value for part in self.service.parts if part.memory]
        limit_bytes = max(known, default=None) if len(known) == len(self.service.parts) else None
        yield "memory", self._memory.of(stats)[0], Unit.BYTES, limit_bytes
        yield "rss", float(sum(stat.rss_bytes for stat in stats)), Unit.BYTES, limit_bytes
        yield "threads", float(sum(stat.threads for stat in stats)), Unit.COUNT, None
        yield "processes", float(len(stats)), Unit.COUNT, None
        if busiest:
            most = max(busiest, key=lambda thread: thread.busy)
            yield "thread.busy", most.busy, Unit.SHARE, 1.0
            yield "thread.waited", most.waited, Unit.SHARE, 1.0

    def _queue(
        self, part: Part, listeners: dict[str, sockets.ListeningSocket], time_s: float
    ) -> Iterator[Row]:
        """Connections that wait until somebody accepts them, and those that found no place to wait."""
        found = [listeners[address] for address in part.addresses if address in listeners]
        if part.reached.startswith("port "):
            port = int(part.reached.partition(" ")[2])
            found += [one for one in listeners.values() if one.port == port]
        if found:
            queued, most = sum(one.queued for one in found), sum(one.backlog for one in found)
            yield f"{part.name}.queued", float(queued), Unit.COUNT, float(most) or None
            dropped = [one.dropped for one in found if one.dropped is not None]
            rate = self._rates.per_second(f"{part.name} dropped", time_s, sum(dropped)) if dropped else None
            if rate is not None:
                yield f"{part.name}.dropped", rate, Unit.PER_SECOND, None

    def _gone(self, error: MonitorError) -> MonitorError:
        """With the kill that ended it, which nobody could tell later."""
        killed = self._kills.look(self.service.parts, self._groups)
        names = ", ".join(part.name for part in self.service.parts if part.name in killed and not part.pids)
        why = f"{error}: {_OUT_OF_MEMORY}" if names else str(error)
        hint = f"raise the memory limit of {names}, or have it keep less" if names else error.hint
        return MonitorError(why, hint, self._stamped(self._now(), _kill_rows(killed)))

    def _group(self, part: Part, time_s: float) -> Iterator[Row]:
        group = self._groups.get(part.name)
        throttling = group.throttling() if group else None
        if throttling is None:
            return
        name = part.name
        periods = self._rates.per_second(f"{name} periods", time_s, throttling.periods)
        throttled = self._rates.per_second(f"{name} throttled", time_s, throttling.throttled)
        waited = self._rates.per_second(f"{name} waited", time_s, throttling.waited_s)
        if periods and throttled is not None and waited is not None:
            yield f"{name}.throttled", throttled / periods, Unit.SHARE, 1.0
            yield f"{name}.throttled.time", waited, Unit.CORES, None

    def _connections(self) -> Iterator[Row]:
        """By the other end, whenever they were looked at; one that has none left is told as 0."""
        if self.service.followed == self._followed:
            return
        self._followed = self.service.followed
        most = sorted(self.service.outgoing, key=lambda peer: (-self.service.outgoing[peer], peer))
        self._peers |= set(most[: _MOST_PEERS - len(self._peers)])
        if not self._peers:
            yield "connections.established", 0.0, Unit.COUNT, None
        for peer in sorted(self._peers):
            count = float(self.service.outgoing.get(peer, 0))
            yield f'connections{{peer="{peer}"}}', count, Unit.COUNT, None

    def _descriptors(self, time_s: float) -> Iterator[Row]:
        found: dict[str, list[tuple[int, int]]] = {}
        voluntary = involuntary = 0
        hidden: set[str] = set()
        for part in self.service.parts:
            for pid in sorted(part.pids):
                try:
                    process = self._handle(pid)
                    switches = process.num_ctx_switches()
                    voluntary += switches.voluntary
                    involuntary += switches.involuntary
                    soft = process.rlimit(psutil.RLIMIT_NOFILE)[0] if psutil.LINUX else -1
                    found.setdefault(part.name, []).append((_descriptors(process), soft))
                except psutil.AccessDenied:
                    hidden.add(part.name)
                except psutil.Error:
                    continue
        if hidden:
            names = ", ".join(sorted(hidden))
            self._tell(f"open files of {names} may be counted by their process's user only")
            for name in sorted(found.keys() - hidden):
                yield f"{name}.fds", *_in_all(found[name])
        else:
            yield "fds", *_in_all([one for part in found.values() for one in part])
        # Each process has a limit of its own: that of all together says nothing of the one that is full.
        limited = [one for name in found.keys() - hidden for one in found[name] if one[1] > 0]
        if len(limited) > 1:
            count, soft = max(limited, key=lambda one: (one[0] / one[1], one))
            yield "fds.fullest", float(count), Unit.COUNT, float(soft)
        for kind, value in (("voluntary", voluntary), ("involuntary", involuntary)):
            rate = self._rates.per_second(kind, time_s, value)
            if rate is not None:
                yield f"context_switches.{kind}", rate, Unit.PER_SECOND, None

    def _handle(self, pid: int) -> psutil.Process:
        """Made once for each process: who it is costs as much as all that is asked of it."""
        key = (pid, self.service.stats[pid].started_s)
        if key not in self._handles:
            self._handles[key] = psutil.Process(pid)
        return self._handles[key]

    # --- limits --------------------------------------------------------------------------------------

    def _renew_limits(self) -> None:
        stats = self.service.stats
        living = {(pid, stat.started_s) for pid, stat in stats.items()}
        self._runtimes = {key: runtime for key, runtime in self._runtimes.items() if key in living}
        self._handles = {key: handle for key, handle in self._handles.items() if key in living}
        self._listeners = frozenset(one.key for one in sockets.listening())
        by_pid = {pid: self._runtime(stat) for pid, stat in stats.items()}
        for part in self.service.parts:
            pids = sorted(part.pids)
            if not pids:
                continue
            group = self._groups[part.name] = Cgroup(pids[0])
            self._kills.watch(group)
            part.memory = limits.memory(group)
            outer = limits.machine(pids, group)
            self._outer[part.name] = outer.value
            working = limits.working(pids, stats, by_pid)
            part.threaded |= any(stats[pid].threads > 1 for pid in working)
            own = limits.of_processes(working, stats, by_pid, threaded=part.threaded)
            if own is not None and any(
                (part.name, name) in self._free for name in _names(working, stats, by_pid)
            ):
                own = None
            part.cores = own if own is not None and own.value < outer.value else outer
            answering = limits.answering(working, min(part.roots or part.pids), by_pid)
            known = part.program in limits.POOLS or not part.threaded
            part.workers = limits.workers(part.program, answering, stats, by_pid) if known else 0
            part.loops = any(by_pid[pid].loops for pid in working)
            part.pool = part.program in limits.POOLS
            part.heap = next((heap for pid in working if (heap := by_pid[pid].heap)), None)
            part.runtime = next((by_pid[pid].kind for pid in working if by_pid[pid].kind), "")
            self._workers.renew(part, answering, self.service.table)

    def _runtime(self, stat: Stat) -> limits.Runtime:
        key = (stat.pid, stat.started_s)
        if key not in self._runtimes:
            runtime = limits.runtime_of(self.service.table, stat.pid)
            if runtime.kind == "python" and self.service.part_of[stat.pid].program not in limits.POOLS:
                # `python app.py` says nothing; a pool's master and its threads wait with epoll as well.
                runtime = replace(
                    runtime, loops=runtime.loops or accepts_by_events(stat.pid, self._listeners)
                )
            self._runtimes[key] = runtime
        return self._runtimes[key]

    def _runtime_limit(self, pid: int) -> limits.PartLimit | None:
        stat = self.service.stats.get(pid)
        return limits.limit_of(stat, self._runtime(stat)) if stat else None

    def _whole_cores(self) -> float:
        """What all parts together may use: their groups' limits added up, and no more than the machine."""
        machine = float(psutil.cpu_count() or 1)
        allowed = [self._outer.get(part.name, machine) for part in self.service.parts]
        return min(machine, sum(allowed)) if allowed else machine

    # --- what is told --------------------------------------------------------------------------------

    def _tell_parts(self) -> None:
        """The parts, whenever they or their limits are others than were told."""
        facts = [part.facts() for part in self.service.parts]
        shape = [
            (f["name"], f["reached"], f["workers"], str(f["cores"]), str(f["memory"])) for f in facts
        ] + sorted(self.service.unwatched)  # fmt: skip
        if shape == self._told_parts:
            return
        self._told_parts = shape
        data = {
            "tree": self.service.line(),
            "parts": facts,
            "unwatched": [
                {"address": one.address, "why": one.why, "hint": one.hint}
                for one in self.service.unwatched.values()
            ],
            "elsewhere": sorted(self.service.elsewhere),
        }
        self.events.append(Event(self._now(), EventKind.PARTS, f"the service is {data['tree']}", data))


def _kill_rows(killed: Mapping[str, int]) -> list[Row]:
    return [(f"{name}.oom_kills", float(count), Unit.COUNT, None) for name, count in killed.items()]


def _names(pids: Sequence[int], stats: dict[int, Stat], runtimes: dict[int, limits.Runtime]) -> Iterable[str]:
    own = (limits.limit_of(stats[pid], runtimes[pid]) for pid in pids if pid in stats)
    return {limit.name for limit in own if limit is not None}


def _in_all(counts: Sequence[tuple[int, int]]) -> tuple[float, Unit, float | None]:
    """How many files processes have open, and may have open: no limit where one has none."""
    allowed = sum(soft for _, soft in counts) if all(soft > 0 for _, soft in counts) else 0
    return float(sum(count for count, _ in counts)), Unit.COUNT, float(allowed) or None


def _descriptors(process: psutil.Process) -> int:
    """Linux tells their number as the size of the folder since 6.2; before, they are counted."""
    size = os.stat(f"/proc/{process.pid}/fd").st_size if psutil.LINUX else 0  # noqa: PTH116
    return size or process.num_fds()
