"""Locust stays Locust: its flags, files, variables, events and shapes do what they always did."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from loadproof.engines.locust.showing import show
from loadproof.model import EventKind, Outcome, Profile, ProfileKind, Stage

if TYPE_CHECKING:
    from tests.engines.locust.conftest import Lab

USER = """
    class Borrower(HttpUser):
        wait_time = constant(0.02)

        @tag("read")
        @task
        def read(self):
            self.client.get("/read")

        @tag("write")
        @task
        def write(self):
            self.client.post("/write", json={})
"""
TWO = """
    class Reader(HttpUser):
        @tag("read")
        @task
        def read(self):
            self.client.get("/read")

    class Writer(HttpUser):
        @tag("write")
        @task
        def write(self):
            self.client.post("/write", json={})

    class Own(User):
        def run(self):
            pass

    class Never(Writer):
        weight = 0
"""
TALKATIVE = """
    @events.init_command_line_parser.add_listener
    def _(parser):
        parser.add_argument("--region", default="nowhere", env_var="REGION")

    @events.test_start.add_listener
    def say(environment, **_):
        o = environment.parsed_options
        print(f"SAID users={o.num_users} rate={o.spawn_rate} time={o.run_time} host={environment.host} "
              f"stop={environment.stop_timeout} region={o.region} tags={o.tags}")
"""
ONCE = """
    class Once(HttpUser):
        @task
        def once(self):
            self.client.get("/once")
            self.environment.runner.quit()
"""


def said(lines: list[str]) -> dict[str, str]:
    """What TALKATIVE printed."""
    (line,) = [line for line in lines if line.startswith("SAID")]
    return dict(pair.split("=", 1) for pair in line.split()[1:])


@pytest.mark.parametrize(
    ("flags", "arrived"),
    [
        (("--tags", "read"), {("GET", "/read")}),
        (("--exclude-tags", "read"), {("POST", "/write")}),
        (("-T", "read", "write"), {("GET", "/read"), ("POST", "/write")}),
    ],
)
def test_tags_choose_the_tasks(flags: tuple[str, ...], arrived: set[tuple[str, str]], lab: Lab) -> None:
    """Only what is asked for is sent, and recorded."""
    outcome, sink = lab.run(USER, "-u", "3", "-r", "10", "-t", "1", *flags)
    assert outcome is Outcome.COMPLETED
    assert set(lab.stub.arrived) == set(sink.requests) == arrived
    assert lab.unaccounted(sink) == 0


NO_TASK = """
from locust import HttpUser

class Forgetful(HttpUser):
    host = "http://127.0.0.1:9"

    def look(self):
        self.client.get("/")
"""

_LISTENER = """
from locust import events

@events.init.add_listener
def give(environment, **_):
    setattr(Forgetful, "ta" + "sks", [Forgetful.look])  # as a module that it imports may
"""


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("", ["'Forgetful' has no task: its users would do nothing"]),
        ("\n    def on_start(self):\n        while True:\n            self.look()\n", []),
        ("\n    def give(self):\n        self.tasks = [Forgetful.look]\n", []),
        (_LISTENER, []),
        ("\n    def run(self):\n        self.look()\n", []),
    ],
)
def test_a_class_without_a_task_is_told_before_the_load(more: str, told: list[str], lab: Lab) -> None:
    """Not where it makes or may get its tasks, or has a loop of its own."""
    problems = lab.inspect(NO_TASK + more, "-u", "1", "-t", "1").problems
    assert [problem.message for problem in problems] == told


def test_tags_that_leave_no_task_are_told_before_the_load(lab: Lab) -> None:
    """Locust begins, and each of its users ends with an exception."""
    (problem,) = lab.inspect(USER, "-u", "1", "-t", "1", "--tags", "writes").problems
    assert problem.message == "the tags that were chosen leave no task"
    assert problem.hint == "tags of its tasks are: read, write"
    (problem,) = lab.inspect(TWO, "-u", "1", "-t", "1", "--tags", "read").problems
    assert problem.message == "the tags that were chosen leave no task to Writer"
    assert problem.hint == (
        "name the classes to run (Reader Own Never), or choose other tags; tags of its tasks are: read, write"
    )
    assert lab.inspect(TWO, "-u", "1", "-t", "1", "--tags", "read", "write").problems == ()
    assert lab.inspect(TWO, "Reader", "Own", "-u", "1", "-t", "1", "--tags", "read").problems == ()


def test_flags_configuration_file_and_variables_work_together(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Locust's own precedence: the command line, then LOCUST_ variables, then locust.conf in the folder."""
    (lab.folder / "locust.conf").write_text("users = 7\nspawn-rate = 9\nstop-timeout = 3\nregion = file\n")
    monkeypatch.setenv("LOCUST_SPAWN_RATE", "5")
    monkeypatch.setenv("REGION", "variable")
    _, sink = lab.run(ONCE + TALKATIVE, "--run-time", "20s", "--region", "here")
    assert said(sink.lines) == {
        "users": "7", "rate": "5.0", "time": "20", "host": lab.stub.url, "stop": "3.0", "region": "here",
        "tags": "None",
    }  # fmt: skip


def test_the_host_of_the_scenario_is_kept_unless_another_is_named(lab: Lab) -> None:
    """Without a target, the user class says where the load goes; the inspection knows it."""
    text = ONCE.replace("    @task", f"    host = '{lab.stub.url}'\n        @task")
    assert lab.inspect(text, "-u", "1", target=None).targets == (lab.stub.url,)
    _, sink = lab.run(text, "-u", "1", target=None)
    assert lab.stub.arrived == {("GET", "/once"): sink.requests["GET", "/once"]}
    _, sink = lab.run(text, "-u", "1", "--host", lab.stub.url + "/base", target=None)
    assert set(sink.requests) == {("GET", "/base/once")}


@pytest.mark.parametrize(
    "host", ["127.0.0.1:1", "kafka-1:9092,kafka-2:9092", "ws://127.0.0.1:1", "amqp://broker/"]
)
def test_only_users_of_http_have_a_target(host: str, lab: Lab) -> None:
    """What a broker or a channel has for a host is no URL, and stops neither its own run nor a mixed one."""
    other = f"""
    class Other(User):
        host = "{host}"
        wait_time = constant(0.1)

        @task
        def call(self):
            self.environment.events.request.fire(
                request_type="rpc", name="call", response_time=1.0, response_length=1, exception=None
            )
    """
    web = f"""
    class Web(HttpUser):
        host = "{lab.stub.url}"
        wait_time = constant(0.1)

        @task
        def visit(self):
            self.client.get("/a")
    """
    flags = ("-u", "2", "-r", "10", "-t", "1")
    for scenario, targets in ((other, ()), (other + web, (lab.stub.url,))):
        found = lab.inspect(scenario, *flags, target=None)
        assert (found.problems, found.targets) == ((), targets)
    _, sink = lab.run(other + web, *flags, target=None)
    assert set(sink.requests) == {("rpc", "call"), ("GET", "/a")}


def test_users_get_five_seconds_to_finish_by_default(lab: Lab) -> None:
    """Locust's own default cuts requests off in the middle; --stop-timeout still decides."""
    for flags, expected in (((), "5.0"), (("-s", "2"), "2.0")):
        _, sink = lab.run(ONCE + TALKATIVE, "-u", "1", *flags)
        assert said(sink.lines)["stop"] == expected


def test_a_listener_of_the_scenario_hears_every_request(lab: Lab) -> None:
    """As many as are recorded, and one that raises harms nothing."""
    outcome, sink = lab.run(
        USER
        + """
    heard = []

    @events.request.add_listener
    def hear(name, response_time, **_):
        heard.append(name)
        if len(heard) == 1:
            raise ValueError("in the listener")

    @events.quitting.add_listener
    def tell(environment, **_):
        print(f"HEARD {len(heard)} LOCUST {environment.stats.total.num_requests}")
        environment.process_exit_code = 7
    """,
        "-u", "2", "-r", "10", "-t", "1",
    )  # fmt: skip
    assert outcome is Outcome.COMPLETED
    total = sink.requests.total()
    assert f"HEARD {total} LOCUST {total}" in sink.lines


def test_a_shape_of_the_scenario_drives_the_load(lab: Lab) -> None:
    """To its own end."""
    outcome, sink = lab.run(USER + SHAPE, "--print-stats")
    assert outcome is Outcome.COMPLETED
    users = [reading.value for reading in sink.readings if reading.series == "users"]
    assert max(users) == 4
    assert lab.unaccounted(sink) == 0


SHAPE = """
    class Steps(LoadTestShape):
        def tick(self):
            t = self.get_run_time()
            if t < 10 * SCALE:
                return 4, 100
            return None
""".replace("SCALE", "0.2")


def test_a_shape_is_played_in_a_fraction_of_its_time(lab: Lab) -> None:
    """A rehearsal of the scenario's own shape: 20 s of it in 2 s."""
    _, sink = lab.run(USER + SHAPE.replace("0.2", "2"), "--print-stats", time_scale=0.1)
    (started,), (ended,) = sink.of(EventKind.LOAD_STARTED), sink.of(EventKind.LOAD_ENDED)
    assert 1.5 < ended.time_s - started.time_s < 15


def test_a_profile_of_ours_is_driven_as_a_shape(lab: Lab) -> None:
    """Its stages decide, not the locustfile's own shape, and it ends by itself."""
    profile = Profile(ProfileKind.LOAD, (Stage(1, 5), Stage(1, 5)))
    outcome, sink = lab.run(USER + SHAPE, "--print-stats", profile=profile)
    assert outcome is Outcome.COMPLETED
    users = [reading.value for reading in sink.readings if reading.series == "users"]
    assert max(users) == 5
    (started,), (ended,) = sink.of(EventKind.LOAD_STARTED), sink.of(EventKind.LOAD_ENDED)
    assert ended.time_s - started.time_s > 1.9


def test_whose_shape_drives_the_load_is_known_before_it(lab: Lab) -> None:
    """Locust leaves --users aside where the locustfile has a shape: nobody can change such a load by hand."""
    flags = ("-u", "10", "-t", "60")
    stages = Profile(ProfileKind.LOAD, (Stage(1, 5),))
    assert lab.inspect(USER + SHAPE, *flags).options.own_shape == "Steps"
    assert lab.inspect(USER, *flags).options.own_shape == ""
    assert lab.inspect(USER + SHAPE, "--print-stats", profile=stages).options.own_shape == ""


LEAVES = """
        def on_stop(self):
            self.client.get("/logout")

    def hold(until_s):
        while time.perf_counter() < until_s:
            pass

    def stop_two(runner):
        gevent.spawn(hold, time.perf_counter() + 0.3)
        runner.stop_users({"Borrower": 2})

    @events.test_start.add_listener
    def started(environment, **_):
        gevent.spawn_later(0.6, stop_two, environment.runner)
"""
"""Two users are stopped while the event loop stands still, until their waits are over, too."""


def test_requests_of_on_stop_are_recorded(lab: Lab) -> None:
    """What users still send when they are told to end is in the run, also of one that wakes right then."""
    text = "\n    import time\n    import gevent\n    from locust import events" + USER + LEAVES
    _, sink = lab.run(text, "-u", "3", "-r", "10", "-t", "1")
    assert sink.requests["GET", "/logout"] == lab.stub.arrived["GET", "/logout"] == 3


def test_users_by_name(lab: Lab) -> None:
    """Positional arguments choose user classes, and one that is not there is found beforehand."""
    text = USER + ONCE
    _, sink = lab.run(text, "-u", "1", "Once")
    assert set(sink.requests) == {("GET", "/once")}
    (problem,) = lab.inspect(text, "-u", "1", "Twice").problems
    assert "no user class is called 'Twice'" in problem.message


def test_the_page_of_locust_ends_with_its_load(lab: Lab) -> None:
    """--autostart opens it and starts by itself; the run does not wait for somebody to close it."""
    flags = ("-u", "2", "-r", "10", "-t", "1", "--autostart", "--web-host", "127.0.0.1", "--web-port", "0")
    assert lab.inspect(USER, *flags).profile is not None
    outcome, sink = lab.run(USER, *flags)
    assert outcome is Outcome.COMPLETED
    assert lab.unaccounted(sink) == 0


def test_several_locustfiles_are_one_load(lab: Lab) -> None:
    """The user classes of all of them, and what Locust prints of them."""
    other = lab.folder / "other.py"
    other.write_text(lab.locustfile(USER).read_text().replace("Borrower", "Lender").replace("/read", "/lend"))
    _, sink = lab.run(USER, "-u", "4", "-r", "10", "-t", "1", further=(other,))
    assert {("GET", "/read"), ("GET", "/lend")} < set(sink.requests)


def test_what_locust_prints_instead_of_a_load(lab: Lab, capfd: pytest.CaptureFixture[str]) -> None:
    """--list, as Locust prints it, with Locust's exit code."""
    assert show(lab.plan(USER + ONCE, "--list")) == 0
    assert capfd.readouterr().out.split() == ["Available", "Users:", "Borrower", "Once"]
    assert show(lab.plan(USER, "--list", "--no-such-flag")) != 0
    assert not lab.stub.arrived


@pytest.mark.parametrize(
    ("text", "args", "message"),
    [
        ("x = 1", ("-u", "1"), "no user class found"),
        ("raise RuntimeError('no database')", ("-u", "1"), "RuntimeError: no database"),
        ("import nothing_like_this", ("-u", "1"), "ModuleNotFoundError"),
        ("class U(HttpUser:", ("-u", "1"), "SyntaxError"),
        ("import sys; sys.exit('set API_URL first')", ("-u", "1"), "set API_URL first"),
        ("import sys; sys.exit(3)", ("-u", "1"), "exit code 3"),
        ("import os; os._exit(3)", ("-u", "1"), "importing the locustfile ended with exit code 3"),
        (USER, ("--users", "many"), "invalid"),
        (USER, ("-u", "1", "--no-such-flag"), "unrecognized arguments: --no-such-flag"),
        (USER, ("-r", "1"), "nothing says how many users to run"),
    ],
)
def test_what_cannot_run_is_told_in_one_problem(
    text: str, args: tuple[str, ...], message: str, lab: Lab
) -> None:
    """Before any load, in the words of whoever refuses it."""
    (problem,) = lab.inspect(text, *args).problems
    assert message in problem.message
    # A word that nobody knows is no mistake of the file.
    named = "" if message.startswith("unrecognized") else "locustfile.py"
    assert Path(problem.where.partition(":")[0]).name == named
    assert not lab.stub.arrived


def test_variables_reach_the_scenario(lab: Lab) -> None:
    """The plan's own, above those of the process."""
    text = ONCE + "\n    print('STAGE', os.environ['STAGE'])\n"
    _, sink = lab.run(text, "-u", "1", env=(("STAGE", "test"),))
    assert "STAGE test" in sink.lines


def test_the_load_is_known_from_the_flags(lab: Lab) -> None:
    """A ramp and a hold, so that the ramp can be left out of the judgement."""
    profile = lab.inspect(USER, "-u", "10", "-r", "5", "-t", "1m").profile
    assert profile == Profile(ProfileKind.SCENARIO, (Stage(2, 10), Stage(58, 10)))
    assert lab.inspect(USER + SHAPE).profile is None
