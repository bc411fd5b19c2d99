"""What k6 writes beside its samples, of 1.x and of 2.x: options, summaries, log lines, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from loadproof.engines.k6.archive import _changes
from loadproof.engines.k6.arguments import (
    environment,
    run_arguments,
    sort_arguments,
    system_tags,
    takes_any_certificate,
)
from loadproof.engines.k6.inspection import problem_in
from loadproof.engines.k6.log import Log
from loadproof.engines.k6.options import (
    profile_of,
    scaled_scenarios,
    scaled_thresholds,
    scenario_for,
    scenarios_line,
    thresholds,
)
from loadproof.engines.k6.reader import OutputReader
from loadproof.engines.k6.summary import Ending, Summary, crossed_metrics, read_summary, threshold_events
from loadproof.engines.k6.words import meaning
from loadproof.model import Plan, Profile, ProfileKind, Stage
from loadproof.plan.expressions import split_metric
from tests.runs import loose

OPTIONS = {
    "summaryTrendStats": ["avg"],
    "systemTags": ["method", "name", "proto", "status", "url", "vu"],
    "thresholds": {
        "m{url:http://t/a}": ["p(99.9) < 1"],
        "c": [{"threshold": "count>0", "abortOnFail": True}],
    },
}


def plan(**changes: object) -> Plan:
    given = {"name": "t", "scenario": Path("s.js"), "engine": "k6", "target": None}
    return Plan(**{**given, "profile": Profile(ProfileKind.SCENARIO), **changes})  # type: ignore[arg-type]


def judged(rules_of: dict[str, object], ending: Ending) -> list[bool | None]:
    reader = OutputReader()
    for rule in thresholds(rules_of):
        reader.samples[rule.base] += 1
    return [loose(event.data)["ok"] for event in threshold_events(thresholds(rules_of), ending, reader, 0.0)]


@pytest.mark.parametrize(
    ("metric", "base", "tags"),
    [
        ("m", "m", ()),
        ("m{a:1}", "m", (("a", "1"),)),
        ("m{a:1, b:http://t/x}", "m", (("a", "1"), ("b", "http://t/x"))),
        ("m{ name: 'a page' }", "m", (("name", "a page"),)),
    ],
)
def test_sub_metrics_are_split_as_k6_splits_them(
    metric: str, base: str, tags: tuple[tuple[str, str], ...]
) -> None:
    """At commas, then at the first colon, without quotes."""
    assert split_metric(metric) == (base, tags)


def test_thresholds_are_read_in_both_spellings() -> None:
    """As a text and as an object; the left side of the expression is its statistic."""
    first, second = thresholds(OPTIONS)
    assert (first.base, first.statistic, first.abort_on_fail) == ("m", "p(99.9)", False)
    assert (second.expression, second.statistic, second.abort_on_fail) == ("count>0", "count", True)


def test_the_old_summary_is_true_for_what_failed(tmp_path: Path) -> None:
    """k6 1.x and 2.x, --summary-export: the boolean says "crossed", and a rate is called value."""
    file = tmp_path / "summary.json"
    counter = {"count": 3, "thresholds": {"count>1": False, "count>5": True}}
    file.write_text(json.dumps({"root_group": {}, "metrics": {"a": counter, "r": {"value": 0.25}}}))
    summary = read_summary(file)
    assert (summary.failed("a", "count>1"), summary.failed("a", "count>5")) == (False, True)
    assert summary.failed("a", "count>9") is None
    assert (summary.value("r", "rate"), summary.value("a", "count"), summary.value("a", "avg")) == (
        0.25,
        3,
        None,
    )


def test_the_new_summary_has_values_and_no_thresholds(tmp_path: Path) -> None:
    """k6 2.x with --new-machine-readable-summary (its `machinereadable/types_gen.go`)."""
    file = tmp_path / "summary.json"
    metrics = [
        {"name": "http_req_duration", "type": "trend", "contains": "time",
         "values": {"avg": 2.5, "p95": 4.0}},
        {"name": "http_req_failed", "type": "rate", "contains": "default",
         "values": {"rate": 0.1, "matches": 1, "total": 10}},
        {"type": "nameless"},
    ]  # fmt: skip
    file.write_text(
        json.dumps({"version": "1.0.0", "config": {}, "metadata": {}, "results": {"metrics": metrics}})
    )
    summary = read_summary(file)
    assert summary.value("http_req_duration", "p(95)") == 4.0
    assert summary.value("http_req_failed", "rate") == 0.1
    assert summary.metrics["http_req_failed"]["fails"] == 9
    assert summary.failed("http_req_duration", "p(95)<500") is None


@pytest.mark.parametrize(
    "written", ["", "null", "[]", "{", '{"metrics": 3}', '{"metrics": {"a": 1}}', '{"results": 1}']
)
def test_a_damaged_summary_is_an_empty_one(tmp_path: Path, written: str) -> None:
    """Nothing is known then, and nothing is made up."""
    file = tmp_path / "summary.json"
    file.write_text(written)
    assert read_summary(file).metrics == {}
    assert read_summary(tmp_path / "missing").metrics == {}


@pytest.mark.parametrize(
    ("line", "metrics"),
    [
        ("thresholds on metrics 'a, b{c:1,d:2}' have been crossed", {"a", "b{c:1,d:2}"}),
        ("thresholds on metrics 'a' were crossed; at least one has abortOnFail enabled, ...", {"a"}),
        ("something else", None),
    ],
)
def test_k6s_closing_line_names_the_metrics(line: str, metrics: set[str] | None) -> None:
    """The commas within a sub-metric's tags separate nothing."""
    assert crossed_metrics(["noise", line]) == metrics


def test_thresholds_without_a_summary() -> None:
    """Exit 0: all passed. Exit 99: those of unnamed metrics passed. Killed: nobody knows."""
    rules: dict[str, object] = {"thresholds": {"a": ["count>1"], "b": ["count>1"]}}
    assert judged(rules, Ending(0, Summary(), None)) == [True, True]
    assert judged(rules, Ending(99, Summary(), {"b"})) == [True, False]
    both: dict[str, object] = {"thresholds": {"b": ["count<1", "count>5"]}}
    assert judged(both, Ending(99, Summary(), {"b"})) == [None, None]
    assert judged(rules, Ending(137, Summary(), None)) == [None, None]


def test_exit_codes_have_a_meaning() -> None:
    """Signals are told from k6's own codes; 255 is no signal."""
    assert meaning(137) == "k6 was killed by signal 9"
    assert meaning(104) == "k6 refuses the configuration"
    assert meaning(255) == "k6 ended with an error"
    assert meaning(42) == "k6 ended with exit code 42"


def test_scaling_keeps_rates_and_limits() -> None:
    """Durations, start times and delays scale; numbers and grace periods do not, nor below k6's second."""
    scenarios = {
        "a": {
            "executor": "constant-vus",
            "vus": 3,
            "duration": "2m0s",
            "startTime": "1m0s",
            "gracefulStop": "30s",
        },
        "b": {"executor": "constant-vus", "vus": 3, "duration": "5s"},
        "c": {
            "executor": "ramping-arrival-rate",
            "startRate": 5,
            "stages": [{"duration": "10s", "target": 9}],
        },
    }
    scaled = scaled_scenarios({"scenarios": scenarios}, 0.1)
    assert scaled["a"] == {**scenarios["a"], "duration": "12000ms", "startTime": "6000ms"}
    assert scaled["b"]["duration"] == "1000ms"
    assert scaled["c"]["stages"] == [{"duration": "1000ms", "target": 9}]
    rules = {"m": ["p(95)<1", {"threshold": "avg<1", "delayAbortEval": "1m0s"}]}
    assert scaled_thresholds({"thresholds": rules}, 0.1) == {
        "m": ["p(95)<1", {"threshold": "avg<1", "delayAbortEval": "6000ms"}]
    }


def test_profiles_of_scripts_and_scripts_of_profiles() -> None:
    """Rates are per second in a profile, whole numbers per minute in k6."""
    arrivals = {"executor": "constant-arrival-rate", "rate": 90, "timeUnit": "1m0s", "duration": "10s"}
    profile = Profile(ProfileKind.SCENARIO, (Stage(10, 1.5),), open_model=True, start=1.5)
    assert profile_of({"scenarios": {"x": arrivals}}) == profile
    written = scenario_for(profile, "default", None)
    assert (written["startRate"], written["timeUnit"], written["maxVUs"]) == (90, "1m0s", 15)
    assert profile_of({"scenarios": {"x": written}}) == profile
    assert profile_of({"scenarios": {"x": {"executor": "shared-iterations"}}}) is None
    assert profile_of({"scenarios": {}}) is None


def test_a_profile_plays_a_scenarios_function_with_its_variables() -> None:
    """And with its tags: of several scenarios of one function those of the first."""
    own = {
        "scenarios": {
            "buy": {"exec": "buy", "env": {"BASE": "http://buy"}},
            "look": {"env": {"BASE": "http://look"}, "tags": {"kind": "look"}},
            "again": {"env": {"BASE": "http://again"}},
        }
    }
    changes, _ = _changes(plan(profile=Profile(ProfileKind.LOAD, (Stage(10, 5),))), own)
    played = changes["scenarios"]["default"]
    assert (played["executor"], played["exec"]) == ("ramping-vus", "default")
    assert (played["env"], played["tags"]) == ({"BASE": "http://look"}, {"kind": "look"})


def test_several_scenarios_are_told_in_one_line() -> None:
    """With the most that they take; one that is a plain profile is told as such."""
    arrivals = {"executor": "constant-arrival-rate", "rate": 4, "timeUnit": "1s", "duration": "30s"}
    two = {"buy": arrivals, "look": {"executor": "shared-iterations"}}
    options = {"scenarios": two, "maxVUs": 30, "totalDuration": "1m0s"}
    (line,) = scenarios_line(options)
    assert line.split(maxsplit=1)[1] == (
        "buy (constant-arrival-rate), look (shared-iterations); at most 30 users, for at most 1m"
    )
    assert scenarios_line({**options, "scenarios": {"buy": arrivals}}) == ()


def test_system_tags_are_few_unless_somebody_needs_them() -> None:
    """`url` and `proto` go; a threshold keeps the tag it speaks of, a user's output keeps all."""
    assert "proto" not in system_tags(sort_arguments(()), OPTIONS)
    assert {"url", "vu", "error_code"} <= set(system_tags(sort_arguments(()), OPTIONS))
    assert {"url", "proto"} <= set(system_tags(sort_arguments(("-o", "csv=x")), OPTIONS))


def test_the_users_flags_are_sorted() -> None:
    """Long, short, glued and separate spellings."""
    found = sort_arguments(
        ("-u5", "--duration=3s", "--out", "csv=a", "-e", "A=1", "--tag", "a=b", "--stage", "1s:2")
    )
    assert found.execution == ("-u5", "--duration=3s", "--stage", "1s:2")
    assert found.run == ("--out", "csv=a", "-e", "A=1", "--tag", "a=b")
    assert (found.outs, found.init) == (("csv=a",), ("-e", "A=1"))


def test_values_that_may_be_secret_are_not_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan's variables travel in the environment; everyone on the machine can read arguments."""
    monkeypatch.setenv("K6_OUT", "csv=theirs.csv")
    given = plan(env=(("API_TOKEN", "hunter2"),), target="http://t")
    path = Path("x")
    argv = run_arguments("k6", given, sort_arguments(()), OPTIONS, samples=path, summary=path, script=path)
    assert not any("hunter2" in word for word in argv)
    assert {"--no-usage-report", "--address=", "--out=csv=theirs.csv"} <= set(argv)
    assert any("p(99.9)" in word for word in argv if word.startswith("--summary-trend-stats="))
    env = environment(given)
    assert (env["API_TOKEN"], env["BASE_URL"], env["LOADPROOF_TARGET"]) == ("hunter2", "http://t", "http://t")
    assert env["K6_AUTO_EXTENSION_RESOLUTION"] == "false"


PROGRESS = "running (01.0s), 0/1 VUs, 2 complete and 4 interrupted iterations"


def test_log_lines_are_kept_once() -> None:
    """A warning for each failed request is one line and a count; furniture is left out."""
    kept: list[str] = []
    log = Log(kept.append)
    for _ in range(3):
        log.line('{"level":"warning","msg":"Request Failed","error":"dial: refused"}')
    for line in ("   /\\      Grafana   /‾‾/  ", "     execution: local", PROGRESS,
                 "default   [  50% ] 1 VUs  1.0s/2s", "", "my summary", "{broken"):  # fmt: skip
        log.line(line)
    log.line('{"level":"error","msg":"thresholds on metrics \'a\' have been crossed"}')
    assert kept[:3] == ["warning: Request Failed: dial: refused", "my summary", "{broken"]
    assert log.repeated() == [("warning: Request Failed: dial: refused", 3)]
    assert log.interrupted == 4
    assert crossed_metrics(log.errors) == {"a"}


@pytest.mark.parametrize(
    ("line", "code", "message", "where"),
    [
        # k6 1.1.0
        ('{"level":"error","msg":"Error: boom\\n\\tat file:///a/s.js:2:7(13)\\n"}',
         107, "Error: boom", "/a/s.js:2"),
        # k6 2.x without a line, and a text format the user asked for
        ('{"level":"error","msg":"could not initialize \'s.js\': could not load JS test \'s.js\': bad"}',
         255, "bad", "s.js"),
        ('{"level":"error","msg":"GoError: file:///a/s.js: Line 3:34 Unexpected token ;\\n"}',
         107, "SyntaxError: Unexpected token ; (column 34)", "/a/s.js:3"),
        ("ERRO[0000] something", 104, "ERRO[0000] something", "s.js"),
        ("", 104, "k6 refuses the configuration", "s.js"),
    ],
)  # fmt: skip
def test_errors_are_one_line(line: str, code: int, message: str, where: str) -> None:
    """k6's wrapping is taken off, and the place found."""
    problem = problem_in([line], code, Path("s.js"))
    assert (problem.message, problem.where) == (message, where)


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        (
            'The moduleSpecifier \\"https://t/i.js\\" couldn\'t be retrieved',
            "it cannot be reached from here; keep what it imports beside it: loadproof k6 vendor s.js",
        ),
        ('The moduleSpecifier \\"./i.js\\" couldn\'t be found', "relative to the file"),
        ("unknown module: k6/websockets", "here it is k6/experimental/websockets"),
        ("unknown module: k6/later", "a newer one does"),
        ("unknown module: k6/x/kafka", "lacks the extension"),
        ("failed parsing threshold expresion's 'p(95)<500ms' right hand side", "no units: milliseconds as"),
    ],
)
def test_each_error_has_its_own_way_out(said: str, hint: str) -> None:
    """A module fetched from elsewhere, of a newer k6, of an extension; a threshold with a unit."""
    line = f'{{"level":"error","msg":"GoError: {said}"}}'
    assert hint in problem_in([line], 107, Path("s.js")).hint


@pytest.mark.parametrize(
    ("words", "variable", "script", "taken"),
    [
        ([], "", None, False),
        ([], "", True, True),
        ([], "true", None, True),
        ([], "false", True, False),
        (["--insecure-skip-tls-verify"], "", None, True),
        (["--insecure-skip-tls-verify=false"], "true", True, False),
    ],
)
def test_a_script_that_looks_at_no_certificate(
    words: list[str], variable: str, script: bool | None, taken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look before the load then takes any, too; the command line wins, as for k6."""
    monkeypatch.setenv("K6_INSECURE_SKIP_TLS_VERIFY", variable)
    assert takes_any_certificate(sort_arguments(words), {"insecureSkipTLSVerify": script}) is taken
