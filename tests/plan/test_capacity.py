"""The options of a capacity search."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loadproof.errors import ConfigError
from loadproof.plan import PlanRequest, read_config
from loadproof.plan.build import capacity_config
from loadproof.plan.capacity import CapacityRequest, capacity_goal, refuse_other_loads

if TYPE_CHECKING:
    from pathlib import Path

    from loadproof.model import CapacityGoal

FILE = """
scenarios: {browse: visit.py}
tests:
  plain: {}
  nightly:
    capacity:
      min_rate: 50/s
      at_least: 400/s
      trial: 20s
      precision: 60%
  crowd:
    capacity: {users: 300, at_least: 200}
"""


def goal(**typed: object) -> CapacityGoal:
    """From what was typed; 8/s is the least sensible rate."""
    return capacity_goal(CapacityRequest(**typed), lambda _trial_s: 8.0)  # type: ignore[arg-type]


def test_defaults_go_from_the_least_sensible_rate_up() -> None:
    """Trials of 10 s, 2 %, from what percentiles need to 10,000/s."""
    found = goal()
    assert (found.least, found.greatest, found.trial_s, found.precision) == (8.0, 10_000.0, 10.0, 0.02)
    assert found.at_least is None


def test_a_required_load_is_always_within_what_is_searched() -> None:
    """--at-least widens the defaults, on both sides."""
    assert goal(at_least="5/s").least == 5.0
    assert goal(at_least="9000/s").greatest == 18_000.0


def test_users_are_searched_from_one_up() -> None:
    """--users 500 searches whole numbers of users."""
    found = goal(users=500, at_least="200")
    assert (found.least, found.greatest, found.whole, found.at_least) == (1.0, 500.0, True, 200.0)


@pytest.mark.parametrize(
    ("typed", "where"),
    [
        ({"trial": "1s"}, "--trial"),
        ({"trial": "long"}, "--trial"),
        ({"precision": "0.01%"}, "--precision"),
        ({"precision": "2"}, "--precision"),
        ({"min_rate": "100"}, "--min-rate"),
        ({"min_rate": "0/s"}, "--min-rate"),
        ({"min_rate": "100/s", "max_rate": "100/s"}, "--max-rate"),
        ({"min_rate": "100/s", "at_least": "50/s"}, "--at-least"),
        ({"users": 50, "at_least": "60"}, "--at-least"),
        ({"users": 50, "at_least": "60/s"}, "--at-least"),
        ({"users": 1}, "--users"),
        ({"users": 50, "min_rate": "10/s"}, "--users"),
        ({"duration_limit": "soon"}, "--duration-limit"),
        ({"cool_down_limit": "5"}, "--cool-down-limit"),
    ],
)
def test_what_cannot_be_searched_is_refused(typed: dict[str, object], where: str) -> None:
    """Each mistake names its option."""
    with pytest.raises(ConfigError) as caught:
        goal(**typed)
    assert [problem.where for problem in caught.value.problems] == [where]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With loadproof.yaml and its scenario."""
    (tmp_path / "loadproof.yaml").write_text(FILE)
    (tmp_path / "visit.py").write_text("")
    return tmp_path


def merged(folder: Path, test: str, **typed: object) -> CapacityRequest:
    """What is typed, over the test's `capacity`."""
    request = PlanRequest(scenario=test, folder=folder)
    written = capacity_config(request, read_config(request))
    return CapacityRequest(**typed).over(*written)  # type: ignore[arg-type]


def test_a_test_says_what_is_searched_and_the_command_line_wins(folder: Path) -> None:
    """loadproof.yaml's values hold where nothing is typed; a file, or a test without any, has none."""
    found = capacity_goal(merged(folder, "nightly", trial="5s", precision="5%"), lambda _trial_s: 8.0)
    assert (found.least, found.at_least, found.trial_s, found.precision) == (50.0, 400.0, 5.0, 0.05)
    crowd = capacity_goal(merged(folder, "crowd"), lambda _trial_s: 8.0)
    assert (crowd.greatest, crowd.at_least, crowd.whole) == (300.0, 200.0, True)
    for name in ("plain", "visit.py", "browse"):
        assert merged(folder, name) == CapacityRequest()


def test_a_search_of_the_other_kind_takes_no_loads_from_the_file(folder: Path) -> None:
    """--users leaves out the rates of the test, --max-rate its users, and what is required of either."""
    by_users = merged(folder, "nightly", users=20)
    assert (by_users.min_rate, by_users.at_least, by_users.trial) == (None, None, "20s")
    by_rate = merged(folder, "crowd", max_rate="90/s")
    assert (by_rate.users, by_rate.at_least, by_rate.max_rate) == (None, None, "90/s")


def test_a_mistake_in_the_file_is_told_with_its_line(folder: Path) -> None:
    """Not with the option's name, which nobody has typed."""
    with pytest.raises(ConfigError) as caught:
        capacity_goal(merged(folder, "nightly", trial="1s"), lambda _trial_s: 8.0)
    where = [problem.where for problem in caught.value.problems]
    assert where == ["--trial", f"{folder / 'loadproof.yaml'}:10"]


def test_all_mistakes_are_told_at_once() -> None:
    """Three wrong options are three problems."""
    with pytest.raises(ConfigError) as caught:
        goal(trial="x", precision="y", max_rate="z")
    assert {problem.where for problem in caught.value.problems} == {"--trial", "--precision", "--max-rate"}


def test_a_search_takes_no_other_load() -> None:
    """A profile, stages or a rate say what the load is; a search does that itself."""
    refuse_other_loads(PlanRequest(scenario="a.py", users=5))
    with pytest.raises(ConfigError, match="--profile and --rate"):
        refuse_other_loads(PlanRequest(scenario="a.py", profile="load", rate="5/s"))
