"""What comparisons and histories need of one run, wherever it comes from: a run file, a baseline, an import.

Everything that a source does not tell is None or left out, and `limits` says so in words: missing is never 0.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import InstanceOf, NonNegativeFloat, NonNegativeInt

from loadproof.analysis.judge import ANALYSES
from loadproof.analysis.validity.answered import MOST_FAILED
from loadproof.analysis.validity.condition import JudgedRun
from loadproof.analysis.validity.conditions import judge_validity
from loadproof.analysis.validity.each import judged_of
from loadproof.analysis.verdict.load import AppliedLoad
from loadproof.analysis.window.omission import served_quantile, starts
from loadproof.analysis.window.windows import Window, asked_warm_up_s, sample, within
from loadproof.engines.table import ENGINES, session_of
from loadproof.model import OPENED, Finding, FindingKind, Plan, ProfileKind, Reading, Unit, Verdict, is_beside
from loadproof.plan.stored import plan_to_json
from loadproof.runfile.histograms import Histograms
from loadproof.runfile.reader import Run
from loadproof.runfile.readings import Readings
from loadproof.runfile.slices import Slices

ALL_REQUESTS: Final = "all requests"
"""The name of all endpoints together; always the last of `MeasuredRun.endpoints`."""
QUANTILES: Final = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999)
"""What is kept of a distribution. p5, p50, p95 and p99 are compared, the others describe its shape."""
_PRESENTATION: Final = frozenset(
    {
        "--tag",
        "--out",
        "-o",
        "--loglevel",
        "-L",
        "--logfile",
        "--log-output",
        "--log-format",
        "--csv",
        "--html",
    }
    | {"--csv-full-history", "--json", "--json-file", "--quiet", "-q", "--no-color", "--only-summary"}
)
"""Arguments of Locust and k6 that say how results are shown or kept, not what load is made."""


@dataclass(frozen=True, slots=True)
class MeasuredEndpoint:
    """One endpoint over the judged window of one run."""

    name: str
    """As `Endpoint` prints it, "GET /api/loans"; or ALL_REQUESTS."""
    requests: NonNegativeInt
    failed: NonNegativeInt | None = None
    """None where the source does not tell."""
    throughput_per_s: float | None = None
    quantiles_s: Mapping[NonNegativeFloat, NonNegativeFloat] = field(default_factory=dict)
    """Response time in seconds by quantile, of QUANTILES those that the source has."""
    mean_s: float | None = None
    seconds: InstanceOf[TimesBySecond] | None = None
    """Only of a run file."""
    received_bytes: float | None = None
    """Of all its answers together; None where the source does not tell."""


@dataclass(frozen=True, slots=True)
class MeasuredSeries:
    """One watched resource over the judged window."""

    name: str
    """"host.cpu.used": the source and the series."""
    unit: Unit
    mean: float
    maximum: float
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Conditions:
    """What must be the same for two runs to be comparable. None and empty: the source does not tell."""

    scenario: str | None = None
    """The scenario file's name, without its folder."""
    scenario_sha256: str | None = None
    """Of its own file's bytes; of runs before 0.2 this is all that is known of it."""
    fingerprint: str | None = None
    """Of what it does: its parsed source, what it imports of the project, its variables."""
    engine: str | None = None
    """"locust", "k6": with the client that it sends with, where there is a choice."""
    profile: Mapping[str, Any] | None = None
    """The load as JSON values: stages, model, time scale, the engine's own arguments that change it."""
    target: str | None = None
    host: Mapping[str, Any] = field(default_factory=dict)
    """The machine that drove the load: system, machine, processor, cores, memory_bytes."""
    versions: Mapping[str, str] = field(default_factory=dict)
    data_bytes: float | None = None
    """The size of the service's database when the run began."""


@dataclass(frozen=True, slots=True)
class MeasuredRun:
    """One run, as comparisons see it."""

    label: str
    """How a person tells it from the others: the run file's name."""
    source: str
    """Where it was read from."""
    started_at_s: float | None
    """Seconds since the epoch."""
    duration_s: float | None
    """Of the judged window."""
    endpoints: tuple[MeasuredEndpoint, ...]
    """In order of their names, then ALL_REQUESTS, which has what are requests: no transaction of JMeter."""
    series: tuple[MeasuredSeries, ...] = ()
    conditions: Conditions = field(default_factory=Conditions)
    commit: str | None = None
    branch: str | None = None
    window: tuple[int, ...] = ()
    """The seconds of the judged window, in order; empty without `MeasuredEndpoint.seconds`."""
    invalid: tuple[str, ...] = ()
    """Why nothing can be concluded from this run: an unhealthy generator, no steady state, dropped load."""
    failing: str = ""
    """The one of them that says that most requests failed: no proof of a speed, and one of failures."""
    limits: tuple[str, ...] = ()
    """What this source cannot support, a sentence each."""
    watched: tuple[tuple[str, str], ...] = ()
    """The name of each monitor, and what it watches."""

    def endpoint(self, name: str) -> MeasuredEndpoint | None:
        """The endpoint of that name; None when the run has none."""
        return next((endpoint for endpoint in self.endpoints if endpoint.name == name), None)

    def requests(self, name: str) -> int:
        """How many the endpoint of that name had; 0 when the run has none."""
        endpoint = self.endpoint(name)
        return 0 if endpoint is None else endpoint.requests

    @property
    def unsound(self) -> tuple[str, ...]:
        """Why nothing at all is to be learnt from this run, not even that it fails."""
        return tuple(sentence for sentence in self.invalid if sentence != self.failing)

    @property
    def digest(self) -> str:
        """Of what was measured and when: a copy under another name has the same one."""
        # Older baselines know these, too; they have no p5.
        measured = [
            (e.name, e.requests, e.failed, sorted((q, s) for q, s in e.quantiles_s.items() if q >= 0.1))
            for e in self.endpoints
        ]
        told = json.dumps([self.started_at_s, self.commit, measured])
        return hashlib.sha256(told.encode()).hexdigest()


def endpoint_names(base: Sequence[MeasuredRun], head: Sequence[MeasuredRun]) -> list[str]:
    """Endpoints of either side, busiest in base first, then all requests; not beside a single one."""
    requests: dict[str, int] = {}
    for run in base:
        for endpoint in run.endpoints:
            requests[endpoint.name] = requests.get(endpoint.name, 0) + endpoint.requests
    for run in head:
        for endpoint in run.endpoints:
            requests.setdefault(endpoint.name, 0)
    requests.pop(ALL_REQUESTS, None)
    names = sorted(requests, key=lambda name: (-requests[name], name))
    return names if len(names) == 1 else [*names, ALL_REQUESTS]


def request_names(base: Sequence[MeasuredRun], head: Sequence[MeasuredRun]) -> list[str]:
    """Those that are requests: a transaction's are counted by themselves."""
    return [n for n in endpoint_names(base, head) if n != ALL_REQUESTS and not is_beside(n)]


def measured(run: Run, window: Window | None = None) -> MeasuredRun:
    """What a run file says, over `window`, by default the judged one. Pure, and the same each time."""
    asked_of = judged_of(run, window)
    window, judged = asked_of.window, asked_of.slices
    never_sent = _never_sent(asked_of)
    of_all = never_sent[""]
    invalid = _invalid(asked_of)
    total = _endpoint(ALL_REQUESTS, judged, window, of_all)
    beside = within(run.beside, window.seconds).by_endpoint()
    by_endpoint = {**judged.by_endpoint(), **beside}
    git = run.facts.get("git") or {}
    return MeasuredRun(
        label=run.path.stem,
        source=str(run.path),
        started_at_s=float(run.facts["started_at_s"]),
        duration_s=float(window.duration_s),
        endpoints=(
            *(
                _endpoint(str(e), by_endpoint[e], window, never_sent.get(e.scenario, of_all))
                for e in sorted(by_endpoint, key=str)
            ),
            total,
        ),
        series=tuple(_series(run.readings, window)),
        conditions=_conditions(run),
        commit=git.get("commit"),
        branch=git.get("branch"),
        window=tuple(sorted(window.seconds)),
        invalid=tuple(dict.fromkeys(finding.sentence for finding in invalid)),
        failing=_failing(invalid, total),
        watched=tuple(
            (one["name"], json.dumps(one["settings"], sort_keys=True))
            for one in run.facts.get("monitors") or ()
        ),
    )


def _never_sent(judged: JudgedRun) -> dict[str, float]:
    """The share of the planned arrivals that never started: of all under "", of several by their names."""
    loads = {"": judged.load}
    for name, run in judged.several.items():
        loads[name] = AppliedLoad(run.plan.profile.open_model, starts(run.readings, judged.window))
    return {
        name: load.starts.never_sent if load.open_model and load.starts else 0.0
        for name, load in loads.items()
    }


def _endpoint(name: str, parts: Slices, window: Window, never_sent: float) -> MeasuredEndpoint:
    total = sample(parts)
    quantiles_s = {}
    for quantile in QUANTILES:
        # Requests that were never sent would have been the slowest: so a higher quantile is read of those
        # sent.
        read_at = served_quantile(quantile, never_sent) if never_sent else quantile
        value_s = None if read_at is None else total.response.quantile(read_at)
        if value_s is not None:
            quantiles_s[quantile] = value_s
    return MeasuredEndpoint(
        name=name,
        requests=total.requests,
        failed=total.failed,
        throughput_per_s=total.requests / window.duration_s if window.duration_s else None,
        quantiles_s=quantiles_s,
        mean_s=total.response.mean_s,
        received_bytes=_received(parts),
        seconds=TimesBySecond.of(parts),
    )


@dataclass(frozen=True, slots=True)
class TimesBySecond:
    """Response times as columns: a histogram for each second that has requests, in order of time."""

    second: NDArray[np.int64]
    """Since the epoch."""
    times: Histograms

    @classmethod
    def of(cls, parts: Slices) -> TimesBySecond:
        """`parts` of one second add up."""
        merged = parts.merged(endpoints=False)
        return cls(merged.second, merged.response)


def _received(parts: Slices) -> float | None:
    """Bytes of all answers; None when one slice does not tell, or there is none."""
    return float(parts.received.sum()) if len(parts) and parts.received.min() >= 0 else None


def _series(readings: Sequence[Reading], window: Window) -> list[MeasuredSeries]:
    """Each watched series' mean and greatest value.

    What the generator tells of itself is no resource, but for the connections that it had to open.
    """
    found = {
        f"{source}.{series}": group
        for (source, series), group in Readings.of(readings).by_series(window.seconds).items()
        if source not in _NO_RESOURCE or (source, series) == OPENED
    }
    return [
        MeasuredSeries(
            name=name,
            unit=group[0].unit,
            mean=math.fsum((group.value * group.counts).tolist()) / int(group.counts.sum()),
            maximum=float(group.high.max()),
            limit=group[-1].limit,
        )
        for name, group in sorted(found.items())
        if ".sample." not in name  # the monitor's own
    ]


_NO_RESOURCE: Final = frozenset({"load", *ENGINES})


def _invalid(judged: JudgedRun) -> list[Finding]:
    """The findings that forbid a conclusion from this run.

    Those are: a measurement that cannot be trusted, a promised load that was not applied, and any finding
    that makes it incomparable, such as no steady state.
    """
    analyses = (finding for analysis in ANALYSES for finding in analysis(judged.run, judged.window))
    return [
        finding
        for finding in (*judge_validity(judged).findings, *analyses)
        if finding.invalidates
        or finding.incomparable
        or (finding.kind is FindingKind.CONDITION and finding.verdict is not Verdict.PASS)
    ]


def _failing(invalid: Sequence[Finding], total: MeasuredEndpoint) -> str:
    """What says that most requests failed, of which all were counted."""
    if (total.failed or 0) <= MOST_FAILED * total.requests:
        return ""
    return next((finding.sentence for finding in invalid if finding.id == "valid.answered"), "")


def _conditions(run: Run) -> Conditions:
    plan, facts = run.plan, run.facts
    stored = plan_to_json(plan)
    profile = {
        **stored["profile"],
        "time_scale": plan.time_scale,
        "arguments": _load_arguments(plan.engine_args),
    }
    if asked_s := asked_warm_up_s(plan):
        profile["warm_up_s"] = asked_s  # only where one was asked for: older baselines have none
    if plan.profile.kind is ProfileKind.SCENARIO and not plan.profile.stages:
        profile["stages"] = None  # the scenario's own load, which is not known
    if plan.several:
        profile["several"] = [
            {
                "name": one["name"], "start_s": one["start_s"], **one["plan"]["profile"],
                "arguments": _load_arguments(one["plan"]["engine_args"]),
            }
            for one in stored["several"]
        ]  # fmt: skip
    parts = [
        (one.plan, written["plan"])
        for one, written in zip(plan.several, stored.get("several", ()), strict=True)
    ]
    targets = [written["target"] or one.options.scenario_target for one, written in parts or [(plan, stored)]]
    sizes = [
        own[0].value
        for (_, name), own in Readings.of(run.readings).by_series().items()
        if name == "database.size"
    ]
    return Conditions(
        scenario=plan.scenario.name,
        scenario_sha256=facts.get("scenario_sha256"),
        fingerprint=facts.get("scenario_fingerprint"),
        engine=", ".join(f"{one.name}: {_engine(one.plan)}" for one in plan.several) or _engine(plan),
        profile=profile,
        target=", ".join(dict.fromkeys(filter(None, targets))) or None,
        host={key: value for key, value in facts.get("host", {}).items() if key in _HOST},
        versions={str(name): str(version) for name, version in facts.get("versions", {}).items()},
        data_bytes=sizes[0] if sizes else None,
    )


def _engine(plan: Plan) -> str:
    client = session_of(plan)
    return f"{plan.engine} ({client} session)" if client else plan.engine


_HOST: Final = frozenset({"system", "machine", "processor", "cores", "memory_bytes"})


def _load_arguments(arguments: Sequence[str]) -> list[str]:
    """The engine's own arguments without those that only say how results are shown."""
    kept: list[str] = []
    skip_value = False
    for word in arguments:
        if word.startswith("-"):
            option = word.partition("=")[0]
            skip_value = option in _PRESENTATION and "=" not in word
            if option in _PRESENTATION:
                continue
        elif skip_value:
            skip_value = False
            continue
        kept.append(word)
    return kept
