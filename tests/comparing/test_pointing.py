"""Which endpoint is behind what all requests say: one at which its own times point, and not by chance."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loadproof.analysis.across_runs.measured import ALL_REQUESTS
from loadproof.analysis.compare.comparison import Change, ComparisonRow
from loadproof.analysis.compare.sentences import explained, where_it_is
from loadproof.model import Unit

WORK = "statements a request"


def row(subject: str, statistic: str, ratio: float, p: float, *, accepted: bool = False) -> ComparisonRow:
    """A row of what is proved, or of what looks so."""
    return ComparisonRow(
        subject, statistic, Unit.NONE if statistic == WORK else Unit.SECONDS, gate=False, decides=True,
        base=0.01, head=0.01 * ratio, base_runs=5, head_runs=5, change=Change.REGRESSED, ratio=ratio, p=p,
        accepted=accepted,
    )  # fmt: skip


def rows(*moved: ComparisonRow) -> list[ComparisonRow]:
    """Twelve endpoints of which nothing moved but what is given."""
    every = {
        (name, statistic): row(name, statistic, 1.001, 0.7)
        for name in (f"GET /{n}" for n in range(12))
        for statistic in ("p5", "p50", "mean")
    }
    return list((every | {(one.subject, one.statistic): one for one in moved}).values())


PROVED = row(ALL_REQUESTS, WORK, 1.5, 1e-9)
SLOW = (row("GET /3", "p50", 3.0, 1e-8), row("GET /3", "mean", 3.0, 1e-8))


@pytest.mark.parametrize("p", [0.03, 0.001])
def test_a_p5_that_moved_by_chance_names_nobody_else(p: float) -> None:
    """A slow path of GET /3 moves its p50 and mean, not its p5; that of GET /7 happened to move."""
    innocent = row("GET /7", "p5", 1.02, p)
    assert "most likely of GET /3, whose p50 moved by" in where_it_is(PROVED, rows(*SLOW, innocent))


def test_the_fastest_answers_choose_among_those_that_are_slower() -> None:
    """GET /7 waits for what GET /3 does more."""
    waits = row("GET /7", "p50", 1.4, 1e-5)
    assert where_it_is(PROVED, rows(*SLOW, waits)) == ""
    chosen = rows(*SLOW, waits, row("GET /3", "p5", 2.0, 1e-9))
    assert "most likely of GET /3, whose p5 moved by" in where_it_is(PROVED, chosen)
    alone = rows(row("GET /3", "p5", 2.0, 1e-9))
    assert "most likely of GET /3, whose p5 moved by" in where_it_is(PROVED, alone)


@pytest.mark.parametrize("statistic", ["p5", "p50", "mean"])
def test_of_many_endpoints_one_points_somewhere_by_chance(statistic: str) -> None:
    """One of twelve has a p of 0.03 in one of three comparisons of equal builds."""
    assert where_it_is(PROVED, rows(row("GET /7", statistic, 1.02, 0.03))) == ""


@pytest.mark.parametrize(("others", "named"), [(0.0, True), (0.004, True), (0.016, False)])
def test_failures_of_all_endpoints_name_none(others: float, named: bool) -> None:
    """GET /3 has the most requests, so that only its 2 % are beyond chance."""

    def failed(subject: str, head: float, p: float) -> ComparisonRow:
        one = row(subject, "error rate", 40.0, p)
        return replace(one, unit=Unit.SHARE, base=0.0, head=head)

    proved = failed(ALL_REQUESTS, 0.018, 1e-9)
    innocent = [failed(f"GET /{n}", others, 0.3) for n in range(3)]
    said = where_it_is(proved, [proved, failed("GET /3", 0.02, 1e-4), *innocent])
    assert ("most likely of GET /3, with 2%" in said) is named


def test_what_is_meant_explains_no_work_of_another_endpoint() -> None:
    """Its p5 moved by chance, and the other one is slower beyond it."""
    meant = row("GET /7", "p5", 1.02, 0.03, accepted=True)
    found = explained([PROVED, *rows(*SLOW, meant)])
    assert not found[0].accepted
    slow = [row(one.subject, one.statistic, 3.0, 1e-8, accepted=True) for one in SLOW]
    assert explained([PROVED, *rows(*slow, row("GET /7", "p5", 1.02, 0.03))])[0].accepted
