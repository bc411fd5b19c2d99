"""One Locust for inspecting and running: started early, held from the first, and nothing of it is left."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from loadproof.engines.locust import program
from loadproof.engines.locust.engine import LocustEngine
from loadproof.errors import RefusedError
from loadproof.model import EventKind, Outcome, Policy, RunOptions
from tests.recording import Recording
from tests.runs import plan

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loadproof.model import Plan

linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the load has a process of its own")
HOST = "127.0.0.3"
CLOSED = Policy(production_networks=(f"{HOST}/32",))
_USER = """
from locust import User, constant, task

class Waiter(User):
    wait_time = constant(0.1)

    @task
    def wait(self):
        pass
"""
_COUNTED = """
import os, subprocess, sys
from locust import events

with open("loaded", "a") as file:
    file.write(f"{os.getpid()}\\n")

# As a stand-in for a service that the load needs: it holds a port, and leaves its group.
serve = "import socket, time; s = socket.create_server(('127.0.0.1', PORT)); "
serve += "print('up', flush=True); time.sleep(60)"
started = subprocess.Popen([sys.executable, "-c", serve], stdout=subprocess.PIPE, start_new_session=True)
assert started.stdout.readline() == b"up\\n"

@events.test_start.add_listener
def begin(**_):
    with open("started", "a") as file:
        file.write(f"{os.getpid()}\\n")

@events.quit.add_listener
def end(**_):
    started.kill()
"""


def of(folder: Path, text: str, guard: Policy | None = None) -> Plan:
    """A second of one user who sends nothing."""
    (folder / "counted.py").write_text(text + _USER)
    return plan(
        scenario=folder / "counted.py",
        target=None,
        engine_args=("-u", "1", "-t", "1"),
        options=RunOptions(guard=guard),
    )


@pytest.fixture(autouse=True)
def nobody_left() -> Iterator[None]:
    """Whatever was started is gone after each test; the suite may have servers of its own."""
    before = set(psutil.Process().children(recursive=True))
    yield
    program.dismiss()
    assert set(psutil.Process().children(recursive=True)) <= before


def test_what_was_prepared_is_taken_once_where_it_fits() -> None:
    """Who wants other variables, or is to be braked, gets a child of its own, and the prepared one ends."""
    env, other = program.environment(()), program.environment([("STAGE", "test")])
    program.prepare()
    program.prepare()
    first = program.take(env, CLOSED)
    assert first.fits(env, CLOSED)
    assert not first.fits(env, None)
    assert not first.fits(env, Policy(allowed_production="shop.test"))
    first.child.admit(CLOSED)
    assert not first.fits(env, Policy())
    program.prepare()
    second = program.take(other, CLOSED)
    assert second.fits(other, CLOSED)
    assert not second.fits(env, CLOSED)
    for each in (first, second):
        each.discard()


@linux
def test_the_locustfile_is_imported_anew_for_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the process that imported Locust once; what the inspected one has started is gone before."""
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    wanted = of(tmp_path, _COUNTED.replace("PORT", str(port)), Policy())
    engine, before = LocustEngine(), set(psutil.Process().children(recursive=True))
    assert engine.inspect(wanted).problems == ()
    started = set(psutil.Process().children(recursive=True)) - before
    (locust,) = [p.pid for p in started if not any("supervisor.py" in word for word in p.cmdline())]
    heard = Recording()
    assert asyncio.run(engine.run(wanted, heard)) is Outcome.COMPLETED
    inspected, loaded = (tmp_path / "loaded").read_text().split()
    assert (tmp_path / "started").read_text().split() == [loaded] == [str(locust)]
    assert inspected != loaded
    (held,) = heard.of(EventKind.GUARD_HELD)
    assert held.data["by"] == "seccomp"


_ASK = f"import socket; socket.create_connection(({HOST!r}, PORT), 3)"
_ASK_BELOW = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {_ASK!r}])"


@linux
@pytest.mark.parametrize("reach", [_ASK, _ASK_BELOW], ids=["python", "child"])
def test_an_import_that_reaches_for_a_refused_host_is_refused(tmp_path: Path, reach: str) -> None:
    """No byte comes there, whoever sends it; a service on this machine may be asked."""
    with socket.create_server((HOST, 0)) as server:
        text = reach.replace("PORT", str(server.getsockname()[1]))
        server.settimeout(5)
        assert LocustEngine().inspect(of(tmp_path, text, Policy())).problems == ()
        server.accept()[0].close()
        with pytest.raises(RefusedError) as caught:
            LocustEngine().inspect(of(tmp_path, text, CLOSED))
        server.settimeout(0)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert f"'{HOST}' is an address of production" in caught.value.problems[0].message
    assert caught.value.problems[0].where == str(tmp_path / "counted.py")


def test_an_import_that_ends_the_process_is_told(tmp_path: Path) -> None:
    """By how it ended, or what it said last; the engine can be asked again."""
    engine = LocustEngine()
    (problem,) = engine.inspect(of(tmp_path, "import os; os._exit(3)", Policy())).problems
    assert problem.message == "importing the locustfile ended with exit code 3"
    (problem,) = engine.inspect(
        of(tmp_path, "import os, sys; os.write(2, b'no licence'); os._exit(3)", Policy())
    ).problems
    assert problem.message == "no licence"
    (problem,) = engine.inspect(of(tmp_path, "import os; os.kill(os.getpid(), 9)", Policy())).problems
    assert problem.message == "importing the locustfile was killed by signal 9"
    assert engine.inspect(of(tmp_path, "", Policy())).problems == ()


def test_an_engine_that_never_runs_leaves_no_process(tmp_path: Path) -> None:
    """Whoever only inspects has nothing to close."""
    assert LocustEngine().inspect(of(tmp_path, "")).problems == ()


def test_who_looks_at_a_locustfile_imports_no_numpy() -> None:
    """Nor pydantic: both would make `check`, and the first request of a run, a third of a second later."""
    code = (
        "import sys, loadproof.engines.locust.inside.child; print(*{'numpy', 'pydantic'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == ""


INTERRUPTED = """
import socket, sys, types
from loadproof.engines.locust.inside import child

class Plugin:
    def __init__(self, *_): ...
    def install(self): ...

def main():
    raise KeyboardInterrupt

sys.modules["loadproof.engines.locust.inside.plugin"] = types.SimpleNamespace(Plugin=Plugin)
child.locust.main.main = main
child.drive(types.SimpleNamespace(quiet_stats=False, quiet_log=False), socket.socketpair()[0].detach())
"""


def test_an_interrupt_where_locust_expects_none_has_no_traceback() -> None:
    """As while its master waits for workers."""
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (130, "")
    # gevent 25 with greenlet 3.5 has words of its own at the end of any process that imported it.
    assert "KeyboardInterrupt" not in done.stderr
