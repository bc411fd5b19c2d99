"""Runs the real `loadproof` command in processes of their own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil
import pytest

from loadproof.cli.app import run_app
from tests.demo.concurrency import wait_until
from tests.demo.processes import all_gone
from tests.servers import StubServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Here = Callable[..., "Done"]

_LIMIT_S = 120.0
"""For one command: a search of some trials with its confirmation takes a minute."""
LOCUSTFILE = """
from locust import HttpUser, constant, task

class Borrower(HttpUser):
    wait_time = constant(0.02)

    @task
    def visit(self):
        self.client.get("/loans")
"""
SCRIPT = """
import http from 'k6/http';
import { sleep } from 'k6';
export const options = { vus: 2, duration: '600s' };
export default function () { http.get(`${__ENV.BASE}/loans`); sleep(0.05); }
"""
REQUIREMENTS = """
performance_requirements:
  response_time:
    p95: <%s
  error_rate:
    max_rate: %s
"""


@dataclass
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err

    def errors(self) -> list[str]:
        """Its error messages, without their hints."""
        return [line.removeprefix("error: ") for line in self.err.splitlines() if line.startswith("error: ")]


@dataclass
class Shell:
    """A folder, a target, and the command."""

    folder: Path
    stub: StubServer
    env: dict[str, str] = field(default_factory=dict)
    python: str = sys.executable

    def start(self, *args: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "loadproof", *args]
        env = {**{k: v for k, v in os.environ.items() if k != "NO_COLOR"}, **self.env}
        return subprocess.Popen(
            command, cwd=self.folder, env=env, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    def __call__(self, *args: str) -> Done:
        """Run to the end. Whatever happens, it is no crash."""
        process = self.start(*args)
        try:
            out, err = process.communicate(timeout=_LIMIT_S)
        finally:
            process.kill()
        assert "Traceback" not in out + err, out + err
        return Done(process.returncode, out, err)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        return path

    def load(self, *args: str, seconds: int = 2, name: str = "run.db", file: str = "locustfile.py") -> Done:
        """A short run of the usual locustfile against the stub; of broken.py every request fails."""
        return self(
            "run", file, "--target", self.stub.url, "-u", "2", "-r", "10", "-t", f"{seconds}s",
            "--run-file", name, *args,
        )  # fmt: skip

    @contextlib.contextmanager
    def loading(self, *args: str) -> Iterator[subprocess.Popen[str]]:
        """A run that goes on, from the moment on which a few requests came; nothing of it is left after."""
        process = self.start("run", *args, "--run-file", "run.db")
        own = psutil.Process(process.pid)
        try:
            wait_until(lambda: self.stub.arrived.total() > 60 or process.poll() is not None, 60)
            assert process.poll() is None, process.communicate()
            started = own.children(recursive=True)
            assert started
            yield process
            wait_until(lambda: all_gone(started), 60)
        finally:
            process.kill()
            process.communicate(timeout=60)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    with StubServer(status=lambda path: 404 if path == "/broken" else 200) as stub:
        shell = Shell(tmp_path, stub)
        shell.write("locustfile.py", LOCUSTFILE)
        shell.write("script.js", SCRIPT)
        shell.write("pass.yaml", REQUIREMENTS % ("2s", "50%"))
        shell.write("fail.yaml", REQUIREMENTS % ("0.001ms", "50%"))
        shell.write("broken.py", LOCUSTFILE.replace("/loans", "/broken"))
        yield shell


@pytest.fixture
def here(shell: Shell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    """The command in this process, a tenth of the time; an exception that escapes is a failure."""
    monkeypatch.chdir(shell.folder)

    def run(*args: str) -> Done:
        code = run_app(list(args))
        said = capsys.readouterr()
        return Done(code, said.out, said.err)

    return run


def engine_processes(pid: int, part: str) -> list[psutil.Process]:
    """The processes under `pid`, supervisors left out, with `part` in their command line, oldest first."""
    found = []
    for process in psutil.Process(pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            command = " ".join(process.cmdline())
            if part in command and "supervisor.py" not in command:
                found.append(process)
    return sorted(found, key=lambda process: (process.create_time(), process.pid))
