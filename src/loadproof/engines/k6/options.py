"""A script's resolved options, as `k6 inspect --execution-requirements` prints them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from loadproof.model import EngineOptions, Profile, ProfileKind, Stage
from loadproof.units import format_duration, parse_duration

Options = dict[str, Any]


@dataclass(frozen=True, slots=True)
class K6Options(EngineOptions):
    """What k6's engine finds before a run: the script's thresholds, metric and expression."""

    thresholds: tuple[tuple[str, str], ...] = ()
    described: tuple[str, ...] = ()
    """Names that requests could have."""
    any_certificate: bool = False

    @property
    def gates(self) -> tuple[tuple[str, str], ...]:
        return self.thresholds


EXECUTION_SHORTCUTS = ("vus", "duration", "iterations", "stages")
"""Options that k6 turns into one scenario; k6 refuses them beside `scenarios`."""
_SCALED_KEYS = ("duration", "startTime", "maxDuration")
"""Not scaled: gracefulStop and gracefulRampDown, limits for iterations, which are as long as ever."""
_SHORTEST_MS = {"constant-vus": 1000, "constant-arrival-rate": 1000}
"""k6 refuses these executors with a duration of less than a second."""


@dataclass(frozen=True, slots=True)
class ScriptThreshold:
    """One of the script's thresholds. `tags` are those of a sub-metric, `http_req_duration{status:200}`."""

    metric: str
    """As it is written, tags included: k6's summary uses it as the key."""
    base: str
    tags: tuple[tuple[str, str], ...]
    expression: str
    abort_on_fail: bool

    @property
    def statistic(self) -> str:
        """The left side of the expression: "p(95)", "rate"."""
        head = self.expression
        for operator in "<>=!":
            head = head.partition(operator)[0]
        return head.replace(" ", "")


def thresholds(options: Options) -> list[ScriptThreshold]:
    """All thresholds in `options`, in k6's order."""
    from loadproof.plan.expressions import split_metric  # every command lists engines, few read a plan

    found = []
    for metric, written in (options.get("thresholds") or {}).items():
        base, tags = split_metric(metric)
        for item in written:
            rule = item if isinstance(item, Mapping) else {"threshold": item}
            expression, abort = str(rule.get("threshold", "")), bool(rule.get("abortOnFail"))
            found.append(ScriptThreshold(metric, base, tags, expression, abort))
    return found


def trend_statistics(options: Options) -> list[str]:
    """The statistics k6 shall compute of trends: the script's own, those of its thresholds, and the count.

    The count tells an empty metric from one that is 0; by default k6 reports neither it nor a p(99).
    """
    own = list(options.get("summaryTrendStats") or ())
    wanted = [t.statistic for t in thresholds(options) if t.statistic.startswith("p(")]
    return list(dict.fromkeys([*own, "med", "p(90)", "p(95)", "p(99)", "max", *wanted, "count"]))


def profile_of(options: Options) -> Profile | None:
    """The load over time of a script with one scenario of a simple kind; None for any other."""
    scenarios = list((options.get("scenarios") or {}).values())
    if len(scenarios) != 1 or _seconds(scenarios[0].get("startTime")) > 0:
        return None
    scenario = scenarios[0]
    per_s = 1 / (_seconds(scenario.get("timeUnit")) or 1.0)
    duration_s = _seconds(scenario.get("duration"))
    match scenario.get("executor"):
        case "constant-vus":
            users = _number(scenario.get("vus"), 1)
            return Profile(ProfileKind.SCENARIO, (Stage(duration_s, users),), start=users)
        case "constant-arrival-rate":
            rate = _number(scenario.get("rate"), 0) * per_s
            return Profile(ProfileKind.SCENARIO, (Stage(duration_s, rate),), open_model=True, start=rate)
        case "ramping-vus":
            return Profile(
                ProfileKind.SCENARIO, _stages(scenario, 1.0), start=_number(scenario.get("startVUs"), 1)
            )
        case "ramping-arrival-rate":
            start = _number(scenario.get("startRate"), 0) * per_s
            return Profile(ProfileKind.SCENARIO, _stages(scenario, per_s), open_model=True, start=start)
        case _:
            return None


def arrival_profiles(options: Options) -> dict[str, tuple[Profile, bool]]:
    """The arrivals per second of each scenario that has them, by its name, and whether they ramp."""
    found = {}
    for name, scenario in (options.get("scenarios") or {}).items():
        alone = profile_of({"scenarios": {name: {**scenario, "startTime": None}}})
        if alone is not None and alone.open_model and alone.stages:
            found[name] = (alone, scenario.get("executor") == "ramping-arrival-rate")
    return found


def scenarios_line(options: Options) -> tuple[str, ...]:
    """Which scenarios a script plays, in one line, where one profile cannot tell it."""
    scenarios = options.get("scenarios") or {}
    if profile_of(options) is not None or not scenarios:
        return ()
    names = ", ".join(f"{name} ({scenario.get('executor')})" for name, scenario in scenarios.items())
    users, most_s = round(_number(options.get("maxVUs"), 0)), _seconds(options.get("totalDuration"))
    return (f"scenarios     {names}; at most {users} users, for at most {format_duration(most_s)}",)


def executed_functions(options: Options) -> list[str]:
    """The names of the exported functions that the scenarios run, each once."""
    scenarios = (options.get("scenarios") or {}).values()
    return list(dict.fromkeys(scenario.get("exec") or "default" for scenario in scenarios))


def has_variables(options: Options) -> bool:
    """Whether a scenario brings variables of its own, which its users find in `__ENV`."""
    return any(scenario.get("env") for scenario in (options.get("scenarios") or {}).values())


def scaled_scenarios(options: Options, factor: float) -> Options:
    """The scenarios with their durations, start times and stages in `factor` of the time.

    Rates, numbers of users and of iterations, and think times stay as they are. A constant executor keeps
    at least the second that k6 asks for.
    """
    scaled = {}
    for name, scenario in (options.get("scenarios") or {}).items():
        copy = dict(scenario)
        shortest_ms = _SHORTEST_MS.get(str(copy.get("executor")), 0)
        for key in _SCALED_KEYS:
            if copy.get(key) is not None:
                least_ms = shortest_ms if key == "duration" else 0
                copy[key] = _written(max(_seconds(copy[key]) * factor * 1e3, least_ms))
        if copy.get("stages"):
            copy["stages"] = [
                {**stage, "duration": _written(_seconds(stage["duration"]) * factor * 1e3)}
                for stage in copy["stages"]
            ]
        scaled[name] = copy
    return scaled


def scaled_thresholds(options: Options, factor: float) -> Options:
    """The thresholds, with `delayAbortEval`, which counts from the test's start, in `factor` of the time."""
    scaled: Options = {}
    for metric, written in (options.get("thresholds") or {}).items():
        scaled[metric] = [
            {**rule, "delayAbortEval": _written(_seconds(rule["delayAbortEval"]) * factor * 1e3)}
            if isinstance(rule, Mapping) and rule.get("delayAbortEval") is not None
            else rule
            for rule in written
        ]
    return scaled


def scenario_for(profile: Profile, function: str, max_users: int | None) -> Options:
    """The one k6 scenario that plays `profile` with the exported function `function`.

    In the open model k6 needs a number of users: `max_users`, or 10 for each arrival per second, enough for
    iterations of ten seconds; what it cannot start for lack of users it counts as dropped iterations.
    """
    levels = [profile.start, *(stage.target for stage in profile.stages)]
    if not profile.open_model:
        return {
            "executor": "ramping-vus",
            "exec": function,
            "startVUs": round(profile.start),
            "stages": _written_stages(profile, 1),
        }
    # k6's rates are whole numbers per time unit: per minute, 0.5/s is 30.
    users = max_users or max(10, round(max(levels) * 10))
    return {
        "executor": "ramping-arrival-rate",
        "exec": function,
        "timeUnit": "1m0s",
        "startRate": round(profile.start * 60),
        "preAllocatedVUs": max(1, min(users, round(max(levels)))),
        "maxVUs": users,
        "stages": _written_stages(profile, 60),
    }


def _written_stages(profile: Profile, factor: int) -> list[Options]:
    return [
        {"duration": _written(stage.duration_s * 1e3), "target": round(stage.target * factor)}
        for stage in profile.stages
    ]


def _stages(scenario: Options, per_s: float) -> tuple[Stage, ...]:
    stages = scenario.get("stages") or ()
    return tuple(Stage(_seconds(s.get("duration")), _number(s.get("target"), 0) * per_s) for s in stages)


def _seconds(written: object) -> float:
    """k6 writes durations as "1m30s" or as a number of milliseconds; null is 0."""
    if written is None:
        return 0.0
    return float(written) / 1e3 if isinstance(written, int | float) else parse_duration(str(written))


def _number(written: object, default: float) -> float:
    return float(written) if isinstance(written, int | float) else float(default)


def _written(duration_ms: float) -> str:
    return f"{round(duration_ms)}ms"
