"""The plan: command line over test over file, validated, with every problem at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from loadproof.engines.table import ENGINES
from loadproof.errors import ConfigError
from loadproof.model import Plan, Profile, ProfileKind, Stage
from loadproof.plan import PlanRequest, build_plan, read_config
from loadproof.plan.options import parse_env

CONFIG = """\
target: http://user:hunter2@localhost:8000/
scenarios:
  browse: {file: a.py, env: {A: 1, B: 1}, args: [--tags, x]}
  shop: {file: b.js}
tests:
  load: {scenario: browse, profile: load, users: 20, env: {B: 2}, args: [--y]}
  rates:
    {scenario: shop, stages: [2m:50/s], target: "http://other", requirements: {error_rate: {max_rate: 1%}}}
  flags: {scenario: browse, users: 100, spawn_rate: 10, run_time: 5m, time_scale: 0.5}
  steady: {scenario: shop, users: 5, run_time: 90s}
requirements: {response_time: {p95: <500ms}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two scenarios and a loadproof.yaml."""
    (tmp_path / "a.py").write_text("")
    (tmp_path / "b.js").write_text("")
    (tmp_path / "loadproof.yaml").write_text(CONFIG)
    return tmp_path


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A folder with two scenarios alone."""
    (tmp_path / "a.py").write_text("")
    (tmp_path / "b.js").write_text("")
    return tmp_path


def _plan(folder: Path, scenario: str | None, **given: Any) -> Plan:
    request = PlanRequest(scenario=scenario, folder=folder, **given)
    return build_plan(request, ENGINES, read_config(request))


def _problems(folder: Path, scenario: str | None, **given: Any) -> list[tuple[str, str]]:
    with pytest.raises(ConfigError) as caught:
        _plan(folder, scenario, **given)
    return [(p.where.removeprefix(f"{folder}/"), p.message) for p in caught.value.problems]


def test_a_file_alone_is_a_plan(bare: Path) -> None:
    """Engine by its ending, name by its stem, the scenario's own load, no target."""
    assert _plan(bare, "a.py") == Plan("a", bare / "a.py", "locust", None, Profile(ProfileKind.SCENARIO))
    assert _plan(bare, "b.js").engine == "k6"
    assert _plan(bare, "b.js", engine="locust").engine == "locust"


def test_a_test_by_name_is_the_whole_plan(folder: Path) -> None:
    """Scenario, target, requirements, variables and arguments come from loadproof.yaml."""
    plan = _plan(folder, "load")
    assert (plan.name, plan.scenario, plan.engine) == ("load", folder / "a.py", "locust")
    assert plan.target == "http://user:hunter2@localhost:8000"
    assert plan.env == (("A", "1"), ("B", "2"))
    assert plan.engine_args == ("--tags", "x", "--y")
    assert [r.id for r in plan.requirements] == ["response_time.p95"]
    assert (plan.profile.kind, max(s.target for s in plan.profile.stages)) == (ProfileKind.LOAD, 20)


def test_a_tests_own_keys_win_over_the_top_of_the_file(folder: Path) -> None:
    """Target and requirements of the test replace those of the file."""
    plan = _plan(folder, "rates")
    assert (plan.target, [r.id for r in plan.requirements]) == ("http://other", ["error_rate.rate"])
    assert plan.profile == Profile(ProfileKind.LOAD, (Stage(120, 50),), open_model=True)


def test_the_command_line_wins_over_everything(folder: Path) -> None:
    """Each value that is given there replaces the test's; variables and arguments add up."""
    (folder / "r.yaml").write_text("throughput: {target_rps: 5}\n")
    plan = _plan(
        folder, "load", target="http://h", name="n", time_scale=0.1, env=("B=3", "C=4"), engine_args=("--z",),
        requirements=(Path("r.yaml"),), users=40,
    )  # fmt: skip
    assert (plan.target, plan.name, plan.time_scale) == ("http://h", "n", 0.1)
    assert plan.env == (("A", "1"), ("B", "3"), ("C", "4"))
    assert plan.engine_args == ("--tags", "x", "--y", "--z")
    assert [r.id for r in plan.requirements] == ["throughput.rate"]
    assert max(s.target for s in plan.profile.stages) == 40


def test_a_scenario_by_name_has_its_own_load(folder: Path) -> None:
    """A name below scenarios: its variables and arguments, and no test's."""
    plan = _plan(folder, "browse")
    assert (plan.profile, plan.env) == (Profile(ProfileKind.SCENARIO), (("A", "1"), ("B", "1")))


def test_a_tests_scenario_may_be_a_file(bare: Path) -> None:
    """Nobody has to give it a name first; one that is not there is told where it is written."""
    (bare / "loadproof.yaml").write_text(
        "target: http://h\ntests: {t: {scenario: a.py, users: 5, run_time: 5s}}\n"
    )
    plan = _plan(bare, "t")
    assert (plan.scenario.name, plan.name) == ("a.py", "t")
    (bare / "loadproof.yaml").write_text("tests:\n  t:\n    scenario: nope.py\n")
    with pytest.raises(ConfigError, match=r"loadproof\.yaml:3.*unknown scenario 'nope\.py'"):
        _plan(bare, "t")


def test_a_file_beside_loadproof_yaml_takes_its_target_and_requirements(folder: Path) -> None:
    """What stands at the top of the file counts for every run in the folder."""
    plan = _plan(folder, "b.js")
    assert (plan.target, len(plan.requirements), plan.env) == ("http://user:hunter2@localhost:8000", 1, ())


def test_the_only_test_needs_no_name(bare: Path) -> None:
    """`loadproof run` alone."""
    (bare / "loadproof.yaml").write_text("scenarios: {s: a.py}\ntests: {only: {}}\n")
    assert _plan(bare, None).name == "only"


def test_another_configuration_file_can_be_named(folder: Path) -> None:
    """Paths in it are relative to its own folder."""
    (folder / "ci").mkdir()
    (folder / "ci" / "c.py").write_text("")
    (folder / "ci" / "perf.yaml").write_text("scenarios: {s: c.py}\ntests: {t: {}}\n")
    assert _plan(folder, "t", config=Path("ci/perf.yaml")).scenario == folder / "ci" / "c.py"


FLAGS = ("--users", "100", "--spawn-rate", "10", "--run-time", "300s")

# scenario, what the command line gives, the profile, Locust's flags, why
LOADS: list[tuple[str, dict[str, Any], Profile, tuple[str, ...], str]] = [
    (
        "flags",
        {},
        Profile(ProfileKind.SCENARIO, (Stage(10, 100), Stage(290, 100))),
        FLAGS,
        "Locust's own flags",
    ),
    (
        "flags",
        {"users": 10},
        Profile(ProfileKind.SCENARIO, (Stage(1, 10), Stage(299, 10))),
        ("--users", "10", *FLAGS[2:]),
        "one number replaces one number",
    ),
    (
        "flags",
        {"run_time": "1m"},
        Profile(ProfileKind.SCENARIO, (Stage(10, 100), Stage(50, 100))),
        (*FLAGS[:5], "60s"),
        "and so does a time",
    ),
    (
        "flags",
        {"stages": ("1m:5",)},
        Profile(ProfileKind.LOAD, (Stage(60, 5),)),
        (),
        "stages replace the whole load",
    ),
    (
        "load",
        {"profile": "smoke"},
        Profile(ProfileKind.SMOKE, (Stage(5, 3), Stage(20, 3), Stage(5, 0))),
        (),
        "a profile replaces the whole load, its users included",
    ),
    (
        "load",
        {"profile": "soak", "stages": ("1m:5", "1m:5")},
        Profile(ProfileKind.SOAK, (Stage(60, 5), Stage(60, 5))),
        (),
        "stages of one's own, asked as a soak test",
    ),
    (
        "a.py",
        {"spawn_rate": 0.5},
        Profile(ProfileKind.SCENARIO),
        ("--spawn-rate", "0.5"),
        "users known to Locust alone",
    ),
    ("b.js", {"users": 5}, Profile(ProfileKind.SCENARIO), ("--vus=5",), "k6 has a duration of its own"),
    ("b.js", {"run_time": "5m"}, Profile(ProfileKind.SCENARIO), ("--duration=300s",), "or users of its own"),
    ("steady", {}, Profile(ProfileKind.LOAD, (Stage(90, 5),), start=5), (), "k6 begins with all users"),
    (
        "steady",
        {"spawn_rate": 1.0},
        Profile(ProfileKind.LOAD, (Stage(5, 5), Stage(85, 5))),
        (),
        "or ramps them up",
    ),
]


@pytest.mark.parametrize(
    ("scenario", "given", "profile", "flags", "reason"), LOADS, ids=[r[4] for r in LOADS]
)
def test_the_load(
    *,
    folder: Path,
    scenario: str,
    given: dict[str, Any],
    profile: Profile,
    flags: tuple[str, ...],
    reason: str,
) -> None:
    """A profile or stages for any engine; users and times as flags for Locust, as stages for k6."""
    plan = _plan(folder, scenario, **given)
    assert plan.profile == profile, reason
    assert plan.engine_args[len(plan.engine_args) - len(flags) :] == flags


# scenario, what the command line gives, where and what the problem is
WRONG: list[tuple[str | None, dict[str, Any], str, str]] = [
    (None, {}, "", "which scenario?"),
    ("lod", {}, "", "the scenario '{folder}/lod': no such file"),
    ("k6", {}, "", "the scenario '{folder}/k6': is a folder without a locustfile"),
    ("a" * 5000, {}, "", "the scenario cannot be read: File name too long"),
    ("x.txt", {}, "", "'{folder}/x.txt' does not say by its ending which engine runs it"),
    (
        "a.py",
        {"target": "${HOST}"},
        "--target",
        "the target '${HOST}' holds a variable, which is not read here",
    ),
    ("a.py", {"target": "localhost"}, "--target", "the target 'localhost' has no scheme"),
    ("a.py", {"profile": "lod"}, "--profile", "unknown profile 'lod'"),
    ("a.py", {"stages": ("2m",)}, "--stage", "'2m' is not a stage"),
    ("a.py", {"users": 0}, "--users", "0 is not a number of users"),
    ("a.py", {"spawn_rate": float("nan")}, "--spawn-rate", "nan is not a spawn rate"),
    ("a.py", {"run_time": "5x"}, "--run-time", "'5x' is not a duration"),
    ("a.py", {"run_time": "500ms", "users": 1}, "--run-time", "Locust runs for whole seconds only"),
    ("a.py", {"time_scale": 0.0}, "--time-scale", "0 is not a time scale"),
    ("a.py", {"time_scale": 1.5}, "--time-scale", "1.5 is not a time scale"),
    ("a.py", {"time_scale": float("nan")}, "--time-scale", "nan is not a time scale"),
    ("a.py", {"warm_up": "30"}, "--warm-up", "'30' is not a duration"),
    (
        "a.py",
        {"warm_up": "30s", "profile": "spike"},
        "warm_up",
        "a spike test has no warm-up: each second after a step is what was asked for",
    ),
    (
        "a.py",
        {"warm_up": "30s", "stages": ("1s:5", "30s:5")},
        "warm_up",
        "a warm-up of 30s leaves nothing of a hold of 30s",
    ),
    ("a.py", {"name": "../x"}, "--name", "'../x' is not a name"),
    ("a.py", {"env": ("hunter2",)}, "--env", "a variable has no '='"),
    ("a.py", {"requirements": (Path("r.yaml"),)}, "r.yaml", "no such file"),
    ("a.py", {"config": Path("c.yaml")}, "c.yaml", "no such file"),
    ("a.py", {"stages": ("1m:5", "1m:5/s")}, "", "stages mix users and arrivals per second"),
    ("a.py", {"stages": ("1m:5",), "users": 5}, "", "stages already say how many users there are"),
    ("a.py", {"profile": "load", "run_time": "5m"}, "", "a profile or stages have their own run time"),
    ("load", {"spawn_rate": 5.0}, "loadproof.yaml:6", "a profile or stages have their own spawn rate"),
    ("b.js", {"users": 5, "spawn_rate": 1.0}, "", "this load needs --run-time as well"),
    ("b.js", {"run_time": "5m", "spawn_rate": 1.0}, "", "this load needs --users as well"),
]


@pytest.mark.parametrize(("scenario", "given", "where", "message"), WRONG, ids=[row[3] for row in WRONG])
def test_what_makes_no_plan_is_told(
    folder: Path, scenario: str | None, given: dict[str, Any], where: str, message: str
) -> None:
    """One problem each, with where it was written."""
    (folder / "x.txt").write_text("")
    (folder / "k6").mkdir()
    assert _problems(folder, scenario, **given) == [(where, message.replace("{folder}", str(folder)))]


def test_warm_up_of_the_command_line_wins_over_the_tests(bare: Path) -> None:
    """As it was given, in seconds; what nobody asked for is not in the plan."""
    (bare / "loadproof.yaml").write_text("scenarios: {s: a.py}\ntests: {t: {warm_up: 20s}}\n")
    assert _plan(bare, "t").options.warm_up_s == 20.0
    assert _plan(bare, "t", warm_up="1m").options.warm_up_s == 60.0
    assert _plan(bare, "t", warm_up=5).options.warm_up_s == 5.0
    assert _plan(bare, "a.py").options.warm_up_s == 0.0


def test_all_problems_at_once(folder: Path) -> None:
    """A wrong scenario hides no wrong number, and a wrong profile no wrong time."""
    given: dict[str, Any] = {
        "users": 0, "time_scale": 2.0, "env": ("x", "1=2"), "name": "a/b", "target": "localhost",
        "profile": "foo", "run_time": "q", "stages": ("5",), "requirements": (Path("r.yaml"),),
    }  # fmt: skip
    places = [where for where, _ in _problems(folder, "lod", **given)]
    numbers = ["--users", "--time-scale", "--name", "--env", "--env", "--target"]
    assert places == ["", *numbers, "r.yaml", "--profile", "--stage", "--run-time"]


def test_near_names_and_files_are_proposed(folder: Path) -> None:
    """A test's name, a file of the folder."""
    for typed, proposal in (("lod", "did you mean 'load'?"), ("a.pi", f"did you mean {folder / 'a.py'}?")):
        with pytest.raises(ConfigError) as caught:
            _plan(folder, typed)
        assert caught.value.problems[0].hint == proposal


def test_a_scenario_that_the_file_names_must_exist(bare: Path) -> None:
    """The problem stands where the file is named."""
    (bare / "loadproof.yaml").write_text("scenarios:\n  s: gone.py\ntests: {t: {}}\n")
    assert _problems(bare, "t") == [("loadproof.yaml:2", f"the scenario '{bare / 'gone.py'}': no such file")]


def test_a_broken_loadproof_yaml_stops_every_run_in_its_folder(bare: Path) -> None:
    """Its target or requirements might have counted; numbers of the command line are checked as well."""
    (bare / "loadproof.yaml").write_text("foo: 1\n")
    assert _problems(bare, "a.py", users=0) == [
        ("loadproof.yaml:1", "unknown key 'foo'"),
        ("--users", "0 is not a number of users"),
    ]


def test_the_other_ending_of_yaml_is_not_passed_over_in_silence(bare: Path) -> None:
    """loadproof.yml would look as if it counted."""
    (bare / "loadproof.yml").write_text(CONFIG)
    assert _problems(bare, "a.py") == [("loadproof.yml", "is not read under this name")]


def test_file_names_become_names_that_files_may_have(bare: Path) -> None:
    """The run's name is a part of the run file's."""
    (bare / "my load (1).py").write_text("")
    assert _plan(bare, "my load (1).py").name == "my-load-1"


def test_variables() -> None:
    """NAME=VALUE; the value may hold '=' and be empty; the last of one name counts."""
    assert parse_env(["A=b=c", "B=", "A=2"]) == {"A": "2", "B": ""}


def test_the_values_of_variables_are_never_shown() -> None:
    """What has no '=' may be a secret whose name was forgotten."""
    with pytest.raises(ConfigError) as caught:
        parse_env(["hunter2", "TOKEN=hunter2\0"])
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("scenario", "given", "kinds", "told"),
    [
        ("a.py", {}, ("first_byte", "first_event", "event_gap"), []),
        ("a.py", {"session": "http2"}, ("first_byte", "first_event", "event_gap"), []),
        ("a.py", {"session": "locust"}, ("first_event",), ["--session locust does not tell first_event"]),
        ("b.js", {}, ("first_byte", "event_gap"), ["k6 does not tell event_gap of 'POST /chat'"]),
        ("c.jmx", {}, ("first_byte", "first_event"), ["JMeter does not tell first_event"]),
    ],
)
def test_a_time_of_a_stream_that_nobody_tells_is_refused(
    scenario: str, given: dict[str, Any], kinds: tuple[str, ...], told: list[str], bare: Path
) -> None:
    """It would have no data in any run: that is told before the load, at its line."""
    (bare / "c.jmx").write_text("")
    lines = "".join(f"    {kind}: {{p95: <1s}}\n" for kind in kinds)
    (bare / "req.yaml").write_text(f"endpoints:\n  POST /chat:\n{lines}")
    if not told:
        assert len(_plan(bare, scenario, requirements=("req.yaml",), **given).requirements) == len(kinds)
        return
    found = _problems(bare, scenario, requirements=("req.yaml",), **given)
    assert [message for _, message in found] == told
    assert found[0][0].endswith(f"req.yaml:{2 + len(kinds)}")


@pytest.mark.parametrize("name", ["/ws", "WS /ws", "chat: WS /ws", "chat: /ws", "gRPC /a.B/c"])
def test_an_endpoint_without_its_method_may_be_a_stream(name: str, bare: Path) -> None:
    """As requirements are matched, "/ws" means "WS /ws"; one of several scenarios may be named."""
    (bare / "req.yaml").write_text(f'endpoints: {{"event_gap: {name}": {{response_time: {{p95: <500ms}}}}}}')
    (requirement,) = _plan(bare, "b.js", requirements=("req.yaml",)).requirements
    assert requirement.endpoint == f"event_gap: {name}"


@pytest.mark.parametrize("name", ["GET /ws", "chat: GET /ws"])
def test_an_endpoint_of_another_method_is_no_stream(name: str, bare: Path) -> None:
    (bare / "req.yaml").write_text(f'endpoints: {{"event_gap: {name}": {{response_time: {{p95: <500ms}}}}}}')
    with pytest.raises(ConfigError, match="k6 does not tell event_gap"):
        _plan(bare, "b.js", requirements=("req.yaml",))
