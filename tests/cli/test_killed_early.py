"""Killed before the load: what looks at the scenario goes with Loadproof, and so do its folders."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from loadproof.engines.k6.binary import ask
from loadproof.errors import Problem
from tests.binaries import require_k6
from tests.cli.conftest import engine_processes
from tests.demo.concurrency import wait_until
from tests.demo.processes import all_gone

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

HANGS = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
daemon = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
open("importing", "w").close()
time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_hanging_import_leaves_no_process(number: signal.Signals, shell: Shell) -> None:
    """Nor does what it has started; a signal that can be answered is, with one word."""
    shell.write("locustfile.py", HANGS)
    process = shell.start("run", "locustfile.py", "--target", shell.stub.url, "-u", "1")
    wait_until((shell.folder / "importing").exists, 60)
    started = psutil.Process(process.pid).children(recursive=True)
    assert len(started) >= 5
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    wait_until(lambda: all_gone(started), 60)
    if number is not signal.SIGKILL:
        assert (process.returncode, out) == (130, "")
        assert err == f"interrupted by {number.name} before it was done\n"


def test_a_k6_that_is_killed_while_it_is_asked_is_there(shell: Shell) -> None:
    """It is not "not installed": who looks for one would look in the wrong place."""
    bin_folder = shell.folder / "bin"
    bin_folder.mkdir()
    k6 = bin_folder / "k6"
    k6.write_text("#!/bin/sh\nkill -9 $$\n")
    k6.chmod(0o755)
    problem = ask(str(k6))
    assert isinstance(problem, Problem)
    assert problem.where == str(k6)
    assert "killed by signal 9" in problem.message


def test_a_killed_run_leaves_no_folder(shell: Shell) -> None:
    """The engine's folder may hold secrets: the supervisor removes it when Loadproof cannot."""
    require_k6()
    shell.env["TMPDIR"] = str(shell.folder)
    with shell.loading("script.js", "--env", f"BASE={shell.stub.url}") as process:
        folders = list(shell.folder.glob("loadproof-k6-*"))
        assert folders
        left = engine_processes(process.pid, "script.js")
        process.kill()
        process.wait(60)
    wait_until(lambda: all_gone(left), 60)
    wait_until(lambda: not any(map(Path.exists, folders)), 60)


def test_killed_while_a_script_is_looked_at_leaves_no_folder(shell: Shell) -> None:
    """Its init code hangs; k6 and the folder of what is asked go with Loadproof."""
    require_k6()
    shell.env["TMPDIR"] = str(shell.folder)
    shell.write("script.js", "while (true) {}\nexport default function () {}\n")
    process = shell.start("check", "script.js")
    wait_until(lambda: bool(engine_processes(process.pid, "script.js")), 60)
    left = engine_processes(process.pid, "script.js")
    folders = list(shell.folder.glob("loadproof-k6-*"))
    assert folders
    process.kill()
    process.communicate(timeout=60)
    wait_until(lambda: all_gone(left), 60)
    wait_until(lambda: not any(map(Path.exists, folders)), 60)
