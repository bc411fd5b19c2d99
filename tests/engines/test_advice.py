"""What is said of a scenario's load, and what is not: each rule with examples for and against."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from loadproof.engines.advice import too_few_for_arrivals, too_few_for_throughput
from loadproof.engines.k6.advice import k6_advice, max_users
from loadproof.engines.k6.modules import without_comments
from loadproof.engines.locust.advice import locust_advice, requests_per_task
from loadproof.model import Plan, Profile, ProfileKind, Stage
from loadproof.plan.document import parse_document
from loadproof.plan.requirements import requirements_of

SEED = Path(__file__).parents[3] / "shared" / "seed"
KINDS = {
    "think": "no think time",
    "loop": "in a loop without a pause",
    "one": "the whole load is",
    "fixed": "always about the same",
    "checks": "no answer is looked at",
    "sleep": "think time by time.sleep",
    "host": "host",
    "wait": "has no effect",
}
HEAD = "from locust import HttpUser, SequentialTaskSet, TaskSet, between, constant, task\n"


def kinds(messages: list[str]) -> set[str]:
    found = {kind for kind, words in KINDS.items() if any(words in message for message in messages)}
    assert len(found) == len(messages), messages
    return found


def locust(body: str, *, open_model: bool = False) -> set[str]:
    problems = locust_advice(HEAD + body, Path("l.py"), open_model=open_model)
    assert all(problem.hint and problem.where.startswith("l.py:") for problem in problems)
    return kinds([problem.message for problem in problems])


def user(*lines: str, wait: str = "wait_time = between(1, 3)") -> str:
    """A user class that does two things and looks at the answers, and these lines in its first task."""
    body = "\n".join(f"        {line}" for line in lines) or "        pass"
    return f"""
class U(HttpUser):
    {wait}
    @task
    def first(self):
{body}
    @task
    def second(self):
        assert self.client.get("/b").status_code == 200
"""


GOOD = user('self.client.get("/a")')


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (GOOD, set()),
        # think time
        (user('self.client.get("/a")', wait="weight = 1"), {"think"}),
        (user('self.client.get("/a")', wait="wait_time = constant(0)"), {"think"}),
        (user('self.client.get("/a")', wait="wait_time = constant(0.1)"), set()),
        (user('self.client.get("/a")', "self.wait()", wait="weight = 1"), set()),
        ("class Base(HttpUser):\n    abstract = True\n    wait_time = constant(1)\n"
         + GOOD.replace("HttpUser", "Base").replace("wait_time", "other"), set()),
        ("from shop import Base\n" + GOOD.replace("HttpUser", "Base").replace("wait_time", "other"), set()),
        ("class T(TaskSet):\n    wait_time = constant(1)\n" + GOOD.replace("wait_time", "other"), set()),
        # a loop
        (user("for _ in range(100):", '    self.client.get("/a")'), {"loop"}),
        (user("while True:", '    self.client.get("/a")'), {"loop"}),
        (user("for _ in range(100):", '    self.client.get("/a")', "    self.wait()"), set()),
        (user("for _ in range(3):", '    self.client.get("/a")'), set()),
        (user("for item in found:", '    self.client.get(f"/a/{item}")'), set()),
        # one endpoint
        (user('self.client.get("/b")'), {"one"}),
        (user('self.client.post("/b")'), set()),
        (user("self.client.get(path)"), set()),
        (user('self.client.get("/b")') + GOOD.replace("class U", "class V"), set()),
        # fixed ids
        (user('self.client.get("/products/123")'), {"fixed"}),
        (user('self.client.get("/products/prod-1?x=1")'), {"fixed"}),
        (user('self.client.post("/orders", json={"product_id": "prod-1"})'), {"fixed"}),
        (user('self.client.post("/orders", json={"product_id": random.randint(1, 9), "n": 1})'), set()),
        (user('self.client.get(f"/products/{n}")'), set()),
        (user('self.client.get("/api/2/products")'), set()),
        (user('self.client.get("/reports/2024/top-10-list")'), set()),
        # checks
        (GOOD.replace("assert self", "self").replace(".status_code == 200", ""), {"checks"}),
        (user('with self.client.get("/a", catch_response=True) as r: pass'), set()),
        # sleep
        ("import time\n" + user('self.client.get("/a")', "time.sleep(2)"), {"sleep"}),
        ("from time import sleep as nap\n" + user('self.client.get("/a")', "nap(2)"), {"sleep"}),
        ("from gevent import sleep\n" + user('self.client.get("/a")', "sleep(2)"), set()),
        # host
        (user('self.client.get("/a")', wait='host = "http://x"\n    wait_time = between(1, 2)'), {"host"}),
        (user('self.client.get("https://x.example/a")'), {"host"}),
        (user('self.client.get("/a")', wait="host = HOST\n    wait_time = between(1, 2)"), set()),
        ("class U(:", set()),
    ],
)  # fmt: skip
def test_locust(source: str, said: set[str]) -> None:
    """Each kind once, with file and line and the way out; no alarm where it is not sure."""
    assert locust(source) == said


@pytest.mark.parametrize(
    ("source", "line", "said"),
    [
        (user('self.client.get("/a")', wait="min_wait = 1000"), 4, "U.min_wait has no effect"),
        (user('self.client.get("/a")', wait="max_wait: int = 5000"), 4, "U.max_wait has no effect"),
        (user('self.client.get("/a")', wait="wait_function = lambda self: 5"), 4, "U.wait_function has no"),
        (
            "wait_time = between(1, 3)\n" + user('self.client.get("/a")', wait="x = 1"),
            2,
            "outside of a class",
        ),
        ("class T(TaskSet):\n    min_wait = 5\n" + GOOD, 3, "T.min_wait has no effect"),
    ],
)
def test_waits_that_locust_does_not_heed(source: str, line: int, said: str) -> None:
    """Each with its line; a class without another wait has no think time besides."""
    found = locust_advice(HEAD + source, Path("l.py"), open_model=True)
    assert [(problem.where, said in problem.message) for problem in found] == [(f"l.py:{line}", True)]
    assert "wait" in locust(source)


@pytest.mark.parametrize(
    "source",
    [
        user('self.client.get("/a")', wait="wait_time = between(1, 3)\n    min_wait = 1000"),
        "class Settings:\n    min_wait = 5\n" + GOOD,
        "def f():\n    wait_time = 3\n" + GOOD,
    ],
)
def test_waits_that_are_none_of_locusts_business(source: str) -> None:
    """Beside a wait_time, in a class that is no user's, in a function."""
    assert locust(source) == set()


def test_in_the_open_model_nobody_needs_think_time() -> None:
    """Arrivals wait for nobody."""
    assert locust(user('self.client.get("/a")', wait="weight = 1"), open_model=True) == set()
    assert k6_advice(K6 % TWO, CLOSED, Path("s.js"), open_model=True) == ()


def test_further_places_of_a_kind_are_named_with_the_first() -> None:
    """One piece of advice, not one for each line."""
    (problem,) = locust_advice(
        HEAD + user('self.client.get("/a/1")', 'self.client.get("/a/2")'), Path("l.py"), open_model=False
    )
    assert (problem.where, "(also line 8)" in problem.message) == ("l.py:7", True)


CAUGHT = 'self.client.get("/a", catch_response=True)'


@pytest.mark.parametrize(
    ("lines", "said_of"),
    [
        ([CAUGHT], [7]),
        ([f"r = {CAUGHT}", "r.success()"], [7]),
        ([f"r: object = {CAUGHT}", "if r.status_code != 200:", "    r.failure('no')"], [7]),
        ([f"found = {CAUGHT}.json()"], [7]),
        ([f"assert {CAUGHT}.ok"], [7]),
        ([CAUGHT, "x = 1", CAUGHT], [7, 9]),
        (["for n in range(3):", f"    {CAUGHT}"], [8]),
        ([f"with {CAUGHT} as r:", "    r.success()"], []),
        ([f"with {CAUGHT}:", "    pass"], []),
        ([f"with lock, {CAUGHT} as r:", "    r.success()"], []),
        ([f"r = {CAUGHT}", "with r:", "    r.success()"], []),
        ([f"r = {CAUGHT}", "with r as answer:", "    answer.success()"], []),
        ([f"r = {CAUGHT}", "r.__enter__()"], []),
        ([f"r = stack.enter_context({CAUGHT})"], []),
        ([f"r = {CAUGHT}", "self.look_at(r)"], []),
        ([f"return {CAUGHT}"], []),
        ([f"self.answer = {CAUGHT}"], []),
        (["global r", f"r = {CAUGHT}"], []),
        ([CAUGHT.replace("True", "False")], []),
        ([CAUGHT.replace("True", "strict")], []),
        ([CAUGHT.replace("self.client", "self.api")], []),
    ],
)
def test_each_request_that_locust_never_reports_is_named(lines: list[str], said_of: list[int]) -> None:
    """Every one with its line, for each has to be mended; what may be entered elsewhere is taken to be."""
    problems = locust_advice(HEAD + user(*lines), Path("l.py"), open_model=False)
    told = [problem.where for problem in problems if "without `with`" in problem.message]
    assert told == [f"l.py:{line}" for line in said_of]


K6 = "import http from 'k6/http';\nimport { check, sleep } from 'k6';\nexport default function () {\n%s\n}\n"
TWO = "check(http.get(`${__ENV.BASE_URL}/a`), {}); http.post(`${__ENV.BASE_URL}/b`);"
CLOSED = {"scenarios": {"default": {"executor": "constant-vus", "vus": 5}}}
OPEN = {
    "scenarios": {
        "default": {"executor": "constant-arrival-rate", "rate": 100, "preAllocatedVUs": 2, "maxVUs": 5}
    }
}


@pytest.mark.parametrize(
    ("body", "options", "said"),
    [
        (TWO + " sleep(1);", CLOSED, set()),
        (TWO, CLOSED, {"think"}),
        (TWO + " // sleep(1);", CLOSED, {"think"}),
        (TWO, OPEN, set()),
        (TWO + " sleep(1); for (let i = 0; i < 100; i++) { http.get(base); }", CLOSED, {"loop"}),
        (TWO + " sleep(1); for (let i = 0; i < 100; i++) { http.get(base); sleep(1); }", CLOSED, set()),
        (TWO + " sleep(1); for (let i = 0; i < 3; i++) { http.get(base); }", CLOSED, set()),
        ("check(http.get('http://x/a'), {}); sleep(1);", CLOSED, {"one", "host"}),
        ("check(http.get(__ENV.BASE_URL + '/a'), {}); sleep(1);", CLOSED, set()),
        (TWO + " sleep(1); http.get(`/products/123`);", CLOSED, {"fixed"}),
        (TWO + " sleep(1); http.get(`/api/2/products/${id}`);", CLOSED, set()),
        ("http.get(`${__ENV.B}/a`); http.get(`${__ENV.B}/b`); sleep(1);", CLOSED, {"checks"}),
        ("const r = http.get(u); http.get(v); if (r.status !== 200) {} sleep(1);", CLOSED, set()),
    ],
)
def test_k6(body: str, options: dict[str, Any], said: set[str]) -> None:
    """The same of a script, by its text and its resolved options."""
    problems = k6_advice(K6 % body, options, Path("s.js"))
    assert kinds([problem.message for problem in problems]) == said


def test_a_script_with_modules_of_its_own_hides_much() -> None:
    """What may be in them is taken to be fine."""
    source = "import { step } from './steps.js';\n" + K6 % "http.get(`${__ENV.B}/a`);"
    assert k6_advice(source, CLOSED, Path("s.js")) == ()


def test_comments_are_no_code_and_urls_are_no_comments() -> None:
    """Lines stay where they are."""
    assert without_comments("a('http://x'); // b\n/* c\n*/ d") == "a('http://x');     \n    \n   d"


def plan(requirements: str) -> Plan:
    tree, problems = parse_document(requirements, "r.yaml")
    assert tree is not None
    found, more = requirements_of(tree, "r.yaml")
    assert not problems + more
    profile = Profile(ProfileKind.LOAD)
    return Plan("p", Path("l.py"), "locust", None, profile, requirements=tuple(found))


def steady(level: float, *, open_model: bool) -> Profile:
    return Profile(ProfileKind.LOAD, (Stage(60, level),), open_model=open_model, start=level)


@pytest.mark.parametrize(
    ("rate", "users", "required", "said"),
    [
        (200, 99, "response_time: {p95: <500ms}", "--max-users 100 or more"),
        (200, 100, "response_time: {p95: <500ms}", ""),
        (200, 50, "response_time: {p50: <200ms, p99: <1s}", ""),
        (200, 1, "error_rate: {max_rate: 1%}", "--max-users 2 or more"),
        (200, 2, "error_rate: {max_rate: 1%}", ""),
        (200, None, "response_time: {p95: <500ms}", ""),
    ],
)
def test_too_few_users_for_a_rate(rate: float, users: float | None, required: str, said: str) -> None:
    """Little's law: users that are busy are arrivals per second times seconds each."""
    problem = too_few_for_arrivals(plan(required), steady(rate, open_model=True), users)
    assert (problem.hint if problem else "") == said


def test_a_scripts_own_arrivals_have_their_own_users() -> None:
    """maxVUs, else preAllocatedVUs; a closed script has none to compare."""
    assert (max_users(OPEN), max_users(CLOSED)) == (5, None)


@pytest.mark.parametrize(
    ("users", "per_task", "said"),
    [
        (100, 1, True),  # 50 requests/s
        (100, 19, False),  # 950, within what is in doubt
        (2000, 1, False),  # 1000
        (100, None, False),
    ],
)
def test_users_who_wait_cannot_make_any_throughput(users: float, per_task: int | None, said: bool) -> None:
    """Waits of 2 s, a request or more for each; 1000 requests/s are required."""
    paces = [{"weight": 1.0, "wait_s": 2.0}]
    wanted = plan("throughput: {target_rps: 1000}")
    problem = too_few_for_throughput(wanted, steady(users, open_model=False), paces, per_task)
    assert (problem is not None) is said


def test_requests_of_a_task_are_counted_only_where_that_is_sure() -> None:
    """Not with a loop, nor with functions that it calls."""
    assert requests_per_task(HEAD + GOOD) == 1
    assert requests_per_task(HEAD + user('self.client.get("/a")', 'self.client.get("/b")')) == 2
    assert requests_per_task(HEAD + user("for x in y:", '    self.client.get("/a")')) is None
    assert requests_per_task(HEAD + user("self.second()")) is None


@pytest.mark.beside
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("locustfile.py", {"host"}),
        ("locustfile_database.py", {"checks"}),
        ("locustfile_monitoring.py", {"one", "checks"}),
        ("locustfile_realistic.py", {"fixed", "checks", "sleep"}),
        ("locustfile_user_types.py", {"fixed"}),
        ("load_test.js", {"one", "host"}),
        ("spike_test.js", {"one", "checks", "host"}),
        ("stress_test.js", {"think", "host"}),
    ],
)
def test_of_the_seed_only_what_is_true_is_said(name: str, said: set[str]) -> None:
    """No false alarm."""
    text, file = (SEED / name).read_text(), SEED / name
    locustfile = file.suffix == ".py"
    problems = locust_advice(text, file, open_model=False) if locustfile else k6_advice(text, CLOSED, file)
    assert kinds([problem.message for problem in problems]) == said


def test_grpc_calls_that_time_out_need_a_check() -> None:
    """k6 counts hardly any of them; a threshold on the checks tells."""
    source = "import grpc from 'k6/net/grpc';\nexport default function () {}\n"
    (problem,) = k6_advice(source, CLOSED, Path("s.js"))
    assert "gRPC call that timed out" in problem.message
    assert k6_advice(source, {**CLOSED, "thresholds": {"checks": ["rate>0.9"]}}, Path("s.js")) == ()
