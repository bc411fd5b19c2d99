"""What a service is made of: every process of its socket, and whoever it hands work to."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import textwrap
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from loadproof import sockets
from loadproof.model import EventKind, Watch
from loadproof.monitors.parts.part import program_name, tree_line, unique
from loadproof.monitors.parts.service import WatchedService
from loadproof.monitors.readings.process import ProcessMonitor
from tests.monitors.servers import accepts, free_port, started, wait_until
from tests.runs import loose

if TYPE_CHECKING:
    from collections.abc import Iterator

LINUX = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
PREFORK = textwrap.dedent(
    """
    import os, socket, sys
    port, workers, most, back = (int(word) for word in sys.argv[1:])
    listener = socket.create_server(("127.0.0.1", port), backlog=64)

    def work():
        behind = socket.create_connection(("127.0.0.1", back)) if back else None
        held = bytearray(b"x") * (8 << 20)
        done = 0
        while not most or done < most:
            connection, _ = listener.accept()
            connection.recv(4096)
            sum(range(200_000))
            connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n")
            connection.close()
            done += 1
        os._exit(0)

    def fork():
        if os.fork() == 0:
            work()

    for _ in range(workers):
        fork()
    while True:
        os.wait()
        fork()
    """
)


@contextmanager
def prefork(workers: int = 3, most: int = 0, back: int = 0) -> Iterator[int]:
    """A server whose parent listens and whose children accept; yields its port."""
    port = free_port()
    command = [sys.executable, "-c", PREFORK, *(str(n) for n in (port, workers, most, back))]
    process = subprocess.Popen(command, start_new_session=True)
    try:
        wait_until(lambda: accepts(port), what="the server's start")
        yield port
    finally:
        os.killpg(process.pid, 9)
        process.wait(60)


def ask(port: int) -> None:
    """One request."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        while connection.recv(4096):
            pass


def monitor(**settings: Any) -> ProcessMonitor:
    return ProcessMonitor(Watch("process", "process", settings), time.time)


def values(watched: ProcessMonitor) -> dict[str, float]:
    return {reading.series: reading.value for reading in watched.read()}


@LINUX
def test_every_process_of_a_forked_socket_is_watched() -> None:
    """The parent and its three workers, with memory as /proc has it: shared pages once."""
    with prefork(3) as port:
        watched = monitor(port=port)
        watched.open()
        wait_until(lambda: values(watched)["processes"] == 4, what="four processes")
        pids = [pid for part in watched.service.parts for pid in part.pids]
        found = values(watched)
        pss = sum(_rollup(pid, "Pss") for pid in pids)
        rss = sum(_rollup(pid, "Rss") for pid in pids)
    assert found["memory"] == pytest.approx(pss, rel=0.03)
    assert found["rss"] == pytest.approx(rss, rel=0.03)
    assert found["memory"] < found["rss"]
    assert found["python.memory"] == found["memory"]


@LINUX
def test_cpu_is_conserved_when_workers_are_replaced() -> None:
    """What ended workers have used is in the sum, and that they were replaced is told, not a lost monitor."""
    with prefork(3, most=2) as port:
        watched = monitor(port=port)
        watched.open()
        watched.read()
        (part,) = watched.service.parts
        (root,) = part.roots
        before_s = _cpu_s(root)
        used_s, last_s = 0.0, watched.read()[0].time_s
        for _ in range(5):
            for _ in range(6):
                ask(port)
            readings = {reading.series: reading for reading in watched.read()}
            used_s += readings["cpu"].value * (readings["cpu"].time_s - last_s)
            last_s = readings["cpu"].time_s
        truth_s = _cpu_s(root) - before_s
    assert used_s == pytest.approx(truth_s, abs=0.05)
    assert part.replaced >= 9
    assert part.most <= 4


@LINUX
def test_connections_lead_to_the_parts_behind() -> None:
    """Three servers in a row, the last through the middle one, each with all its processes."""
    with prefork(2) as last, prefork(2, back=last) as middle, prefork(3, back=middle) as first:
        service = WatchedService([{"port": first}])
        service.open()

        def all_seen() -> bool:
            service.look()
            service.follow()
            return service.line() == f"python (4) → python:{middle} (3) → python:{last} (3)"

        wait_until(all_seen, what="the whole chain")
        assert [part.depth for part in service.parts] == [0, 1, 2]
        assert not service.unwatched


@LINUX
@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_nginx_is_its_master_its_workers_and_what_it_passes_requests_to(tmp_path: Path) -> None:
    """Through a port of this machine, while requests are on their way."""
    front = free_port()
    with ExitStack() as stack:
        back = stack.enter_context(prefork(2))
        (tmp_path / "nginx.conf").write_text(
            f"daemon off; worker_processes 2; pid {tmp_path}/pid; error_log {tmp_path}/error.log;\n"
            "events { worker_connections 64; }\n"
            f"http {{ access_log off; client_body_temp_path {tmp_path}/b; proxy_temp_path {tmp_path}/p;\n"
            f"fastcgi_temp_path {tmp_path}/f; uwsgi_temp_path {tmp_path}/u; scgi_temp_path {tmp_path}/s;\n"
            f"upstream app {{ server 127.0.0.1:{back}; }}\n"
            f"server {{ listen 127.0.0.1:{front}; location / {{ proxy_pass http://app; }} }} }}\n"
        )
        command = [str(shutil.which("nginx")), "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")]
        stack.enter_context(started(command, tmp_path / "log"))
        wait_until(lambda: accepts(front), what="nginx's start")
        service = WatchedService([{"port": front}])
        service.open()
        # A request that is on its way holds the connection between the two.
        held = stack.enter_context(socket.create_connection(("127.0.0.1", back)))
        others = [stack.enter_context(socket.create_connection(("127.0.0.1", back))) for _ in range(3)]
        asking = stack.enter_context(socket.create_connection(("127.0.0.1", front)))
        asking.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")

        def both_seen() -> bool:
            service.look()
            service.follow()
            return service.line() == "nginx (3) → python (3)"

        wait_until(both_seen, what="the part behind nginx")
        assert held.fileno() > 0
        assert len(others) == 3


@LINUX
def test_a_part_that_cannot_be_looked_into_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes work, and whose it is may not be read: with the line that helps."""
    with prefork(1) as back, prefork(1, back=back) as front:
        real = sockets.holders
        keys = {one.key for one in sockets.listening() if one.port == back}

        def holders(wanted: Any, pids: Any, has_inodes: bool) -> set[int]:
            return set() if keys & set(wanted) else real(wanted, pids, has_inodes)

        monkeypatch.setattr(sockets, "holders", holders)
        watched = monitor(port=front)
        watched.open()

        def told() -> bool:
            watched.read()
            watched.service.follow()
            return bool(watched.service.unwatched)

        wait_until(told, what="the connection")
        watched.look_at_all()
        watched.read()
    (one,) = loose(watched.events[-1].data)["unwatched"]
    assert watched.events[-1].kind is EventKind.PARTS
    assert one["address"] == f"127.0.0.1:{back}"
    assert "run Loadproof as the user of the service" in one["hint"]


@LINUX
def test_several_named_processes_are_parts_of_one_service() -> None:
    """What is required is required of both together."""
    with prefork(1) as one, prefork(2) as two:
        watched = monitor(parts=[{"port": one}, {"port": two}])
        watched.open()
        wait_until(lambda: values(watched)["processes"] == 5, what="both servers")
        found = values(watched)
    names = [part.name for part in watched.service.parts]
    assert names == ["python", f"python:{two}"]
    assert found["memory"] == pytest.approx(sum(found[f"{name}.memory"] for name in names), rel=0.01)


@pytest.mark.parametrize(
    ("comm", "executable", "name"),
    [
        ("php-fpm8.2", "/usr/sbin/php-fpm8.2", "php-fpm"),
        ("python3.11", "/usr/bin/python3.11", "python"),
        ("gunicorn", "/usr/bin/python3.11", "gunicorn"),
        ("gunicorn: maste", "/usr/bin/python3.11", "gunicorn"),
        ("node-MainThread", "/usr/bin/node", "node"),
        ("MainThread", "/usr/local/bin/node", "node"),
        ("nginx", "/usr/sbin/nginx (deleted)", "nginx"),
        ("apache2", "/usr/sbin/apache2", "apache2"),
        ("k6", "/usr/bin/k6", "k6"),
    ],
)
def test_programs_have_the_names_that_people_know(comm: str, executable: str, name: str) -> None:
    """Without versions, titles and the names of threads; a number that belongs to a name stays."""
    assert program_name(comm, executable) == name


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["python", "-m", "gunicorn", "-w", "2", "app:app"], "gunicorn"),
        (["/usr/bin/python3", "-u", "/opt/app/bin/uvicorn", "app:app"], "uvicorn"),
        (["ruby", "bin/puma"], "puma"),
        (["python3", "manage.py", "runserver"], "python"),
    ],
)
def test_a_server_that_its_interpreter_was_asked_for_has_its_name(arguments: list[str], name: str) -> None:
    """`python -m gunicorn` is gunicorn, with its workers; a script of one's own stays the interpreter."""
    interpreter = arguments[0].rpartition("/")[2]
    assert program_name(interpreter, f"/usr/bin/{interpreter}", arguments) == name


def test_parts_of_one_program_are_told_apart() -> None:
    """By their port, or else by a number."""
    assert unique("python", "127.0.0.1:81", ["nginx"]) == "python"
    assert unique("python", "127.0.0.1:81", ["python"]) == "python:81"
    assert unique("php-fpm", "unix:/run/b.sock", ["php-fpm"]) == "php-fpm-2"
    assert tree_line([("nginx", 0, 3), ("php-fpm", 1, 5), ("redis-server", 2, 1), ("mariadbd", 2, 1)]) == (
        "nginx (3) → php-fpm (5) → redis-server (1), mariadbd (1)"
    )


def _rollup(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def _cpu_s(root: int) -> float:
    """Of a master, its living children, and those that it has waited for."""
    children = Path(f"/proc/{root}/task/{root}/children").read_text().split()
    total = 0.0
    for pid in (root, *map(int, children)):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += sum(int(ticks) for ticks in fields[11:15]) / os.sysconf("SC_CLK_TCK")
    return total
