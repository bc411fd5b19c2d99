"""Requirements are read as people wrote them, and every mistake is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadproof.errors import ConfigError
from loadproof.model import Operator, Requirement, Statistic, Subject, Unit
from loadproof.plan.keys import BLOCKS, SINGLES
from loadproof.plan.requirements import SECTIONS, parse_requirements, read_requirements
from loadproof.plan.stored import requirement_from_json, requirement_to_json

REPOSITORY = Path(__file__).resolve().parents[2]
SEED = REPOSITORY.parent / "shared" / "seed" / "performance_requirements.yaml"

SEED_TEXT = """\
# Performance thresholds
performance_requirements:
  response_time:
    p50: <200ms  # Median response time
    p95: <500ms  # 95th percentile
    p99: <1000ms # 99th percentile

  throughput:
    target_rps: 1000  # Requests per second

  error_rate:
    max_rate: 1%      # Maximum 1% errors

  resource_usage:
    cpu_max: 80%      # Maximum CPU utilization
    memory_max: 80%   # Maximum memory utilization
    database_connections_max: 80%
"""

# id, text, line, operator, limit, unit
SEED_MEANING = [
    ("response_time.p50", "p50: <200ms", 4, Operator.LESS, 0.2, Unit.SECONDS),
    ("response_time.p95", "p95: <500ms", 5, Operator.LESS, 0.5, Unit.SECONDS),
    ("response_time.p99", "p99: <1000ms", 6, Operator.LESS, 1.0, Unit.SECONDS),
    ("throughput.rate", "target_rps: 1000", 9, Operator.GREATER_EQUAL, 1000.0, Unit.PER_SECOND),
    ("error_rate.rate", "max_rate: 1%", 12, Operator.LESS_EQUAL, 0.01, Unit.SHARE),
    ("cpu.max", "cpu_max: 80%", 15, Operator.LESS_EQUAL, 0.8, Unit.SHARE),
    ("memory.max", "memory_max: 80%", 16, Operator.LESS_EQUAL, 0.8, Unit.SHARE),
    ("database_connections.max", "database_connections_max: 80%", 17, Operator.LESS_EQUAL, 0.8, Unit.SHARE),
]


def _meaning(found: tuple[Requirement, ...], name: str) -> list[tuple[object, ...]]:
    return [
        (r.id, r.text, int(r.source.removeprefix(f"{name}:")), r.operator, r.limit, r.unit) for r in found
    ]


def test_the_plain_blocks_mean_what_they_say() -> None:
    """Response times, throughput, error rate and resources, each with its text, line, limit and unit."""
    found = parse_requirements(SEED_TEXT, "r.yaml")
    assert _meaning(found, "r.yaml") == SEED_MEANING
    assert [r.quantile for r in found[:3]] == [0.5, 0.95, 0.99]
    assert [r.metric for r in found[5:]] == ["cpu", "memory", "database_connections"]
    assert {r.subject for r in found[5:]} == {Subject.RESOURCE}


@pytest.mark.beside
def test_the_seeds_file_is_read_verbatim() -> None:
    """The file that the product grew from is read as it stands."""
    assert _meaning(read_requirements([SEED]), str(SEED)) == SEED_MEANING


def test_the_wrapping_key_may_be_left_out() -> None:
    """The same blocks at the top of the file are the same requirements."""
    inner = "\n".join(line[2:] for line in SEED_TEXT.splitlines()[2:])
    assert [r.id for r in parse_requirements(inner, "x")] == [row[0] for row in SEED_MEANING]


def test_k6_expressions_stand_beside_plain_blocks() -> None:
    """By metric name: text or a list, at the top, inside the wrapping key, or below thresholds."""
    found = parse_requirements(
        "performance_requirements:\n"
        "  response_time: {p95: <500ms}\n"
        "  http_req_failed: rate<0.01\n"
        "http_req_duration: ['p(99)<1000', {threshold: 'med<200'}]\n"
        "thresholds:\n"
        "  errors: ['rate<0.1']\n",
        "x",
    )
    assert [(r.id, r.source) for r in found] == [
        ("response_time.p95", "x:2"),
        ("error_rate.rate", "x:3"),
        ("response_time.p99", "x:4"),
        ("response_time.p50", "x:4"),
        ("errors.rate", "x:6"),
    ]
    assert found[-1].subject is Subject.ENGINE_METRIC


def test_requirements_of_one_endpoint() -> None:
    """The same blocks below an endpoint's name speak of that endpoint alone."""
    found = parse_requirements(
        "endpoints:\n"
        "  get /api/loans: {response_time: {p95: <1s}, http_req_failed: rate<0.5}\n"
        "  /api/loans/[id]: {throughput: {min_rps: 5}}\n",
        "x",
    )
    assert [(r.id, r.endpoint) for r in found] == [
        ("GET /api/loans:response_time.p95", "GET /api/loans"),
        ("GET /api/loans:error_rate.rate", "GET /api/loans"),
        ("/api/loans/[id]:throughput.rate", "/api/loans/[id]"),
    ]


# one line below its block: operator, limit, unit, why
LIMITS = [
    ("response_time", "p99.9: <=1.5s", Operator.LESS_EQUAL, 1.5, Unit.SECONDS, "any percentile"),
    ("response_time", "p95: < 500 ms", Operator.LESS, 0.5, Unit.SECONDS, "spaces"),
    ("response_time", "p95: 500ms", Operator.LESS_EQUAL, 0.5, Unit.SECONDS, "no operator: at most"),
    ("response_time", "p95: <500\u00a0ms", Operator.LESS, 0.5, Unit.SECONDS, "a space that does not break"),
    ("response_time", "p95: ≤500ms", Operator.LESS_EQUAL, 0.5, Unit.SECONDS, "the sign as people type it"),
    ("response_time", "max: <1m30s", Operator.LESS, 90.0, Unit.SECONDS, "several units"),
    ("response_time", "min: '>1ms'", Operator.GREATER, 0.001, Unit.SECONDS, "quoted, as YAML asks"),
    (
        "throughput",
        "target_rps: 12.5",
        Operator.GREATER_EQUAL,
        12.5,
        Unit.PER_SECOND,
        "the key implies the unit",
    ),
    ("throughput", "min_rps: 600/min", Operator.GREATER_EQUAL, 10.0, Unit.PER_SECOND, "a unit of one's own"),
    ("throughput", "max_rps: 100 rps", Operator.LESS_EQUAL, 100.0, Unit.PER_SECOND, "a limit from above"),
    ("throughput", "target_rps: '>500'", Operator.GREATER, 500.0, Unit.PER_SECOND, "strictly more"),
    ("error_rate", "max_rate: 0%", Operator.LESS_EQUAL, 0.0, Unit.SHARE, "no error at all"),
    ("error_rate", "max_rate: <0.5%", Operator.LESS, 0.005, Unit.SHARE, "strictly less"),
    ("resource_usage", "memory_max: 1GiB", Operator.LESS_EQUAL, 2**30, Unit.BYTES, "memory as a size"),
    (
        "resource_usage",
        "database_connections_max: 50 connections",
        Operator.LESS_EQUAL,
        50,
        Unit.COUNT,
        "a number",
    ),
]


@pytest.mark.parametrize(("block", "line", "operator", "limit", "unit", "reason"), LIMITS)
def test_limits(*, block: str, line: str, operator: Operator, limit: float, unit: Unit, reason: str) -> None:
    """A limit has an operator or the one that its key implies, and a unit or the one that its key implies."""
    (found,) = parse_requirements(f"{block}:\n  {line}\n", "x")
    assert (found.operator, found.limit, found.unit) == (operator, limit, unit), reason


# document, what the first problem says, its hint
REFUSED = [
    ("response_time: {p95: 500}", "p95: '500' has no unit", "write <500ms if milliseconds are meant"),
    ("response_time: {p95: <0.5}", "p95: '<0.5' has no unit", "write <0.5s or <0.5ms, whichever is meant"),
    ("response_time: {p95: <500}", "p95: '<500' has no unit", "write <500ms if milliseconds are meant"),
    (
        "response_time: {p101: <1s}",
        "response_time: 'p101': a percentile lies between 0 and 100",
        "p95, p99 or p99.9",
    ),
    ("response_time: {P95: <1s}", "response_time: unknown key 'P95'", "did you mean 'p95'?"),
    ("response_time: {p(95): <1s}", "response_time: unknown key 'p(95)'", "did you mean 'p95'?"),
    ("response_time: {avrg: <1s}", "response_time: unknown key 'avrg'", "did you mean 'avg'?"),
    ("response_time: {p95: <-5ms}", "p95: '<-5ms' is negative", "write a duration such as <500ms"),
    ("response_time: {p95: .nan}", "p95: '.nan' is not a duration", "write a duration such as <500ms"),
    ("response_time: {p95: <0ms}", "p95: '<0ms' can never be true", ""),
    ("response_time: {p95: =<5ms}", "p95: '=<5ms': '=<' is not a comparison", "write <="),
    ("response_time: {p95: 1%}", "p95: '1%' is a share, where a duration is needed", "write <500ms"),
    ("response_time: {p95: }", "p95: has no limit", "write a duration such as <500ms"),
    ("response_time: {p95: [1s, 2s]}", "'p95' takes one limit", ""),
    ("response_time: <500ms", "must hold limits such as p95", "write response_time: {p95: <500ms}"),
    ("error_rate: 1%", "'error_rate' must hold limits such as max_rate", "write error_rate: {max_rate: 1%}"),
    ("resources: {cpu_max: 80%}", "compares nothing", "it stands below resource_usage: as cpu_max: 80%"),
    ("response_time: {p95: <500ms", "it ends before a { or a [ is closed", "close it with } or ]"),
    ("throughput: {target_rps: 1k}", "target_rps: '1k' is not a rate", "such as 1000 or 1000/s"),
    ("throughput: {target_rps: <1000}", "target_rps: '<1000' limits from above", "write > or >="),
    ("throughput: {min_rps: 0}", "min_rps: '0' is always true", "write a limit above 0"),
    ("error_rate: {max_rate: 0.01}", "max_rate: '0.01' has no unit", "write 0.01% or 1%"),
    ("error_rate: {max_rate: 1}", "max_rate: '1' has no unit", "write 1%"),
    ("error_rate: {max_rate: 101%}", "max_rate: '101%' is more than all", "between 0% and 100%"),
    ("error_rate: {max_rate: '>1%'}", "max_rate: '>1%' limits from below", "write < or <="),
    ("resource_usage: {cpu_max: 80}", "cpu_max: '80' has no unit", "write 80%"),
    ("resource_usage: {memory_max: 500}", "memory_max: '500' has no unit", "write 500MiB"),
    ("response_time: {p95: <1s over each stages}", "p95: 'over each stages' is no window", "over each stage"),
    ("endpoints: {POST /a: {first_byte: <1s}}", "'first_byte' must hold limits", ""),
    ("resource_usage: {database_connections_max: 80}", "'80' has no unit", "'80 connections'"),
    ("resource_usage: {disk_max: 1%}", "resource_usage: unknown key 'disk_max'", "known here: cpu_max"),
    ("reponse_time: {p95: <1s}", "unknown key 'reponse_time'", "did you mean 'response_time'?"),
    (
        "http_req_duratoin: ['max<5']",
        "k6 has no metric 'http_req_duratoin'",
        "did you mean 'http_req_duration'?",
    ),
    ("http_req_duration: ['p(95)<500ms']", "'500ms' is not a number", "milliseconds for times"),
    ("http_req_duration: ['p(101)<500']", "a percentile lies between 0 and 100", ""),
    ("http_req_duration: ['p<500']", "'p' has no percentile", "write p(95)<500"),
    ("http_req_duration: ['count<5']", "http_req_duration is a trend", ""),
    ("http_req_duration: []", "'http_req_duration' holds no expression", ""),
    (
        "http_req_duration: [{threshold: 'max<5', abortOnFail: true}]",
        "'abortOnFail' is not supported here",
        "k6 script",
    ),
    (
        "endpoints: {/x: {resource_usage: {cpu_max: 5%}}}",
        "'cpu_max' cannot be told apart by endpoint",
        "to the top",
    ),
    ("endpoints: {/x: {errors: rate<1}}", "'errors' cannot be told apart by endpoint", "http_req_duration"),
    ("endpoints: {/x: 5}", "'/x' must hold blocks such as response_time", ""),
    ("endpoints: {'': {error_rate: {max_rate: 1%}}}", "an endpoint has no name", ""),
    ("recovery_time: 30", "recovery_time: '30' has no unit", "write <30s"),
    ("recovery_time: <90", "recovery_time: '<90' has no unit", "write <90s"),
    ("recovery_time: '>30s'", "recovery_time: '>30s' limits from below", "write < or <="),
    ("recovery_time: <30s over any 5s", "recovery_time: '30s over any 5s' is not a duration", "<500ms"),
    ("recovery_time: {p95: <30s}", "'recovery_time' takes one limit", ""),
    ("cpu: <80%", "unknown key 'cpu'", "write resource_usage: {cpu_max: 80%}"),
    ("memory_max: 500MiB", "unknown key 'memory_max'", "write resource_usage: {memory_max: 500MiB}"),
    ("p95: <500ms", "unknown key 'p95'", "write response_time: {p95: <500ms}"),
    ("p95: 500", "unknown key 'p95'", "write response_time: {p95: <500ms}"),
    ("recovry_time: <30s", "unknown key 'recovry_time'", "did you mean 'recovery_time'?"),
    ("memory_growth: <5%", "memory_growth: '<5%' is no growth per time", "write a percentage per hour"),
    ("memory_growth: <5MiB/s", "memory_growth: '<5MiB/s' is no growth per time", "<10MiB/h"),
    ("memory_growth: <5/h", "memory_growth: '5' is not a size", "<10MiB/h"),
    ("latency_growth: <5ms/h", "latency_growth: '5ms' is not a percentage", "<5%/h"),
    ("endpoints: {/x: {memory_growth: <5%/h}}", "'memory_growth' cannot be told apart", "to the top"),
    ("response_time: {p95: <1s over any 1.5s}", "p95: '1.5s' is no whole number of seconds", "any 30s"),
    ("response_time: {p95: over any 30s}", "p95: 'over any 30s' is not a duration", "<500ms"),
    ("- p95: <1s", "requirements are a mapping", "write response_time:"),
    ("performance_requirements:", "'performance_requirements' holds no requirement", ""),
    ("# nothing", "holds no requirement", ""),
    ("{}", "holds no requirement", ""),
    ("response_time: {min: >1ms}", "", ""),
]


# a key beside the blocks: its id, limit, unit, and of what
SINGLE_LIMITS = [
    ("recovery_time: <30s", "recovery_time.max", 30.0, Unit.SECONDS, Subject.RECOVERY_TIME),
    ("peak_error_rate: 5%", "peak_error_rate.max", 0.05, Unit.SHARE, Subject.PEAK_ERROR_RATE),
    ("memory_growth: <5%/h", "memory_growth.rate", 0.05, Unit.SHARE_PER_HOUR, Subject.GROWTH),
    ("memory_growth: <10MiB/h", "memory_growth.rate", 10 * 2.0**20, Unit.BYTES_PER_HOUR, Subject.GROWTH),
    ("memory_growth: <24MiB / day", "memory_growth.rate", 2.0**20, Unit.BYTES_PER_HOUR, Subject.GROWTH),
    ("connection_growth: <2/h", "connection_growth.rate", 2.0, Unit.PER_HOUR, Subject.GROWTH),
    ("descriptor_growth: <12/d", "descriptor_growth.rate", 0.5, Unit.PER_HOUR, Subject.GROWTH),
    ("thread_growth: <1%/hour", "thread_growth.rate", 0.01, Unit.SHARE_PER_HOUR, Subject.GROWTH),
    ("latency_growth: <150%/h", "latency_growth.rate", 1.5, Unit.SHARE_PER_HOUR, Subject.GROWTH),
]


@pytest.mark.parametrize(("written", "identity", "limit", "unit", "subject"), SINGLE_LIMITS)
def test_questions_to_a_spike_and_a_soak(
    written: str, identity: str, limit: float, unit: Unit, subject: Subject
) -> None:
    """One limit each, beside the blocks, also below the wrapping key; it survives the run file."""
    (found,) = parse_requirements(f"performance_requirements:\n  {written}\n", "r.yaml")
    assert (found.id, found.unit, found.subject) == (identity, unit, subject)
    assert found.limit == pytest.approx(limit)
    assert (found.text, found.source) == (written, "r.yaml:2")
    assert requirement_from_json(requirement_to_json(found)) == found


@pytest.mark.parametrize(("document", "message", "hint"), REFUSED[:-1])
def test_what_cannot_be_a_requirement_is_refused(document: str, message: str, hint: str) -> None:
    """One problem, with the line, the value and the way out."""
    with pytest.raises(ConfigError) as caught:
        parse_requirements(document, "r.yaml")
    (problem,) = caught.value.problems
    assert message in problem.message
    assert hint in problem.hint
    assert problem.where == ("r.yaml" if document == "# nothing" else "r.yaml:1")


def test_a_value_that_yaml_takes_for_a_text_block_is_explained() -> None:
    """An unquoted '>1ms' is YAML's sign for a block of text."""
    with pytest.raises(ConfigError) as caught:
        parse_requirements("response_time:\n  min: >1ms\n", "r.yaml")
    assert caught.value.problems[0].where == "r.yaml:2"
    assert "quotes" in caught.value.problems[0].hint


CONFLICTS = [
    ("response_time: {p95: <1s}\nhttp_req_duration: 'p(95)<1000'", "repeats 'p95: <1s' at x:1"),
    (
        "response_time: {p95: <1s}\nhttp_req_duration: 'p(95)<500'",
        "sets another limit than 'p95: <1s' at x:1",
    ),
    ("response_time: {p95: <1s}\nhttp_req_duration: 'p(95)>2000'", "contradicts 'p95: <1s' at x:1"),
    ("response_time: {p95: <1s}\nhttp_req_duration: 'p(95)>=1000'", "contradicts 'p95: <1s' at x:1"),
    ("response_time: {p50: <1s}\nthresholds: {http_req_duration: 'med<1000'}", "repeats 'p50: <1s' at x:1"),
    ("throughput: {target_rps: 100}\nhttp_reqs: 'rate<50'", "contradicts 'target_rps: 100' at x:1"),
]


@pytest.mark.parametrize(("document", "trouble"), CONFLICTS)
def test_requirements_that_repeat_or_contradict_are_reported(document: str, trouble: str) -> None:
    """The later one is reported, with the place of the earlier one."""
    with pytest.raises(ConfigError) as caught:
        parse_requirements(document, "x")
    (problem,) = caught.value.problems
    assert trouble in problem.message
    assert problem.where == "x:2"


def test_a_range_is_two_requirements_with_different_ids() -> None:
    """A limit from above and one from below that can both hold are no contradiction."""
    found = parse_requirements("response_time: {p95: <1s}\nhttp_req_duration: 'p(95)>1'", "x")
    assert [r.id for r in found] == ["response_time.p95", "response_time.p95.at_least"]


def test_all_problems_of_all_files_at_once(tmp_path: Path) -> None:
    """Two files with mistakes, one that is missing, and what they contradict each other in."""
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text("response_time:\n  p95: <1s\n  p99: 5\n")
    two.write_text("response_time:\n  p95: <2s\nfoo: {}\n")
    with pytest.raises(ConfigError) as caught:
        read_requirements([one, two, tmp_path / "on.yaml"])
    told = [(problem.where, problem.message.split(";")[0]) for problem in caught.value.problems]
    assert told == [
        (f"{one}:3", "p99: '5' has no unit"),
        (f"{two}:3", "unknown key 'foo'"),
        (str(tmp_path / "on.yaml"), "no such file"),
        (f"{two}:2", f"'p95: <2s' sets another limit than 'p95: <1s' at {one}:2"),
    ]
    assert "one.yaml" in caught.value.problems[2].hint


def test_every_key_is_documented() -> None:
    """docs/requirements.md names every block and every key."""
    text = (REPOSITORY / "docs" / "requirements.md").read_text()
    for key in [*SECTIONS, *BLOCKS, *SINGLES, *(key for block in BLOCKS.values() for key in block)]:
        assert f"`{key}`" in text, key


def test_the_documented_examples_are_read() -> None:
    """Each YAML example of docs/requirements.md is a requirement file."""
    text = (REPOSITORY / "docs" / "requirements.md").read_text()
    examples = [part.split("```")[0] for part in text.split("```yaml\n")[1:]]
    assert len(examples) >= 3
    for example in examples:
        assert parse_requirements(example, "docs")


def test_statistics_are_those_of_the_model() -> None:
    """A block's keys speak of what can be computed."""
    assert {key.statistic for block in BLOCKS.values() for key in block.values()} <= set(Statistic)
