"""Locust's and k6's own command lines: what the plan becomes of each flag, and which scenario is meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer

from loadproof.cli.app import PASS_THROUGH
from loadproof.cli.engine_words import with_engine_words
from loadproof.cli.output import Outputs, with_outputs
from loadproof.cli.scenario import with_request
from loadproof.engines.k6.arguments import argument_problems, sort_arguments
from loadproof.engines.locust.engine import _inspection, _locust_args
from loadproof.engines.table import ENGINES
from loadproof.errors import ConfigError, Problem
from loadproof.model import EngineTraits, Plan, Profile, ProfileKind, Stage
from loadproof.pipeline.outputs import with_own_files
from loadproof.pipeline.planning import with_scenario
from loadproof.plan import RunRequest, build_plan, read_config

SELF = "goes on as typed"
"""The engine gets the words as they are."""

LOCUST: list[tuple[tuple[str, ...], Any]] = [
    (("--help",), "Usage:"),
    (("--locustfile", "b.py"), {"scenario": "b.py"}),
    (("--config", "my.conf"), {"engine_args": ("--config=my.conf",)}),
    (("--config=pyproject.toml",), SELF),
    (("--host", "http://x:1"), {"target": "http://x:1"}),
    (("--users", "7"), {"engine_args": ("--users", "7")}),
    (("-u7",), {"engine_args": ("--users", "7")}),
    (("--spawn-rate", "2.5", "-t", "1m"), {"engine_args": ("--spawn-rate", "2.5", "--run-time", "60s")}),
    (("--run-time", "1h30m"), {"engine_args": ("--run-time", "5400s")}),
    (("-t", "90"), {"engine_args": ("--run-time", "90s")}),
    (("--list",), SELF),
    (("-l",), SELF),
    (("--config-users", '{"user_class_name": "A"}'), SELF),
    (("--web-host", "127.0.0.1"), SELF),
    (("--web-port", "8090"), SELF),
    (("-P", "8090"), SELF),
    (("--headless",), SELF),
    (("--autostart",), SELF),
    (("--autoquit", "5"), SELF),
    (("--web-login",), SELF),
    (("--tls-cert", "c.pem"), SELF),
    (("--tls-key", "k.pem"), SELF),
    (("--class-picker",), SELF),
    (("--web-base-path", "/locust"), SELF),
    (("--master",), SELF),
    (("--master-bind-host", "10.0.0.1"), SELF),
    (("--master-bind-port", "5558"), SELF),
    (("--expect-workers", "3"), {"expect_workers": 3}),
    (("--expect-workers-max-wait", "30"), SELF),
    (("--enable-rebalancing",), SELF),
    (("--worker",), SELF),
    (("--processes", "-1"), SELF),
    (("--master-host", "10.0.0.1"), SELF),
    (("--master-port", "5558"), SELF),
    (("--tags", "a", "b"), SELF),
    (("-T", "a", "-u", "7", "Browser"), {"engine_args": ("--users", "7", "Browser", "-T", "a")}),
    (("--exclude-tags", "a", "-E", "b"), SELF),
    (("--csv", "out/x"), {"engine_args": ()}),
    (("--csv-full-history",), SELF),
    (("--print-stats",), SELF),
    (("--only-summary",), SELF),
    (("--reset-stats",), SELF),
    (("--html", "r_{u}.html"), {"html": "r_{u}.html"}),
    (("--json", "r.json"), {"json": "r.json"}),
    (("--json",), "--json needs a file here"),
    (("--json", "--skip-log-setup"), "--json needs a file here"),
    (("--json", "a.py"), "--json needs a file here"),
    (("--json", "a.tar"), "--json needs a file here"),
    (("--json-file", "s.json"), SELF),
    (("--skip-log-setup",), SELF),
    (("--loglevel", "DEBUG"), SELF),
    (("-L", "DEBUG"), SELF),
    (("--logfile", "l.txt"), SELF),
    (("--show-task-ratio",), SELF),
    (("--show-task-ratio-json",), SELF),
    (("--version",), SELF),
    (("-V",), SELF),
    (("--exit-code-on-error", "0"), SELF),
    (("--stop-timeout", "10s"), SELF),
    (("-s", "10"), SELF),
    (("--equal-weights",), SELF),
    (("--profile", "spike"), {"kind": ProfileKind.SPIKE}),
    (("--profile", "nightly"), "a name for the run is --name"),
    (("--otel",), SELF),
    (("Browser", "Buyer"), SELF),
]

K6: list[tuple[tuple[str, ...], Any]] = [
    (("--vus", "3"), SELF),
    (("-u", "3", "-d", "4s"), {"engine_args": ("--vus=3", "-d", "4s")}),
    (("--duration", "4s"), SELF),
    (("--iterations", "30"), SELF),
    (("-i30",), SELF),
    (("-s", "2s:4"), SELF),
    (("--stage", "2s:4"), {"stages": (Stage(2, 4),)}),
    (("--execution-segment", "1/3"), SELF),
    (("--execution-segment-sequence", "0,1/3,1"), SELF),
    (("--paused",), "--paused makes k6 wait"),
    (("-p",), "-p makes k6 wait"),
    (("--no-setup",), SELF),
    (("--no-teardown",), SELF),
    (("--max-redirects", "0"), SELF),
    (("--batch", "5"), SELF),
    (("--batch-per-host", "5"), SELF),
    (("--rps", "20"), SELF),
    (("--user-agent", "x"), SELF),
    (("--http-debug",), SELF),
    (("--insecure-skip-tls-verify",), SELF),
    (("--no-connection-reuse",), SELF),
    (("--no-vu-connection-reuse",), SELF),
    (("--min-iteration-duration", "1s"), SELF),
    (("--throw",), SELF),
    (("-w",), SELF),
    (("--blacklist-ip", "10.0.0.0/8"), SELF),
    (("--block-hostnames", "*.x"), SELF),
    (("--summary-trend-stats", "avg,p(99)"), SELF),
    (("--summary-time-unit", "ms"), SELF),
    (("--system-tags", "url"), SELF),
    (("--tag", "team=loans"), SELF),
    (("--console-output", "c.txt"), SELF),
    (("--discard-response-bodies",), SELF),
    (("--local-ips", "127.0.0.2"), SELF),
    (("--dns", "ttl=0"), SELF),
    (("--include-system-env-vars",), SELF),
    (("--compatibility-mode", "base"), SELF),
    (("--type", "js"), SELF),
    (("-t", "js"), "js"),
    (("--env", "A=1"), {"env": (("A", "1"),)}),
    (("--no-thresholds",), SELF),
    (("--no-summary",), SELF),
    (("--summary-mode", "full"), SELF),
    (("--summary-export", "s.json"), {"engine_args": ("--summary-export", "s.json")}),
    (("--traces-output", "none"), SELF),
    (("--out", "json=x.json"), SELF),
    (("-o", "json"), "--out json writes to the terminal"),
    (("--linger",), "--linger makes k6 wait"),
    (("--no-usage-report",), SELF),
    (("--help",), "Usage:"),
    (("-h",), "Usage:"),
    (("--address", "localhost:0"), SELF),
    (("--config", "options.json"), {"engine_args": ("--config=options.json",)}),
    (("-c", "options.json"), SELF),
    (("--log-format", "json"), SELF),
    (("--log-output", "stderr"), SELF),
    (("--no-color",), SELF),
    (("--profiling-enabled",), SELF),
    (("--quiet",), {"engine_args": ()}),
    (("--secret-source", "file=x"), SELF),
    (("--verbose",), SELF),
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where somebody types: two locustfiles and a script, and nobody's own configuration of Locust."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("LOCUST_LOCUSTFILE", raising=False)
    for name in ("a.py", "b.py", "c.js"):
        (tmp_path / name).write_text("")
    return tmp_path


def typed(*words: str) -> tuple[RunRequest, Outputs]:
    """What `loadproof run` makes of words, quiet or not."""
    heard: list[tuple[RunRequest, Outputs]] = []

    @with_request(RunRequest)
    @with_outputs
    def verb(request: RunRequest, quiet: bool = False, *, outputs: Outputs) -> int:
        heard.append((request, outputs))
        return 0

    verb_with_quiet = typer.Typer(add_completion=False)
    verb_with_quiet.command(context_settings=PASS_THROUGH)(verb)
    verb_with_quiet(with_engine_words(words), standalone_mode=False)
    if not heard:
        raise ConfigError(Problem("Usage: the help was shown"))
    return heard[0]


def planned(*words: str) -> tuple[Plan, Outputs]:
    """The plan of words, as far as no engine is asked. Raises ConfigError."""
    request, outputs = typed(*words)
    config = read_config(request)
    request, _ = with_scenario(request, config)
    plan = with_own_files(build_plan(request, ENGINES, config), request)
    problems = argument_problems(plan, sort_arguments(plan.engine_args)) if plan.engine == "k6" else []
    if problems:
        raise ConfigError(*problems)
    return plan, outputs


def check(words: tuple[str, ...], scenario: str, becomes: Any) -> None:
    """That the words, after a scenario, become what is said: a part of the plan, or an error."""
    line = words if "--locustfile" in words else (scenario, *words)
    if becomes == SELF:
        assert planned(*line)[0].engine_args == words
    elif isinstance(becomes, str):
        with pytest.raises(ConfigError) as caught:
            planned(*line)
        assert becomes in " ".join(f"{p.message} {p.hint}" for p in caught.value.problems)
    else:
        plan, outputs = planned(*line)
        of_plan: dict[str, Any] = {
            "engine_args": plan.engine_args,
            "scenario": str(plan.scenario),
            "target": plan.target,
            "expect_workers": plan.options.expect_workers,
            "html": str(outputs.html),
            "json": str(outputs.json),
            "kind": plan.profile.kind,
            "stages": plan.profile.stages,
            "env": plan.env,
        }
        assert {key: of_plan[key] for key in becomes} == becomes


@pytest.mark.parametrize(
    ("words", "becomes"), LOCUST, ids=lambda row: " ".join(row) if isinstance(row, tuple) else ""
)
@pytest.mark.usefixtures("folder")
def test_a_flag_of_locusts(words: tuple[str, ...], becomes: Any) -> None:
    """As docs/command-lines.md says."""
    check(words, "a.py", becomes)


@pytest.mark.parametrize(
    ("words", "becomes"), K6, ids=lambda row: " ".join(row) if isinstance(row, tuple) else ""
)
@pytest.mark.usefixtures("folder")
def test_a_flag_of_k6s(words: tuple[str, ...], becomes: Any) -> None:
    """As docs/command-lines.md says."""
    check(words, "c.js", becomes)


FACTS: dict[str, Any] = {
    "users": {"A": "http://x"}, "http_users": ["A"], "missing_users": [], "own_loops": [], "shape": None,
    "host": None, "num_users": None, "spawn_rate": None, "run_time_s": 60, "headless": True,
    "processes": None, "roles": [], "needs": [], "master_bind": ["*", 5557], "paces": [],
    "tags": None, "idle_users": [], "taskless_users": [], "mistakes": [], "fast_users": [], "http2_users": [],
    "trusting_users": [],
}  # fmt: skip


def locust_plan(**given: Any) -> Plan:
    """A plan of ./a.py."""
    return Plan(**{"name": "a", "scenario": Path("a.py"), "engine": "locust", "target": None,
                   "profile": Profile(ProfileKind.SCENARIO), **given})  # fmt: skip


@pytest.mark.parametrize(
    ("role", "way_out"),
    [("--master", "loadproof run locustfile.py --expect-workers"), ("--worker", "loadproof worker --master")],
)
@pytest.mark.usefixtures("folder")
def test_roles_are_refused_with_the_command_that_has_them(role: str, way_out: str) -> None:
    """Also from LOCUST_MODE_MASTER or a configuration file, which Locust reads."""
    (problem,) = _inspection(locust_plan(), {**FACTS, "roles": [role]}).problems
    assert role in problem.message
    assert way_out in problem.hint


@pytest.mark.parametrize(
    ("text", "http", "trusting", "taken"),
    [
        ("", ["A"], [], False),
        ("", ["A"], ["A"], True),
        ("", ["A", "B"], ["A"], False),
        ("self.client.verify = False", ["A", "B"], ["A"], True),
        ("self.client.get('/', verify=False)", ["A"], [], True),
        ("self.client.verify = 'ca.pem'", ["A"], [], False),
        ("", [], [], False),
    ],
)
def test_a_certificate_that_nobody_signed_is_the_scenarios_matter(
    text: str, http: list[str], trusting: list[str], taken: bool, folder: Path
) -> None:
    """A staging server has one of its own: who does not look at it is not refused for it."""
    (folder / "a.py").write_text(text)
    users = dict.fromkeys(http, "https://x")
    facts = {**FACTS, "users": users, "http_users": http, "trusting_users": trusting}
    assert _inspection(locust_plan(), facts).options.any_certificate is taken


@pytest.mark.usefixtures("folder")
def test_a_run_time_alone_is_one_user() -> None:
    """As Locust has it without its page."""
    assert _inspection(locust_plan(), FACTS).profile == Profile(
        ProfileKind.SCENARIO, (Stage(1, 1), Stage(59, 1))
    )


@pytest.mark.parametrize(
    ("typed_args", "args"),
    [
        ((), ["--headless", "--only-summary"]),
        (("--autostart",), ["--autoquit", "0", "--only-summary", "--autostart"]),
        (("--autostart", "--autoquit=3"), ["--only-summary", "--autostart", "--autoquit=3"]),
        (("--print-stats",), ["--headless", "--print-stats"]),
        # Locust wants its own --csv beside it, which Loadproof has taken.
        (("--csv-full-history", "-L", "INFO"), ["--headless", "--only-summary", "-L", "INFO"]),
    ],
)
def test_the_page_of_locust_ends_with_the_run(typed_args: tuple[str, ...], args: list[str]) -> None:
    """--autostart alone would leave it open for ever."""
    assert _locust_args(locust_plan(engine_args=typed_args)) == ["-f", "a.py", *args]


def test_several_locustfiles_are_one_scenario(folder: Path) -> None:
    """With commas, repeated, side by side, or as a folder without what is hidden or begins with _."""
    (folder / "tests" / ".venv").mkdir(parents=True)
    for name in ("x.py", "_y.py", ".venv/z.py"):
        (folder / "tests" / name).write_text("")
    two = (Path("a.py"), Path("b.py"))
    for words in (["-f", "a.py,b.py"], ["-f", "a.py", "-f", "b.py"], ["a.py", "b.py"], ["a.py,b.py"]):
        assert planned(*words)[0].files == two
    assert planned("a.py", "--tags", "x", "b.py")[0].engine_args == ("--tags", "x")
    plan = planned("-f", "tests,a.py")[0]
    assert plan.files == (Path("tests/x.py"), Path("a.py"))
    assert planned("tests")[0].name == "tests"
    assert _locust_args(plan)[:2] == ["-f", "tests/x.py,a.py"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("c.js,c.js,d.js",), "d.js': no such file"),
        (("-f", "https://x/y.py"), "is an address"),
        (("home",), "no such file"),
        (("empty",), "a folder without a locustfile"),
    ],
)
def test_a_scenario_that_is_not_there(words: tuple[str, ...], said: str, folder: Path) -> None:
    """Is told as what it is."""
    (folder / "empty").mkdir()
    with pytest.raises(ConfigError, match=said):
        planned(*words)


def test_one_script_is_played_by_engines_that_take_one(folder: Path) -> None:
    """Several of k6's are none of them left out in silence."""
    (folder / "d.js").write_text("")
    with pytest.raises(ConfigError, match="k6 plays one file, and here are several"):
        planned("c.js", "d.js")
    assert EngineTraits().several is False


def test_no_word_is_needed_beside_a_locustfile(folder: Path) -> None:
    """`loadproof run -u 5` and `loadproof run Browser` are those of ./locustfile.py, and it is said."""
    with pytest.raises(ConfigError, match="which scenario"):
        planned("-u", "5")
    (folder / "locustfile.py").write_text("")
    assert planned("-u", "5")[0].scenario == Path("locustfile.py")
    assert planned("Browser", "-u", "5")[0].engine_args == ("--users", "5", "Browser")
    request, said = with_scenario(RunRequest(), None)
    assert (request.scenario, said) == (
        "locustfile.py", "no scenario was named: locustfile.py (it is here, as Locust has it)"
    )  # fmt: skip
    with pytest.raises(ConfigError, match=r"nothing\.py"):
        planned("nothing.py")


def test_tests_of_the_configuration_come_first(folder: Path) -> None:
    """Whoever has a loadproof.yaml has said there what is run."""
    (folder / "locustfile.py").write_text("")
    (folder / "loadproof.yaml").write_text(
        "scenarios: {browse: {file: 'a.py,b.py'}}\ntests: {nightly: {users: 3, run_time: 1m}}\n"
    )
    plan = planned()[0]
    assert (plan.name, plan.files) == ("nightly", (Path("a.py"), Path("b.py")))


@pytest.mark.parametrize(
    ("host", "users", "targets"),
    [
        ("ws://127.0.0.1:8765/chat", [], ("tcp://127.0.0.1:8765",)),
        ("wss://chat.example", [], ("tcp://chat.example:443",)),
        ("127.0.0.1:50051", [], ("tcp://127.0.0.1:50051",)),
        ("[::1]:50051", [], ("tcp://[::1]:50051",)),
        ("kafka-1:9092,kafka-2:9092", [], ("tcp://kafka-1:9092", "tcp://kafka-2:9092")),
        ("localhost:8000", ["A"], ("localhost:8000",)),
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_host_of_another_protocol(host: str, users: list[str], targets: tuple[str, ...]) -> None:
    """Is Locust's own flag; users of HTTP are told that it has no scheme, others are connected to."""
    plan, _ = planned("a.py", "--host", host, "-u", "1")
    assert (plan.target, plan.engine_args) == (None, ("--users", "1", "--host", host))
    assert _inspection(plan, {**FACTS, "host": host, "http_users": users}).targets == targets
