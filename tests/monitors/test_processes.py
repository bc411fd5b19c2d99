"""Processes: found by name, command, port and container; what belongs to them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingUnixStreamServer
from typing import TYPE_CHECKING

import psutil
import pytest

from loadproof.model import Watch
from loadproof.monitors import MonitorError, load_monitor
from loadproof.monitors.parts import processes
from loadproof.monitors.readings.process import ProcessMonitor
from tests.monitors.servers import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()  # %s"], stdin=subprocess.PIPE)
sys.stdin.read()
child.stdin.close()
child.wait()
"""


@contextmanager
def _parent_and_child(mark: str) -> Iterator[psutil.Popen]:
    process = psutil.Popen([sys.executable, "-c", PARENT % mark], stdin=subprocess.PIPE)
    try:
        wait_until(lambda: bool(process.children()), what="the child")
        yield process
    finally:
        process.stdin.close()
        process.wait(60)


def test_children_belong_to_their_parent() -> None:
    """Memory, threads and descriptors are sums over both."""
    with _parent_and_child("mark-1") as process:
        monitor = load_monitor(Watch("process", "process", {"command": "mark-1"}), time.time)
        monitor.open()
        found = {reading.series: reading.value for reading in monitor.read()}
        monitor.close()
        both = [process, *process.children()]
        rss = sum(p.memory_info().rss for p in both)
    assert found["processes"] == 2
    assert found["rss"] == pytest.approx(rss, rel=0.05)


def test_the_process_nearest_to_its_limit_has_a_series_of_its_own() -> None:
    """Descriptors of two processes: each has a limit of its own, of which their sum says nothing."""
    with _parent_and_child("mark-fds") as process:
        monitor = load_monitor(Watch("process", "process", {"command": "mark-fds"}), time.time)
        monitor.open()
        found = {reading.series: reading for reading in monitor.read()}
        monitor.close()
        most = max(p.num_fds() for p in (process, *process.children()))
        soft = process.rlimit(psutil.RLIMIT_NOFILE)[0]
    assert (found["fds.fullest"].value, found["fds.fullest"].limit) == (most, soft)
    assert found["fds"].value > most


def test_a_process_without_connections_has_none() -> None:
    """0, so that a requirement on their growth can be judged; and open files where all may be counted."""
    with _parent_and_child("mark-none") as process:
        monitor = load_monitor(Watch("process", "process", {"pid": process.pid}), time.time)
        monitor.open()
        found = {reading.series: reading.value for reading in monitor.read()}
        monitor.close()
    assert found["connections.established"] == 0
    assert "fds" in found


def test_open_files_that_may_not_be_counted_hide_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database of another user behind the service: the service's own are told under its name."""
    with _parent_and_child("mark-hidden") as process:
        monitor = load_monitor(Watch("process", "process", {"pid": process.pid}), time.time)
        assert isinstance(monitor, ProcessMonitor)
        monitor.open()
        monitor.read()
        (part,) = monitor.service.parts
        (child,) = process.children()
        behind = replace(part, name="behind", pids={child.pid})
        monitor.service.parts[:] = [replace(part, name="own", pids={process.pid}), behind]

        def counted(asked: psutil.Process) -> int:
            if asked.pid == child.pid:
                raise psutil.AccessDenied(asked.pid)
            return 7

        monkeypatch.setattr("loadproof.monitors.readings.process._descriptors", counted)
        rows = {series: value for series, value, *_ in monitor._descriptors(time.time())}
        monitor.close()
    assert rows["own.fds"] == 7
    assert "fds" not in rows
    assert "behind.fds" not in rows


def test_connections_are_counted_by_their_other_end() -> None:
    """Three that a process has made and holds; when it has let them go that is 0, and no gap."""
    script = (
        "import socket, sys\n"
        "held = [socket.create_connection(('127.0.0.1', int(sys.argv[1]))) for _ in range(3)]\n"
        "print('made', flush=True)\n"
        "sys.stdin.readline()\n"
        "[one.close() for one in held]\n"
        "print('closed', flush=True)\n"
        "sys.stdin.readline()\n"
    )
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        series = f'connections{{peer="127.0.0.1:{port}"}}'
        with subprocess.Popen(
            [sys.executable, "-c", script, str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdout.readline()
            monitor = load_monitor(Watch("process", "process", {"pid": process.pid}), time.time)
            monitor.open()
            told = [reading.value for reading in monitor.read() if reading.series == series]
            process.stdin.write("close\n")
            process.stdin.flush()
            process.stdout.readline()

            def look() -> bool:
                told.extend(reading.value for reading in monitor.read() if reading.series == series)
                return told[-1] == 0

            wait_until(look, what="the look after they were closed")
            process.stdin.close()
        monitor.close()
    assert told[0] == 3


def test_the_cpu_of_a_child_that_ended_is_not_lost() -> None:
    """A process that works through short-lived children uses what they use."""
    work = "sum(range(3_000_000))"
    script = (
        "import subprocess, sys\n"
        "for line in sys.stdin:\n"
        f"    subprocess.run([sys.executable, '-c', '{work}'])\n"
        "    print('done', flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        monitor = load_monitor(Watch("process", "process", {"pid": process.pid}), time.time)
        monitor.open()
        before_s = sum(psutil.Process(process.pid).cpu_times()[:4])
        first_s = monitor.read()[0].time_s
        for _ in range(4):
            process.stdin.write("go\n")
            process.stdin.flush()
            process.stdout.readline()
        after_s = sum(psutil.Process(process.pid).cpu_times()[:4])  # its own and its ended children's
        readings = {reading.series: reading for reading in monitor.read()}
        monitor.close()
        process.stdin.close()
    used_s = readings["cpu"].value * (readings["cpu"].time_s - first_s)
    assert used_s == pytest.approx(after_s - before_s, abs=0.03)
    assert used_s > 0.1


def test_a_process_that_is_not_there_is_said() -> None:
    """Each way of naming one."""
    with pytest.raises(MonitorError, match="no process is called"):
        processes.named("no-such-program")
    with pytest.raises(MonitorError, match="in its command line"):
        processes.with_command("no-such-" + "command-line")
    with pytest.raises(MonitorError, match="Docker does not answer"):
        processes.in_container("web", "/nonexistent/docker.sock")


def test_a_container_is_found_by_its_name(tmp_path: Path) -> None:
    """Docker's socket is asked for the container's first process."""
    asked: list[str] = []

    class Docker(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            body = b'{"State": {"Pid": %d}}' % os.getpid() if "web" in self.path else b"{}"
            self.send_response(200 if "web" in self.path else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def address_string(self) -> str:
            return "unix"

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingUnixStreamServer(str(tmp_path / "s"), Docker) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            assert processes.in_container("web", str(tmp_path / "s")) == [os.getpid()]
            with pytest.raises(MonitorError, match="no container called 'other'"):
                processes.in_container("other", str(tmp_path / "s"))
        finally:
            server.shutdown()
            thread.join()
    assert asked == ["/containers/web/json", "/containers/other/json"]
