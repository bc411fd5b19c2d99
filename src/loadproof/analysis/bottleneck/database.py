"""What a database's sessions did on the plateau: average active sessions by what they waited for.

A session that waits for nothing runs on a processor, or is ready to (Oracle's and AWS's "average active
sessions"): as many of them as there are processors, and the database is bound by processor time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from loadproof.analysis.verdict.service import SOURCE as PROCESS
from loadproof.model import EventKind, Reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadproof.analysis.bottleneck.resources import Measured
    from loadproof.runfile.reader import Run

POSTGRES: Final = "postgres"
MYSQL: Final = "mysql"
_KINDS: Final = ("Lock", "LWLock", "IO", "BufferPin", "IPC", "Extension")
"""Not Client, which is a session that waits for its service, nor Timeout and Activity, which are idle."""


@dataclass(frozen=True, slots=True)
class Sessions:
    """Averages over some seconds; the monitor's own session is not in them."""

    by_wait: dict[str, float]
    """"CPU", "Lock", "LWLock", "IO", ...: sessions at any moment."""
    lock_share: float | None
    """Of the samples in which at least one session waited for a lock."""
    statements: tuple[tuple[str, float], ...]
    """Text and sessions that executed it at any moment, the greatest first."""
    source: str = POSTGRES
    """Of the readings: "postgres" or "mysql"."""

    @property
    def active(self) -> float:
        return sum(self.by_wait.values())

    def share(self, wait: str) -> float:
        """Of all active sessions."""
        return self.by_wait.get(wait, 0.0) / self.active if self.active else 0.0


def sessions(run: Run, measured: Measured, seconds: Sequence[int]) -> Sessions | None:
    """None when no such database was watched, or its sessions could not be seen."""
    cpu = measured.mean(POSTGRES, "wait.CPU", seconds)
    if cpu is None:
        return _of_mysql(measured, seconds)
    # The session that looks is itself active, and waits for nothing.
    by_wait = {"CPU": max(0.0, cpu - 1.0)}
    for kind in _KINDS:
        value = measured.mean(POSTGRES, f"wait.{kind}", seconds)
        if value:
            by_wait[kind] = value
    share = _lock_share(measured.of(POSTGRES, "locks.waiting"), seconds)
    return Sessions(by_wait, share, _statements(run, measured, seconds))


def _of_mysql(measured: Measured, seconds: Sequence[int]) -> Sessions | None:
    """Who waits for no row lock runs, or waits for what MySQL does not tell apart."""
    active = measured.mean(MYSQL, "sessions.active", seconds)
    waiting = measured.mean(MYSQL, "wait.Lock", seconds)
    if active is None or waiting is None:
        return _by_titles(measured, seconds)
    by_wait = {"CPU": max(0.0, active - waiting), **({"Lock": waiting} if waiting else {})}
    return Sessions(by_wait, _lock_share(measured.of(MYSQL, "wait.Lock"), seconds), (), MYSQL)


def _by_titles(measured: Measured, seconds: Sequence[int]) -> Sessions | None:
    """Of a PostgreSQL that was watched from outside only: who waits for a lock says so in its title.

    What the others do, compute or read, no title tells.
    """
    for series in measured.names(PROCESS, ""):
        if not series.endswith(".sessions.waiting"):
            continue
        active = measured.mean(PROCESS, series.replace(".waiting", ".active"), seconds)
        waiting = measured.mean(PROCESS, series, seconds)
        if active is not None and waiting is not None:
            by_wait = {"": max(0.0, active - waiting), **({"Lock": waiting} if waiting else {})}
            return Sessions(by_wait, _lock_share(measured.of(PROCESS, series), seconds), ())
    return None


def _lock_share(readings: Sequence[Reading], seconds: Sequence[int]) -> float | None:
    """Of the samples in these seconds, those in which somebody waited."""
    inside = frozenset(seconds)
    waits = [reading.value for reading in readings if int(reading.time_s) in inside]
    return sum(value > 0 for value in waits) / len(waits) if waits else None


def _statements(run: Run, measured: Measured, seconds: Sequence[int]) -> tuple[tuple[str, float], ...]:
    """By pg_stat_statements where there is one, or else by sampling who is active."""
    found = []
    for series in measured.names(POSTGRES, "query."):
        if series.endswith(".time") and (value := measured.mean(POSTGRES, series, seconds)):
            found.append((_text(run, f"query {series.split('.')[1]} is "), value))
    if not found:
        for series in measured.names(POSTGRES, "statement."):
            if value := measured.mean(POSTGRES, series, seconds):
                found.append((_text(run, f"{series} is "), value))
    return tuple(sorted(found, key=lambda pair: (-pair[1], pair[0])))


def _text(run: Run, beginning: str) -> str:
    for event in run.events_of(EventKind.MONITOR_REMARK):
        _, found, text = event.message.partition(beginning)
        if found:
            return text.strip("'")
    return beginning.removesuffix(" is ")
