"""Monitors watch the system under test. One file each, one row in MONITORS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Protocol, runtime_checkable

from loadproof.extensions import extensions
from loadproof.model import Event, Reading, Watch


class MonitorError(Exception):
    """A monitor cannot read: what failed, in one line without a secret, and what to do about it.

    It ends no run. Whoever samples the monitor writes it down and tries again.
    """

    def __init__(self, message: str, hint: str = "", readings: Sequence[Reading] = ()) -> None:
        super().__init__(message)
        self.hint = hint
        self.readings = readings
        """What it could read all the same."""
        self.answered = False
        """Something answered, and not what was asked for."""


class Monitor(Protocol):
    """Reads the state of one thing. Used by one thread, never by two at once.

    `open` and `read` end by themselves within a few seconds, whatever the other side does. After an error
    `read` may be called again; it makes a lost connection anew. The first `read` has no rates: a rate
    needs two samples, and one that is missing is left out, never 0.
    """

    remarks: list[str]
    """What a person should know: rights it lacks, what it left out. Whoever reads them empties the list."""

    def open(self) -> None:
        """Find out that, and what, it can read. Raises MonitorError."""

    def read(self) -> list[Reading]:
        """The values now, each with the moment it was taken. Raises MonitorError."""

    def close(self) -> None:
        """Let everything go. Never raises, also when `open` failed or was never called."""


@runtime_checkable
class LastLook(Protocol):
    """A monitor that looks at some things less often than it is read."""

    def look_at_all(self) -> None:
        """The next `read` is the last one: leave nothing out that became due since the last look."""


@runtime_checkable
class TellsEvents(Protocol):
    """A monitor that tells more than values and remarks."""

    events: list[Event]
    """What happened to what it watches. Whoever reads them empties the list."""


MONITORS: dict[str, str] = {
    "host": "loadproof.monitors.readings.host:HostMonitor",
    "node_exporter": "loadproof.monitors.pages.node_exporter:NodeExporterMonitor",
    "process": "loadproof.monitors.readings.process:ProcessMonitor",
    "prometheus": "loadproof.monitors.pages.prometheus:PrometheusMonitor",
    "promql": "loadproof.monitors.pages.promql:PromqlMonitor",
    "postgres": "loadproof.monitors.databases.postgres:PostgresMonitor",
    "redis": "loadproof.monitors.databases.redis:RedisMonitor",
    "mysql": "loadproof.monitors.databases.mysql:MysqlMonitor",
}
"""Kind to where the class is; imported when used: only who watches a MySQL needs its library.

Other packages add rows by entry points of the group `loadproof.monitors`.
"""


def load_monitor(watch: Watch, now: Callable[[], float]) -> Monitor:
    """The monitor of that watch, not yet opened; `now` is the run's clock.

    Raises MonitorError when the library that it needs is not installed.
    """
    if watch.kind in MONITORS:
        module, _, attribute = MONITORS[watch.kind].partition(":")
    else:
        module, attribute = extensions("monitors")[watch.kind].module, extensions("monitors")[watch.kind].attr
    try:
        monitor: Monitor = getattr(import_module(module), attribute)(watch, now)
    except ModuleNotFoundError as error:
        hint = f"pip install 'loadproof[{watch.kind}]'"
        raise MonitorError(f"the monitor {watch.kind} needs the package {error.name}", hint) from None
    return monitor
