"""What was measured: slices of requests, readings of resources, events, and how the load ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from loadproof.model.planned import Unit
from loadproof.model.values import number, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadproof.histogram import Histogram

TRANSACTION = "transaction:"
"""The method of an endpoint whose samples are sums of requests that count by themselves."""
PAGE = "page:"
"""The method of an endpoint whose samples sum up one request with its redirects and embedded parts."""
SCRIPT = "script:"
"""The method of an endpoint whose samples send nothing: JMeter's script and debug samplers."""

FIRST_BYTE = "first_byte:"
FIRST_EVENT = "first_event:"
EVENT_GAP = "event_gap:"
"""Methods of what an answer that streams has beside its own time; the name is "POST /chat"."""
STREAMED = (FIRST_BYTE, FIRST_EVENT, EVENT_GAP)
_BESIDE = (TRANSACTION, PAGE, SCRIPT, *STREAMED)
_OF = ": "
"""Between the name of one of several scenarios and the method of its endpoint: "browse: GET"."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What requests are grouped by: the method and the name that the scenario gives (by default the path)."""

    method: str
    name: str

    @property
    def scenario(self) -> str:
        """The one of several scenarios that makes its requests; "" where there is only one."""
        return self.method.rpartition(_OF)[0]

    @property
    def kind(self) -> str:
        """The method without the name of the scenario, where there are several."""
        return self.method.rpartition(_OF)[2]

    @property
    def beside(self) -> bool:
        """Whether its samples are no requests: they are in no sum over all endpoints."""
        return self.kind in _BESIDE

    def of(self, scenario: str) -> Endpoint:
        """The same as one of this scenario, one of several."""
        return Endpoint(f"{scenario}{_OF}{self.method}", self.name)

    def alone(self, scenario: str) -> Endpoint:
        """As the scenario itself calls it."""
        return Endpoint(self.method.removeprefix(f"{scenario}{_OF}"), self.name)

    def __str__(self) -> str:
        # An engine without methods leaves only the scenario's name before it, "browse: ".
        return f"{self.method.rstrip()} {self.name}".strip()


def is_beside(printed: str) -> bool:
    """Whether an endpoint that is printed so is no request: where only its name is left."""
    return _parted(printed)[1].startswith(tuple(f"{method} " for method in _BESIDE))


def names_of(printed: str) -> tuple[str, ...]:
    """What an endpoint that is printed so may be called by: without its scenario or its method, too."""
    scenario, alone = _parted(printed)
    names = [name for name in (alone, alone.partition(" ")[2]) if name]
    return tuple(f"{before}{name}" for before in dict.fromkeys((scenario, "")) for name in names)


def _parted(printed: str) -> tuple[str, str]:
    """The scenario of a printed endpoint, "browse: " or "", and how it is printed without it.

    A scenario's name has no space: "GET search: page: 2" is a request that is called "search: page: 2".
    """
    scenario, of, rest = printed.partition(_OF)
    is_scenario = bool(of) and " " not in scenario and f"{scenario}{of}".rstrip() not in _BESIDE
    return (f"{scenario}{of}", rest) if is_scenario else ("", printed)


class FailureKind(StrEnum):
    TRANSPORT = "transport"
    """No answer: refused, reset, TLS, DNS."""
    TIMEOUT = "timeout"
    STATUS = "status"
    """An answer with a status that the scenario counts as failed."""
    CHECK = "check"
    """An answer that the scenario's own check refused."""


@dataclass(slots=True)
class Slice:
    """One second of one endpoint. Slices of the same second and endpoint add up."""

    second: int
    """The whole second, since the epoch, in which the requests ended."""
    endpoint: Endpoint
    requests: int
    failures: dict[FailureKind, int]
    received_bytes: int | None
    """None where the engine does not tell it per request."""
    response: Histogram
    """From the intended start to the end of the answer."""
    service: Histogram | None = None
    """From the actual send; None where it is the same as `response`, as in the closed model."""
    wrong: Histogram | None = None
    """Response times of the requests that failed; None where none did, or the engine does not tell."""

    @property
    def failed(self) -> int:
        return sum(self.failures.values())

    def add(self, other: Slice) -> None:
        """Merge another part of the same second and endpoint into this one."""
        if self.service is not None or other.service is not None:
            # One of them measured both times: for the other they are the same.
            from loadproof.histogram import Histogram

            service = Histogram()
            service.merge(self.service or self.response)
            service.merge(other.service or other.response)
            self.service = service
        self.wrong = _sum_of_wrong(self, other)
        self.requests += other.requests
        for kind, count in other.failures.items():
            self.failures[kind] = self.failures.get(kind, 0) + count
        if self.received_bytes is not None and other.received_bytes is not None:
            self.received_bytes += other.received_bytes
        else:
            self.received_bytes = None
        self.response.merge(other.response)


def _sum_of_wrong(one: Slice, other: Slice) -> Histogram | None:
    """None where one of them has failures whose times are not told."""
    if any(part.failures and part.wrong is None for part in (one, other)):
        return None
    if one.wrong is None or other.wrong is None:
        return one.wrong or other.wrong
    from loadproof.histogram import Histogram  # this imports numpy: only those who have slices wait for it

    wrong = Histogram()
    wrong.merge(one.wrong)
    wrong.merge(other.wrong)
    return wrong


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of one series at one moment."""

    time_s: float
    source: str
    """Who measured it: "load", "locust", "host", "postgres"."""
    series: str
    value: float
    unit: Unit = Unit.NONE
    limit: float | None = None
    """The greatest possible value, where there is one: cores, bytes of memory, max_connections."""


OPENED = ("load", "connections.opened")
"""Source and series of the connections that the load's processes open in a second."""


class EventKind(StrEnum):
    RUN_STARTED = "run started"
    STAGE_STARTED = "stage started"
    LOAD_STARTED = "load started"
    LOAD_ENDED = "load ended"
    SCENARIO_STARTED = "scenario started"
    """The load of one of several scenarios has begun: `scenario`, and what its engine says at its start.
    Whatever else is told of one of several has its name under `scenario`, too."""
    SCENARIO_ENDED = "scenario ended"
    """The same of its end: `scenario`, `outcome`."""
    TRIAL_STARTED = "trial started"
    TRIAL_ENDED = "trial ended"
    ENGINE_LOG = "engine log"
    ENGINE_DIED = "engine died"
    WORKER_JOINED = "worker joined"
    WORKER_REFUSED = "worker refused"
    WORKER_LOST = "worker lost"
    UNREPORTED = "requests unreported"
    IN_FLIGHT = "requests in flight at the stop"
    RECORDER_MISMATCH = "recorder mismatch"
    SCENARIO_ERROR = "scenario error"
    ENDED_BY = "load ended by"
    """Who ended the load before its plan: `by` ("scenario", "signal", "listener", "shape", "users"), `how`
    ("runner.quit()", "SIGTERM", "exec.test.abort()"), and where known `where` ("file.py:7"), `exception`."""
    RAISED = "scenario raised"
    """Code of the scenario raised `count` times since the last report: `what` ("task", "iteration",
    "on_start", "on_stop", "listener test_start", "shape", "greenlet" of a task, "background greenlet"),
    `exception` ("KeyError: 'x'"), `where` ("file.py:7"), `traceback` (with the first of its group only),
    `users_died` (how many virtual users it ended, 0 where they go on)."""
    PLAYED = "tasks played"
    """`count` tasks (Locust) or iterations (k6) that ended since the last report, `raised` of them by an
    exception."""
    USERS_LEFT = "users left"
    """`count` users stopped themselves in a task (Locust's StopUser) since the last report, `helpers` of them
    of a class with a `fixed_count`."""
    CHECKED = "checked"
    """A check of the scenario: `name`, `passes` and `fails` since the last report, `endpoint` where known."""
    OWN_GATE = "own gate"
    """The scenario's own verdict is no: `how` ("process_exit_code", "exec.test.fail()"), `exit_code`,
    `inconclusive` (true where the code means a crash, such as Locust's 2 for an exception in a listener)."""
    WIRE = "requests on the wire"
    """Per endpoint since the last report, where they differ from the scenario's requests: `endpoint`,
    `hops` (followed redirects), `repeats` (sent again by the client), both beside the requests that the
    slices count; `counted` of them they count already, as k6 does (0 where it is missing)."""
    STATUSES = "statuses"
    """Per endpoint since the last report: `endpoint`, `counts` ({"200": 17, "429": 3}), whatever the
    scenario makes of them."""
    UNTOLD = "requests untold"
    """`count` requests of the scenario that no row could be made of, and `why`."""
    AIMED = "load went to"
    """The addresses that the load really went to since the last report: `hosts` ({"127.0.0.1:8000": 17})."""
    ERROR_SAMPLE = "error sample"
    ENGINE_THRESHOLD = "engine threshold"
    ENGINE_SUMMARY = "engine summary"
    WATCHING = "watching"
    PARTS = "service parts"
    """What the service is made of, whenever that has changed: `tree` ("nginx (3) → php-fpm (5)"), `parts`
    (name, program, role, processes, limits of each), `unwatched` (what takes work and cannot be looked into),
    `elsewhere` (addresses of other machines)."""
    MONITOR_LOST = "monitor lost"
    MONITOR_RECOVERED = "monitor recovered"
    MONITOR_REMARK = "monitor remark"
    CONSISTENCY = "consistency"
    SLOW_REQUEST = "slow request"
    INTERRUPTED = "interrupted"
    DROPPED = "requests dropped"
    STOPPED_EARLY = "stopped early"
    LOAD_CHANGED = "load changed"
    """Somebody changed the load by hand while it ran: `users` from then on, `before` it."""
    LOAD_UNCHANGED = "load not changed"
    """Somebody asked for `users` by hand, and they did not come, or not for certain."""
    CLOCK_SET = "clock set"
    RUN_FILE_MOVED = "run file moved"
    """It was deleted, replaced or cut during the run, or its disk refused: what became of it."""
    SESSION_FALLBACK = "session fell back"
    TARGET_REFUSED = "target refused"
    """The scenario reached for a host that may not be loaded: the load ends."""
    GUARD_HELD = "target guard held"
    """How the guard holds what the clients open below Python: `by` ("seccomp", "sockets"), `limits`
    (sentences on what it cannot hold)."""
    IMPORTED = "imported"
    """What a file of another program cannot tell."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened."""

    time_s: float
    kind: EventKind
    message: str
    data: Mapping[str, object] = field(default_factory=dict)
    """JSON values; those of a name are read by type."""

    def whole(self, name: str, default: int = 0) -> int:
        """A whole number of `data`. Raises TypeError where it is none."""
        found = self.data.get(name)
        return default if found is None else whole(found)

    def number(self, name: str, default: float = 0.0) -> float:
        """A number of `data`. Raises TypeError where it is none."""
        found = self.data.get(name)
        return default if found is None else number(found)

    def text(self, name: str) -> str:
        """A text of `data`, "" where there is none."""
        return str(self.data.get(name) or "")


class Outcome(StrEnum):
    """How the load ended, whatever the verdict."""

    COMPLETED = "completed"
    INTERRUPTED = "interrupted"
    STOPPED = "stopped early"
    """By its own `--stop-on`, because the verdict was certain."""
    ENGINE_FAILED = "engine failed"
    ABORTED = "aborted"
    """The conductor itself died: nobody could write how it ended."""
    RUNNING = "running"
    """Not over yet: what a run file says that is judged while it is written. Never stored."""
