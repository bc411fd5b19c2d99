"""A plan goes into the run file without its secrets, and comes out as it went in otherwise."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadproof.engines.locust.options import LocustOptions, Processes
from loadproof.engines.table import ENGINES
from loadproof.errors import Problem
from loadproof.model import (
    CapacityGoal,
    Operator,
    Plan,
    Policy,
    Profile,
    ProfileKind,
    Requirement,
    RunOptions,
    Stage,
    Statistic,
    Subject,
    Unit,
)
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
    options=RunOptions(
        max_users=10,
        arrivals="poisson",
        warm_up_s=2.5,
        targets=("http://localhost:8000",),
        guard=Policy("staging", targets=("loans.test",)),
        advice=(Problem("no think time", "locustfile.py:5", "add wait_time"),),
        capacity=CapacityGoal(least=1.0, greatest=9.0),
    ),
    engine_options=LocustOptions(Processes(2, "they need it")),
)


def test_a_plan_without_secrets_round_trips() -> None:
    """Through real JSON, everything comes back equal."""
    assert plan_from_json(json.loads(json.dumps(plan_to_json(PLAN))), ENGINES) == PLAN


def test_options_of_earlier_run_files_are_read() -> None:
    """One flat table, as 0.1.0 wrote it: lists for tuples, the guard whole, and a word that is no more."""
    written = {
        "expect_workers": 2, "bind": ["*", 5557], "stop_on": "breach", "probe": "/healthz", "slow_s": 1.5,
        "session": "locust", "max_users": 30, "arrivals": "constant", "described": [], "removed_since": 1,
        "targets": ["http://127.0.0.1:8000"], "scenario_target": "http://127.0.0.1:8000",
        "advice": [["no think time", "a.py:5", "add wait_time"]],
        "guard": {**asdict(Policy("staging")), "production": ["loans.test"]},
        "processes": {"count": 2, "why": "so many users", "given": False, "loopback": True},
    }  # fmt: skip
    read = plan_from_json(plan_to_json(PLAN) | {"options": written}, ENGINES)
    assert read.options == RunOptions(
        expect_workers=2, stop_on="breach", probe="/healthz", slow_s=1.5, session="locust", max_users=30,
        targets=("http://127.0.0.1:8000",), scenario_target="http://127.0.0.1:8000",
        advice=(Problem("no think time", "a.py:5", "add wait_time"),),
        guard=Policy("staging", production=("loans.test",)),
    )  # fmt: skip
    assert read.engine_options == LocustOptions(Processes(2, "so many users"))
    k6 = {"engine": "k6", "options": {"thresholds": [["http_reqs", "count>0"]]}}
    assert plan_from_json(plan_to_json(PLAN) | k6, ENGINES).engine_options.gates == (
        ("http_reqs", "count>0"),
    )
    assert plan_from_json(plan_to_json(PLAN) | {"engine": "later"}, ENGINES).options == PLAN.options


def test_a_requirement_of_an_older_file_has_null_where_nothing_was_said() -> None:
    """Fields have a default now; null where there is none is still damage."""
    stored = requirement_to_json(PLAN.requirements[0])
    older = stored | dict.fromkeys(("strict", "warm_up_s", "metric", "window", "within_s", "endpoint"))
    assert requirement_from_json(older) == PLAN.requirements[0]
    (read,) = plan_from_json(plan_to_json(PLAN) | {"requirements": [older]}, ENGINES).requirements
    assert read == PLAN.requirements[0]
    for wrong in (stored | {"limit": None}, stored | {"strict": "perhaps"}, None):
        with pytest.raises(ValueError, match=r"limit|strict|Requirement"):
            requirement_from_json(wrong)  # type: ignore[arg-type]  # what a damaged file may hold


def test_secrets_do_not_reach_the_run_file() -> None:
    """Not in the target, in variables, in arguments, nor in an engine's options."""
    plan = replace(
        PLAN,
        target="http://user:hunter2@localhost:8000",
        env=(("API_TOKEN", "s3cr3tvalue"), ("DB", "postgres://u:dbpass1@h/d"), ("N", "5")),
        engine_args=("--tag", "run=s3cr3tvalue", "--password", "hunter3", "-e", "KEY=hunter4"),
        options=RunOptions(targets=("http://user:hunter2@localhost:8000",)),
    )
    stored = plan_to_json(plan)
    text = json.dumps(stored)
    for secret in ("hunter", "s3cr3t", "dbpass1"):
        assert secret not in text
    assert stored["target"] == "http://user:***@localhost:8000"
    assert stored["env"] == {"API_TOKEN": "***", "DB": "postgres://u:***@h/d", "N": "5"}
    assert stored["engine_args"] == ["--tag", "run=***", "--password", "***", "-e", "KEY=***"]
    assert plan_to_json(plan_from_json(stored, ENGINES)) == stored


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
        plan_from_json(stored, ENGINES)


def test_keys_of_later_versions_are_left_alone() -> None:
    """An older Loadproof reads a newer file as far as it understands it."""
    assert plan_from_json(plan_to_json(PLAN) | {"later": 1}, ENGINES) == PLAN
