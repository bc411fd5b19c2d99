"""What a run will do: the load over time, what must hold, what is watched."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from operator import eq, ge, gt, le, lt, ne
from typing import TYPE_CHECKING, Final

from loadproof.model.options import EngineOptions, RunOptions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from loadproof.errors import Problem


SEVERAL: Final = "several"
"""The engine of a plan of several scenarios; each of them has its own."""


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
        """Planned users, or arrivals per second, `offset_s` seconds after the start; 0 after the end.

        Before the start it is what it begins with: a load whose begin is named ahead asks for that.
        """
        level = self.start
        offset_s = max(0.0, offset_s)
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

    @property
    def is_upper(self) -> bool:
        """Whether it limits from above."""
        return self in (Operator.LESS, Operator.LESS_EQUAL)

    @property
    def is_lower(self) -> bool:
        """Whether it limits from below."""
        return self in (Operator.GREATER, Operator.GREATER_EQUAL)

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
    GOODPUT = "goodput"
    """The share of all requests that are right and, where `Requirement.within_s` says so, in time."""
    EXCEPTIONS = "exceptions"
    """The share of the tasks (Locust) or iterations (k6) that ended by an exception."""
    CHECKS = "checks"
    """The share of the scenario's checks that passed; `Requirement.metric` names one of them."""
    HELD_LOAD = "held_load"
    """The level of a rising load up to which every stage held: users, or arrivals per second."""
    RECOVERY_TIME = "recovery_time"  # from a spike's end until all is as it was before
    PEAK_ERROR_RATE = "peak_error_rate"  # the greatest of any 5 s from a spike's begin on
    GROWTH = "growth"  # per hour; `Requirement.metric` says of what: "memory", "latency"
    RESOURCE = "resource"
    """A monitored series; `Requirement.metric` names it."""
    ENGINE_METRIC = "engine_metric"
    """A metric of the engine's own, judged by the engine: k6's thresholds; `Requirement.metric` names it."""


class Ground:
    """What a finding may be concluded from, for whoever asks on: a requirement, an analysis' own result."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Requirement(Ground):
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
    within_s: float | None = None
    """Of goodput: in seconds, how long a right answer may take; None: any time."""
    strict: bool = False
    """`confidence: strict`: a value whose interval contains its limit is INCONCLUSIVE."""
    warm_up_s: float = 0.0
    """`warm_up: 30s`: how much of the start of each hold is left out of what is judged."""


@dataclass(frozen=True, slots=True)
class Watch:
    """One monitor of a run, not opened yet; settings are those of its kind (plan/watching.py)."""

    kind: str  # a row of MONITORS
    name: str  # the source of its readings
    settings: Mapping[str, object] = field(default_factory=dict)  # validated; may hold a password


@dataclass(frozen=True, slots=True)
class ConsistencyCheck:
    """One question about the data, asked before and after the load."""

    name: str
    source: str
    """Where it was written: "loadproof.yaml:12"."""
    settings: Mapping[str, object] = field(default_factory=dict)  # validated; may hold a password


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
    options: RunOptions = field(default_factory=RunOptions)
    engine_options: EngineOptions = field(default_factory=EngineOptions)
    """Of the class that the engine's traits name."""
    monitors: Mapping[str, object] = field(default_factory=dict)
    """What to watch beside what is found by itself (see plan/watching.py), after validation."""
    consistency: tuple[ConsistencyCheck, ...] = ()
    further: tuple[Path, ...] = ()
    """Files that are played together with `scenario`, where an engine takes several."""
    several: tuple[OneOfSeveral, ...] = ()
    """Scenarios that are played at once, each by an engine of its own; empty for one scenario alone."""

    @property
    def files(self) -> tuple[Path, ...]:
        """All files of the scenario."""
        return (self.scenario, *self.further)

    @property
    def engines(self) -> tuple[str, ...]:
        """Names of those that drive its load: one, or each of those of several scenarios once."""
        return tuple(dict.fromkeys(one.plan.engine for one in self.several)) or (self.engine,)

    def asks_for(self, kind: str) -> bool:
        """Whether a requirement is on this time of a stream, one of `STREAMED`."""
        return any((required.endpoint or "").startswith(f"{kind} ") for required in self.requirements)

    @property
    def rehearsal(self) -> bool:
        return self.time_scale != 1.0

    @property
    def length_s(self) -> float | None:
        """How long its load is really played; None where nothing says when it ends."""
        if not self.several:
            return self.played_profile.duration_s if self.profile.stages else None
        known = [(one.played_start_s, one.plan.length_s) for one in self.several]
        ends_s = [start_s + length_s for start_s, length_s in known if length_s is not None]
        return max(ends_s) if len(ends_s) == len(known) else None

    @property
    def played_profile(self) -> Profile:
        """The profile as it is really played: `profile` in `time_scale` of its time."""
        return self.profile.scaled(self.time_scale)


@dataclass(frozen=True, slots=True)
class OneOfSeveral:
    """One of the scenarios that a plan plays at once."""

    name: str
    """Before the names of its endpoints, and of whatever else is told of it."""
    start_s: float
    """When it begins, in seconds after the first; as written, not as played in a rehearsal."""
    plan: Plan
    """Its own file, engine, load, variables and target; requirements and monitors are those of the whole."""

    def hears(self, endpoint: str) -> bool:
        """Whether an endpoint, as it is printed, is one of its own."""
        return endpoint.startswith(f"{self.name}: ")

    @property
    def played_start_s(self) -> float:
        """When it really begins."""
        return self.start_s * self.plan.time_scale


@dataclass(frozen=True, slots=True)
class EngineTraits:
    """What a plan must know of an engine before the engine itself is asked; a row in engines' table."""

    title: str = ""
    """Its name in sentences."""
    engine: str = ""
    """Where its class is, "module:Class": imported when used, so that nobody bears the others' libraries."""
    suffixes: tuple[str, ...] = ()
    """Endings of a scenario's file that suggest it."""
    load_flags: bool = False
    """Whether it takes --users, --spawn-rate and --run-time itself, and ramps by them."""
    own_flags: tuple[str, str] | None = None
    """What users and run time are called on its own command line, where it has them and no spawn rate."""
    poisson: bool = False
    """Whether arrivals can come at random."""
    workers: bool = False
    """Whether other machines can drive its load."""
    sessions: tuple[str, ...] = ()
    """Its HTTP clients, the default first, where there is a choice."""
    untold_sessions: tuple[str, ...] = ()
    """Those of them that tell no times of streams."""
    options: type[EngineOptions] = EngineOptions
    """What it decides before a run."""
    other_hosts: str | None = None
    """Its own flag for a host that is none of HTTP, where its users may speak other protocols."""
    several: bool = False
    """Whether it plays several files as one scenario."""
    iterations: bool = False
    """Whether its users play iterations, not tasks; one that finds no free user is dropped, and told."""
    thresholds: bool = False
    """Whether its scenarios may have requirements of their own, which it judges itself."""
    streamed: frozenset[str] = frozenset()
    """What it tells of an answer that streams, of STREAMED."""
    events_of: tuple[str, ...] = ()
    """The only methods whose events it tells; empty where it tells those of all."""
    steers: bool = False
    """Whether its number of users can be changed while they run (see SteeredEngine)."""
    shows: frozenset[str] = frozenset()
    """Flags of its own command line that make it say something and end, without a load."""
    show: str = ""
    """Where the function is that lets it, "module:function"."""
    default_scenario: str = ""
    """Where the function is that finds the scenario of a command line without a file, if it has such."""
    own_files: frozenset[str] = frozenset()
    """Options of Loadproof's for files in an engine's form that this engine writes itself."""
    heartbeat: bool = False
    """Whether it measures how late its own process wakes (series `scheduler_lag`)."""
    more_power: str = "drive the load from a larger machine"
    """What helps where it is what ends the throughput."""
    more_quantiles: str = ""
    """How a result file of it has percentiles that its usual ones lack."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """What an engine finds in a scenario without sending anything."""

    problems: tuple[Problem, ...] = ()
    """Why it cannot run; empty when it can."""
    targets: tuple[str, ...] = ()
    """Base URLs that the load will go to, as far as they can be known beforehand."""
    profile: Profile | None = None
    """The scenario's own load over time, when it has one that can be read."""
    options: EngineOptions = field(default_factory=EngineOptions)
    """What the engine decided before the run, such as how many processes it takes."""
    advice: tuple[Problem, ...] = ()
    """What makes the load unrealistic; nothing that keeps it from running."""
    missing: tuple[Problem, ...] = ()
    """What a load cannot begin without, such as a password; `loadproof check` is content."""
    several: tuple[OneOfSeveral, ...] = ()
    """The scenarios of a plan of several, with what was found in each."""
