"""Comparisons of runs whose difference is known, because the test wrote them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from loadproof.analysis.across_runs.measured import (
    ALL_REQUESTS,
    Conditions,
    MeasuredEndpoint,
    MeasuredRun,
    MeasuredSeries,
)
from loadproof.analysis.compare.comparable import Difference
from loadproof.analysis.compare.compare import Settings, compare
from loadproof.analysis.compare.comparison import Change
from loadproof.analysis.compare.gates import parse_gates
from loadproof.errors import ConfigError, ExitCode
from loadproof.model import Unit

if TYPE_CHECKING:
    from loadproof.analysis.compare.comparison import Comparison, Row

HOST = {"system": "Linux", "machine": "x86_64", "cores": 2, "memory_bytes": 8e9}
CONDITIONS = Conditions(
    scenario="locustfile.py",
    scenario_sha256="a",
    engine="locust",
    profile={"kind": "load"},
    host=HOST,
    data_bytes=1e9,
)


def endpoint(name: str, factor: float, failed: int = 0, requests: int = 2000) -> MeasuredEndpoint:
    """An endpoint `factor` times as slow as 50, 95 and 99 ms."""
    quantiles_s = {q: q / 10 * factor for q in (0.5, 0.95, 0.99)}
    return MeasuredEndpoint(name, requests, failed, requests / 60 / factor, quantiles_s)


def side(
    name: str,
    runs: int = 5,
    slower: float = 1.0,
    *,
    endpoints: int = 2,
    seed: int = 0,
    cores: float = 1.0,
    failed: int = 0,
    requests: int = 2000,
    **changed: Any,
) -> list[MeasuredRun]:
    """Runs that differ by 1 % by themselves, one after the other."""
    random = np.random.default_rng(seed)
    made = []
    for number in range(runs):
        factors = slower * np.exp(random.normal(0, 0.01, endpoints))
        own = [endpoint(f"GET /{index}", factor, failed, requests) for index, factor in enumerate(factors)]
        total = endpoint(ALL_REQUESTS, float(factors.mean()), failed * endpoints, requests * endpoints)
        cpu = MeasuredSeries("host.cpu.used", Unit.CORES, cores * float(factors[0]), 2.0)
        run = MeasuredRun(
            f"{name}{number}",
            f"{name}{number}.db",
            100.0 * number + seed,
            60.0,
            (*own, total),
            (cpu,),
            CONDITIONS,
        )
        made.append(replace(run, **changed))
    return made


def row(found: Comparison, name: str) -> Row:
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
    assert found.sentence.startswith("p95 of GET /")
    assert "% higher (+" in found.sentence
    assert "5 runs against 5 (and 1 more)" in found.sentence
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
        side("a"), side("b", slower=1.2, seed=1), Settings(gates=parse_gates(["GET /0:throughput"]))
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
    settings = Settings(gates=parse_gates(["all:errors"]))
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
    found = compare(side("a", endpoints=5), side("b", endpoints=5, seed=1))
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
    accepted = compare(base, head, Settings(accepted=frozenset({Difference(kind)})))
    assert accepted.change is Change.REGRESSED
    assert any(said in note for note in accepted.notes)


def test_what_a_source_does_not_tell_is_not_held_against_it() -> None:
    """An import without facts is comparable."""
    found = compare(side("a"), side("b", seed=1, conditions=Conditions()))
    assert found.change is Change.SAME


@pytest.mark.parametrize("which", [0, 1])
def test_an_unsound_run_on_either_side_beats_all(which: int) -> None:
    """Its reason is the sentence, and no acceptance helps."""
    sides = [side("a"), side("b", slower=2.0, seed=1)]
    sides[which][3] = replace(sides[which][3], invalid=("a worker was lost",))
    found = compare(sides[0], sides[1], Settings(accepted=frozenset(Difference)))
    assert found.change is Change.INVALID
    assert found.obstacles == (f"{sides[which][3].label}: a worker was lost",)


def test_a_run_that_is_given_twice_is_no_two_runs() -> None:
    """Nor is a run comparable with itself."""
    base = side("a")
    assert compare([*base, base[0]], side("b", seed=1)).obstacles == ("a0 is given 2 times",)
    assert compare(base, base[:1]).change is Change.INVALID


def test_an_endpoint_that_is_gone_is_no_pass() -> None:
    """It was among the busiest: what it would say is not known."""
    found = compare(side("a", endpoints=3), side("b", endpoints=2, seed=1))
    assert found.change is Change.INCONCLUSIVE
    assert row(found, "p95 of GET /2").reason == "no request of it in head"
    assert "only in base: GET /2" in found.notes


def test_too_few_requests_for_a_percentile_are_no_data() -> None:
    """p95 takes 72 requests a run."""
    found = compare(side("a", requests=60), side("b", requests=60, seed=1))
    assert found.change is Change.INCONCLUSIVE
    assert (
        row(found, "p95 of GET /0").reason == "fewer than 72 requests a run: too few for p95 in base and head"
    )


def test_gates_are_what_was_declared() -> None:
    """By endpoint with or without method, for all, of a resource; nothing else decides."""
    base, head = side("a"), side("b", seed=1, cores=1.5)
    for text, change in (
        ("/0", Change.SAME),
        ("GET /1:p99", Change.SAME),
        ("host.cpu.used", Change.REGRESSED),
    ):
        found = compare(base, head, Settings(gates=parse_gates([text])))
        assert (found.change, len(found.gated)) == (change, 1), text


def test_a_gate_on_a_resource_that_one_side_lacks_is_open() -> None:
    """Not watched is not unchanged."""
    found = compare(side("a"), side("b", seed=1, series=()), Settings(gates=parse_gates(["host.cpu.used"])))
    assert (found.change, found.gated[0].reason) == (Change.INCONCLUSIVE, "it was not watched in head")


def test_gates_that_name_nothing_are_all_told() -> None:
    """With what there is."""
    with pytest.raises(ConfigError) as caught:
        compare(side("a"), side("b", seed=1), Settings(gates=parse_gates(["GET /9", "mem"])))
    assert [problem.message for problem in caught.value.problems] == [
        "no run has 'GET /9'",
        "no run has 'mem'",
    ]
    with pytest.raises(ConfigError):
        parse_gates(["p95"])


def test_the_shape_of_a_shift_is_described() -> None:
    """Ratios of the sides' mean quantiles, for every endpoint and all requests."""
    found = compare(side("a"), side("b", slower=1.5, seed=1))
    ratios = [shift.head_s / shift.base_s for shift in found.shifts]
    assert len(ratios) == 9
    assert ratios == pytest.approx([1.5] * 9, rel=0.03)
