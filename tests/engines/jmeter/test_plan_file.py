"""What is read in a plan without running it, and what keeps it from running."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from loadproof.engines.jmeter.advice import jmeter_advice
from loadproof.engines.jmeter.arguments import sort_arguments
from loadproof.engines.jmeter.elements import plugin_of
from loadproof.engines.jmeter.hosts import no_hosts, retarget, targets_of
from loadproof.engines.jmeter.includes import data_file_problems, data_files, include_fragments, place_modules
from loadproof.engines.jmeter.inspection import ResolvedPlan
from loadproof.engines.jmeter.plan_file import PlanFile, read_plan_file
from loadproof.engines.jmeter.promise import Counted, promise_of
from loadproof.engines.jmeter.properties import read_properties, write_properties
from loadproof.engines.jmeter.threads import own_profile, properties_for, schedule_of
from loadproof.engines.jmeter.values import Values, properties_read, variables_of
from loadproof.errors import ConfigError
from loadproof.model import Profile, ProfileKind, Stage

if TYPE_CHECKING:
    from collections.abc import Mapping

PLANS = Path(__file__).with_name("plans")


def opened(name: str, properties: Mapping[str, str] | None = None) -> tuple[PlanFile, Values]:
    plan = read_plan_file(PLANS / f"{name}.jmx")
    return plan, Values(properties or {}, variables_of(plan))


def line_with(name: str, text: str) -> int:
    lines = (PLANS / f"{name}.jmx").read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("${__P(users,10)}", "10"),
        ("${__P(given,10)}", "3"),
        ("${__P(nothing)}", "1"),  # JMeter's own default of __P
        ("${__property(given)}", "3"),
        ("${__property(nothing,,7)}", "7"),
        ("http://${host}:${__P(port,80)}/", "http://127.0.0.1:80/"),
        ("${__P(a,${__P(given,1)})}", "3"),
        ("${id}", None),
        ("${__Random(1,6)}", None),
        ("${__groovy(1 + 1)}", None),
        ("a${", "a${"),
    ],
)
def test_what_a_text_stands_for(text: str, expected: str | None) -> None:
    """Known are properties, User Defined Variables, and texts of them."""
    plan, _ = opened("shop")
    assert Values({"given": "3"}, variables_of(plan)).resolve(text) == expected


def test_variables_that_name_each_other_end() -> None:
    """A circle is not known."""
    plan, _ = opened("shop")
    variables = variables_of(plan)
    one = variables["host"]
    circle = {"a": type(one)("a", "${b}", None, ""), "b": type(one)("b", "${a}", None, "")}
    assert Values({}, circle).resolve("${a}") is None


def test_the_properties_that_a_plan_reads() -> None:
    """With the defaults that are written."""
    assert properties_read(opened("steady")[0]) == {
        "host": "127.0.0.1", "port": "8000", "users": "2", "rampup": "0", "duration": "3"
    }  # fmt: skip


def test_where_a_plan_goes() -> None:
    """Request defaults, variables and properties put together."""
    assert targets_of(*opened("shop")) == ["http://127.0.0.1:8000"]
    assert targets_of(*opened("shop", {"host": "a.example", "port": "80"})) == ["http://a.example"]
    assert targets_of(*opened("fixed")) == ["http://shop.invalid"]


@pytest.mark.parametrize(
    ("host", "base"),
    [
        ("http://localhost", "http://http://localhost:8000"),
        ("localhost/", "http://localhost/:8000"),
        ("localhost:80", "http://localhost:80:8000"),
        ("::1", "http://::1:8000"),
        ("[::1]", ""),
        ("localhost", ""),
        ("user:word@localhost", ""),
    ],
)
def test_a_server_name_that_is_none_is_told_with_its_line(host: str, base: str) -> None:
    """JMeter would send to nobody, or to a host that is called "http"."""
    found = no_hosts(*opened("shop", {"host": host}))
    assert [problem.message for problem in found] == [
        f"requests of 'login ${{customer}}' go to {base}"
    ] * bool(base)
    assert all(p.where.endswith(f":{line_with('shop', 'HTTPSampler.domain')}") for p in found)


def test_a_target_becomes_the_properties_that_the_plan_reads() -> None:
    """Found by what they decide, whatever they are called."""
    changes, problems = retarget(*opened("shop"), "http://127.0.0.2:9000")
    assert (changes, problems) == ({"host": "127.0.0.2", "port": "9000"}, [])


def test_a_host_that_is_written_does_not_follow_a_target() -> None:
    """The one line to change, and how to set the variable for this run."""
    changes, problems = retarget(*opened("fixed"), "http://127.0.0.1:9000")
    assert changes == {}
    assert problems[0].where.endswith(f"fixed.jmx:{line_with('fixed', 'HTTPSampler.domain')}")
    assert "--var HOST=" in problems[0].hint


@pytest.mark.parametrize(
    ("name", "properties", "expected"),
    [
        ("steady", {}, Profile(ProfileKind.SCENARIO, (Stage(3, 2),), start=2)),
        ("steady", {"users": "10", "rampup": "5", "duration": "60"},
         Profile(ProfileKind.SCENARIO, (Stage(5, 10), Stage(55, 10)))),
        ("concurrency", {}, Profile(ProfileKind.SCENARIO, (Stage(1, 3), Stage(2, 3)), start=3)),
        ("stepping", {}, Profile(ProfileKind.SCENARIO, (Stage(1, 2), Stage(0, 4), Stage(2, 4)), start=2)),
        ("stepping", {"users": "7", "ramp": "2"},
         Profile(ProfileKind.SCENARIO, (Stage(2, 2), Stage(1, 2), Stage(2, 4), Stage(1, 4), Stage(2, 6),
                                        Stage(1, 6), Stage(1, 7), Stage(2, 7), Stage(0, 3), Stage(1, 3)))),
        ("shop", {}, None),  # it ends with its loops, whenever that is
    ],
)  # fmt: skip
def test_the_load_that_a_plan_plans(
    name: str, properties: Mapping[str, str], expected: Profile | None
) -> None:
    """Users over time, where time decides."""
    assert own_profile(*opened(name, properties)) == expected


def test_what_timers_and_schedules_promise() -> None:
    """Arrivals per second, and what counts as one."""
    timed = promise_of(*opened("too_few_users"))
    assert timed is not None
    assert timed.counted is Counted.SAMPLES
    assert timed.profile == Profile(ProfileKind.SCENARIO, (Stage(4, 40),), open_model=True, start=40)
    schedule = {"schedule": "rate(10/min) even_arrivals(1 min) rate(2/sec) pause(3 sec) random_arrivals(5 s)"}
    planned = promise_of(*opened("open_arrivals", schedule))
    assert planned is not None
    assert planned.profile.stages == (
        Stage(60, 2), Stage(0, 0), Stage(3, 0), Stage(0, 2), Stage(5, 2)
    )  # fmt: skip
    assert promise_of(*opened("steady")) is None
    free = promise_of(*opened("free_form"))
    assert free is not None
    assert (free.counted, free.profile.start) == (Counted.LOG, 5)
    assert free.profile.stages == (Stage(3, 5), Stage(0, 10), Stage(2, 20))


@pytest.mark.parametrize(
    ("mode", "rate_per_s"), [("0", 40), ("this thread only", 40), ("all active threads", 20), ("2", 20)]
)
def test_a_throughput_timer_of_an_old_plan_says_whose_it_is_in_words(
    mode: str, rate_per_s: float, tmp_path: Path
) -> None:
    """1,200 a minute of each of two users, or of both; JMeter 2 wrote the words, later ones a number."""
    text = (PLANS / "too_few_users.jmx").read_text()
    number = '<intProp name="calcMode">2</intProp>'
    assert number in text
    assert "<value>2400.0</value>" in text
    text = text.replace(number, f'<stringProp name="calcMode">{mode}</stringProp>')
    file = tmp_path / "old.jmx"
    file.write_text(text.replace("<value>2400.0</value>", "<value>1200.0</value>"))
    plan = read_plan_file(file)
    promise = promise_of(plan, Values({}, variables_of(plan)))
    assert promise is not None
    assert promise.profile.start == rate_per_s


def test_a_schedule_can_be_written_for_any_profile_of_arrivals() -> None:
    """And read back it is the same load."""
    profile = Profile(ProfileKind.LOAD, (Stage(10, 50), Stage(20, 50)), open_model=True, start=5)
    planned = promise_of(*opened("open_arrivals", {"schedule": schedule_of(profile)}))
    assert planned is not None
    assert (planned.profile.start, planned.profile.stages) == (5, profile.stages)


def test_a_profile_becomes_properties() -> None:
    """Users, ramp and duration, each where the plan reads it."""
    ramp = Profile(ProfileKind.LOAD, (Stage(4, 20), Stage(26, 20)))
    changes, problems = properties_for(*opened("steady"), ramp)
    assert (changes, problems) == ({"users": "20", "rampup": "4", "duration": "30"}, [])
    changes, problems = properties_for(
        *opened("concurrency"), Profile(ProfileKind.LOAD, (Stage(3, 9),), start=9)
    )
    assert changes == {"users": "9"}
    assert [p.message for p in problems] == [
        "the plan does not read its ramp from a property",
        "the plan does not read its duration from a property",
    ]


def test_a_plan_that_reads_no_property_is_refused_with_the_line_to_change() -> None:
    """Threads, ramp and duration, and what keeps a group from lasting."""
    _, problems = properties_for(*opened("fixed"), Profile(ProfileKind.LOAD, (Stage(30, 5),), start=5))
    first = problems[0]
    assert first.where.endswith(f"fixed.jmx:{line_with('fixed', 'ThreadGroup.num_threads')}")
    assert "${__P(users,3)}" in first.hint
    assert any("ThreadGroup.scheduler" in problem.message for problem in problems)
    assert any("after its loops" in problem.message for problem in problems)


def test_a_load_that_goes_up_and_down_is_refused() -> None:
    """A thread group cannot."""
    spike = Profile(ProfileKind.SPIKE, (Stage(5, 5), Stage(5, 50), Stage(5, 5)))
    _, (problem,) = properties_for(*opened("steady"), spike)
    assert "cannot play a spike" in problem.message


def test_missing_files_are_found_before_any_load() -> None:
    """JMeter would end with code 0, or go on without them."""
    plan, values = opened("no_data_file")
    (problem,) = data_file_problems(plan, values)
    assert "no_such_file.csv" in problem.message
    assert problem.where.endswith(f":{line_with('no_data_file', 'no_such_file.csv')}")
    (problem,) = include_fragments(*opened("no_fragment"))
    assert "no_such_fragment.jmx" in problem.message


def test_a_path_that_jmeter_does_not_resolve_is_said(tmp_path: Path) -> None:
    """It reads included files before its functions: with ${...} in their path they are not there."""
    fragment = (PLANS / "fragment.jmx").read_text()
    (tmp_path / "fragment.jmx").write_text(fragment)
    plan = tmp_path / "plan.jmx"
    text = (PLANS / "no_fragment.jmx").read_text()
    path = re.search(r'includepath">([^<]*)<', text)
    assert path is not None
    plan.write_text(text.replace(path[1], "${__P(where,)}fragment.jmx"))
    read = read_plan_file(plan)
    (problem,) = include_fragments(read, Values({}, variables_of(read)))
    assert "as it is written" in str(problem)
    plan.write_text(text.replace(path[1], "fragment.jmx"))
    read = read_plan_file(plan)
    assert include_fragments(read, Values({}, variables_of(read))) == []


def test_files_of_the_current_folder_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in JMeter, whose users start it in the folder of their repository."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "no_such_file.csv").write_text("a\n")
    plan, values = opened("no_data_file")
    assert data_file_problems(plan, values) == []


def test_a_module_is_played_where_it_is_named() -> None:
    """With the defaults of that place, and also where it is switched off; what nobody names is not played."""
    plan, values = opened("modules")
    assert place_modules(plan) == []
    assert targets_of(plan, values) == ["http://named.example:8000", "http://127.0.0.1:8000"]
    assert [e.label for e in plan.played() if e.simple_kind == "HTTPSamplerProxy"] == ["own", "shared", "off"]
    assert data_files(plan, values) == ["named.csv"]


def test_a_module_that_is_not_there_is_told_before_any_load(tmp_path: Path) -> None:
    """With its way; JMeter ends with a page of Java."""
    renamed = tmp_path / "renamed.jmx"
    renamed.write_bytes((PLANS / "modules.jmx").read_bytes().replace(b">Shared<", b">Renamed<"))
    (problem,) = place_modules(read_plan_file(renamed))
    assert problem.message == "'use shared' names no module: Test Plan > modules > Fragments > Renamed"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("<jmeterTestPlan><hashTree>\n<oops", 2, "no XML"),
        ("<html>\n</html>", 1, "no JMeter test plan"),
        ("<jmeterTestPlan><hashTree/></jmeterTestPlan>", 1, "no Test Plan"),
        ('<!DOCTYPE a [\n<!ENTITY b "c">]>\n<jmeterTestPlan/>', 2, "entities"),
    ],
)
def test_what_is_no_plan_says_where(tmp_path: Path, text: str, line: int, words: str) -> None:
    """File, line and what is wrong."""
    file = tmp_path / "x.jmx"
    file.write_text(text)
    with pytest.raises(ConfigError) as raised:
        read_plan_file(file)
    (problem,) = raised.value.problems
    assert problem.where == f"{file}:{line}"
    assert words in problem.message


def test_the_jar_of_a_plug_in_is_known_by_its_class() -> None:
    """The groups that people use most."""
    kind = "com.blazemeter.jmeter.threads.concurrency.ConcurrencyThreadGroup"
    assert plugin_of(kind).startswith("jmeter-plugins-casutg")
    assert plugin_of("org.example.Sampler") == ""


def test_arguments_are_read_as_jmeter_reads_them() -> None:
    """Short, long, joined and apart; what is not for a run of ours is refused with its way out."""
    user = sort_arguments(
        ["-Ja=1", "-J", "b=2", "--jmeterproperty=c=3", "-Dx=y", "--var", "HOST=h", "-n", "-l", "results.jtl"]
    )
    assert user.ordered == [("-J", "a=1"), ("-J", "b=2"), ("-J", "c=3"), ("-D", "x=y")]
    assert user.variables == {"HOST": "h"}
    (problem,) = user.problems
    assert "loadproof export" in problem.hint
    assert [p.message for p in sort_arguments(["-Jx", "--nonsense"]).problems] == [
        "-J needs a name and a value", "JMeter has no option --nonsense"
    ]  # fmt: skip


@pytest.mark.parametrize("value", ["plain", " a = b : c ", "back\\slash", "zwölf ☕ 🚀", "#no comment", ""])
def test_properties_survive_their_file(tmp_path: Path, value: str) -> None:
    """Only this user can read it."""
    file = tmp_path / "p"
    write_properties(file, {"na me:=": value, "other": "1"})
    back = read_properties(file)
    surrogates = value.encode("utf-16", "surrogatepass").decode("utf-16")
    assert back["na me:="].encode("utf-16", "surrogatepass").decode("utf-16") == surrogates
    assert back["other"] == "1"
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("for_ever", "told"), [("", True), ("true", True), ("false", False)])
def test_a_set_up_group_without_end_is_told(for_ever: str, told: bool, tmp_path: Path) -> None:
    """JMeter goes on after the loops where a plan does not write that it shall not: no load ever begins."""
    written = f'<boolProp name="LoopController.continue_forever">{for_ever}</boolProp>' if for_ever else ""
    plan = tmp_path / "plan.jmx"
    plan.write_text(
        '<jmeterTestPlan><hashTree><TestPlan guiclass="g" testclass="TestPlan" testname="p"/><hashTree>'
        '<SetupThreadGroup guiclass="g" testclass="SetupThreadGroup" testname="Seed">'
        '<elementProp name="ThreadGroup.main_controller" elementType="LoopController">'
        f'<stringProp name="LoopController.loops">2</stringProp>{written}</elementProp>'
        "</SetupThreadGroup><hashTree/></hashTree></hashTree></jmeterTestPlan>"
    )
    file = read_plan_file(plan)
    advice = jmeter_advice(ResolvedPlan(file, Values({}, variables_of(file)), sort_arguments(())))
    assert any("'Seed' has no end" in str(problem) for problem in advice) is told
