"""Several scenarios at once: who plays how much of what, and what cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from loadproof.engines.table import ENGINES
from loadproof.errors import ConfigError
from loadproof.model import SEVERAL, Plan, Profile, ProfileKind, Stage
from loadproof.plan import PlanRequest, build_plan, read_config
from loadproof.plan.stored import plan_from_json, plan_to_json
from loadproof.plan.watching import secrets_of_plan

if TYPE_CHECKING:
    from pathlib import Path

HALVES = "[{file: a.py, share: 50%}, {file: b.js, share: 50%, start: 1s}]"
BOTH = "[{file: a.py, share: 80%}, {file: b.js, rate: 20/s, start: 1m}]"


def _plan(folder: Path, test: str, **given: Any) -> Plan:
    for name in ("a.py", "b.js", "c.py", "script.js"):
        (folder / name).write_text("")
    shop = "{shop: {file: b.js, env: {A: 1}}}"
    text = f"target: http://localhost:8000\nscenarios: {shop}\ntests:\n  t: {test}\n"
    (folder / "loadproof.yaml").write_text(text)
    request = PlanRequest(scenario="t", folder=folder, **given)
    return build_plan(request, ENGINES, read_config(request))


def _messages(folder: Path, test: str, **given: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        _plan(folder, test, **given)
    assert all(p.where.startswith(str(folder)) for p in caught.value.problems if not given)
    return [problem.message for problem in caught.value.problems]


def _load(profile: Profile) -> tuple[float, list[tuple[float, float]], bool]:
    return profile.start, [(s.duration_s, s.target) for s in profile.stages], profile.open_model


def test_a_share_and_a_rate_of_its_own(tmp_path: Path) -> None:
    """As the issue has it: a share of the users, and arrivals from the first minute on, to one end."""
    plan = _plan(tmp_path, f"{{users: 50, run_time: 5m, scenarios: {BOTH}}}")
    browse, checkout = plan.several
    assert (browse.name, browse.start_s, browse.plan.engine) == ("a", 0.0, "locust")
    assert _load(browse.plan.profile) == (40.0, [(300.0, 40.0)], False)
    assert (checkout.name, checkout.start_s, checkout.plan.engine) == ("b", 60.0, "k6")
    assert _load(checkout.plan.profile) == (20.0, [(240.0, 20.0)], True)
    assert (plan.engine, plan.files) == (SEVERAL, (tmp_path / "a.py", tmp_path / "b.js"))
    assert plan.length_s == 300.0
    # Users beside arrivals are no one number.
    assert plan.profile == Profile(ProfileKind.SCENARIO)


def test_a_script_is_not_called_as_what_is_beside_requests(tmp_path: Path) -> None:
    """`script: GET /` would read as the time of a script, and decide nothing in a comparison."""
    plan = _plan(tmp_path, "{run_time: 9s, scenarios: [{file: script.js, users: 2}]}")
    assert [one.name for one in plan.several] == ["script-js"]


@pytest.mark.parametrize("users", [1, 2, 3, 7, 10, 99])
def test_shares_add_up_to_the_whole(users: int, tmp_path: Path) -> None:
    """No user is lost or invented by rounding."""
    parts = "[{file: a.py, share: 33%}, {file: c.py, share: 33%}, {file: b.js, share: 34%}]"
    if users < 3:
        assert "this share is not one user" in _messages(
            tmp_path, f"{{users: {users}, run_time: 10s, scenarios: {parts}}}"
        )
        return
    plan = _plan(tmp_path, f"{{users: {users}, run_time: 10s, scenarios: {parts}}}")
    assert sum(one.plan.profile.start for one in plan.several) == users
    assert _load(plan.profile) == (users, [(10.0, users)], False)


def test_a_later_scenario_is_a_step_of_the_whole(tmp_path: Path) -> None:
    """Loads of one kind add up, each from its own beginning to its own end."""
    parts = "[{file: a.py, users: 10}, {file: b.js, users: 5, start: 20s, run_time: 30s}]"
    plan = _plan(tmp_path, f"{{run_time: 60s, scenarios: {parts}}}")
    assert plan.profile == Profile(
        ProfileKind.LOAD,
        (Stage(20, 10), Stage(0, 15), Stage(30, 15), Stage(0, 10), Stage(10, 10)),
        start=10.0,
    )
    assert [plan.profile.level_at(at) for at in (0, 19, 20, 49, 50, 59, 60)] == [10, 10, 15, 15, 10, 10, 0]


def test_a_profile_is_shared_as_it_is(tmp_path: Path) -> None:
    """Its kind too: a spike of both is a spike."""
    parts = "[{file: a.py, share: 75%}, {file: b.js, share: 25%}]"
    plan = _plan(tmp_path, f"{{profile: spike, users: 100, scenarios: {parts}}}")
    assert {one.plan.profile.kind for one in plan.several} == {ProfileKind.SPIKE} == {plan.profile.kind}
    peak = [max(stage.target for stage in one.plan.profile.stages) for one in plan.several]
    assert peak == [75, 25]
    assert max(stage.target for stage in plan.profile.stages) == 100


def test_what_is_typed_is_of_the_whole(tmp_path: Path) -> None:
    """Users, time scale and variables; a scenario without a load keeps its own."""
    parts = "[{file: a.py, share: 50%, env: {TOKEN: s3cret-of-a}}, {file: shop, name: own}]"
    plan = _plan(tmp_path, f"{{scenarios: {parts}}}", users=20, run_time="30s", time_scale=0.5, env=("B=2",))
    shared, own = plan.several
    assert (shared.plan.profile.start, shared.plan.time_scale) == (10, 0.5)
    assert own.plan.profile == Profile(ProfileKind.SCENARIO)
    assert (shared.plan.length_s, plan.length_s) == (15.0, None)
    assert dict(own.plan.env) == {"A": "1", "B": "2"}
    assert "s3cret-of-a" in secrets_of_plan(plan)


def test_it_is_read_from_the_run_file_as_it_was(tmp_path: Path) -> None:
    """All of it, without what is secret."""
    plan = _plan(tmp_path, f"{{users: 50, run_time: 5m, scenarios: {BOTH}}}")
    stored = plan_to_json(plan)
    assert len(stored["several"]) == 2
    assert plan_to_json(plan_from_json(stored, ENGINES)) == stored


@pytest.mark.parametrize(
    ("test", "message"),
    [
        ("{users: 5, run_time: 9s, scenarios: [{file: a.py, share: 80%}, {file: b.js, share: 30%}]}",
         "the shares add up to 110%, not to 100%"),
        ("{users: 5, run_time: 9s, scenarios: [{file: a.py, share: 80%}, {file: b.js, share: 10%}]}",
         "the shares add up to 90%, not to 100%"),
        ("{scenarios: [{file: a.py, share: 80%}]}", "a share of what? The test has no load"),
        ("{users: 5, run_time: 9s, scenarios: [{file: a.py, users: 2}]}",
         "no scenario plays the test's load"),
        ("{users: 5, scenarios: [{file: a.py, share: 100%}]}", "this load needs --run-time as well"),
        ("{scenarios: [{file: a.py, users: 2}]}", "this load needs --run-time as well"),
        ("{scenarios: [{file: a.py, run_time: 2s}]}", "this is no load"),
        ("{run_time: 9s, scenarios: [{file: a.py, users: 2}, {file: b.js, users: 2, start: 9s}]}",
         "it would begin when the load is over"),
        ("{run_time: 9s, scenarios: [{file: a.py, users: 2, start: 1s}]}", "no scenario begins at the start"),
        ("{run_time: 9s, scenarios: [{file: a.py, users: 2}, {file: a.py, users: 3}]}",
         "two scenarios are called 'a'"),
        ("{run_time: 9s, scenarios: [{file: a.py, users: 2, name: page}]}",
         "a scenario called 'page' could not be told from what a page takes"),
        (f"{{stages: ['9s:5', '9s:0'], scenarios: {HALVES}}}",
         "a share of a load that ends in a ramp cannot begin later"),
        ("{scenario: shop, scenarios: [a.py]}", "t: a test has either scenario or scenarios"),
        ("{scenarios: [{file: a.py, share: 5%, users: 3}]}", "scenarios 1: share and users are two loads"),
        ("{scenarios: [{file: a.py, share: much}]}", "'much' is not a percentage"),
    ],
)  # fmt: skip
def test_what_cannot_be(test: str, message: str, tmp_path: Path) -> None:
    """Each in one sentence, at its line."""
    assert message in _messages(tmp_path, test)


def test_they_are_not_ended_early(tmp_path: Path) -> None:
    """What is certain so far would have to be so in the time of each."""
    messages = _messages(tmp_path, f"{{users: 50, run_time: 5m, scenarios: {BOTH}}}", stop_on="breach")
    assert messages == ["several scenarios are not ended early"]


@pytest.mark.parametrize(
    "given", [{"engine": "k6"}, {"engine_args": ("--tags", "x")}, {"session": "locust"}], ids=str
)
def test_options_of_one_scenario_have_no_place(given: dict[str, Any], tmp_path: Path) -> None:
    """Nobody knows for which of them they are meant."""
    messages = _messages(tmp_path, f"{{users: 50, run_time: 5m, scenarios: {BOTH}}}", **given)
    assert any("cannot tell which of several scenarios it is for" in message for message in messages)
