"""A run whose load comes from `loadproof worker` processes, on loopback."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from loadproof.engines.locust.settings import fingerprint
from loadproof.model import EventKind
from tests.machines.commands import LOCUSTFILE, Command
from tests.machines.reading import RUN_FILE, in_flight, of, requests, run_in

if TYPE_CHECKING:
    from tests.servers import StubServer

PACKAGE = Path(__file__).parent.parent.parent / "src"


def master(folder: Path, port: int, url: str, *args: object, workers: int = 2, time: str = "4s") -> Command:
    """`loadproof run` that waits for workers."""
    common = ("--host", url, "-u", 6, "-r", 6, "-t", time, "--requirements", "requirements.yaml")
    where = ("--expect-workers", workers, "--bind", f"127.0.0.1:{port}", "--run-file", RUN_FILE)
    return Command.loadproof("run", "loans.py", *common, *where, *args, folder=folder)


def worker(folder: Path, port: int, *args: object, **env: str) -> Command:
    return Command.loadproof("worker", "--master", f"127.0.0.1:{port}", *args, folder=folder, env=env)


def customised(folder: Path, code: str) -> str:
    """A PYTHONPATH on which every Python first runs `code`."""
    (folder / "custom").mkdir()
    (folder / "custom" / "sitecustomize.py").write_text(code)
    return f"{folder / 'custom'}{os.pathsep}{PACKAGE}"


def test_two_workers_count_every_request_once(folder: Path, port: int, server: StubServer) -> None:
    """What the server answered to each worker is in the run file, exactly, and the verdict is PASS.

    One worker brings the locustfile, the other gets it from the master.
    """
    with (
        master(folder, port, server.url) as run,
        worker(folder, port, "loans.py") as one,
        worker(folder, port) as two,
    ):
        assert (run.ended(), one.ended(), two.ended()) == (0, 0, 0), run.text
        assert "the run is over" in one.text
    recorded = run_in(folder)
    assert requests(recorded) == server.loaded
    assert set(requests(recorded)) == {"/worker-1", "/worker-2"}
    assert in_flight(recorded) == 0
    assert len(of(recorded, EventKind.WORKER_JOINED)) == 2
    here, *there = (event.text("by") for event in of(recorded, EventKind.GUARD_HELD))
    assert there == [here, here], "not as the master's own machine holds them"


def test_a_worker_may_have_several_processes(folder: Path, port: int, server: StubServer) -> None:
    """Locust's own --processes on a worker: each is a worker, and all count."""
    with (
        master(folder, port, server.url) as run,
        worker(folder, port, "loans.py", "--processes", 2) as both,
    ):
        assert (run.ended(), both.ended()) == (0, 0), run.text + both.text
    assert sum(requests(run_in(folder)).values()) == sum(server.loaded.values())


def test_a_clock_that_is_off_is_measured_and_corrected(folder: Path, port: int, server: StubServer) -> None:
    """A worker whose clock is 1,000.25 s ahead counts in the master's seconds; the offset is kept."""
    ahead = customised(folder, "import time\n_time = time.time\ntime.time = lambda: _time() + 1000.25\n")
    with (
        master(folder, port, server.url, workers=1) as run,
        worker(folder, port, "loans.py", PYTHONPATH=ahead) as one,
    ):
        assert (run.ended(), one.ended()) == (0, 0), run.text
    recorded = run_in(folder)
    (started,), (ended,) = of(recorded, EventKind.LOAD_STARTED), of(recorded, EventKind.LOAD_ENDED)
    seconds = {part.second for part in recorded.slices}
    assert min(seconds) >= int(started.time_s)
    assert max(seconds) <= int(ended.time_s) + 1
    offsets = [r.value for r in recorded.readings if (r.source, r.series) == ("worker 1", "clock_offset")]
    assert offsets[0] == pytest.approx(-1000.25, abs=0.02)
    told = re.search(r"its clock \+([\d.]+) ms off", of(recorded, EventKind.WORKER_JOINED)[0].message)
    assert told
    assert float(told[1]) == pytest.approx(1_000_250, abs=20)


def test_a_worker_of_another_scenario_is_refused_on_both_sides(
    folder: Path, port: int, server: StubServer
) -> None:
    """It ends with a usage error, the run goes on with the right one and mentions it."""
    (folder / "other.py").write_text(LOCUSTFILE + "\n# newer\n")
    with master(folder, port, server.url, workers=1) as run:
        with worker(folder, port, "other.py") as refused:
            assert refused.ended() == 2
            refused.wait_for("the master refuses this worker: its scenario file is not the master's")
        run.wait_for("its scenario file is not the master's")
        with worker(folder, port, "loans.py") as right:
            assert (run.ended(), right.ended()) == (0, 0), run.text
    assert len(of(run_in(folder), EventKind.WORKER_REFUSED)) == 1


def test_a_worker_of_another_loadproof_is_refused_on_both_sides(
    folder: Path, port: int, server: StubServer
) -> None:
    """Both versions are named."""
    other = customised(folder, "import loadproof.version\nloadproof.version.__version__ = '99.0'\n")
    with master(folder, port, server.url, workers=1) as run:
        with worker(folder, port, "loans.py", PYTHONPATH=other) as refused:
            assert refused.ended() == 2
            refused.wait_for("it runs Loadproof 99.0, the master ")
        run.wait_for("it runs Loadproof 99.0, the master ")
        run.send(signal.SIGINT)
        assert run.ended() == 130


def test_workers_that_do_not_come_are_an_error(folder: Path, port: int, server: StubServer) -> None:
    """The run ends as a failed engine that says how many came; so does the worker that came."""
    with (
        master(folder, port, server.url, "--expect-workers-max-wait", 4) as run,
        worker(folder, port, "loans.py") as one,
    ):
        assert (run.ended(), one.ended()) == (5, 5), run.text
        run.wait_for("error: 1 of 2 workers connected within 4s")
        one.wait_for("the run did not start: 1 of 2 workers connected within 4s")


def test_a_run_that_is_interrupted_while_it_waits_sends_its_workers_home(
    folder: Path, port: int, server: StubServer
) -> None:
    """Nobody is left waiting for a load that will not come."""
    with master(folder, port, server.url) as run, worker(folder, port, "loans.py") as one:
        run.wait_for("worker 1 on")
        run.send(signal.SIGINT)
        assert (run.ended(), one.ended()) == (130, 0), run.text + one.text


def test_a_master_that_is_killed_is_missed(folder: Path, port: int, server: StubServer) -> None:
    """Its worker ends by itself, as a failed engine, and says what nobody counted."""
    with master(folder, port, server.url, workers=1, time="60s") as run:
        with worker(folder, port, "loans.py") as one:
            run.wait_for("the load started")
            run.send(signal.SIGKILL)
            assert one.ended() == 5
            one.wait_for("cut off: the master has not answered for 10s")
            one.wait_for("the master never said to have: they are in no count")
        run.ended()


def test_a_worker_without_a_master_gives_up(folder: Path, port: int) -> None:
    """After the time it was given, as a failed engine."""
    with worker(folder, port, "loans.py", "--wait", "1s") as alone:
        assert alone.ended() == 5
        alone.wait_for(f"no Loadproof run answers at 127.0.0.1:{port} within 1s")


def test_a_worker_that_leaves_makes_the_run_inconclusive(folder: Path, port: int, server: StubServer) -> None:
    """Ctrl-C at one machine: what it did is counted, the others take its users, the verdict says why."""
    with (
        master(folder, port, server.url, time="8s") as run,
        worker(folder, port, "loans.py") as one,
        worker(folder, port, "loans.py") as two,
    ):
        run.wait_for("6 users")
        two.send(signal.SIGINT)
        assert two.ended() == 130
        assert (run.ended(), one.ended()) == (4, 0), run.text
        run.wait_for("left before the load was over; its users are started again on the others")
    # Locust cuts off a user whose wait ends just when it is stopped: the server may have heard of it, or not.
    answered = sum(server.loaded.values())
    recorded = sum(requests(run_in(folder)).values())
    assert recorded <= answered <= recorded + in_flight(run_in(folder))


def test_all_processes_of_a_worker_leave_together(folder: Path, port: int, server: StubServer) -> None:
    """Ctrl-C reaches each of them, and the load ends with the last."""
    with (
        master(folder, port, server.url, time="600s") as run,
        worker(folder, port, "loans.py", "--processes", 2) as both,
    ):
        run.wait_for("6 users")
        both.send(signal.SIGINT)
        assert (both.ended(), run.ended()) == (130, 4), both.text + run.text
    answered = sum(server.loaded.values())
    recorded = sum(requests(run_in(folder)).values())
    assert recorded <= answered <= recorded + in_flight(run_in(folder))


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("run", "loans.py", "--bind", "127.0.0.1"), "--bind: an address without workers"),
        (("run", "loans.py", "--expect-workers", "0"), "--expect-workers: 0 is not a number of workers"),
        (("run", "loans.py", "--expect-workers", "2", "--bind", "a b"), "--bind: 'a b' is not an address"),
        (("run", "loans.py", "--expect-workers", "2", "--processes", "2", "-u", "1", "-t", "1s"),
         "--processes has no place where other machines drive the load"),
        (("run", "loans.py", "--expect-workers", "2", "--bind", "0.0.0.0"),
         "--bind: who reaches 0.0.0.0 could take part in the run: it needs a token"),
        (("run", "loans.py", "--expect-workers", "2", "--token", "short"),
         "--token: the token has 5 characters, needed are 16"),
        (("worker", "--master", "127.0.0.1:99999"), "--master: '127.0.0.1:99999' is not an address"),
        (("worker", "--master", "127.0.0.1", "nothing.py"), "the scenario 'nothing.py': no such file"),
        (("worker", "--master", "127.0.0.1", "load.js"), "'load.js' is no locustfile"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_at_once(args: tuple[str, ...], message: str, folder: Path) -> None:
    """As a usage error that names the option."""
    with Command.loadproof(*args, folder=folder) as command:
        assert command.ended() == 2
        command.wait_for(message)


def test_line_ends_make_no_other_scenario() -> None:
    """The same file from another system, or through Locust's own download, has the same fingerprint."""
    assert fingerprint(b"a = 1\r\nb = 2\r\n") == fingerprint(b"a = 1\nb = 2\n")
    assert fingerprint(b"a = 1\nb = 2\n") != fingerprint(b"a = 1\nb = 3\n")
