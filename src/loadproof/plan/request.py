"""What somebody asks for: one typed request. A new option is a row here, its reader, and the docs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

_FLAG: Final = "flag"
_T = TypeVar("_T")

Requirements = str | Path | Mapping[str, object] | Sequence[str | Path]
"""A file, several files, or the content of one as a mapping."""


@dataclass(frozen=True, slots=True)
class Flag:
    """How the command line gives a field of a request."""

    names: tuple[str, ...]
    """"--users", "-u"."""
    says: str
    reads: type
    """What one value of it is: str, int, float, bool or Path."""
    many: bool
    """Whether it may be repeated."""


def flag(
    default: _T,
    *names: str,
    says: str,
    reads: type = str,
    many: bool = False,
) -> _T:
    """A field of a request with its default and its flag."""
    made: _T = field(default=default, metadata={_FLAG: Flag(names, says, reads, many)})
    return made


def flags_of(request: type) -> Iterator[tuple[str, object, Flag]]:
    """(field, default, flag) of each field that the command line gives, in their order."""
    for row in fields(request):
        if _FLAG in row.metadata:
            yield row.name, row.default, row.metadata[_FLAG]


@dataclass(frozen=True)
class PlanRequest:
    """What is asked of one test; None and empty mean "not given", and what loadproof.yaml says holds."""

    scenario: str | Path | None = None
    """A locustfile, a k6 script, a JMeter plan, or the name of a test or a scenario in loadproof.yaml."""
    _: KW_ONLY
    engine: str | None = flag(
        None, "--engine", says="locust, k6 or jmeter; by default what the file's name says."
    )
    target: str | None = flag(
        None, "--target", "--host", "-H", says="Base URL to load instead of the scenario's own."
    )
    profile: str | None = flag(None, "--profile", says="Load over time: smoke, load, stress, spike or soak.")
    stages: Sequence[str] = flag(
        (), "--stage", many=True,
        says="A stage of your own, such as 2m:50 (users) or 2m:50/s (arrivals); repeat for more.",
    )  # fmt: skip
    users: int | None = flag(
        None, "--users", "-u", reads=int, says="Virtual users; with --profile, the most of them."
    )
    spawn_rate: float | None = flag(None, "--spawn-rate", "-r", reads=float, says="Users started per second.")
    run_time: str | float | None = flag(None, "--run-time", "-t", says="How long, such as 5m or 1h30m.")
    """From Python also a number: seconds."""
    rate: str | float | None = flag(
        None, "--rate", says="The open model: arrivals per time, such as 200/s; with --run-time."
    )
    """From Python also a number: arrivals per second."""
    max_users: int | None = flag(
        None, "--max-users", reads=int,
        says="Of the open model: users at most; by default 10 for each per second.",
    )  # fmt: skip
    arrivals: str | None = flag(
        None, "--arrivals", says="Of the open model: constant (the default) or poisson."
    )
    requirements: Requirements = flag(
        (), "--requirements", reads=Path, many=True, says="A YAML file of requirements; repeat for more."
    )
    """From Python also what such a file holds, as a mapping."""
    env: Mapping[str, str] | Sequence[str] = flag(
        (), "--env", "-e", many=True,
        says="NAME=VALUE for the scenario (k6's __ENV); repeat for more.",
    )  # fmt: skip
    time_scale: float | None = flag(
        None, "--time-scale", reads=float,
        says="Play the profile in this fraction of its time: 0.05 is a rehearsal.",
    )  # fmt: skip
    warm_up: str | float | None = flag(
        None, "--warm-up", says="Leave so much of each hold's start out of what is judged, such as 30s."
    )
    """From Python also a number: seconds."""
    routes: str | None = flag(
        None, "--routes", says="on (the default): names that differ only by an id are one endpoint; or off."
    )
    expect_workers: int | None = flag(
        None, "--expect-workers", reads=int,
        says="Other machines drive the load: wait for so many workers.",
    )  # fmt: skip
    session: str | None = flag(
        None, "--session", says="HTTP client of a locustfile: loadproof (the default), locust or http2."
    )
    stop_on: str | None = flag(
        None, "--stop-on", says="End early: breach (one cannot pass any more) or settled (none changes)."
    )
    probe: str | None = flag(
        None, "--probe", says="Safe path, such as /healthz, to GET 5 times a second beside the load."
    )
    slow: str | float | None = flag(None, "--slow", says="Keep every request that takes so long, such as 1s.")
    """From Python also a number: seconds."""
    bind: str | None = flag(
        None,
        "--bind",
        says="HOST[:PORT] where they connect; by default loopback, any interface with a token.",
    )
    token: str | None = flag(
        None, "--token", says="The secret that the run and its workers share; better as LOADPROOF_TOKEN."
    )
    environment: str | None = flag(
        None, "--environment", says="What the target is, such as staging; production is refused."
    )
    allow_production: str | None = flag(
        None, "--allow-production", says="Type the host of production to load it, within a cap."
    )
    name: str | None = flag(None, "--name", says="Name of the run; by default the scenario's file name.")
    config: str | Path | None = flag(
        None, "--config", reads=Path, says="By default loadproof.yaml in this folder, if there is one."
    )
    engine_args: Sequence[str] = ()
    """Further arguments for the engine's own command line, as it takes them."""
    folder: Path = field(default_factory=Path)
    """Where relative paths begin, and where loadproof.yaml is looked for."""


@dataclass(frozen=True, kw_only=True)
class ComparisonRequest:
    """What is asked of a comparison; what is not given is what `regressions:` in loadproof.yaml says."""

    gates: Sequence[str] = flag(
        (), "--gate", many=True,
        says="What must settle, as 'GET /loans', 'GET /loans:p99', all:errors, host.cpu; repeat for more.",
    )  # fmt: skip
    tolerance: str | float | None = flag(
        None, "--tolerance", says="A change by less does not matter; by default 5%."
    )
    error_tolerance: str | float | None = flag(
        None, "--error-tolerance", says="For error rates, absolute; by default 0.1% of the requests."
    )
    accept: Sequence[str] = flag(
        (), "--accept", many=True,
        says="A difference of the runs (scenario, engine, profile, host, data, mix), or a regression that is "
        "meant, as 'GET /loans:p99'; repeat for more.",
    )  # fmt: skip
    fail: str | None = flag(
        None, "--fail", says="What fails: any proved regression (proved, the default), gates, or never."
    )


@dataclass(frozen=True, kw_only=True)
class VerdictRequest(ComparisonRequest):
    """What one run is judged by beside its requirements."""

    baseline: str | Path | None = flag(
        None, "--baseline", says="Judge against this baseline too: its name, or its file."
    )
    baseline_must_settle: bool = flag(
        False, "--baseline-must-settle", reads=bool,
        says="What that leaves open makes the run INCONCLUSIVE.",
    )  # fmt: skip
    require_verdict: bool = flag(
        False, "--require-verdict", reads=bool,
        says="Where nothing is required, end INCONCLUSIVE (4) instead of DONE (0); so it is where CI is set.",
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ReportRequest:
    """What is asked of a run that is over; None and empty mean: as the run itself had it."""

    requirements: Requirements = flag(
        (), "--requirements", reads=Path, many=True, says="A YAML file of requirements; repeat for more."
    )
    routes: str | None = flag(
        None, "--routes", says="on or off: judge names that differ only by an id as one; else as the run did."
    )


@dataclass(frozen=True, kw_only=True)
class JudgeRequest(VerdictRequest, ReportRequest):
    """What is asked of the judgement on a run that is over."""

    warm_up: str | float | None = flag(
        None, "--warm-up", says="Leave so much of each hold's start out of what is judged."
    )


@dataclass(frozen=True, kw_only=True)
class LiveRequest:
    """Whether a page follows what is driven, and where it is served."""

    live: bool = flag(
        False,
        "--live",
        reads=bool,
        says="Serve a page of the run, which is its report at the end.",
    )
    live_at: str | None = flag(
        None, "--live-at", says="[HOST:]PORT of that page; by default a free port of 127.0.0.1."
    )
    open_live: bool = flag(False, "--open", reads=bool, says="Open that page in the browser.")


@dataclass(frozen=True)
class AbRequest(LiveRequest, PlanRequest, ComparisonRequest):
    """What is asked of two builds: one test for both, how they differ, and what decides."""

    _: KW_ONLY
    base_start: str | None = flag(None, "--base-start", says="Command that starts base.")
    head_start: str | None = flag(None, "--head-start", says="Command that starts head.")
    base_target: str | None = flag(None, "--base-target", says="URL of base, when it runs already.")
    head_target: str | None = flag(None, "--head-target", says="URL of head, when it runs already.")
    ready: str | None = flag(None, "--ready", says="URL to wait for after a start; by default the target.")
    ready_timeout: str = flag("60s", "--ready-timeout", says="How long to wait for it.")
    in_turns: bool = flag(
        False, "--in-turns", reads=bool, says="Load one build after the other, never both at the same time."
    )


@dataclass(frozen=True)
class SearchRequest(LiveRequest, PlanRequest):
    """What is asked of the test whose greatest load is searched."""


@dataclass(frozen=True)
class RunRequest(LiveRequest, PlanRequest, VerdictRequest):
    """What is asked of one run: its test, what it is judged against, and what it writes."""

    _: KW_ONLY
    duration: str | float | None = None
    """`run_time` by another name."""
    run_file: str | Path | None = flag(
        None, "--run-file", reads=Path, says="Where to write the run; by default .loadproof/runs/."
    )
    metrics_port: int | None = flag(
        None, "--metrics-port", reads=int, says="Serve live figures for Prometheus on this port."
    )
    otlp: str | None = flag(None, "--otlp", says="Send live figures to this OpenTelemetry (OTLP/HTTP) URL.")
    csv: str | None = flag(None, "--csv", says="Write PREFIX_stats.csv and the others that Locust writes.")
    summary_export: str | Path | None = flag(
        None, "--summary-export", reads=Path, says="Write k6's end-of-test summary there as JSON."
    )
    html: str | Path | None = None
    """Write the report there, as one HTML file."""


def verdict_is_required(asked: bool) -> bool:
    """Whether a run without requirements is to be no neutral end: in a pipeline nobody reads it."""
    return asked or os.environ.get("CI", "").lower() not in ("", "0", "false")
