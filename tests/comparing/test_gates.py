"""What may decide a comparison: the gates that were declared, and what is meant."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loadproof.analysis.compare.compare import compare
from loadproof.analysis.compare.comparison import Change, FailOn
from loadproof.analysis.compare.gates import parse_gates
from loadproof.analysis.compare.settings import ComparisonSettings
from loadproof.errors import ConfigError, ExitCode
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
