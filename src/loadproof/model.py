"""The nouns, frozen and typed. Every layer speaks of these and of nothing else.

Times are seconds since the epoch on one clock (the conductor's), durations seconds, sizes bytes, shares
fractions of 1, unless a name says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from operator import eq, ge, gt, le, lt, ne
from typing import TYPE_CHECKING, Any

from loadproof.histogram import Histogram

if TYPE_CHECKING:
    from pathlib import Path

    from loadproof.charts import Charts
    from loadproof.errors import Problem


class ProfileKind(StrEnum):
    """What question the load asks."""

    SMOKE = "smoke"
    LOAD = "load"
    STRESS = "stress"
    SPIKE = "spike"
    SOAK = "soak"
    CAPACITY = "capacity"
    """A search for the greatest load that meets the requirements, trial by trial: no stages."""
    SCENARIO = "scenario"
    """The scenario's own load: its k6 options, its Locust shape or flags."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Load moves in a straight line from the previous stage's level to `target` over `duration_s`.

    `target` is virtual users in the closed model and arrivals per second in the open one.
    """

    duration_s: float
    target: float


@dataclass(frozen=True, slots=True)
class Profile:
    """Load over time. `stages` is empty when the scenario brings its own and Loadproof does not know it."""

    kind: ProfileKind
    stages: tuple[Stage, ...] = ()
    open_model: bool = False
    """True: targets are arrivals per second; False: virtual users."""
    start: float = 0.0
    """The level before the first stage."""

    @property
    def duration_s(self) -> float:
        return sum(stage.duration_s for stage in self.stages)

    def scaled(self, factor: float) -> Profile:
        """The same levels in `factor` of the time."""
        return replace(self, stages=tuple(Stage(s.duration_s * factor, s.target) for s in self.stages))

    def level_at(self, offset_s: float) -> float:
        """Planned users, or arrivals per second, `offset_s` seconds after the start; 0 after the end."""
        level = self.start
        for stage in self.stages:
            if offset_s < stage.duration_s:
                return level + (stage.target - level) * offset_s / stage.duration_s
            offset_s -= stage.duration_s
            level = stage.target
        return 0.0


class Statistic(StrEnum):
    """What is computed of a subject's samples."""

    PERCENTILE = "percentile"
    MEAN = "mean"
    MAXIMUM = "max"
    MINIMUM = "min"
    RATE = "rate"
    """A share of all, for checks and failures; per second, for counters and throughput."""
    COUNT = "count"
    VALUE = "value"


class Operator(StrEnum):
    LESS = "<"
    LESS_EQUAL = "<="
    GREATER = ">"
    GREATER_EQUAL = ">="
    EQUAL = "=="
    NOT_EQUAL = "!="

    def holds(self, value: float, limit: float) -> bool:
        """Whether `value operator limit` is true."""
        compare = {"<": lt, "<=": le, ">": gt, ">=": ge, "==": eq, "!=": ne}[self.value]
        return bool(compare(value, limit))


class Unit(StrEnum):
    """The unit of a measured value, which decides how it is printed."""

    SECONDS = "s"
    PER_SECOND = "/s"
    SHARE = "share"
    BYTES = "B"
    COUNT = "count"
    CORES = "cores"
    """Processor time per time: seconds of one core in each second."""
    BYTES_PER_SECOND = "B/s"
    SHARE_PER_HOUR = "share/h"  # growth, as a fraction of what there was in the beginning
    BYTES_PER_HOUR = "B/h"
    PER_HOUR = "/h"
    NONE = ""


class Subject(StrEnum):
    """What a requirement speaks of."""

    RESPONSE_TIME = "response_time"
    THROUGHPUT = "throughput"
    ERROR_RATE = "error_rate"
    RECOVERY_TIME = "recovery_time"  # from a spike's end until all is as it was before
    PEAK_ERROR_RATE = "peak_error_rate"  # the greatest of any 5 s from a spike's begin on
    GROWTH = "growth"  # per hour; `Requirement.metric` says of what: "memory", "latency"
    RESOURCE = "resource"
    """A monitored series; `Requirement.metric` names it."""
    ENGINE_METRIC = "engine_metric"
    """A metric of the engine's own, judged by the engine: k6's thresholds; `Requirement.metric` names it."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One sentence that can be true or false."""

    id: str
    text: str
    """As it was written: "p95: <500ms", "p(95)<500"."""
    source: str
    """Where it was written: "requirements.yaml:5", "load_test.js"."""
    subject: Subject
    statistic: Statistic
    operator: Operator
    limit: float
    """In the unit of `unit`: seconds, per second, fraction of 1."""
    unit: Unit
    quantile: float | None = None
    """0 to 1, for percentiles."""
    endpoint: str | None = None
    """The endpoint's name, "GET /api/loans" or "/api/loans"; None is all requests together."""
    metric: str = ""
    """The series or engine metric it speaks of, if it is not one of the subjects above."""
    window: str = ""
    """"whole", "steady", "stage", "any 30s"; empty is the judged window, that is "steady"."""


@dataclass(frozen=True, slots=True)
class Watch:
    """One monitor of a run, not opened yet; settings are those of its kind (plan/watching.py)."""

    kind: str  # a row of MONITORS
    name: str  # the source of its readings
    settings: dict[str, Any] = field(default_factory=dict)  # validated; may hold a password


@dataclass(frozen=True, slots=True)
class ConsistencyCheck:
    """One question about the data, asked before and after the load."""

    name: str
    source: str
    """Where it was written: "loadproof.yaml:12"."""
    settings: dict[str, Any] = field(default_factory=dict)  # validated; may hold a password


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a run will do, resolved and validated before any load."""

    name: str
    scenario: Path
    engine: str
    target: str | None
    """Base URL that overrides the scenario's own host, with any password in it; None keeps the scenario's."""
    profile: Profile
    requirements: tuple[Requirement, ...] = ()
    engine_args: tuple[str, ...] = ()
    """Further arguments for the engine, as given."""
    env: tuple[tuple[str, str], ...] = ()
    """Variables for the scenario: k6's __ENV, the Locust process's environment."""
    time_scale: float = 1.0
    """Below 1 the run is a rehearsal."""
    options: dict[str, Any] = field(default_factory=dict)
    """Typed options of one engine (see the engine), after validation."""
    monitors: dict[str, Any] = field(default_factory=dict)
    """What to watch beside what is found by itself (see plan/watching.py), after validation."""
    consistency: tuple[ConsistencyCheck, ...] = ()

    @property
    def rehearsal(self) -> bool:
        return self.time_scale != 1.0

    @property
    def played_profile(self) -> Profile:
        """The profile as it is really played: `profile` in `time_scale` of its time."""
        return self.profile.scaled(self.time_scale)


@dataclass(frozen=True, slots=True)
class Inspection:
    """What an engine finds in a scenario without sending anything."""

    problems: tuple[Problem, ...] = ()
    """Why it cannot run; empty when it can."""
    targets: tuple[str, ...] = ()
    """Base URLs that the load will go to, as far as they can be known beforehand."""
    profile: Profile | None = None
    """The scenario's own load over time, when it has one that can be read."""
    options: dict[str, Any] = field(default_factory=dict)
    """What the engine decided before the run, such as how many processes it takes: becomes `Plan.options`."""
    advice: tuple[Problem, ...] = ()
    """What makes the load unrealistic; nothing that keeps it from running."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What requests are grouped by: the method and the name that the scenario gives (by default the path)."""

    method: str
    name: str

    def __str__(self) -> str:
        return f"{self.method} {self.name}".strip()


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

    @property
    def failed(self) -> int:
        return sum(self.failures.values())

    def add(self, other: Slice) -> None:
        """Merge another part of the same second and endpoint into this one."""
        if self.service is not None or other.service is not None:
            # One of them measured both times: for the other they are the same.
            service = Histogram()
            service.merge(self.service or self.response)
            service.merge(other.service or other.response)
            self.service = service
        self.requests += other.requests
        for kind, count in other.failures.items():
            self.failures[kind] = self.failures.get(kind, 0) + count
        if self.received_bytes is not None and other.received_bytes is not None:
            self.received_bytes += other.received_bytes
        else:
            self.received_bytes = None
        self.response.merge(other.response)


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


class EventKind(StrEnum):
    RUN_STARTED = "run started"
    STAGE_STARTED = "stage started"
    LOAD_STARTED = "load started"
    LOAD_ENDED = "load ended"
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
    ERROR_SAMPLE = "error sample"
    ENGINE_THRESHOLD = "engine threshold"
    ENGINE_SUMMARY = "engine summary"
    WATCHING = "watching"
    MONITOR_LOST = "monitor lost"
    MONITOR_RECOVERED = "monitor recovered"
    MONITOR_REMARK = "monitor remark"
    CONSISTENCY = "consistency"
    SLOW_REQUEST = "slow request"
    INTERRUPTED = "interrupted"
    DROPPED = "requests dropped"
    STOPPED_EARLY = "stopped early"
    CLOCK_SET = "clock set"
    SESSION_FALLBACK = "session fell back"
    TARGET_REFUSED = "target refused"
    """The scenario reached for a host that may not be loaded: the load ends."""
    IMPORTED = "imported"
    """What a file of another program cannot tell."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened."""

    time_s: float
    kind: EventKind
    message: str
    data: dict[str, Any] = field(default_factory=dict)


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


class Verdict(StrEnum):
    PASS = "PASS"  # noqa: S105 (a verdict, not a password)
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict on one question, in one plain sentence, with its evidence."""

    id: str
    verdict: Verdict
    sentence: str
    evidence: dict[str, Any] = field(default_factory=dict)
    """What was written and where, measured value, window, sample size, margin: JSON values only."""
    advice: str = ""
    """What to do about it, where that is known."""


@dataclass(frozen=True, slots=True)
class EndpointSummary:
    """One line of the endpoints table over the judged window."""

    endpoint: str
    requests: int
    failed: int | None
    """None where an imported file does not tell."""
    throughput_per_s: float | None
    mean_s: float | None
    p50_s: float | None
    p95_s: float | None
    p99_s: float | None
    max_s: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """All that reporters see: findings and down-sampled series, ready to print."""

    name: str
    run_file: str
    verdict: Verdict
    outcome: Outcome
    sentence: str
    rehearsal: bool
    started_at_s: float
    duration_s: float
    window: str
    findings: tuple[Finding, ...]
    endpoints: tuple[EndpointSummary, ...]
    errors: tuple[tuple[str, int], ...]
    """Error texts with their counts, most frequent first."""
    notes: tuple[str, ...]
    facts: dict[str, Any]
    """Engine, versions, target, host, plan: what is needed to repeat the run."""
    charts: Charts | None = None
    """What is drawn; made only for reports that draw."""
