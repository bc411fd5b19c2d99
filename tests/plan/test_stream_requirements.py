"""Requirements on the times of a stream."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loadproof.analysis.judge import judge
from loadproof.errors import ConfigError
from loadproof.model import EVENT_GAP, FIRST_BYTE, FIRST_EVENT, Endpoint, Verdict
from loadproof.plan.requirements import parse_requirements
from tests.runs import measure_of, part, plan, run

CHAT = Endpoint("POST", "/chat")
TEXT = """
endpoints:
  {name}:
    response_time: {{p50: <2s}}
    first_event: {{p50: <800ms}}
    event_gap: {{p90: <10ms}}
"""


@pytest.mark.parametrize("name", ["POST /chat", "/chat"])
def test_each_is_judged_by_its_own_times(name: str) -> None:
    """Of answers that take a second, begin after half of it, and stall once in five gaps."""
    slices = [
        row
        for second in range(20)
        for row in (
            part(second, CHAT, [1.0] * 5),
            part(second, Endpoint(FIRST_EVENT, "POST /chat"), [0.5] * 5),
            part(second, Endpoint(EVENT_GAP, "POST /chat"), [0.005, 0.005, 0.005, 0.005, 0.05] * 10),
        )
    ]
    found = parse_requirements(TEXT.format(name=name), "requirements.yaml")
    assert len({requirement.id for requirement in found}) == 3
    made = run(*(row for row in slices if row.endpoint == CHAT), of=plan(*found))
    report = judge(replace(made, beside=tuple(row for row in slices if row.endpoint.beside)))
    whole, first, gap = (finding for finding in report.findings if finding.measure is not None)
    assert [one.verdict for one in (whole, first, gap)] == [Verdict.PASS, Verdict.PASS, Verdict.FAIL]
    assert [measure_of(one).samples for one in (whole, first, gap)] == [100, 100, 1000]
    assert measure_of(first).value == pytest.approx(0.5, rel=0.01)
    assert measure_of(gap).value == pytest.approx(0.05, rel=0.01)
    assert report.facts["requests"] == 100
    rows = {row.endpoint: row for row in report.endpoints}
    assert rows["event_gap: POST /chat"].requests == 1000
    assert rows["POST /chat"].requests == 100


def test_the_label_of_a_sampler_is_taken_whole() -> None:
    """What JMeter calls "Login page" is another endpoint than "page"."""
    login, page = Endpoint("", "Login page"), Endpoint("", "page")
    beside = [
        part(second, Endpoint(FIRST_BYTE, name), [time_s] * 5)
        for second in range(20)
        for name, time_s in (("Login page", 0.9), ("page", 0.1))
    ]
    found = parse_requirements("endpoints:\n  page:\n    first_byte: {p50: <200ms}\n", "requirements.yaml")
    made = run(*(part(n, one, [1.0] * 5) for n in range(20) for one in (login, page)), of=plan(*found))
    report = judge(replace(made, beside=tuple(beside)))
    (finding,) = (one for one in report.findings if one.measure is not None)
    assert (finding.verdict, measure_of(finding).samples) == (Verdict.PASS, 100)


def test_no_stream_is_no_pass() -> None:
    found = parse_requirements(TEXT.format(name="POST /chat"), "requirements.yaml")
    report = judge(run(part(0, CHAT, [1.0] * 500), of=plan(*found)))
    verdicts = {finding.id: finding.verdict for finding in report.findings if "first_event" in finding.id}
    assert list(verdicts.values()) == [Verdict.INCONCLUSIVE]


def test_it_belongs_to_an_endpoint() -> None:
    with pytest.raises(ConfigError, match="'event_gap' is of one endpoint"):
        parse_requirements("event_gap: {p99: <100ms}", "requirements.yaml")
