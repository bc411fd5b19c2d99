"""The verdict again: on a run file, or on a result of k6, Locust or JMeter."""

from __future__ import annotations

from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from loadproof.errors import ConfigError, Problem
from loadproof.imports.stream import HEAD_BYTES
from loadproof.pipeline.comparing import against_baseline, comparison_settings, refuse_without_baseline
from loadproof.plan.config import find_config
from loadproof.plan.options import check_during, warm_up_s
from loadproof.plan.request import ComparisonRequest, JudgeRequest, Requirements, verdict_is_required
from loadproof.plan.requirements import read_given
from loadproof.runfile.reader import Run, read_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from loadproof.imports.aggregate import Aggregate
    from loadproof.imports.stream import OnBytes
    from loadproof.model import Finding, Report

    Watch = Callable[[Path], AbstractContextManager[OnBytes | None]]
    """Given the file, what is told how many bytes of it are read."""

_SQLITE = b"SQLite format 3\0"


def judge_file(
    file: str | Path,
    *,
    requirements: Requirements | None = None,
    baseline: str | Path | None = None,
    baseline_must_settle: bool = False,
    comparing: ComparisonRequest | None = None,
    warm_up: str | float | None = None,
    draw: bool = False,
    require_verdict: bool = False,
    routes: str | None = None,
) -> Report:
    """The verdict on a run file, or on a result of k6, Locust or JMeter.

    `requirements` (a file, several, or what one holds as a mapping) replace those that a run had. `baseline`
    is one by its name or its file; what it leaves open is a note, with `baseline_must_settle` INCONCLUSIVE;
    `comparing` says how to compare with it. `warm_up` ("30s", or seconds) is left out of each hold's start.
    `draw`: the report has charts, for HTML; they take a while. Where nothing is required the end is neutral,
    DONE; with `require_verdict`, or where CI is set, INCONCLUSIVE. `routes`, "on" or "off": whether names
    that differ only by an id are one endpoint, instead of what the run said.

    Raises:
        RunFileError: there is no such file, or it is a run file that cannot be read.
        ConfigError: it is no result that is known, or a damaged one, or the requirements are wrong.
    """
    request = JudgeRequest(
        requirements=requirements or (), baseline=baseline, baseline_must_settle=baseline_must_settle,
        warm_up=warm_up, require_verdict=require_verdict, routes=routes,
        **vars(comparing or ComparisonRequest()),
    )  # fmt: skip
    return judge_found(open_any(Path(file)), request, draw=draw)


def judge_found(found: Run | Aggregate, request: JudgeRequest, *, draw: bool) -> Report:
    """The same for a file that `open_any` has opened."""
    from loadproof.analysis.judge import judge

    other = read_given(request.requirements) if request.requirements else None
    check_during(None, None, request.routes)
    must_decide = verdict_is_required(request.require_verdict)
    if not isinstance(found, Run):
        from loadproof.analysis.across_runs.imported import judge_aggregate

        if request.warm_up is not None:
            hint = "give a file with the time of each request: its totals hold the start, too"
            raise ConfigError(Problem("no warm-up can be left out of this file", str(found.path), hint))
        return judge_aggregate(found, other, must_decide=must_decide)
    found = with_routes(found, request.routes)
    if other is not None:
        # A baseline must settle where nothing else is required.
        found = replace(found, plan=replace(found.plan, requirements=other))
    if request.warm_up is not None:
        plan = found.plan
        left_out_s = warm_up_s(request.warm_up, plan.profile, plan.requirements)
        found = replace(found, plan=replace(plan, options=replace(plan.options, warm_up_s=left_out_s)))
    further: Sequence[Finding] = ()
    if request.baseline is not None:
        settings = comparison_settings(request, find_config(Path(), None))
        further = against_baseline(str(request.baseline), settings, request.baseline_must_settle)(found)
    else:
        refuse_without_baseline(request)
    return judge(found, further=further, draw=draw, must_decide=must_decide)


def with_routes(run: Run, wanted: str | None) -> Run:
    """The run as `--routes on` or `off` wants it; None leaves it. Raises ConfigError for other words."""
    check_during(None, None, wanted)
    return run if wanted is None else run.with_routes(wanted == "on")


@contextmanager
def _unwatched(_path: Path) -> Iterator[OnBytes | None]:
    yield None


def open_any(path: Path, watch: Watch = _unwatched, run: int | None = None) -> Run | Aggregate:
    """A run file, or an import; `watch` is told how far the reading has come.

    `run` says which of several runs that were appended to one file; the last by default.

    Raises:
        RunFileError: there is no such file, or it is a run file that cannot be read.
        ConfigError: it is no result that is known, or a damaged one.
    """
    head = _head(path)
    if not path.is_file() or head.startswith(_SQLITE):
        return read_run(path)
    from loadproof.imports.formats import formats, read_import, recognise

    if not recognise(head):
        hint = f"results that are known: {', '.join(known.name for known in formats())}"
        raise ConfigError(
            Problem("this is neither a run file nor a result that can be read", str(path), hint)
        )
    with watch(path) as on_bytes:
        return read_import(path, on_bytes, run)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(HEAD_BYTES)
    except OSError:
        return b""
