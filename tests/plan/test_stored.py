"""A plan goes into the run file without its secrets, and comes out as it went in otherwise."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadproof.model import Operator, Plan, Profile, ProfileKind, Requirement, Stage, Statistic, Subject, Unit
from loadproof.plan.requirements import parse_requirements
from loadproof.plan.stored import (
    plan_from_json,
    plan_to_json,
    requirement_from_json,
    requirement_to_json,
)

PLAN = Plan(
    name="load",
    scenario=Path("tests/locustfile.py"),
    engine="locust",
    target="http://localhost:8000",
    profile=Profile(ProfileKind.SPIKE, (Stage(60, 50), Stage(0.5, 12.5)), open_model=True, start=3),
    requirements=parse_requirements(
        "response_time: {p99.9: <1s}\n"
        "endpoints: {GET /api/loans: {error_rate: {max_rate: 1%}}}\n"
        "resource_usage: {memory_max: 1GiB}\n"
        "errors: rate<0.1\n",
        "r.yaml",
    ),
    engine_args=("--tags", "browse", "-e", "N=5"),
    env=(("USERS", "5"), ("CURRENCY", "EUR")),
    time_scale=0.05,
    options={"targets": ["http://localhost:8000"], "max_users": 10, "nested": {"a": [1, 2.5, None, True]}},
)


def test_a_plan_without_secrets_round_trips() -> None:
    """Through real JSON, everything comes back equal."""
    assert plan_from_json(json.loads(json.dumps(plan_to_json(PLAN)))) == PLAN


def test_secrets_do_not_reach_the_run_file() -> None:
    """Not in the target, in variables, in arguments, nor in an engine's options."""
    plan = replace(
        PLAN,
        target="http://user:hunter2@localhost:8000",
        env=(("API_TOKEN", "s3cr3tvalue"), ("DB", "postgres://u:dbpass1@h/d"), ("N", "5")),
        engine_args=("--tag", "run=s3cr3tvalue", "--password", "hunter3", "-e", "KEY=hunter4"),
        options={"targets": ["http://user:hunter2@localhost:8000"], "token": "hunter5"},
    )
    stored = plan_to_json(plan)
    text = json.dumps(stored)
    for secret in ("hunter", "s3cr3t", "dbpass1"):
        assert secret not in text
    assert stored["target"] == "http://user:***@localhost:8000"
    assert stored["env"] == {"API_TOKEN": "***", "DB": "postgres://u:***@h/d", "N": "5"}
    assert stored["engine_args"] == ["--tag", "run=***", "--password", "***", "-e", "KEY=***"]
    assert plan_to_json(plan_from_json(stored)) == stored


def test_a_token_in_an_endpoints_name_is_hidden() -> None:
    """Names may hold a query; measurements are kept under the redacted name too."""
    (found,) = parse_requirements("endpoints: {GET /a?token=abc: {response_time: {p95: <1s}}}", "x")
    assert requirement_to_json(found)["endpoint"] == "GET /a?token=***"
    assert "abc" not in str(requirement_to_json(found))


@given(
    st.floats(),
    st.one_of(st.none(), st.floats(0, 1)),
    st.sampled_from(list(Operator)),
    st.sampled_from(list(Unit)),
)
def test_limits_round_trip_without_loss(
    limit: float, quantile: float | None, operator: Operator, unit: Unit
) -> None:
    """NaN and infinity, which JSON has no numbers for, included."""
    before = Requirement(
        "i", "t", "s:1", Subject.RESPONSE_TIME, Statistic.MEAN, operator, limit, unit, quantile
    )
    after = requirement_from_json(json.loads(json.dumps(requirement_to_json(before), allow_nan=False)))
    if math.isnan(limit):
        assert math.isnan(after.limit)
        after = replace(after, limit=0.0)
        before = replace(before, limit=0.0)
    assert after == before


DAMAGED: list[tuple[str, Any]] = [
    ("name", None),
    ("profile", None),
    ("profile", {"kind": "nope", "stages": [], "open_model": False, "start": 0}),
    ("requirements", [{}]),
    ("requirements", 5),
    ("env", []),
    ("time_scale", "x"),
    ("options", 5),
    ("scenario", 5),
]


@pytest.mark.parametrize(("key", "value"), DAMAGED)
def test_a_damaged_plan_is_a_value_error(key: str, value: Any) -> None:
    """A missing key, an unknown word or a wrong type; the run file's reader says which file."""
    stored = plan_to_json(PLAN)
    if value is None:
        del stored[key]
    else:
        stored[key] = value
    with pytest.raises(ValueError, match=r"."):
        plan_from_json(stored)


def test_keys_of_later_versions_are_left_alone() -> None:
    """An older Loadproof reads a newer file as far as it understands it."""
    assert plan_from_json(plan_to_json(PLAN) | {"later": 1}) == PLAN
