"""The keys of `loadproof.yaml`: every one typed, defaulted and described here, and nowhere else.

docs/configuration.md is held against these models by a test.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from loadproof.errors import WrongValueError
from loadproof.plan.profiles import ParsedStage, parse_run_time, parse_stage
from loadproof.plan.watching import CheckConfig, MonitorsConfig
from loadproof.safety.guard import read_rule
from loadproof.units import parse_duration, parse_percent, parse_rate

MAX_USERS: Final = 10_000_000
"""More is a slip of the finger: no machine drives it, and the numbers around it stop making sense."""

Arrivals = Literal["constant", "poisson"]
"""How arrivals of the open model are spread: at equal distances, or at random."""
OnOff = Literal["on", "off"]

ProfileName = Literal["smoke", "load", "stress", "spike", "soak"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def check_name(name: str) -> str:
    """A name of a test, a scenario or a run, which becomes part of a file's name. Raises ValueError."""
    if _NAME.fullmatch(name) is None:
        raise WrongValueError(f"'{name}' is not a name", "use letters, digits, '.', '_' and '-', at most 100")
    return name


def _stage(value: object) -> object:
    """`2m:50` beside the mapping {duration: 2m, users: 50}."""
    if not isinstance(value, str):
        return value
    open_model = parse_stage(value).open_model
    duration, _, level = (part.strip() for part in value.partition(":"))
    return (
        {"duration": duration, "rate": level} if open_model else {"duration": duration, "users": int(level)}
    )


def _scenario(value: object) -> object:
    """`browse: locustfile.py` beside the mapping {file: locustfile.py}."""
    return {"file": value} if isinstance(value, str) else value


def _run_time(value: object) -> object:
    return (
        parse_run_time(str(value)) if isinstance(value, str | int) and not isinstance(value, bool) else value
    )


def _rate(text: str) -> str:
    if parse_rate(text) <= 0:
        raise WrongValueError(f"'{text}' is no load at all", "write arrivals per time, such as 200/s")
    return text


def _duration(text: str) -> str:
    parse_duration(text)
    return text


def _percent(text: str) -> str:
    parse_percent(text)
    return text


def _rate_or_users(value: object) -> object:
    """`500/s` beside a number of users."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _variable(name: str) -> str:
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) is None:
        raise WrongValueError(f"'{name}' is not a variable's name", "use letters, digits and '_'")
    return name


Name = Annotated[str, AfterValidator(check_name)]
Host = Annotated[str, AfterValidator(read_rule)]
"""A host, `*.domain`, an address or a network."""
Env = dict[
    Annotated[str, AfterValidator(_variable)],
    # What YAML takes for a number reaches the scenario as it was written.
    Annotated[str, WithJsonSchema({"type": ["string", "number", "boolean"]})],
]
Users = Annotated[int, Field(ge=1, le=MAX_USERS)]
Rate = Annotated[str, AfterValidator(_rate)]
Duration = Annotated[str, AfterValidator(_duration)]
RunTime = Annotated[float, BeforeValidator(_run_time, json_schema_input_type=float | str)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class StageConfig(_Section):
    """One stage: the load moves in a straight line from the stage before to this level."""

    duration: str = Field(description="How long the stage takes, with its unit: `30s`, `2m`, `1h30m`.")
    users: Annotated[int, Field(ge=0, le=MAX_USERS)] | None = Field(
        None, description="Virtual users at the end of the stage."
    )
    rate: str | None = Field(
        None, description="Instead of `users`: arrivals per second at the end of the stage, as `50/s`."
    )

    def parsed(self) -> ParsedStage:
        """Raises ValueError when the parts do not make one stage."""
        if (self.users is None) == (self.rate is None):
            raise ValueError("a stage has either users or rate")
        level = self.rate if self.users is None else str(self.users)
        if self.rate is not None and "/" not in self.rate:
            raise WrongValueError(f"'{self.rate}' is not a rate", "write arrivals per time, such as 50/s")
        return parse_stage(f"{self.duration}:{level}")


def _whole_stage(stage: StageConfig) -> StageConfig:
    stage.parsed()
    return stage


Stages = list[
    Annotated[
        StageConfig,
        BeforeValidator(_stage, json_schema_input_type=StageConfig | str),
        AfterValidator(_whole_stage),
    ]
]


class ScenarioConfig(_Section):
    """A scenario that exists already: a locustfile, a k6 script or a JMeter plan."""

    file: str = Field(description="The scenario's file, relative to the folder of `loadproof.yaml`.")
    engine: str | None = Field(
        None,
        description="`locust`, `k6` or `jmeter`. Default: by the file's ending, .py, .js or .ts, .jmx.",
    )
    session: str | None = Field(
        None,
        description="A locustfile's HTTP client: `loadproof` (the default, fast), `locust` or `http2`.",
    )
    args: list[str] = Field(
        default_factory=list, description="Further arguments for the engine, as they are."
    )
    env: Env = Field(default_factory=dict, description="Variables for the scenario.")


class PartConfig(ScenarioConfig):
    """One of several scenarios that are played at once. Its load: a share, its own, or its scenario's."""

    file: str = Field(description="The scenario's file, or a name below the top-level `scenarios`.")
    name: Name | None = Field(
        None, description="What its endpoints are called by, as `browse: GET /`. Default: the file's name."
    )
    target: str | None = Field(None, description="Base URL for this scenario. Default: the test's.")
    share: Annotated[str, AfterValidator(_percent)] | None = Field(
        None, description="How much of the test's load it plays, as `80%`."
    )
    users: Users | None = Field(None, description="Instead of a share: virtual users of its own.")
    spawn_rate: Annotated[float, Field(gt=0)] | None = Field(
        None, description="With users: how many start per second. Default: all at once."
    )
    rate: Rate | None = Field(None, description="Instead of a share: arrivals of its own, as `20/s`.")
    stages: Stages = Field(default_factory=list, description="Instead of a share: stages of its own.")
    run_time: Annotated[RunTime, Field(gt=0)] | None = Field(
        None, description="With users or a rate: how long. Default: until the test's `run_time` is over."
    )
    start: Duration | None = Field(
        None, description="When it begins, after the first one, as `1m`. Default: with the first one."
    )
    max_users: Users | None = Field(None, description="With arrivals: users at most.")
    arrivals: Arrivals | None = Field(None, description="With arrivals: `constant` distances, or `poisson`.")

    @model_validator(mode="after")
    def _one_load(self) -> PartConfig:
        loads = {"share": self.share, "users": self.users, "rate": self.rate, "stages": self.stages}
        given = [name for name, value in loads.items() if value]
        if len(given) > 1:
            raise WrongValueError(f"{' and '.join(given)} are two loads", "leave one of them out")
        if self.share is not None and (self.run_time is not None or self.spawn_rate is not None):
            raise WrongValueError(
                "a share is as long and as fast as the test's load", "leave out run_time and spawn_rate"
            )
        if self.stages and (self.run_time is not None or self.spawn_rate is not None):
            raise WrongValueError("stages have times of their own", "leave out run_time and spawn_rate")
        if self.rate is not None and self.spawn_rate is not None:
            raise WrongValueError("a rate has no spawn rate", "leave out spawn_rate")
        return self


class CapacityConfig(_Section):
    """What `loadproof capacity` searches with a test's scenario. Each key is the option of its name."""

    min_rate: Rate | None = Field(
        None, description="The least load to try, as `10/s`. Default: what the percentiles need."
    )
    max_rate: Rate | None = Field(None, description="The greatest load to try. Default: 10000/s.")
    users: Users | None = Field(None, description="Instead of rates: search by virtual users, up to so many.")
    trial: Duration | None = Field(None, description="How long each trial lasts. Default: 10s.")
    precision: Annotated[str, AfterValidator(_percent)] | None = Field(
        None, description="How wide the answer may be, as a share of it. Default: 2%."
    )
    at_least: Annotated[str, BeforeValidator(_rate_or_users, json_schema_input_type=str | int)] | None = (
        Field(None, description="The capacity that is required: a rate, or with `users` a number of them.")
    )
    max_users: Users | None = Field(
        None, description="Users at most, for a search by rate. Default: 10 for each arrival per second."
    )
    arrivals: Arrivals | None = Field(
        None, description="`constant` distances, or `poisson`. Default: constant."
    )
    duration_limit: Duration | None = Field(None, description="Give up after this long. Default: 20m.")
    cool_down_limit: Duration | None = Field(
        None, description="How long the service may take to recover from a trial. Default: 1m."
    )


class RegressionsConfig(_Section):
    """What a comparison of runs decides. Each key but `fail` is the option of its name."""

    fail: Literal["proved", "gates", "never"] = Field(
        "proved",
        description="What fails: any regression that is proved, only that of a gate, or nothing.",
    )
    gate: list[str] = Field(
        default_factory=list,
        description="What must settle, as `GET /loans:p99` or `all:errors`. Default: what the requests bear.",
    )
    tolerance: Annotated[str, AfterValidator(_percent)] | None = Field(
        None, description="A change by less does not matter. Default: 5%."
    )
    error_tolerance: Annotated[str, AfterValidator(_percent)] | None = Field(
        None, description="The same for error rates, absolute. Default: 0.1%."
    )
    accept: list[str] = Field(
        default_factory=list,
        description="Differences of the runs (`scenario`, `host`, …) and regressions that are meant.",
    )


class TestConfig(_Section):
    """One test: a scenario, how much load, and what must hold."""

    __test__ = False  # not one of pytest's, in spite of its name

    scenario: str | None = Field(
        None, description="A name below `scenarios`, or a file. Default: the only one there is."
    )
    scenarios: list[
        Annotated[PartConfig, BeforeValidator(_scenario, json_schema_input_type=PartConfig | str)]
    ] = Field(default_factory=list, description="Instead of `scenario`: several that are played at once.")
    target: str | None = Field(None, description="Base URL for this test. Default: the top-level `target`.")
    profile: ProfileName | None = Field(
        None,
        description="`smoke`, `load`, `stress`, `spike` or `soak`. Default: the scenario's own load.",
    )
    stages: Stages = Field(
        default_factory=list,
        description="Stages of your own, as `2m:50` (users), `2m:50/s` (arrivals per second) or mappings.",
    )
    users: Users | None = Field(
        None, description="With `profile`: users at its peak. Without: Locust's `--users`."
    )
    spawn_rate: Annotated[float, Field(gt=0)] | None = Field(
        None, description="Users started per second, without `profile` or `stages`. Locust's `--spawn-rate`."
    )
    run_time: Annotated[RunTime, Field(gt=0)] | None = Field(
        None,
        description="How long to run, without `profile` or `stages`: `5m`, or a number of seconds. "
        "Locust's `--run-time`.",
    )
    rate: Rate | None = Field(
        None, description="Instead of users: arrivals per time, as `200/s`, for `run_time`."
    )
    max_users: Users | None = Field(
        None, description="With arrivals: users at most. Default: 10 for each arrival per second."
    )
    arrivals: Arrivals | None = Field(
        None, description="With arrivals: `constant` distances, or `poisson`. Default: constant."
    )
    requirements: Any = Field(
        None, description="Replaces the top-level `requirements` for this test; the same forms."
    )
    env: Env = Field(default_factory=dict, description="Variables, over those of the scenario.")
    args: list[str] = Field(default_factory=list, description="Arguments, after those of the scenario.")
    stop_on: Literal["breach", "settled"] | None = Field(
        None,
        description="End early: when one requirement can no longer pass (`breach`), or when no verdict can "
        "change (`settled`).",
    )
    probe: str | None = Field(
        None, description="Path of the target that an idle process asks 5 times a second beside the load."
    )
    time_scale: Annotated[float, Field(gt=0, le=1)] = Field(
        1.0, description="Below 1 the load plays in that fraction of its time: a rehearsal."
    )
    warm_up: Duration | None = Field(
        None, description="How much of each hold's start is left out of what is judged, such as `30s`."
    )
    routes: OnOff | None = Field(
        None, description="`off`: names that differ only by an id are endpoints of their own. Default: on."
    )
    capacity: CapacityConfig = Field(
        default_factory=lambda: CapacityConfig.model_validate({}),
        description="What `loadproof capacity` searches, instead of the test's load.",
    )

    @model_validator(mode="after")
    def _one_load(self) -> TestConfig:
        if self.scenario is not None and self.scenarios:
            raise WrongValueError("a test has either scenario or scenarios", "leave out one of them")
        if self.stages and self.users is not None:
            raise WrongValueError(
                "stages already say how many users there are", "leave out users, or the stages"
            )
        if len({stage.rate is None for stage in self.stages}) > 1:
            raise WrongValueError("stages mix users and arrivals per second", "write all users, or all rates")
        if self.rate is not None and (self.profile or self.stages or self.users or self.spawn_rate):
            raise WrongValueError(
                "a rate is the whole load, with run_time", "leave out profile, stages, users and spawn_rate"
            )
        if (self.profile or self.stages) and (self.spawn_rate is not None or self.run_time is not None):
            raise WrongValueError(
                "a profile or stages already say how fast and how long", "leave out spawn_rate and run_time"
            )
        return self


class NotifyConfig(_Section):
    """Who is told when a run has ended."""

    url: str = Field(
        description="Where the message goes, by POST; better `${NAME}` for a variable of the environment."
    )
    on: Literal["fail", "always"] = Field(
        "fail", description="`fail`: when the exit code is not 0. `always`: after every run."
    )


class Config(_Section):
    """The whole file."""

    target: str | None = Field(
        None, description="Base URL of the system under test. Default: what the scenario itself says."
    )
    environment: str | None = Field(
        None, description="What the target is, as `staging`. `production` is never loaded (target-guard.md)."
    )
    targets: list[Host] = Field(
        default_factory=list,
        description="Hosts that may be loaded beside this machine and private networks: names, `*.domain`, "
        "addresses, networks.",
    )
    production: list[Host] = Field(
        default_factory=list, description="Hosts that are never loaded, under whatever name or address."
    )
    scenarios: dict[
        Name,
        Annotated[ScenarioConfig, BeforeValidator(_scenario, json_schema_input_type=ScenarioConfig | str)],
    ] = Field(default_factory=dict, description="Scenarios by name; a file's name alone will do.")
    tests: dict[Name, TestConfig] = Field(default_factory=dict, description="Tests by name.")
    requirements: Any = Field(
        None,
        description="A requirement file, a list of them, or the requirements themselves (requirements.md).",
    )
    routes: OnOff | None = Field(
        None, description="What tests do that do not say: `on` or `off` (requirements.md). Default: on."
    )
    monitors: MonitorsConfig = Field(
        default_factory=lambda: MonitorsConfig.model_validate({}),
        description="What to watch beside the load (monitors.md). Default: what is found on this machine.",
    )
    regressions: RegressionsConfig = Field(
        default_factory=lambda: RegressionsConfig.model_validate({}),
        description="What a comparison with a baseline, or of two builds, decides (comparing.md).",
    )
    notify: list[NotifyConfig] = Field(
        default_factory=list, description="Who is told when a run has ended (notifications.md)."
    )
    consistency: dict[Name, CheckConfig] = Field(
        default_factory=dict, description="Checks of the data before and after the load (consistency.md)."
    )
