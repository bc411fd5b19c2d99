"""A run of days is kept and read in longer steps, and says the same; what it can no longer tell it says."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from loadproof.analysis.judge import judge
from loadproof.analysis.window.windows import sample
from loadproof.histogram import Histogram
from loadproof.model import (
    Event,
    EventKind,
    FailureKind,
    Operator,
    Outcome,
    Profile,
    ProfileKind,
    Reading,
    Requirement,
    Slice,
    Stage,
    Statistic,
    Subject,
    Unit,
    Verdict,
)
from loadproof.runfile import blocks, steps, writer
from loadproof.runfile.reader import Run, read_run
from loadproof.runfile.writer import RunWriter, UncommittedRows
from tests.runs import LOANS, LOGIN, START, measure_of, plan, required, run_facts

if TYPE_CHECKING:
    from pathlib import Path

    from loadproof.model import Finding

SECONDS = 5_400
SOAK = Profile(ProfileKind.SOAK, (Stage(float(SECONDS), 10.0),), start=10.0)
CPU = Requirement(
    "cpu", "cpu < 1.5", "made", Subject.RESOURCE, Statistic.MAXIMUM, Operator.LESS, 1.5, Unit.CORES,
    metric="host.cpu",
)  # fmt: skip
ASKED = (required(0.5), replace(required(0.5, endpoint="GET /api/loans"), id="loans"), CPU)


def _write(path: Path, *requirements: Requirement) -> Path:
    """Ninety minutes at one level; a processor that is idle but for one second in the middle."""
    random = np.random.default_rng(3)
    out = RunWriter(path, run_facts(plan(*requirements, profile=SOAK)))
    out.commit(UncommittedRows(events=[Event(float(START), EventKind.LOAD_STARTED, "began")]), START)
    for second in range(SECONDS):
        batch = UncommittedRows()
        for endpoint in (LOANS, LOGIN):
            response = Histogram()
            response.record_all(random.lognormal(-3.0, 0.5, 4))
            failures = {FailureKind.STATUS: 1} if second % 50 == 0 else {}
            batch.slices.append(Slice(START + second, endpoint, 4, failures, 400, response))
        used = 1.75 if second == SECONDS // 2 else 0.25
        batch.readings.append(Reading(START + second + 0.01, "host", "cpu", used, Unit.CORES, 2.0))
        batch.readings.append(Reading(START + second + 0.5, "load", "users", 10.0, Unit.COUNT))
        if second % 5 == 0:
            batch.events += _told(START + second + 0.9)
        out.commit(batch, START + second + 1.0)
    out.commit(
        UncommittedRows(events=[Event(float(START + SECONDS), EventKind.LOAD_ENDED, "ended")]),
        START + SECONDS,
    )
    out.finish({"outcome": Outcome.COMPLETED, "ended_at_s": START + float(SECONDS)})
    out.close()
    return path


def _told(time_s: float) -> list[Event]:
    """What an engine tells every five seconds."""
    statuses = [
        Event(time_s, EventKind.STATUSES, "s", {"endpoint": str(e), "counts": {"200": 19, "500": 1}})
        for e in (LOANS, LOGIN)
    ]
    check = {"name": "is right", "passes": 3, "fails": 1, "endpoint": str(LOANS)}
    return [*statuses, Event(time_s, EventKind.CHECKED, "c", check)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The run in seconds, all of its rows as they came."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "MOST_ROWS", 10 * SECONDS)
        return read_run(_write(tmp_path_factory.mktemp("whole") / "run.db", *ASKED))


@pytest.fixture(scope="module")
def merged(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The same run where hours begin after ten minutes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "MOST_ROWS", 400)
        patch.setattr(steps, "KEPT_S", 600)
        patch.setattr(writer, "KEPT_S", 600)
        path = _write(tmp_path_factory.mktemp("merged") / "run.db", *ASKED)
        with closing(sqlite3.connect(path)) as db:
            found = dict(db.execute("SELECT step_s, count(*) FROM blocks GROUP BY step_s"))
        assert found.keys() == {1, 60}
        return read_run(path)


def _found(run: Run, identity: str, *asked: Requirement) -> Finding:
    return next(finding for finding in judge(run, asked or None).findings if finding.id == identity)


def test_merged_seconds_have_the_same_requests_and_times(whole: Run, merged: Run) -> None:
    """To the last bucket, over all endpoints and of each."""
    assert (whole.step_s, merged.step_s) == (1, 60)
    assert len(merged.slices) < len(whole.slices) / 50
    assert sample(merged.slices) == sample(whole.slices)


def test_merged_seconds_are_judged_alike(whole: Run, merged: Run) -> None:
    """The same verdicts; percentiles differ by the steps that the window's ends cut only."""
    one, other = judge(whole), judge(merged)
    assert [f.verdict for f in one.findings[:4]] == [f.verdict for f in other.findings[:4]]
    for requirement in ASKED[:2]:
        values = [measure_of(_found(run, requirement.id)).value for run in (whole, merged)]
        assert values[0] == pytest.approx(values[1], rel=0.011)


def test_the_worst_second_of_a_resource_survives(merged: Run) -> None:
    """A peak of one second breaks its limit after it was merged, and is drawn."""
    finding = _found(merged, "cpu")
    assert (finding.verdict, measure_of(finding).value) == (Verdict.FAIL, 1.75)
    charts = judge(merged, draw=True).charts
    assert charts is not None
    cpu = next(course for course in charts.resources if course.series == "cpu")
    assert max(value for value in cpu.greatest if value is not None) == 1.75


def test_a_mean_of_a_resource_is_that_of_its_seconds(whole: Run, merged: Run) -> None:
    """Each step has the mean of what was read in it."""
    mean = replace(CPU, statistic=Statistic.MEAN, limit=1.0)
    values = [measure_of(_found(run, "cpu", mean)).value for run in (whole, merged)]
    assert values[0] == pytest.approx(values[1], rel=0.02)


def test_what_an_engine_counts_is_added_up(whole: Run, merged: Run) -> None:
    """Statuses and checks have their sums, in one event an hour and not one every few seconds."""
    one, other = judge(whole), judge(merged)
    assert (other.statuses, other.checks) == (one.statuses, one.checks)
    assert len(whole.events_of(EventKind.STATUSES)) == 2 * SECONDS / 5
    assert len(merged.events_of(EventKind.STATUSES)) <= 2 * 3  # of three hours of the clock


@pytest.mark.parametrize("asked", [required(0.5), CPU])
def test_what_steps_cannot_tell_is_said(merged: Run, asked: Requirement) -> None:
    """Judged later, a window of 30 s is INCONCLUSIVE, with the way out."""
    finding = _found(merged, asked.id, replace(asked, window="any 30s"))
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "require it before the run" in finding.advice


def test_a_window_that_is_required_keeps_its_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is merged where `any 30s` is asked before the run."""
    monkeypatch.setattr(blocks, "MOST_ROWS", 400)
    monkeypatch.setattr(steps, "KEPT_S", 600)
    monkeypatch.setattr(writer, "KEPT_S", 600)
    run = read_run(_write(tmp_path / "run.db", replace(required(0.5), window="any 30s")))
    assert run.step_s == 1
    assert _found(run, required(0.5).id).verdict is Verdict.PASS
