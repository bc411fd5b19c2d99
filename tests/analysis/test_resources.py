"""Requirements on resources, judged from readings whose truth is known."""

from __future__ import annotations

import pytest

from loadproof.analysis.judge import judge
from loadproof.errors import ConfigError
from loadproof.model import Event, Finding, Operator, Reading, Stage, Statistic, Unit, Verdict
from loadproof.plan.requirements import parse_requirements
from tests.analysis.runs import load, lost, requests, series
from tests.runs import measure_of

FAIL, PASS, UNKNOWN = Verdict.FAIL, Verdict.PASS, Verdict.INCONCLUSIVE


def _judge(
    sentence: str, readings: list[Reading], events: list[Event] | None = None, stages: tuple[Stage, ...] = ()
) -> Finding:
    required = parse_requirements(f"resources:\n  - {sentence}\n", "r.yaml")
    run = load(
        readings=readings,
        events=events or [],
        requirements=required,
        slices=[requests("/x", 9)],
        stages=stages,
    )
    # Behind it there may be the note on what broke first.
    finding, *_ = judge(run).findings
    return finding


SPIKE = {second: 90.0 if second == 30 else 10.0 for second in range(60)}
HIGH = {second: 90.0 if 20 <= second < 52 else 10.0 for second in range(60)}


@pytest.mark.parametrize(
    ("sentence", "values", "unit", "limit", "verdict", "why"),
    [
        ("postgres.connections.used < 80%", SPIKE, Unit.COUNT, 100.0, FAIL, "one second is enough"),
        ("postgres.connections.used < 95%", SPIKE, Unit.COUNT, 100.0, PASS, "90 of 100"),
        ("mean of postgres.connections.used < 20%", SPIKE, Unit.COUNT, 100.0, PASS, "the mean is low"),
        ("p50 of postgres.connections.used > 9", SPIKE, Unit.COUNT, 100.0, PASS, "the median is 10"),
        ("postgres.connections.used < 80% over any 30s", SPIKE, Unit.COUNT, 100.0, PASS, "no 30 s are high"),
        ("postgres.connections.used < 80% over any 30s", HIGH, Unit.COUNT, 100.0, FAIL, "32 s are high"),
        ("postgres.connections.used < 80% over any 2m", HIGH, Unit.COUNT, 100.0, UNKNOWN, "it was too short"),
        ("postgres.connections.used > 5", SPIKE, Unit.COUNT, 100.0, PASS, "the least is 10"),
        ("postgres.connections.used > 50", SPIKE, Unit.COUNT, 100.0, FAIL, "the least is 10"),
        ("postgres.connections.used < 95 connections", SPIKE, Unit.COUNT, 100.0, PASS, "in its own unit"),
        ("postgres.connections.used < 1GiB", SPIKE, Unit.COUNT, 100.0, UNKNOWN, "connections are no bytes"),
        ("postgres.connections.used < 80%", SPIKE, Unit.COUNT, None, UNKNOWN, "no limit to be a share of"),
        ("connections.used < 95", SPIKE, Unit.COUNT, None, PASS, "without its source"),
        ("connections.used < 95", SPIKE, Unit.CORES, 100.0, UNKNOWN, "95 cores, or 95 %?"),
        ("connections.used < 95%", SPIKE, Unit.CORES, 100.0, PASS, "a share of its limit"),
        ("connections.used < 95 cores", SPIKE, Unit.CORES, None, PASS, "in its own unit"),
        ("connections.used < 5", SPIKE, Unit.BYTES, None, UNKNOWN, "5 bytes accuse everybody"),
        ("connections.used < 500", SPIKE, Unit.SECONDS, None, UNKNOWN, "milliseconds were meant"),
        ("connections.used < 95", SPIKE, Unit.SHARE, None, UNKNOWN, "a share is never 95"),
        ("connections.used < 95", SPIKE, Unit.PER_SECOND, None, PASS, "a number per second has one meaning"),
        ("postgres.other < 95", SPIKE, Unit.COUNT, None, UNKNOWN, "nobody measured it"),
    ],
)
def test_statistics_windows_and_units(
    sentence: str, values: dict[int, float], unit: Unit, limit: float | None, verdict: Verdict, why: str
) -> None:
    """Each row is one sentence over 60 s of readings."""
    finding = _judge(sentence, series("postgres.connections.used", values, unit, limit))
    assert finding.verdict is verdict, (why, finding)


def test_the_finding_has_the_measured_maximum() -> None:
    """With the series, its limit, and how many samples there were."""
    finding = _judge("x.used < 80%", series("x.used", SPIKE, Unit.COUNT, 100.0))
    assert finding.value == 0.9
    assert finding.evidence["series_maximum"] == 90.0
    assert measure_of(finding).samples == 60
    assert "90 of 100" in finding.sentence


@pytest.mark.parametrize(
    ("events", "values", "verdict", "why"),
    [
        (lost("x", 20, 25), 10.0, UNKNOWN, "silent within the window"),
        (lost("x", 20), 10.0, UNKNOWN, "silent to the end"),
        (lost("x", 20, 25), 90.0, FAIL, "what was measured already breaks it"),
        (lost("other", 20, 25), 10.0, PASS, "another monitor"),
        (lost("x", 59.5), 10.0, PASS, "lost after the load"),
        (lost("x", -20, -5), 10.0, PASS, "lost and found before the load"),
    ],
)
def test_a_silent_monitor_is_never_a_pass(
    events: list[Event], values: float, verdict: Verdict, why: str
) -> None:
    """Events say when it was silent."""
    finding = _judge("x.used < 80%", series("x.used", values, Unit.COUNT, 100.0), events)
    assert finding.verdict is verdict, (why, finding)


def test_a_gap_without_any_event_is_silence_too() -> None:
    """Whatever the reason: seconds that nobody looked at are not known."""
    values = {second: 1.0 for second in range(60) if not 20 <= second < 26}
    finding = _judge("x.used < 80", series("x.used", values))
    assert finding.verdict is UNKNOWN
    assert "nothing was measured for 7s" in finding.advice


def test_a_series_that_is_rightly_absent_is_no_gap() -> None:
    """A quantile of no requests has no value; the monitor has looked all the same."""
    looks = [r for r in series("x.p95", 0.0) if r.series == "sample.duration"]
    readings = [r for r in series("x.p95", {3: 0.1, 40: 0.2}, Unit.SECONDS) if r.series == "p95"]
    assert _judge("x.p95 < 500ms", [*readings, *looks]).verdict is PASS


def test_connections_are_those_nearest_to_their_limit() -> None:
    """A full pool fails the requirement, however few connections the database has."""
    readings = [
        *series("postgres.connections.used", 6.0, Unit.COUNT, 100.0),
        *series("pool.connections.used", 5.0, Unit.COUNT, 5.0),
    ]
    required = parse_requirements("resource_usage:\n  database_connections_max: 80%\n", "r.yaml")
    finding, *_ = judge(load(readings=readings, requirements=required, slices=[requests("/x", 9)])).findings
    assert finding.verdict is FAIL
    assert measure_of(finding).series == "pool.connections.used"


def test_cpu_is_the_process_and_without_it_the_machine() -> None:
    """80 % is of what it may use: of the limit that each reading has."""
    required = parse_requirements("resource_usage:\n  cpu_max: 80%\n", "r.yaml")
    host = series("host.cpu", 3.9, Unit.CORES, 4.0)
    process = series("process.cpu", 0.9, Unit.CORES, 2.0)
    both = load(readings=[*host, *process], requirements=required, slices=[requests("/x", 9)])
    only = load(readings=host, requirements=required, slices=[requests("/x", 9)])
    assert judge(both).findings[0].verdict is PASS
    assert judge(only).findings[0].verdict is FAIL


def test_each_stage_is_judged_and_the_worst_counts() -> None:
    """`over each stage`: the finding names the stage."""
    stages = (Stage(30.0, 10.0), Stage(0.0, 50.0), Stage(30.0, 50.0))
    values = {second: 10.0 if second < 30 else 90.0 for second in range(60)}
    finding = _judge("x.used < 80 over each stage", series("x.used", values), stages=stages)
    assert finding.verdict is FAIL
    assert finding.window.startswith("stage 2, at 50")


@pytest.mark.parametrize(
    ("sentence", "metric", "statistic", "operator", "limit", "unit", "window"),
    [
        ("process.rss < 1GiB", "process.rss", Statistic.MAXIMUM, Operator.LESS, 2**30, Unit.BYTES, ""),
        ("a.b >= 5/s over steady state", "a.b", Statistic.MINIMUM, Operator.GREATER_EQUAL, 5, Unit.PER_SECOND,
         "steady"),
        ("p99 of a.b <= 200ms over the whole load", "a.b", Statistic.PERCENTILE, Operator.LESS_EQUAL, 0.2,
         Unit.SECONDS, "whole"),
        ("mean of a.b < 1.5 cores over any 30s", "a.b", Statistic.MEAN, Operator.LESS, 1.5, Unit.CORES,
         "any 30s"),
        ("'promql: sum(rate(x{a=\"b\"}[5s])) > 3 < 5'", 'promql: sum(rate(x{a="b"}[5s])) > 3',
         Statistic.MAXIMUM,
         Operator.LESS, 5, Unit.NONE, ""),
        ("promql: up < 5", "promql: up", Statistic.MAXIMUM, Operator.LESS, 5, Unit.NONE, ""),
        ("'mean of promql: x{a=\"b over c\"} < 5'", 'promql: x{a="b over c"}', Statistic.MEAN,
         Operator.LESS, 5, Unit.NONE, ""),
    ],
)  # fmt: skip
def test_sentences(
    sentence: str,
    metric: str,
    statistic: Statistic,
    operator: Operator,
    limit: float,
    unit: Unit,
    window: str,
) -> None:
    """A sentence is a series, a comparison, a limit, and perhaps a statistic and a window."""
    (found,) = parse_requirements(f"resources:\n  - {sentence}\n", "r.yaml")
    assert (found.metric, found.statistic, found.operator) == (metric, statistic, operator)
    assert (found.limit, found.unit, found.window) == (limit, unit, window)
    assert found.source == "r.yaml:2"


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("process.rss", "compares nothing"),
        ("process.rss < big", "'big' is no limit"),
        ("process.cpu < 80", "'80' has no unit"),
        ("mean of process.nginx.memory < 500 over any 30s", "'500' has no unit"),
        ("host.memory.used < 5", "'5' has no unit"),
        ("process.rss < 5 over any moment", "not a duration"),
        ("process.rss < 5 over any 0.5s", "no whole number of seconds"),
        ("p100 of process.rss < 5", "'p100' is no percentile"),
        ("all the memory < 5", "is no series' name"),
    ],
)
def test_sentences_that_say_nothing_are_errors(sentence: str, said: str) -> None:
    """With the line, the value and the way out."""
    with pytest.raises(ConfigError) as caught:
        parse_requirements(f"resources:\n  - {sentence}\n", "r.yaml")
    assert said in str(caught.value)
    assert "r.yaml:2" in str(caught.value)


STAGES = (
    Stage(0.0, 10.0),
    Stage(25.0, 10.0),
    Stage(0.0, 50.0),
    Stage(10.0, 50.0),
    Stage(0.0, 10.0),
    Stage(25.0, 10.0),
)


@pytest.mark.parametrize(
    ("sentence", "interval_s", "stages", "verdict", "why"),
    [
        ("mean of promql.x < 80", 60.0, (), PASS, "one scrape in the window"),
        ("mean of promql.x < 80", 90.0, (), UNKNOWN, "perhaps none in the window"),
        ("promql.x < 5", 90.0, (), UNKNOWN, "what was too high may have been so before the window"),
        ("promql.x < 80 over any 30s", 30.0, (), PASS, "one in each 30 s"),
        ("promql.x < 80 over any 30s", 31.0, (), UNKNOWN, "perhaps none in some 30 s"),
        ("promql.x < 80", 15.0, STAGES, UNKNOWN, "a spike of 10 s may be between two"),
        ("promql.x < 80", 10.0, STAGES, PASS, "one in the spike"),
        ("mean of promql.x < 80", 15.0, STAGES, PASS, "a mean needs no one moment"),
        ("promql.x < 80", None, (), PASS, "nothing is known against it"),
    ],
)
def test_what_is_scraped_too_seldom_proves_nothing(
    sentence: str, interval_s: float | None, stages: tuple[Stage, ...], verdict: Verdict, why: str
) -> None:
    """A Prometheus server that scrapes less often than the window lasts may not have seen it at all."""
    readings = series("promql.x", 10.0)
    if interval_s is not None:
        readings += series("promql.scrape.interval", interval_s, Unit.SECONDS)
    finding = _judge(sentence, readings, stages=stages)
    assert finding.verdict is verdict, (why, finding)
    assert ("Prometheus scrapes every" in finding.advice) is (verdict is UNKNOWN)
