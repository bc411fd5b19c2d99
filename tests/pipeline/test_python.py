"""`loadproof.run_test` and its kin: what the command does, from Python."""

from __future__ import annotations

import asyncio
import inspect
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, get_type_hints

import pytest

import loadproof
from loadproof.errors import ConfigError, RunFileError, TargetError
from loadproof.model import Outcome, Verdict
from loadproof.plan.request import RunRequest, flags_of
from loadproof.runfile.reader import read_run
from tests.cli.conftest import LOCUSTFILE
from tests.demo.concurrency import wait_until
from tests.servers import StubServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

HOLDS = {"response_time": {"p95": "<2s"}, "error_rate": {"max_rate": "80%"}}
BREAKS = {"performance_requirements": {"error_rate": {"max_rate": "5%"}}}
"""A quarter of the answers is wrong: that is so however busy this machine is."""


@pytest.fixture
def stub() -> Iterator[StubServer]:
    number = itertools.count()
    with StubServer(status=lambda _path: 500 if next(number) % 4 == 0 else 200) as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "locustfile.py").write_text(LOCUSTFILE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _run(stub: StubServer, requirements: Mapping[str, object]) -> loadproof.Report:
    return loadproof.run_test(
        "locustfile.py", target=stub.url, users=2, spawn_rate=10, duration=3, requirements=requirements,
        run_file="run.db",
    )  # fmt: skip


def test_a_run_from_python_is_judged_and_judged_again(
    folder: Path, stub: StubServer, capfd: pytest.CaptureFixture[str]
) -> None:
    """The report has the verdict, its file makes it again, other requirements another; nothing is printed."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    report = _run(stub, HOLDS)
    assert (report.passed, report.verdict, report.outcome) == (True, Verdict.PASS, Outcome.COMPLETED)
    assert sum(row.requests for row in report.endpoints) > 0
    assert {number: signal.getsignal(number) for number in handlers} == handlers
    again = loadproof.judge_file(report.run_file)
    assert (again.verdict, again.sentence) == (report.verdict, report.sentence)
    other = loadproof.judge_file(report.run_file, requirements=BREAKS)
    assert (other.passed, other.verdict) == (False, Verdict.FAIL)
    assert capfd.readouterr() == ("", "")
    loadproof.write_report(other, folder / "reports" / "other.json", "json")
    assert json.loads((folder / "reports" / "other.json").read_text())["verdict"] == "FAIL"


def test_a_run_beside_an_event_loop(folder: Path, stub: StubServer) -> None:
    """As a notebook calls it: the load is driven in a thread of its own."""

    async def cell() -> loadproof.Report:
        return _run(stub, HOLDS)

    assert asyncio.run(cell()).outcome is Outcome.COMPLETED


def test_a_run_in_a_thread(folder: Path, stub: StubServer) -> None:
    """Signals are the main thread's: here they are left alone."""
    reports: list[loadproof.Report] = []
    thread = threading.Thread(target=lambda: reports.append(_run(stub, HOLDS)))
    thread.start()
    thread.join(60)
    assert [report.outcome for report in reports] == [Outcome.COMPLETED]


def test_ctrl_c_ends_the_load_and_is_told(folder: Path, stub: StubServer) -> None:
    """The run file is closed and judged; Python's own KeyboardInterrupt says what happened."""
    script = (
        "import loadproof\n"
        f"loadproof.run_test('locustfile.py', target='{stub.url}', users=2, spawn_rate=10, run_time='600s',\n"
        "    run_file='run.db')\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], cwd=folder, text=True, stderr=subprocess.PIPE)
    try:
        wait_until(lambda: stub.arrived.total() > 60 or process.poll() is not None, 60)
        os.kill(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert "KeyboardInterrupt: the run was interrupted: run.db" in err
    assert read_run(folder / "run.db").outcome is Outcome.INTERRUPTED


def test_all_that_is_wrong_is_told_before_any_load(folder: Path, stub: StubServer) -> None:
    """Users, the mapping's keys and the two names of the run time, each with its hint."""
    with pytest.raises(ConfigError) as caught:
        loadproof.run_test(
            "locustfile.py", target=stub.url, users=0, run_time="3s",
            requirements={"response_times": {"p95": "<1s"}},
        )  # fmt: skip
    told = [(problem.where, problem.message, problem.hint) for problem in caught.value.problems]
    assert told == [
        ("--users", "0 is not a number of users", "write 1 or more"),
        ("requirements:2", "unknown key 'response_times'", "did you mean 'response_time'?"),
    ]
    with pytest.raises(ConfigError, match="duration and run_time are the same"):
        loadproof.run_test("locustfile.py", run_time="3s", duration="3s")
    with pytest.raises(ConfigError, match="no text and no number"):
        loadproof.run_test("locustfile.py", requirements={"response_time": {"p95": object()}})
    with pytest.raises(TargetError):
        loadproof.run_test("locustfile.py", target="http://127.0.0.1:9", users=1, run_time="3s")
    with pytest.raises(RunFileError):
        loadproof.judge_file("missing.db")
    assert stub.arrived.total() == 0
    assert not (folder / ".loadproof").exists()


def test_a_warm_up_is_left_out_afterwards(tmp_path: Path) -> None:
    """Of another tool's result too; nothing may be left of no time, and a file of totals has no start."""
    rows = ["timeStamp,elapsed,label,responseCode,success"]
    rows += [f"{1_700_000_000_000 + 20 * n},{900 if n < 250 else 20},home,200,true" for n in range(1_000)]
    jtl = tmp_path / "results.jtl"
    jtl.write_text("\n".join(rows) + "\n")
    required = {"response_time": {"p95": "<500ms"}}
    assert loadproof.judge_file(jtl, requirements=required).verdict is Verdict.FAIL
    report = loadproof.judge_file(jtl, requirements=required, warm_up="6s")
    assert report.verdict is Verdict.PASS
    assert report.window.endswith("first 6s left out by warm_up")
    assert loadproof.judge_file(jtl, requirements=required, warm_up=90).verdict is Verdict.INCONCLUSIVE
    with pytest.raises(ConfigError, match="'6' is not a duration"):
        loadproof.judge_file(jtl, warm_up="6")


def test_every_option_is_a_parameter_with_its_type() -> None:
    """The signature has the request's rows, and no other."""
    parameters = inspect.signature(loadproof.run_test).parameters
    assert set(parameters) == set(get_type_hints(RunRequest)) - {"_"}
    assert {name for name, _, _ in flags_of(RunRequest)} < set(parameters)
    assert parameters["scenario"].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    assert {p.kind for name, p in parameters.items() if name != "scenario"} == {
        inspect.Parameter.KEYWORD_ONLY
    }


def test_every_parameter_is_documented() -> None:
    """docs/python.md names each."""
    from pathlib import Path

    text = (Path(__file__).parents[2] / "docs" / "python.md").read_text(encoding="utf-8")
    missing = [name for name in inspect.signature(loadproof.run_test).parameters if f"`{name}`" not in text]
    assert missing == ["scenario"]


def test_the_package_alone_imports_nothing_else() -> None:
    """`import loadproof` in a program that may not need it loads no other package."""
    code = (
        "import sys; before = set(sys.modules); import loadproof; print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["loadproof", "loadproof.version"]
    assert set(loadproof.__all__) >= {"run_test", "judge_file", "compare", "write_report"}
    assert [name for name in loadproof.__all__ if not hasattr(loadproof, name)] == []
