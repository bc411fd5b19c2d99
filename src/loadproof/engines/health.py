"""What a generator that is a process of its own uses, once a second, read from outside of it."""

from __future__ import annotations

import asyncio
import contextlib
import math

import psutil

from loadproof.engines import Sink
from loadproof.engines.scarce import sockets_and_ports, usable_cores
from loadproof.model import Reading, Unit


async def watch_for_ever(supervisor: int, sink: Sink, source: str) -> None:
    """Series of the supervisor's child: `cpu` in cores of those that it may use, `fds` of its limit.

    And `sockets`, of all the machine, beside the local ports that there are for them.
    """
    last: tuple[float, float] | None = None
    while True:
        await asyncio.sleep(1.0 - sink.now() % 1.0)
        with contextlib.suppress(psutil.Error, OSError):  # it has not begun, or has ended
            used_s, descriptors, limit = _usage(supervisor)
            time_s = sink.now()
            if last is not None and time_s > last[0]:
                cores = (used_s - last[1]) / (time_s - last[0])
                # Of the second that has just ended.
                second = float(math.ceil(time_s) - 2)
                sink.reading(Reading(second, source, "cpu", cores, Unit.CORES, float(usable_cores())))
                if descriptors is not None:
                    sink.reading(Reading(second, source, "fds", float(descriptors), Unit.COUNT, limit))
                sockets = sockets_and_ports()
                if sockets is not None:
                    used, ports = map(float, sockets)
                    sink.reading(Reading(second, source, "sockets", used, Unit.COUNT, ports))
            last = (time_s, used_s)


def _usage(supervisor: int) -> tuple[float, int | None, float | None]:
    """Seconds of processor time so far, open descriptors and how many there may be."""
    child = next(iter(psutil.Process(supervisor).children()), None)
    if child is None:
        raise psutil.NoSuchProcess(supervisor)
    times = child.cpu_times()
    if not psutil.LINUX:
        return times.user + times.system, None, None
    return times.user + times.system, child.num_fds(), float(child.rlimit(psutil.RLIMIT_NOFILE)[0])
