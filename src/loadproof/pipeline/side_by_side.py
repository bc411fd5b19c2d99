"""Two builds loaded at the same time: whatever the machine does meanwhile, it does to both."""

from __future__ import annotations

import contextlib
import re
import socket
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from loadproof.analysis.disturbance.processors import processors
from loadproof.analysis.window.windows import whole_window
from loadproof.model import EventKind
from loadproof.model.values import mapping
from loadproof.runfile.readings import Readings
from loadproof.safety.urls import host_and_port
from loadproof.units import format_percent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from loadproof.live.outputs import LiveOutputs
    from loadproof.model import Report
    from loadproof.runfile.reader import Run

_NEAR: Final = 100
"""So many ports behind the target's are tried."""
_MOST_BUSY: Final = 0.6
"""Of the machine's processors, by both services and their loads: beyond, each would wait for the other."""
_ASK_S: Final = 0.2


def second_address(target: str, start: tuple[str, str]) -> tuple[str, str] | None:
    """The target and the command of head with a port of its own; None where nobody knows how.

    That is known where the target's port stands in both commands.
    """
    port = urlsplit(target).port
    stands = re.compile(rf"(?<![\w.]){port}(?![\w.])")
    if port is None or not all(stands.search(command) for command in start):
        return None
    free = next((other for other in range(port + 1, min(port + _NEAR, 1 << 16)) if _is_free(other)), None)
    return None if free is None else (at_port(target, free), stands.sub(str(free), start[1]))


def at_port(url: str, port: int) -> str:
    """The same URL at another port."""
    parts = urlsplit(url)
    netloc = parts.netloc.removesuffix(f":{parts.port}")
    return parts._replace(netloc=f"{netloc}:{port}").geturl()


def _is_free(port: int) -> bool:
    with socket.socket() as probe, contextlib.suppress(OSError):
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("", port))
        return True
    return False


def why_not_at_once(runs: Mapping[str, Run]) -> str:
    """Why these two, which ran at the same time, would have to take turns; "" where they need not."""
    went = {side: _addresses(run) for side, run in runs.items()}
    if not all(went.values()):
        return "nobody knows where the load of each went"
    if both := went["base"] & went["head"]:
        host, port = min(both, key=str)
        return f"{host}:{port} got the load of both"
    busy = _busy_together(list(runs.values()))
    if busy > _MOST_BUSY:
        return f"both together use {format_percent(busy)} of this machine's processors"
    return ""


def _addresses(run: Run) -> set[tuple[str, int | None]]:
    told = (mapping(event.data.get("hosts")) for event in run.events_of(EventKind.AIMED))
    return {host_and_port(f"//{host}") for hosts in told for host in hosts}


def _busy_together(runs: Sequence[Run]) -> float:
    """The share of the machine's processors that both services, their databases and both loads used.

    Where a service is not seen, all that was used counts; 1 where that is not known either.
    """
    found = [processors(run, whole_window(run)) for run in runs]
    if any(one is None for one in found):
        used = [
            group.value.mean() / group.limit[-1]
            for run in runs
            for name, group in Readings.of(run.readings).by_series(whole_window(run).seconds).items()
            if name == ("host", "cpu")
        ]
        return max((float(one) for one in used), default=1.0)
    return sum((one.service + one.database + one.generator) / one.cores for one in found if one is not None)


def at_once(drives: Mapping[str, tuple[Callable[[], Report], LiveOutputs]]) -> dict[str, Report]:
    """What each returned, all driven at the same time.

    An interrupt ends each of them gently, the next one at once; their reports say so. Raises what one raised,
    when all are over.
    """
    with ThreadPoolExecutor(len(drives), "drive") as pool:
        driven = {side: pool.submit(drive) for side, (drive, _) in drives.items()}
        waiting: set[Future[Report]] = set(driven.values())
        to_stop: set[str] = set()
        while waiting:
            try:
                _, waiting = wait(waiting, _ASK_S if to_stop else None)
            except KeyboardInterrupt:
                to_stop = set(drives)
            to_stop -= {side for side in to_stop if _stopped(drives[side][1])}
    return {side: one.result() for side, one in driven.items()}


def _stopped(live: LiveOutputs) -> bool:
    """Whether its load was told to end; not yet, where it has not begun."""
    if live.stop is None:
        return False
    with contextlib.suppress(RuntimeError):  # its loop is over, and with it the load
        live.stop()
    return True
