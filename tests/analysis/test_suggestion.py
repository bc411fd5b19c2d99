"""Limits taken from a run: read by the same grammar, held by the same run; none where it was short."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from loadproof.analysis.judge import judge
from loadproof.analysis.suggestion import probes, suggestion
from loadproof.model import Endpoint, Requirement, Verdict
from loadproof.plan.requirements import parse_requirements, read_given
from tests.runs import LOANS, LOGIN, part, run

if TYPE_CHECKING:
    from loadproof.runfile.reader import Run

ODD = Endpoint("GET", '/a: [b] #"c"\n')


def suggested(of: Run) -> str:
    return suggestion(judge(of), judge(of, read_given(probes(judge(of)))))


def drawn(requests: int, *endpoints: Endpoint, failed: int = 0, seconds: int = 20) -> Run:
    """So many requests a second of each endpoint, 20 to 120 ms."""
    chance = random.Random(5)
    return run(
        *(
            part(second, endpoint, [chance.uniform(0.02, 0.12) for _ in range(requests)], failed=failed)
            for second in range(seconds)
            for endpoint in endpoints
        )
    )


def limits(text: str) -> dict[str, Requirement]:
    return {f"{r.endpoint or ''} {r.text}": r for r in parse_requirements(text, "suggested.yaml")}


def test_what_is_suggested_can_be_read_and_the_run_holds_it() -> None:
    """Each limit has its room, a margin of a third at least, and its endpoint, however that is called."""
    made = drawn(50, LOANS, LOGIN, ODD)
    text = suggested(made)
    required = parse_requirements(text, "suggested.yaml")
    report = judge(made, required)
    rows = [f for f in report.findings if f.measure is not None and not f.measure.by_default]
    assert report.verdict is Verdict.PASS, report.sentence
    assert {f.endpoint for f in rows} == {None, str(LOANS), str(LOGIN), str(ODD)}
    assert {f.measure.text.split(":")[0] for f in rows if f.measure} == {
        "p50", "p95", "p99", "min_rps", "max_rate",
    }  # fmt: skip
    timed = [f.measure for f in rows if f.measure and f.measure.text.startswith("p")]
    assert all((measure.margin or 0) >= 1 / 3 for measure in timed)
    assert "p95: <200ms  # was 11" in text


def test_each_reason_stands_beside_its_limit() -> None:
    """Lines that are no limit are comments; every limit has one."""
    lines = suggested(drawn(50, LOANS)).splitlines()
    values = [line for line in lines if line.startswith("  ") and not line.lstrip().startswith("#")]
    assert len(values) == 5
    assert all("  # " in line for line in values)


def test_too_few_samples_get_no_limit_but_a_word() -> None:
    """What could not be judged in the next run either is not required."""
    text = suggested(drawn(5, LOANS, LOGIN, seconds=8))
    assert "# p99: 80 requests are too few, and 368 are needed: run longer" in text
    assert "# endpoints: 2 have fewer requests than the 72 that a p95 needs: run longer" in text
    assert {r.text for r in parse_requirements(text, "suggested.yaml")} >= {"p50: <150ms"}
    assert "\nendpoints:" not in text


def test_a_short_run_gets_the_error_rate_that_it_bears() -> None:
    """Without one a service whose failures are fast would pass; below 60 requests there is a word instead."""
    text = suggested(drawn(5, LOANS, LOGIN, seconds=8))
    assert "  max_rate: 5%  # 0% of 80 failed; 1% takes 300 requests" in text
    assert "  max_rate: 2%  # 0% of 200 failed; 1% takes 300 requests" in suggested(drawn(10, LOANS))
    report = judge(drawn(5, LOANS, LOGIN, failed=1, seconds=8), parse_requirements(text, "suggested.yaml"))
    assert report.verdict is Verdict.FAIL
    few = suggested(drawn(5, LOANS, seconds=8))
    assert "# error_rate: max_rate: 40 requests are too few, and 60 are needed: run longer" in few


def test_failures_are_asked_about() -> None:
    """A service that fails in a tenth of its requests gets a limit that says so, and a question."""
    text = suggested(drawn(50, LOANS, failed=5))
    assert "max_rate: 20%  # 10% of 1,000 failed; is that meant?" in text
    clean = limits(suggested(drawn(50, LOANS)))
    assert clean[" max_rate: 1%"].limit == 0.01
    assert limits(suggested(drawn(500, LOANS)))[" max_rate: 0.1%"].limit == 0.001
