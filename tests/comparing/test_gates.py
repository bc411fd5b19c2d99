"""What may decide a comparison: the gates that were declared, and what is meant."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from loadproof.analysis.across_runs.measured import MeasuredRun, MeasuredSeries
from loadproof.analysis.compare.compare import compare, rows_to_be
from loadproof.analysis.compare.comparison import Change, FailOn
from loadproof.analysis.compare.gates import check_told, parse_gates
from loadproof.analysis.compare.settings import ComparisonSettings
from loadproof.errors import ConfigError, ExitCode
from loadproof.model import Unit
from tests.comparing.sides import endpoint, side
from tests.comparing.test_compare import row


def test_a_proved_regression_decides_whether_declared_or_not() -> None:
    """By default; `gates` keeps it to what was declared, `never` fails nothing, `accept` means it."""
    base, head = side("a"), side("b", slower=1.5, seed=1)
    errors = parse_gates(["all:errors"])
    assert compare(base, head, ComparisonSettings(gates=errors)).change is Change.REGRESSED
    assert compare(base, head, ComparisonSettings(gates=errors, fail=FailOn.GATES)).change is Change.SAME
    never = compare(base, head, ComparisonSettings(fail=FailOn.NEVER))
    assert (never.change, never.exit_code) == (Change.REGRESSED, ExitCode.PASS)
    meant = parse_gates(["GET /0", "GET /1", "all"], "--accept")
    accepted = compare(base, head, ComparisonSettings(accepted_changes=meant))
    assert accepted.change is not Change.REGRESSED
    assert row(accepted, "p50 of GET /0").accepted
    part = compare(base, head, ComparisonSettings(accepted_changes=parse_gates(["GET /0"], "--accept")))
    assert " of GET /1 is 50" in part.sentence


def test_what_is_meant_of_one_endpoint_is_meant_of_all_requests() -> None:
    """Throughput falls and the mix slows by it, and that is meant as well; another endpoint still fails."""
    base, head = side("a", endpoints=3), side("b", endpoints=3, seed=1)
    for slow, change in (({"GET /0"}, Change.SAME), ({"GET /0", "GET /2"}, Change.REGRESSED)):
        slower = [
            replace(
                run,
                endpoints=tuple(
                    endpoint(e.name, 3.0)
                    if e.name in slow
                    else replace(e, throughput_per_s=0.6 * (e.throughput_per_s or 0.0))
                    for e in run.endpoints
                ),
            )
            for run in head
        ]
        assert compare(base, slower).change is Change.REGRESSED
        found = compare(
            base, slower, ComparisonSettings(accepted_changes=parse_gates(["GET /0"], "--accept"))
        )
        assert found.change is change, found.sentence
        if change is Change.REGRESSED:
            assert "of GET /2 is" in found.sentence


def test_gates_are_what_was_declared() -> None:
    """By endpoint with or without method, for all, of a resource; nothing else decides."""
    base, head = side("a"), side("b", seed=1, cores=1.5)
    for text, change in (
        ("/0", Change.SAME),
        ("GET /1:p99", Change.SAME),
        ("host.cpu.used", Change.REGRESSED),
    ):
        found = compare(base, head, ComparisonSettings(gates=parse_gates([text])))
        assert (found.change, len(found.gated)) == (change, 1), text


def test_a_gate_on_a_resource_that_one_side_lacks_is_open() -> None:
    """Not watched is not unchanged."""
    found = compare(
        side("a"), side("b", seed=1, series=()), ComparisonSettings(gates=parse_gates(["host.cpu.used"]))
    )
    assert (found.change, found.gated[0].reason) == (Change.INCONCLUSIVE, "it was not watched in head")


NO_HISTOGRAMS = "its source keeps no histograms"
NO_P5 = "fewer than 20 requests a run, or a source without p5: nothing to compare"


def with_p5(run: MeasuredRun) -> MeasuredRun:
    """The run as a source has it that tells p5."""
    ends = (replace(e, quantiles_s={0.05: e.quantiles_s[0.5] / 2, **e.quantiles_s}) for e in run.endpoints)
    return replace(run, endpoints=tuple(ends))


@pytest.mark.parametrize("slower", [1.0, 0.5])
@pytest.mark.parametrize(
    ("statistic", "reason"),
    [("late", f"{NO_HISTOGRAMS} in base and head"), ("p5", f"{NO_P5} in base")],
)
def test_a_gate_that_cannot_be_told_is_open(statistic: str, reason: str, slower: float) -> None:
    """With its reason, and whatever else improved: what nobody knows did not pass."""
    head = [with_p5(run) for run in side("b", slower=slower, seed=1)]
    settings = ComparisonSettings(gates=parse_gates(["GET /0:p95", f"GET /1:{statistic}"]))
    found = compare(side("a"), head, settings)
    (untold,) = (row for row in found.gated if row.subject == "GET /1")
    assert (found.change, untold.change) == (Change.INCONCLUSIVE, Change.INCONCLUSIVE)
    assert untold.reason == reason
    assert found.sentence == f"{untold.name}: {reason}"
    assert compare(side("a"), head).change is (Change.SAME if slower == 1.0 else Change.IMPROVED)


@pytest.mark.parametrize("series", ["postgres.queries", "load.connections.opened"])
def test_a_gate_on_work_that_one_side_lacks_is_open(series: str) -> None:
    """As one on a resource is: it was watched in base."""
    kind = "statements a request" if "queries" in series else "new connections a request"
    watched = [
        replace(run, series=(MeasuredSeries(series, Unit.PER_SECOND, 50.0, 60.0),)) for run in side("a")
    ]
    found = compare(watched, side("b", seed=1), ComparisonSettings(gates=parse_gates([kind])))
    assert (found.change, len(found.gated)) == (Change.INCONCLUSIVE, 1)
    assert found.gated[0].reason.endswith(" in head")


def test_what_nothing_could_ever_tell_is_no_gate() -> None:
    """All requests together have no p5 of their own; a baseline keeps no histograms."""
    for statistic in ("p5", "late"):
        settings = ComparisonSettings(gates=parse_gates([f"all:{statistic}"]))
        with pytest.raises(ConfigError, match="all requests: it would move with the mix"):
            compare([with_p5(run) for run in side("a")], side("b", seed=1), settings)
    runs = [with_p5(run) for run in side("a")]
    check_told(parse_gates(["GET /0:p5", "GET /1"]), rows_to_be(runs, runs), "baseline api")
    with pytest.raises(ConfigError, match=f"late answers of GET /0: {NO_HISTOGRAMS}.*baseline api"):
        check_told(parse_gates(["GET /0:late"]), rows_to_be(runs, runs), "baseline api")


def test_gates_that_name_nothing_are_all_told() -> None:
    """With what there is."""
    with pytest.raises(ConfigError) as caught:
        compare(side("a"), side("b", seed=1), ComparisonSettings(gates=parse_gates(["GET /9", "mem"])))
    assert [problem.message for problem in caught.value.problems] == [
        "no run has 'GET /9'",
        "no run has 'mem'",
    ]
    with pytest.raises(ConfigError):
        parse_gates(["p95"])


def noisy(name: str, seed: int) -> list[MeasuredRun]:
    """Runs of one build that differ by 5 %."""
    factors = np.exp(np.random.default_rng(seed).normal(0, 0.05, 5)).tolist()
    made = [side(name, 1, slower=factor, seed=seed)[0] for factor in factors]
    return [
        replace(run, label=f"{name}{n}", started_at_s=10_000.0 * n + 61.0 * seed)
        for n, run in enumerate(made)
    ]


def test_what_noise_keeps_open_says_which_tolerance_is_wide_enough() -> None:
    """That one calls it equal, and a percent less does not."""
    base, head = noisy("a", 2), noisy("b", 3)
    found = compare(base, head)
    assert found.change is Change.INCONCLUSIVE
    (told,) = (note for note in found.notes if note.startswith("--tolerance"))
    most = int(re.findall(r"--tolerance (\d+)% would call this equal", told)[0])
    wide, less = (compare(base, head, ComparisonSettings(tolerance=n / 100)) for n in (most, most - 1))
    assert (wide.change, less.change) == (Change.SAME, Change.INCONCLUSIVE)
    assert not any(note.startswith("--tolerance") for note in wide.notes)


def test_no_tolerance_is_told_where_something_looks_worse() -> None:
    """Failures that are not proved yet would not be proved away by a wider tolerance."""
    base, head = noisy("a", 2), noisy("b", 3)
    some = [replace(run, endpoints=tuple(replace(e, failed=1) for e in run.endpoints)) for run in head]
    found = compare(base, some)
    assert found.change is Change.INCONCLUSIVE
    assert not any(note.startswith("--tolerance") for note in found.notes), found.notes
