"""The target guard, through the real command: what is refused gets no byte, and the exit code is 7."""

from __future__ import annotations

import json
import sys
from bisect import bisect_left
from typing import TYPE_CHECKING

import pytest

from loadproof.errors import RefusedError
from loadproof.model import EventKind, Policy
from loadproof.runfile.reader import read_run
from loadproof.safety.guard import TargetGuard
from loadproof.safety.target import preflight
from tests.binaries import require_jmeter, require_k6
from tests.engines.jmeter.conftest import PLANS
from tests.servers import StubServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.conftest import Here, Shell

LOCUSTFILE = """
from locust import {base}, constant, task

class {user}({base}):
    wait_time = constant(0.05)

    @task
    def visit(self):
        self.client.get("/loans")
        self.client.get("{elsewhere}/stolen", name="elsewhere")
"""
SCRIPT = """
import http from 'k6/http';
import {{ sleep }} from 'k6';
export const options = {{ vus: 1, duration: '60s' }};
const base = __ENV.BASE_URL;
export default function () {{
    http.get(`${{base}}/loans`);
    if (__ITER >= {from_iteration}) http.get('{elsewhere}/stolen');
    sleep(0.05);
}}
"""


@pytest.fixture
def production() -> Iterator[StubServer]:
    """A server that nobody may load, at another loopback address."""
    with StubServer(address="127.0.0.2") as stub:
        yield stub


def test_production_gets_no_byte(shell: Shell, here: Here) -> None:
    """Under another name of its address; `check` says the same; nothing is written."""
    shell.write("loadproof.yaml", "production: [127.0.0.1]\n")
    port = shell.stub.url.rpartition(":")[2]
    for verb in ("check", "run"):
        done = here(verb, "locustfile.py", "--target", f"http://localhost:{port}", "-u", "1", "-t", "2s")
        assert done.code == 7, done.text
        assert "its address 127.0.0.1 is that of '127.0.0.1', listed under production" in done.err
        assert "loadproof.yaml:1" in done.err
        assert "--allow-production localhost" in done.err
    assert shell.stub.arrived.total() == 0
    assert list(shell.folder.rglob("*.db")) == []


def test_what_loadproof_itself_asks_obeys_too(shell: Shell, here: Here, production: StubServer) -> None:
    """`doctor TARGET`, and a target whose name leads to production at the second look."""
    shell.write("loadproof.yaml", "production: [127.0.0.2]\n")
    done = here("doctor", production.url)
    assert done.code == 7, done.text
    gate = TargetGuard(Policy(production_networks=("127.0.0.2/32",)))
    with pytest.raises(RefusedError, match=r"'127\.0\.0\.2' is an address of production"):
        preflight(production.url, refuses=gate.refuses_address)
    assert production.arrived.total() == 0


def test_the_load_goes_through_no_proxy(shell: Shell, here: Here, production: StubServer) -> None:
    """One of the shell is left out; one that the scenario is given is refused."""
    shell.env["HTTP_PROXY"] = shell.env["http_proxy"] = production.url
    done = shell.load("--session", "locust", seconds=3)
    assert done.code == 0, done.text
    assert production.arrived.total() == 0
    assert shell.stub.arrived["GET", "/loans"] > 0
    done = shell.load("--env", f"https_proxy={production.url}")
    assert done.code == 7, done.text
    assert "a proxy (https_proxy) would hide from the target guard where the load goes" in done.err


def test_a_public_host_that_is_not_listed_is_refused(here: Here) -> None:
    """With how to allow it."""
    done = here("run", "locustfile.py", "--target", "http://203.0.113.7", "-u", "1", "-t", "2s")
    assert done.code == 7, done.text
    assert "targets: [203.0.113.7]" in done.err


@pytest.mark.parametrize(("base", "session"), [("HttpUser", "loadproof"), ("FastHttpUser", "locust")])
def test_a_locustfile_cannot_reach_production(
    shell: Shell, production: StubServer, base: str, session: str
) -> None:
    """By an absolute URL: nothing arrives, the load ends long before its time, exit code 7.

    In all spellings, by redirects and in other sessions: tests/attack/test_smoke.py.
    """
    shell.write("loadproof.yaml", "production: [127.0.0.2]\n")
    shell.write("locustfile.py", LOCUSTFILE.format(user="Thief", base=base, elsewhere=production.url))
    done = shell.load("--session", session, seconds=50)
    assert done.code == 7, done.text
    assert "the target guard ended the load: '127.0.0.2' is an address of production" in done.out
    assert production.arrived.total() == 0
    assert shell.stub.arrived["GET", "/loans"] > 0
    run = read_run(shell.folder / "run.db")
    assert run.events_of(EventKind.TARGET_REFUSED)
    failed = {str(part.endpoint): part.failed for part in run.slices if part.failed}
    assert list(failed) == ["GET elsewhere"]


def test_an_unlisted_host_in_the_scenario_ends_the_load(shell: Shell) -> None:
    """It says what to list."""
    text = LOCUSTFILE.format(user="Stranger", base="HttpUser", elsewhere="http://203.0.113.7")
    shell.write("locustfile.py", text)
    done = shell.load(seconds=50)
    assert done.code == 7, done.text
    assert "'203.0.113.7' is neither local nor listed under targets" in done.out


def test_worker_processes_are_guarded_too(shell: Shell, production: StubServer) -> None:
    """With --processes the master tells what its workers refused."""
    shell.write("loadproof.yaml", "production: [127.0.0.2]\n")
    shell.write("locustfile.py", LOCUSTFILE.format(user="Thief", base="HttpUser", elsewhere=production.url))
    done = shell.load("--processes", "2", seconds=50)
    assert done.code == 7, done.text
    assert production.arrived.total() == 0


BELOW = """
import ctypes, socket, struct, subprocess
from locust import HttpUser, constant, task

class Thief(HttpUser):
    wait_time = constant(0.05)

    @task
    def visit(self):
        self.client.get("/loans")
        {steal}
"""
BY_CTYPES = """with socket.socket() as one:
            to = struct.pack("=H", 2) + struct.pack("!H", {port}) + socket.inet_aton("127.0.0.2") + bytes(8)
            ctypes.CDLL(None).connect(one.fileno(), to, 16)"""
BY_CURL = 'subprocess.run(["curl", "-s", "-m", "3", "{url}/stolen"])'


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel asks on Linux")
@pytest.mark.parametrize(
    ("steal", "options", "program"),
    [
        pytest.param(BY_CURL, (), "curl", id="a child of the scenario"),
        pytest.param(BY_CTYPES, ("--processes", "2"), "python", id="C in a worker process"),
    ],
)
def test_what_python_does_not_see_is_held_by_the_kernel(
    shell: Shell, production: StubServer, steal: str, options: tuple[str, ...], program: str
) -> None:
    """Nothing arrives, exit code 7 names the program, and the reports say what held it."""
    shell.write("loadproof.yaml", "production: [127.0.0.2]\n")
    url, port = production.url, production.url.rpartition(":")[2]
    shell.write("locustfile.py", BELOW.format(steal=steal.format(url=url, port=port)))
    done = shell.load(*options, "--json", "report.json", seconds=50)
    assert done.code == 7, done.text
    assert "the target guard ended the load: '127.0.0.2' is an address of production (port" in done.out
    assert f"by {program}" in done.out
    assert production.arrived.total() == 0
    guard = json.loads((shell.folder / "report.json").read_text())["facts"]["guard"]
    assert (guard["held_by"], guard["limits"]) == (["seccomp"], [])


@pytest.mark.parametrize("elsewhere", ["production", "http://203.0.113.7"])
def test_a_k6_script_cannot_reach_it_either(shell: Shell, production: StubServer, elsewhere: str) -> None:
    """k6 itself refuses what its first iteration did not show, and the load ends."""
    require_k6()
    shell.write("loadproof.yaml", "production: [127.0.0.2]\n")
    url = production.url if elsewhere == "production" else elsewhere
    shell.write("script.js", SCRIPT.format(elsewhere=url, from_iteration=3))
    done = shell("run", "script.js", "--target", shell.stub.url, "--run-file", "run.db")
    assert done.code == 7, done.text
    assert "the target guard ended the load" in done.out
    assert production.arrived.total() == 0
    assert shell.stub.arrived["GET", "/loans"] > 0


def test_a_k6_script_that_reaches_it_at_once_does_not_begin(shell: Shell, production: StubServer) -> None:
    """Where the first iteration goes is known before the load."""
    require_k6()
    shell.write("loadproof.yaml", "production: [127.0.0.2]\n")
    shell.write("script.js", SCRIPT.format(elsewhere=production.url, from_iteration=0))
    done = shell("run", "script.js", "--target", shell.stub.url, "--run-file", "run.db")
    assert done.code == 7, done.text
    assert "'127.0.0.2' is production" in done.err
    assert production.arrived.total() == shell.stub.arrived.total() == 0


def test_typed_production_is_loaded_a_little(shell: Shell) -> None:
    """The run and its report say so; more than the cap of requests per second ends it."""
    shell.write("loadproof.yaml", "production: [127.0.0.1]\nrequirements: {error_rate: {max_rate: 50%}}\n")
    little = shell.load("--allow-production", "127.0.0.1", "-u", "1", seconds=3)
    assert little.code == 0, little.text
    assert "production was loaded: somebody typed --allow-production 127.0.0.1" in little.out


HAMMER = """
import gevent.monkey; gevent.monkey.patch_all()
from locust import {base}, task

class Hammer({base}):
    @task
    def hit(self):
        {hit}
"""
HAMMER_K6 = """
import http from 'k6/http';
export const options = { vus: 5, duration: '50s' };
export default function () { http.get(`${__ENV.BASE_URL}/loans`); }
"""
GET = 'self.client.get("/loans")'
CURL = """import subprocess
        subprocess.run(["curl", "-s", "-o", "/dev/null", "{url}/[1-50]"])"""


def _most_in_any_second(times: list[float]) -> int:
    """The greatest number of arrivals in any window of a second, wherever it begins."""
    times = sorted(times)
    return max(bisect_left(times, begin + 1.0) - at for at, begin in enumerate(times))


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel brakes on Linux")
@pytest.mark.parametrize(
    ("base", "hit"),
    [("HttpUser", GET), ("User", CURL), ("k6", ""), ("JMeter", "")],
    ids=["HttpUser", "curl", "k6", "JMeter"],
)
def test_production_never_gets_more_than_the_cap(shell: Shell, base: str, hit: str) -> None:
    """Counted by the server in any second, to the last request; the load ends and says why.

    `make attack` does so for two dozen kinds of load.
    """
    shell.write("loadproof.yaml", "production: [127.0.0.1]\n")
    if base in ("k6", "JMeter"):
        if base == "k6":
            require_k6()
            script = shell.write("script.js", HAMMER_K6)
        else:
            require_jmeter()
            script = shell.write("plan.jmx", (PLANS / "steady.jmx").read_text())
        done = shell(
            "run", str(script), "--target", shell.stub.url, "--allow-production", "127.0.0.1",
            "-u", "5", "-t", "50s", "--run-file", "run.db",
        )  # fmt: skip
    else:
        url, port = shell.stub.url, shell.stub.url.rpartition(":")[2]
        shell.write("locustfile.py", HAMMER.format(base=base, hit=hit.format(url=url, port=port)))
        done = shell.load("--allow-production", "127.0.0.1", "-u", "5", seconds=50)
    assert done.code == 7, done.text
    assert "too much for production" in done.out
    arrived = shell.stub.arrived_s
    assert len(arrived) > 40
    assert _most_in_any_second(arrived) <= 100
