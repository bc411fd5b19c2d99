"""Endpoints that fail on one side: an answer that is none has no time to be compared."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from loadproof.analysis.compare.baseline import check_one_kind
from loadproof.analysis.compare.compare import compare
from loadproof.analysis.compare.comparison import Change
from loadproof.analysis.compare.gates import parse_gates
from loadproof.analysis.compare.settings import ComparisonSettings
from loadproof.errors import ConfigError
from tests.comparing.sides import side

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadproof.analysis.across_runs.measured import MeasuredRun


def with_one_failing(runs: list[MeasuredRun], share: float, faster: float) -> list[MeasuredRun]:
    """So many of GET /1 fail; its answers and all requests take that part of their time."""

    def changed(run: MeasuredRun) -> MeasuredRun:
        first, second, total = run.endpoints
        failed = round(share * second.requests)
        quick = {q: s * faster for q, s in second.quantiles_s.items()}
        one = replace(second, failed=failed, quantiles_s=quick, received_bytes=40.0 * second.requests)
        per_s = (total.throughput_per_s or 0.0) * 1.3
        return replace(run, endpoints=(first, one, replace(total, failed=failed, throughput_per_s=per_s)))

    return [changed(run) for run in runs]


def test_an_endpoint_that_base_has_not_is_not_slower_in_head() -> None:
    """Its 404s took a hundredth of the time, and left room for more of the others."""
    found = compare(with_one_failing(side("a"), 1.0, 0.01), side("b", seed=1))
    assert found.change is Change.IMPROVED
    assert found.sentence.startswith("error rate of GET /1 fell from 100% to 0%")
    times = [row for row in found.rows if row.subject == "GET /1" and row.statistic in ("p50", "p95")]
    assert [(row.ratio, row.change) for row in times] == [(None, Change.INCONCLUSIVE)] * 2
    assert any("most of its requests fail in base: these are other answers" in n for n in found.notes)


def test_an_endpoint_that_head_has_not_fails_and_is_not_faster() -> None:
    """What it lost is its answers; that its failures are quick is nobody's gain."""
    found = compare(side("a"), with_one_failing(side("b", seed=1), 1.0, 0.01))
    assert found.change is Change.REGRESSED
    assert found.sentence.startswith("error rate of GET /1 rose from 0% to 100%")
    assert "lower" not in found.sentence


@pytest.mark.parametrize(("slower", "change"), [(1.0, Change.IMPROVED), (1.3, Change.REGRESSED)])
def test_the_other_endpoints_are_compared_all_the_same(slower: float, change: Change) -> None:
    """Beside one that base has not, GET /0 is as fast as before, or slower."""
    head = [
        replace(run, endpoints=(slow.endpoints[0], *run.endpoints[1:]))
        for run, slow in zip(side("b", seed=1), side("b", slower=slower, seed=1), strict=True)
    ]
    found = compare(with_one_failing(side("a"), 1.0, 0.01), head)
    assert found.change is change
    assert (" of GET /0 is " in found.sentence) is (change is Change.REGRESSED)


def test_where_only_some_fail_its_times_are_compared() -> None:
    """A third of head's answers are failures: the others are what base's are."""
    found = compare(side("a"), with_one_failing(side("b", seed=1), 0.3, 1.0))
    (median,) = (row for row in found.rows if row.name == "p50 of GET /1")
    assert (found.change, median.base is None) == (Change.REGRESSED, False)


FAILING = "90 of 100 requests failed: failures prove no speed, and nothing limits them"


def broken(runs: list[MeasuredRun]) -> list[MeasuredRun]:
    """The runs in which all requests fail, as they are read from their files."""

    def changed(run: MeasuredRun) -> MeasuredRun:
        ends = tuple(replace(end, failed=end.requests) for end in run.endpoints)
        return replace(run, endpoints=ends, invalid=(FAILING,), failing=FAILING)

    return [changed(run) for run in runs]


def test_a_head_that_only_fails_is_a_regression() -> None:
    """Its runs prove no speed, and that it is broken."""
    found = compare(side("a"), broken(side("b", seed=1)))
    assert (found.change, int(found.exit_code)) == (Change.REGRESSED, 3)
    assert found.sentence.startswith("error rate of GET /0 rose from 0% to 100%")


@pytest.mark.parametrize(("head", "words"), [(broken, "of base and of head"), (list, "of base")])
def test_where_base_only_fails_there_is_nothing_to_compare_with(
    head: Callable[[list[MeasuredRun]], list[MeasuredRun]], words: str
) -> None:
    """A wrong path, or a base that was not set up: what head's times cost nobody knows."""
    found = compare(broken(side("a")), head(side("b", seed=1)))
    assert (found.change, int(found.exit_code)) == (Change.INVALID, 4)
    assert f"most requests {words} fail: failures prove no speed" in found.sentence


def test_failures_that_a_requirement_limits_are_compared() -> None:
    """A load beyond what is let in, of which most is refused by intent: then no run is unsound."""
    sides = [
        [replace(run, invalid=(), failing="") for run in broken(side(name, seed=seed))]
        for seed, name in enumerate("ab")
    ]
    assert compare(sides[0], sides[1]).change is Change.SAME


def test_a_failing_run_with_another_flaw_is_left_out() -> None:
    """What was not measured soundly proves no failures either."""
    runs = broken(side("b", seed=1))
    runs[0] = replace(runs[0], invalid=(FAILING, "a worker was lost"))
    found = compare(side("a"), runs)
    assert (found.change, len(found.head.runs)) == (Change.REGRESSED, 4)
    assert "left out: b0: a worker was lost" in found.notes


@pytest.mark.parametrize(
    ("failed", "change"), [(0, Change.SAME), (100, Change.REGRESSED)], ids=["equal", "some fail"]
)
def test_one_failing_run_of_base_is_an_accident(failed: int, change: Change) -> None:
    """It hides no failures of head, and opens nothing between runs that are alike."""
    base = side("a", runs=3)
    found = compare([*broken(base[:1]), *base[1:]], side("b", runs=3, seed=1, failed=failed))
    assert (found.change, len(found.base.runs)) == (change, 2)
    assert f"left out: a0: {FAILING}" in found.notes


def one_failed(name: str, runs: int, slower: float = 1.0, seed: int = 1) -> list[MeasuredRun]:
    """The first run fails, in a hundredth of the time."""
    (failed,) = broken(side(f"{name}-dead", runs=1, seed=seed + 5, slower=0.01))
    return [failed, *side(name, runs=runs - 1, seed=seed, slower=slower)]


@pytest.mark.parametrize("runs", [3, 5])
def test_what_the_other_runs_prove_decides(runs: int) -> None:
    """The times of a run that failed are those of failures, and no part of how much runs differ."""
    found = compare(side("a", runs=runs), one_failed("b", runs, slower=1.3))
    assert (found.change, len(found.head.runs)) == (Change.REGRESSED, runs)
    assert found.proved(Change.REGRESSED)[0].subject == "GET /0"
    assert found.proved(Change.REGRESSED)[0].head_runs == runs - 1
    assert f"b-dead0: {FAILING}" in found.notes


@pytest.mark.parametrize("slower", [1.0, 0.7], ids=["as fast", "faster"])
def test_one_run_of_head_that_failed_is_neither_accused_nor_passed(slower: float) -> None:
    """Four others are as good as base or better: what failed once is told, and is no equal build."""
    found = compare(side("a"), one_failed("b", 5, slower))
    assert (found.change, int(found.exit_code)) == (Change.INCONCLUSIVE, 4)
    assert found.sentence == "1 of 5 runs of head failed, which proves nothing yet"
    assert not any("wild" in note for note in found.notes)


def test_runs_that_fail_as_often_in_base_open_nothing() -> None:
    """Then it is the machine, or the test."""
    found = compare(one_failed("a", 5, seed=0), one_failed("b", 5))
    assert found.change is Change.SAME


def test_a_wild_run_is_found_beside_one_that_failed() -> None:
    """It is the wild one that is left out, not its neighbour."""
    head = one_failed("b", 6)
    head[3] = replace(side("wild", 1, slower=3.0)[0], started_at_s=head[3].started_at_s)
    found = compare(side("a", 6), head)
    assert any(note.startswith("wild0 is wild") for note in found.notes)
    assert (found.change, len(found.head.runs)) == (Change.INCONCLUSIVE, 5)


def test_a_baseline_takes_in_no_failing_run() -> None:
    """It is what others are held against."""
    with pytest.raises(ConfigError, match="90 of 100 requests failed"):
        check_one_kind([*side("a"), *broken(side("b", runs=1, seed=1))])


def sized(runs: list[MeasuredRun], each: float) -> list[MeasuredRun]:
    """Answers of GET /1 have so many bytes, those of GET /0 a thousand."""

    def changed(run: MeasuredRun) -> MeasuredRun:
        bytes_each = {"GET /0": 1000.0, "GET /1": each}
        ends = (replace(e, received_bytes=bytes_each.get(e.name, 500.0) * e.requests) for e in run.endpoints)
        return replace(run, endpoints=tuple(ends))

    return [changed(run) for run in runs]


@pytest.mark.parametrize(("each", "told"), [(24.0, "99.9% lower"), (0.0, "100% lower")])
@pytest.mark.parametrize("slower", [1.0, 0.5], ids=["as fast", "faster"])
def test_answers_that_lost_nearly_all_of_their_bytes_are_no_improvement(
    each: float, told: str, slower: float
) -> None:
    """An error with the status 200, or an empty answer, is quick and small."""
    base, head = sized(side("a"), 30_000.0), sized(side("b", seed=1, slower=slower), each)
    found = compare(base, head)
    assert (found.change, int(found.exit_code)) == (Change.INCONCLUSIVE, 4)
    assert found.sentence.startswith(f"bytes an answer of GET /1 is {told}")
    assert "a failure with the status of a success" in found.sentence
    assert "if the answers of GET /1 are meant to be so small: --accept 'GET /1:bytes'" in found.notes
    meant = ComparisonSettings(accepted_changes=parse_gates(["GET /1:bytes"]))
    assert compare(base, head, meant).change is Change.IMPROVED


def test_answers_of_a_third_are_an_improvement() -> None:
    """Compression, or a page of rows."""
    found = compare(sized(side("a"), 30_000.0), sized(side("b", seed=1), 10_000.0))
    assert found.change is Change.IMPROVED


def test_answers_that_always_were_empty_are_nothing() -> None:
    """204: no bytes were there to lose, and the first ones are no regression."""
    for each in (0.0, 300.0):
        found = compare(sized(side("a"), 0.0), sized(side("b", seed=1), each))
        assert found.change is Change.SAME
