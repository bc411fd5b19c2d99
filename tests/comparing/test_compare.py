"""Comparisons of runs whose difference is known, because the test wrote them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from loadproof.analysis.across_runs.measured import (
    Conditions,
    MeasuredRun,
    MeasuredSeries,
)
from loadproof.analysis.compare.comparable import Difference
from loadproof.analysis.compare.compare import compare
from loadproof.analysis.compare.comparison import Change
from loadproof.analysis.compare.gates import parse_gates
from loadproof.analysis.compare.report import comparison_report
from loadproof.analysis.compare.settings import ComparisonSettings
from loadproof.errors import ExitCode
from loadproof.model import Unit
from tests.comparing.sides import CONDITIONS, HOST, endpoint, side
from tests.runs import loose

if TYPE_CHECKING:
    from loadproof.analysis.compare.comparison import Comparison, ComparisonRow


def row(found: Comparison, name: str) -> ComparisonRow:
    """The row of that name."""
    (only,) = (row for row in found.rows if row.name == name)
    return only


@pytest.mark.parametrize(
    ("slower", "change", "code"),
    [
        (1.0, Change.SAME, ExitCode.PASS),
        (1.12, Change.REGRESSED, ExitCode.FAIL),
        (0.85, Change.IMPROVED, ExitCode.PASS),
        (1.042, Change.INCONCLUSIVE, ExitCode.INCONCLUSIVE),
    ],
)
def test_five_against_five_find_what_is_true(slower: float, change: Change, code: ExitCode) -> None:
    """The truth lies in the interval; one just below the tolerance is left open."""
    found = compare(side("a"), side("b", slower=slower, seed=1))
    assert (found.change, found.exit_code) == (change, code)
    p95 = row(found, "p95 of GET /0")
    assert p95.gate
    assert p95.interval is not None
    assert p95.interval[0] < slower < p95.interval[1]
    assert p95.hodges_lehmann == pytest.approx(slower, rel=0.02)


def test_a_regression_reads_as_one() -> None:
    """The sentence has endpoint, size, interval and runs; the environment is named when sides ran apart."""
    found = compare(side("a"), side("b", slower=1.12, seed=1000))
    assert found.sentence.startswith("p50 of GET /")
    assert "% higher (+" in found.sentence
    assert "5 runs against 5 (and " in found.sentence
    assert any("`loadproof ab` takes turns" in note for note in found.notes)


def test_what_is_open_says_how_many_runs_would_settle_it() -> None:
    """More than there are, and the sentence says so."""
    found = compare(side("a", 3), side("b", 3, slower=1.035, seed=3))
    assert found.change is Change.INCONCLUSIVE
    needed = max(row.runs_needed or 0 for row in found.gated)
    assert needed > 3
    assert f"about {needed - 3} more runs a side would settle it" in found.sentence


def test_lower_throughput_is_worse() -> None:
    """A gate on it fails when it falls."""
    found = compare(
        side("a"), side("b", slower=1.2, seed=1), ComparisonSettings(gates=parse_gates(["GET /0:throughput"]))
    )
    assert (found.change, len(found.gated)) == (Change.REGRESSED, 1)
    assert found.gated[0].ratio == pytest.approx(1 / 1.2, rel=0.02)


@pytest.mark.parametrize(
    ("base", "head", "change"),
    [
        (0, 0, Change.SAME),
        (0, 40, Change.REGRESSED),
        (40, 0, Change.IMPROVED),
        (0, 1, Change.INCONCLUSIVE),
        (200, 202, Change.INCONCLUSIVE),
    ],
)
def test_error_rates(base: int, head: int, change: Change) -> None:
    """None on either side has its bound; one failure more is neither proof nor its absence."""
    settings = ComparisonSettings(gates=parse_gates(["all:errors"]))
    sides = [side("a", failed=base, requests=3000), side("b", failed=head, requests=3000, seed=1)]
    found = compare(sides[0], sides[1], settings)
    assert found.change is change
    if not base + head:
        assert found.gated[0].reason == "no failure on either side: below 0.01%"
        assert found.gated[0].ratio is None


def test_one_against_one_is_never_a_proof() -> None:
    """Whatever the difference is; everything is still shown."""
    found = compare(side("a", 1), side("b", 1, slower=3.0, seed=1))
    assert found.change is Change.INCONCLUSIVE
    assert "never a proof" in found.sentence
    assert row(found, "p95 of GET /0").ratio == pytest.approx(3.0, rel=0.1)
    assert {row.change for row in found.rows} == {Change.INCONCLUSIVE}


@pytest.mark.parametrize(("runs", "change"), [(4, Change.INCONCLUSIVE), (10, Change.REGRESSED)])
def test_one_candidate_takes_five_runs_of_history(runs: int, change: Change) -> None:
    """Fewer do not tell how much runs differ by themselves."""
    found = compare(side("a", runs), side("b", 1, slower=1.15, seed=1))
    assert found.change is change
    expected = "prediction interval" if runs == 10 else ""
    assert row(found, "p95 of GET /0").method == expected


def test_five_endpoints_share_their_variances() -> None:
    """From five on; all requests together are no endpoint."""
    found = compare(side("a", endpoints=5), side("b", endpoints=5, seed=1000))
    assert row(found, "p95 of GET /0").method == "moderated t"
    assert row(found, "p95 of all requests").method == "Welch t"


OTHER = replace(CONDITIONS, host={**HOST, "cores": 4})


@pytest.mark.parametrize(
    ("conditions", "kind", "said"),
    [
        (replace(CONDITIONS, scenario="other.py"), "scenario", "the scenarios differ"),
        (replace(CONDITIONS, scenario_sha256="b"), "scenario", "locustfile.py was changed"),
        (replace(CONDITIONS, engine="k6"), "engine", "the engines differ"),
        (replace(CONDITIONS, profile={"kind": "soak"}), "profile", "the load differs"),
        (replace(CONDITIONS, data_bytes=3e9), "data", "the database differs"),
        (OTHER, "host", "the machines (cores) differ: base 2, head 4"),
        (
            replace(CONDITIONS, host={**HOST, "memory_bytes": 4e9}),
            "host",
            "the memory of the machine differs",
        ),
    ],
)
def test_other_conditions_come_before_every_number(conditions: Conditions, kind: str, said: str) -> None:
    """INVALID beats a regression, unless the difference is accepted; then it is a note."""
    base, head = side("a"), side("b", slower=2.0, seed=1, conditions=conditions)
    found = compare(base, head)
    assert (found.change, found.exit_code) == (Change.INVALID, ExitCode.INCONCLUSIVE)
    assert said in found.sentence
    assert row(found, "p95 of GET /0").ratio is not None
    accepted = compare(base, head, ComparisonSettings(accepted=frozenset({Difference(kind)})))
    assert accepted.change is Change.REGRESSED
    assert any(said in note for note in accepted.notes)


def test_what_a_source_does_not_tell_is_not_held_against_it() -> None:
    """An import without facts is comparable."""
    found = compare(side("a"), side("b", seed=1, conditions=Conditions()))
    assert found.change is Change.SAME


@pytest.mark.parametrize("which", [0, 1])
def test_an_unsound_run_is_left_out_with_a_note(which: int) -> None:
    """It ends nothing; only a side without a sound run has no verdict, whatever is accepted."""
    sides = [side("a"), side("b", slower=2.0, seed=1)]
    sides[which][3] = replace(sides[which][3], invalid=("a worker was lost",))
    found = compare(sides[0], sides[1])
    assert found.change is Change.REGRESSED
    assert f"left out: {sides[which][3].label}: a worker was lost" in found.notes
    assert len((found.base, found.head)[which].runs) == 4
    sides[which] = [replace(run, invalid=("a worker was lost",)) for run in sides[which]]
    found = compare(sides[0], sides[1], ComparisonSettings(accepted=frozenset(Difference)))
    assert (found.change, found.unsound) == (Change.INVALID, True)
    assert found.obstacles[0] == f"{sides[which][0].label}: a worker was lost"


def test_a_copy_of_a_run_is_no_second_run() -> None:
    """Whatever it is called; and a run is not comparable with itself."""
    base = side("a")
    copy = replace(base[0], label="copy", source="elsewhere/copy.db")
    found = compare([*base, copy], side("b", seed=1))
    assert "copy is the same run as a0: it counts once" in found.notes
    assert len(found.base.runs) == 5
    assert compare(base, [copy]).obstacles == ("copy is on both sides",)


def test_the_headline_is_the_endpoint_that_became_slower() -> None:
    """With its size and interval; not the throughput, nor an innocent endpoint whose requests are few."""
    base, head = side("a", endpoints=5), side("b", endpoints=5, seed=1)
    slow = [
        replace(run, endpoints=(*run.endpoints[:3], endpoint("GET /3", 16.0, 0, 90), *run.endpoints[4:]))
        for run in head
    ]
    found = compare(base, slow)
    assert (found.change, found.exit_code) == (Change.REGRESSED, ExitCode.FAIL)
    assert " of GET /3 is 16 times as high (x 15" in found.sentence
    assert any("the mix of requests differs" in note and "is slower" in note for note in found.notes)


def test_another_mix_is_another_load() -> None:
    """It is no improvement that the slow page is asked for less; unless it is slower, which explains it."""
    base, head = side("a", endpoints=3), side("b", endpoints=3, seed=1)
    less = [
        replace(run, endpoints=(replace(run.endpoints[0], requests=700), *run.endpoints[1:])) for run in head
    ]
    found = compare(base, less)
    assert found.change is Change.INVALID
    assert found.sentence.endswith("the mix of requests differs: GET /0 went from 33.3% to 14.9% of them")
    accepted = compare(base, less, ComparisonSettings(accepted=frozenset({Difference.MIX})))
    assert accepted.change is Change.SAME


def test_work_for_each_request_is_proved_where_no_time_tells() -> None:
    """Twice the transactions of the database, in noise that hides every time; without noise they are why."""

    def shop(name: str, each: float, seed: int, noisy: float = 0.5, slower: float = 1.0) -> list[MeasuredRun]:
        random = np.random.default_rng(seed)
        return [
            replace(
                run,
                series=tuple(
                    MeasuredSeries(f"{name}", unit, value, value)
                    for name, unit, value in (
                        ("postgres.transactions.committed", Unit.PER_SECOND, each * run_rate(run)),
                        ("process.cpu", Unit.CORES, 0.5),
                        ("process.rss", Unit.BYTES, 9e7),
                    )
                ),
                endpoints=tuple(
                    replace(e, quantiles_s={q: s * noise for q, s in e.quantiles_s.items()})
                    for e in run.endpoints
                ),
            )
            for run in side(name, seed=seed, slower=slower)
            for noise in (float(np.exp(random.normal(0, noisy))),)
        ]

    found = compare(shop("a", 1.0, 0), shop("b", 2.0, 1))
    assert found.change is Change.REGRESSED
    assert found.sentence.startswith("transactions a request of all requests is 100% higher")
    quiet = compare(shop("a", 1.0, 0, 0.01), shop("b", 2.0, 1, 0.01, slower=1.5))
    assert ", with transactions a request +100%, 5 runs against 5" in quiet.sentence
    assert compare(shop("a", 1.0, 0), shop("b", 1.0, 1)).change is Change.INCONCLUSIVE


@pytest.mark.parametrize(
    ("before", "files", "change"),
    [
        (12.0, 15.0, Change.SAME),
        (8.0, 18.0, Change.SAME),  # a pool of ten connections
        (18.0, 8.0, Change.SAME),
        (200.0, 300.0, Change.SAME),
        (8.0, 30.0, Change.REGRESSED),
        (12.0, 190.0, Change.REGRESSED),
    ],
)
def test_files_that_stay_open_are_a_regression_and_some_more_are_none(
    before: float, files: float, change: Change
) -> None:
    """Connections that head leaks: no time and no memory tells of them yet."""

    def opened(runs: list[MeasuredRun], each: float) -> list[MeasuredRun]:
        fds = MeasuredSeries("process.fds", Unit.COUNT, each, each)
        return [replace(run, series=(fds,)) for run in runs]

    found = compare(opened(side("a"), before), opened(side("b", seed=1), files))
    assert found.change is change
    if change is Change.REGRESSED:
        assert found.sentence.startswith("open files of the service is ")


def run_rate(run: MeasuredRun) -> float:
    """Requests per second of all endpoints."""
    return run.endpoints[-1].throughput_per_s or 0.0


def test_one_wild_run_is_named_and_left_out() -> None:
    """With the verdict that it would have made; two of them are the way of their side."""
    base, head = side("a", 6), side("b", 6, slower=1.12, seed=1)

    def stalled(run: MeasuredRun) -> MeasuredRun:
        slow = [
            replace(
                e,
                quantiles_s={q: 3 * s for q, s in e.quantiles_s.items()},
                throughput_per_s=(e.throughput_per_s or 0.0) / 3,
            )
            for e in run.endpoints
        ]
        return replace(run, endpoints=tuple(slow))

    base[2] = stalled(base[2])
    found = compare(base, head)
    assert found.change is Change.REGRESSED
    (note,) = (note for note in found.notes if "wild" in note)
    assert note.startswith("a2 is wild: its answers took 3 times as long as the others of its side; left out")
    assert "a2" not in found.base.runs
    base[4] = stalled(base[4])
    again = compare(base, head)
    assert not any("wild" in note for note in again.notes)
    assert again.change is Change.INCONCLUSIVE


def test_versions_and_age_are_said() -> None:
    """They are no obstacle."""
    old = replace(CONDITIONS, versions={"loadproof": "0.1.0", "locust": "2.40.0"})
    new = replace(CONDITIONS, versions={"loadproof": "0.2.0", "locust": "2.40.0"})
    head = side("b", seed=1, conditions=new)
    later = [
        replace(run, started_at_s=10_000.0 * number + 40 * 86_400 + 40_000) for number, run in enumerate(head)
    ]
    found = compare(side("a", conditions=old), later)
    assert "the versions of loadproof differ: base 0.1.0, head 0.2.0" in found.notes
    assert "the newest run of base is 40 days older than head" in found.notes
    assert not any("locust" in note for note in found.notes)


def test_an_endpoint_that_is_gone_is_no_pass() -> None:
    """It was among the busiest: what it would say is not known."""
    found = compare(side("a", endpoints=3), side("b", endpoints=2, seed=1))
    assert found.change is Change.INCONCLUSIVE
    assert row(found, "p95 of GET /2").reason == "no request of it in head"
    assert "only in base: GET /2" in found.notes


def test_too_few_requests_for_a_percentile_are_no_data() -> None:
    """p95 takes 72 requests a run; the median and the mean decide then, unless p95 was asked for."""
    sides = side("a", requests=60), side("b", requests=60, seed=1)
    found = compare(*sides)
    assert found.change is Change.SAME
    assert not row(found, "p95 of GET /0").gate
    asked = compare(*sides, ComparisonSettings(gates=parse_gates(["GET /0:p95"])))
    assert asked.change is Change.INCONCLUSIVE
    assert (
        row(asked, "p95 of GET /0").reason == "fewer than 72 requests a run: too few for p95 in base and head"
    )


def test_the_shape_of_a_shift_is_described() -> None:
    """Ratios of the sides' mean quantiles, for every endpoint and all requests."""
    found = compare(side("a"), side("b", slower=1.5, seed=1))
    ratios = [shift.head_s / shift.base_s for shift in found.shifts]
    assert len(ratios) == 9
    assert ratios == pytest.approx([1.5] * 9, rel=0.03)


def test_more_work_names_the_endpoint_that_its_times_point_to() -> None:
    """The database knows no endpoint: one is named where its own times say so, though they prove nothing."""

    def shop(name: str, each: float, seed: int, *slower: float) -> list[MeasuredRun]:
        made = []
        for number, run in enumerate(side(name, endpoints=2, seed=seed)):
            factors = [times * (1 + 0.02 * (-1) ** number) for times in slower]
            own = [
                replace(e, quantiles_s={0.5: 0.05 * factor})
                for e, factor in zip(run.endpoints, factors, strict=False)
            ]
            rate = each * run_rate(run)
            work = MeasuredSeries("postgres.transactions.committed", Unit.PER_SECOND, rate, rate)
            made.append(replace(run, endpoints=(*own, run.endpoints[-1]), series=(work,)))
        return made

    base = shop("a", 1.0, 0, 1.0, 1.0)
    one = compare(base, shop("b", 2.0, 1, 1.05, 1.0))
    assert one.sentence.startswith("transactions a request of all requests is ")
    assert "most likely of GET /0, whose p50 moved by +5%" in one.sentence
    for slower in ((1.05, 1.05), (1.0, 1.0)):
        assert "most likely" not in compare(base, shop("b", 2.0, 1, *slower)).sentence


def test_a_percentile_that_nobody_sees_has_a_reason() -> None:
    """In a note, where no row is shown; in the row, where it is a gate."""
    base, head = side("a", requests=300), side("b", seed=1, requests=300)
    (note,) = (note for note in compare(base, head).notes if "p99" in note)
    assert note.startswith("no p99 of GET /0, GET /1: fewer than 368 requests a run")
    gate = compare(base, head, ComparisonSettings(gates=parse_gates(["GET /0:p99"])))
    report = comparison_report(gate, "shop", [*base, *head], "runs")
    cells = loose(report.findings[0].evidence)["rows"]
    (cell,) = (cell for cell in cells if cell["of"] == "p99")
    assert cell["base"] == "—"
    assert cell[""].startswith("inconclusive: fewer than 368 requests a run")
