"""`scenario:`, `goodput:` and `confidence:` in a requirement file."""

from __future__ import annotations

import pytest

from loadproof.errors import ConfigError
from loadproof.model import Operator, Subject, Unit
from loadproof.plan.requirements import parse_requirements
from loadproof.plan.stored import requirement_from_json, requirement_to_json


def test_goodput_has_a_share_and_a_time() -> None:
    """Overall and by endpoint; without a time any right answer counts."""
    text = "goodput: '>= 99% within 500ms'\nendpoints:\n  GET /a:\n    goodput: '95%'\n"
    overall, one = parse_requirements(text, "r.yaml")
    assert (overall.subject, overall.limit, overall.within_s) == (Subject.GOODPUT, 0.99, 0.5)
    assert (one.endpoint, one.operator, one.limit, one.within_s) == (
        "GET /a",
        Operator.GREATER_EQUAL,
        0.95,
        None,
    )


def test_the_scenario_has_exceptions_and_checks() -> None:
    """All checks together, or each by its name."""
    text = "scenario:\n  exceptions: <0.1%\n  checks:\n    has a title: '>99%'\n    is fast: '90%'\n"
    exceptions, title, fast = parse_requirements(text, "r.yaml")
    assert (exceptions.subject, exceptions.limit, exceptions.source) == (
        Subject.EXCEPTIONS,
        0.001,
        "r.yaml:2",
    )
    assert (title.subject, title.metric, title.operator) == (Subject.CHECKS, "has a title", Operator.GREATER)
    assert (fast.metric, fast.operator, fast.limit) == ("is fast", Operator.GREATER_EQUAL, 0.9)
    (every,) = parse_requirements("scenario: {checks: '>99%'}", "r.yaml")
    assert (every.subject, every.metric) == (Subject.CHECKS, "")


def test_confidence_is_of_the_whole_file() -> None:
    """`strict` makes each requirement of the file strict, wherever it stands."""
    text = "response_time: {p95: <1s}\nconfidence: strict\nerror_rate: {max_rate: 1%}\n"
    assert [requirement.strict for requirement in parse_requirements(text, "r.yaml")] == [True, True]


def test_warm_up_is_of_the_whole_file() -> None:
    """Each requirement of the file knows it, and so does the run file."""
    made = parse_requirements(
        "warm_up: 30s\nresponse_time: {p95: <1s}\nerror_rate: {max_rate: 1%}\n", "r.yaml"
    )
    assert [requirement.warm_up_s for requirement in made] == [30.0, 30.0]
    assert [requirement_from_json(requirement_to_json(requirement)) for requirement in made] == list(made)


def test_spaces_before_units_mean_the_same_everywhere() -> None:
    """Where `p95: <500 ms` is read, so is the time of a goodput and the length of a window."""
    (goodput,) = parse_requirements("goodput: '>= 99.9 % within 0.5 s over the whole load'", "r.yaml")
    assert goodput.limit == pytest.approx(0.999)
    assert (goodput.within_s, goodput.window) == (0.5, "whole")
    (times,) = parse_requirements("response_time: {p95: < 500 ms over any 30 s}", "r.yaml")
    assert (times.limit, times.window) == (0.5, "any 30s")


def test_how_far_a_load_must_hold() -> None:
    """In users or in arrivals per second."""
    for written, limit, unit in (
        ("80 users", 80.0, Unit.COUNT),
        ("80/s", 80.0, Unit.PER_SECOND),
        (">= 80 users", 80.0, Unit.COUNT),
    ):
        (made,) = parse_requirements(f"must_hold: '{written}'", "r.yaml")
        assert (made.subject, made.limit, made.unit) == (Subject.HELD_LOAD, limit, unit)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("goodput: '<99% within 500ms'", "limits from above"),
        ("goodput: '99% within 500'", "'500' is not a duration"),
        ("goodput: '0.99'", "0.99"),
        ("goodput: '99% over any 30s'", "not judged over rolling windows"),
        ("scenario: {excptions: 1%}", "unknown key 'excptions'"),
        ("scenario: {checks: '<1%'}", "limits from above"),
        ("scenario: 3", "holds no requirement"),
        ("confidence: sure", "'sure' is not known"),
        ("warm_up: 30", "'30' is not a duration"),
        ("endpoints: {GET /a: {warm_up: 30s}}", "'warm_up' cannot be told apart by endpoint"),
        ("must_hold: 80", "'80' is no load"),
        ("must_hold: many users", "'many users' is no load"),
        ("endpoints: {GET /a: {scenario: {exceptions: 1%}}}", "cannot be told apart by endpoint"),
    ],
)
def test_what_cannot_be_read_is_told(text: str, message: str) -> None:
    """With the file, the line and a way out."""
    with pytest.raises(ConfigError) as raised:
        parse_requirements(text, "r.yaml")
    problem = raised.value.problems[0]
    assert message in problem.message
    assert problem.where.startswith("r.yaml:")
    assert problem.hint


def test_they_are_stored_with_the_run() -> None:
    """What is judged again later is the same requirement."""
    text = "goodput: '>= 99% within 500ms'\nscenario: {exceptions: <1%, checks: '>99%'}\nconfidence: strict\n"
    for requirement in parse_requirements(text, "r.yaml"):
        assert requirement_from_json(requirement_to_json(requirement)) == requirement
