"""The open model on the command line and in loadproof.yaml."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from loadproof.engines.table import ENGINES
from loadproof.errors import ConfigError
from loadproof.model import Profile, ProfileKind, RunOptions, Stage
from loadproof.plan import PlanRequest, build_plan, read_config

if TYPE_CHECKING:
    from pathlib import Path

    from loadproof.model import Plan


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "locustfile.py").touch()
    (tmp_path / "script.js").touch()
    return tmp_path


def _plan(folder: Path, scenario: str | None = "locustfile.py", **given: Any) -> Plan:
    request = PlanRequest(scenario=scenario, folder=folder, **given)
    return build_plan(request, ENGINES, read_config(request))


@pytest.mark.parametrize("scenario", ["locustfile.py", "script.js"])
def test_a_rate_is_a_steady_open_profile(folder: Path, scenario: str) -> None:
    """--rate 200/s --run-time 1m, for either engine, without any flag of the engine's own."""
    plan = _plan(folder, scenario, rate="200/s", run_time="1m", max_users=300)
    assert plan.profile == Profile(ProfileKind.LOAD, (Stage(60.0, 200.0),), open_model=True, start=200.0)
    assert plan.options == RunOptions(max_users=300)
    assert plan.engine_args == ()


def test_stages_of_rates_take_the_options(folder: Path) -> None:
    """Stages ramp from 0; Poisson on request."""
    plan = _plan(folder, stages=("2m:50/s", "1m:50/s"), arrivals="poisson")
    assert plan.profile.open_model
    assert plan.profile.start == 0
    assert plan.options == RunOptions(arrivals="poisson")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"rate": "200/s"}, "a rate needs --run-time"),
        ({"rate": "200", "run_time": "1m"}, "'200' is not a rate"),
        ({"rate": "0/s", "run_time": "1m"}, "'0/s' is no load at all"),
        ({"rate": "10/min", "run_time": "2s"}, "'10/min' for 2s is not one arrival"),
        ({"rate": "9/s", "run_time": "1m", "users": 5}, "a rate is the whole load"),
        ({"rate": "9/s", "run_time": "1m", "stages": ("1m:5",)}, "a rate is the whole load"),
        ({"rate": "9/s", "run_time": "1m", "max_users": 0}, "0 is not a number of users"),
        ({"rate": "9/s", "run_time": "1m", "arrivals": "bursty"}, "unknown kind of arrivals 'bursty'"),
        ({"users": 5, "max_users": 5}, "--max-users need arrivals"),
        ({"stages": ("1m:5",), "arrivals": "poisson"}, "--arrivals need arrivals"),
    ],
)
def test_what_makes_no_sense_is_told(folder: Path, given: dict[str, Any], said: str) -> None:
    """Each with the way out."""
    with pytest.raises(ConfigError, match=said.replace("(", r"\(")) as caught:
        _plan(folder, **given)
    assert all(problem.hint for problem in caught.value.problems)


def test_k6_has_no_poisson_arrivals(folder: Path) -> None:
    """Its executors start iterations at equal distances only."""
    with pytest.raises(ConfigError, match="k6 has no Poisson arrivals"):
        _plan(folder, "script.js", rate="9/s", run_time="1m", arrivals="poisson")


def test_a_test_in_the_file_may_have_a_rate(folder: Path) -> None:
    """The keys are the options' names; the command line wins one by one, and a rate over a whole load."""
    (folder / "loadproof.yaml").write_text(
        "scenarios: {browse: locustfile.py}\n"
        "tests:\n"
        "  steady: {scenario: browse, rate: 200/s, run_time: 1m, max_users: 50, arrivals: poisson}\n"
        "  users: {scenario: browse, users: 5, spawn_rate: 1, run_time: 1m}\n",
        encoding="utf-8",
    )
    plan = _plan(folder, "steady", max_users=70)
    assert plan.profile.stages == (Stage(60.0, 200.0),)
    assert plan.options == RunOptions(max_users=70, arrivals="poisson")
    assert _plan(folder, "users", rate="6/min", run_time="10s").profile.stages == (Stage(10.0, 0.1),)


@pytest.mark.parametrize("load", ["users: 5", "profile: load", "spawn_rate: 2", "stages: ['1m:5']"])
def test_a_rate_in_the_file_is_the_whole_load(folder: Path, load: str) -> None:
    """Beside it stands no other load."""
    (folder / "loadproof.yaml").write_text(
        f"scenarios: {{b: locustfile.py}}\ntests:\n  t: {{rate: 9/s, {load}}}\n", encoding="utf-8"
    )
    with pytest.raises(ConfigError, match="a rate is the whole load"):
        _plan(folder, "t")
