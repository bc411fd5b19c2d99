"""Gunicorn's workers, as its options say, and those of others by their threads."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest

from loadproof.model import Watch
from loadproof.monitors import limits
from loadproof.monitors.parts.part import Part, PartRole
from loadproof.monitors.parts.table import ProcessTable, Stat
from loadproof.monitors.readings.gunicorn import GunicornOptions, options
from loadproof.monitors.readings.process import ProcessMonitor
from loadproof.monitors.readings.workers import ServiceWorkers

FILES = {
    "gunicorn.conf.py": "import os\nthreads = 3\nworkers = os.cpu_count()\n",
    "loops.py": "worker_class = 'uvicorn_worker.UvicornWorker'\n",
    "computed.py": "threads = 2 * workers\n",
    "chosen.py": "threads = 2\nif True:\n    threads = 4\n",
    "broken.py": "threads = = 2\n",
}


@pytest.mark.parametrize(
    ("arguments", "environment", "threads"),
    [
        ("gunicorn -w 2 app:app", {}, 3),  # of the file that stands where it was started
        ("python /srv/bin/gunicorn --threads 8 app:app", {}, 8),
        ("python -m gunicorn --threads=8 app:app", {}, 8),
        ("gunicorn app:app", {"GUNICORN_CMD_ARGS": "--threads 5"}, 5),
        ("gunicorn --threads 6 app:app", {"GUNICORN_CMD_ARGS": "--threads 5"}, 6),
        ("gunicorn -c loops.py app:app", {}, 0),
        ("gunicorn --config=file:/srv/loops.py app:app", {}, 0),
        ("gunicorn -k gevent app:app", {}, 0),
        ("gunicorn -kgthread app:app", {}, 3),
        ("gunicorn -c loops.py -k sync app:app", {}, 1),
        # What a program computes, and a kind of worker that somebody wrote, are not known.
        ("gunicorn -c computed.py app:app", {}, None),
        ("gunicorn -c chosen.py app:app", {}, None),
        ("gunicorn -c broken.py app:app", {}, None),
        ("gunicorn -c gone.py app:app", {}, None),
        ("gunicorn -c python:shop.conf app:app", {}, None),
        ("gunicorn -k shop.Worker app:app", {}, None),
        ("gunicorn app:app", {"GUNICORN_CMD_ARGS": "--threads '"}, None),
        # What the command line says holds whatever stands in a configuration.
        ("gunicorn -k gthread --threads 8 -c gone.py app:app", {}, 8),
        ("gunicorn --thr 8 --worker-cl=gthread app:app", {}, 8),
        ("gunicorn --conf loops.py app:app", {}, 0),
        ("gunicorn -k=gevent app:app", {}, 0),
    ],
)
def test_threads_are_told_by_options(
    tmp_path: Path, arguments: str, environment: dict[str, str], threads: int | None
) -> None:
    """Also in a configuration, which is read and never run."""
    (tmp_path / "srv").mkdir()
    for name, text in FILES.items():
        (tmp_path / "srv" / name).write_text(text)
    assert options(arguments.split(), environment, tmp_path, "/srv") == GunicornOptions(threads)


@pytest.mark.parametrize(
    ("text", "threads"),
    [
        ("threads: int = 8", 8),
        ("workers = threads = 8", 8),
        ("threads: int\nthreads = 8", 8),
        ("threads = 2\nif True:\n    threads = 4\nthreads = 8", 8),
        ("from base import *\nthreads = 8\nworker_class = 'gthread'", 8),
        ("threads = 8\ndef post_fork(server, worker):\n    threads = 3", 8),
        ("from base import *", None),
        ("threads = 8\nfrom base import *", None),
        ("try:\n    from local import *\nexcept ImportError:\n    pass", None),
        ("from base import threads", None),
        ("from base import many as threads", None),
        ("workers, threads = 2, 8", None),
        ("[workers, *threads] = 2, 8", None),
        ("threads = 4\nthreads += 4", None),
        ("print(threads := 8)", None),
        ("threads = 4\nglobals()['threads'] = 8", None),
        ("exec(open('base.py').read())", None),
        ("import sys\nsys.modules[__name__].threads = 8", None),
        ("threads = 8 if workers > 2 else 4", None),
        ("threads = 4\nfor threads in (8,):\n    pass", None),
        ("with pool() as threads:\n    pass", None),
        ("match size:\n    case {'threads': threads}:\n        pass", None),
        ("def grow():\n    global threads\n    threads = 8\nthreads = 4\ngrow()", None),
        ("worker_class = 'gthread' if many else 'gevent'", None),
    ],
)
def test_a_configuration_that_sets_them_in_another_way_is_not_known(
    tmp_path: Path, text: str, threads: int | None
) -> None:
    """It was one thread."""
    (tmp_path / "gunicorn.conf.py").write_text(text)
    assert options(["gunicorn", "app:app"], {}, tmp_path, "/") == GunicornOptions(threads)


def test_a_configuration_that_may_not_be_read_is_not_known(tmp_path: Path) -> None:
    """That of another user's process: whether there is one cannot be seen either."""
    with mock.patch.object(Path, "read_text", side_effect=PermissionError):
        assert options(["gunicorn", "app:app"], {}, tmp_path, "/") == GunicornOptions(None)
    assert options(["gunicorn", "app:app"], {}, tmp_path, "/") == GunicornOptions(1)


@pytest.mark.parametrize(
    ("arguments", "environment", "threads"),
    [
        ("gunicorn --chdir /app app:app", {"PWD": "/srv"}, 3),
        ("gunicorn -c loops.py --chdir /app app:app", {"PWD": "/srv"}, 0),
        ("gunicorn --chdir /app app:app", {}, None),
        ("gunicorn app:app", {}, 1),
        ("gunicorn app:app", {"PWD": "/elsewhere"}, 1),
    ],
)
def test_a_configuration_is_read_where_it_was_started(
    tmp_path: Path, arguments: str, environment: dict[str, str], threads: int | None
) -> None:
    """It stands in /srv, and the server has gone to /app since."""
    (tmp_path / "srv").mkdir()
    for name, text in FILES.items():
        (tmp_path / "srv" / name).write_text(text)
    assert options(arguments.split(), environment, tmp_path, "/app") == GunicornOptions(threads)


def test_a_title_in_the_place_of_its_arguments_says_nothing(tmp_path: Path) -> None:
    """As setproctitle writes it."""
    assert options(["gunicorn: master [app:app]"], {}, tmp_path, "/") is None


@pytest.mark.parametrize(
    ("arguments", "workers", "loops"),
    [
        (["gunicorn", "-w", "2", "app:app"], 2, False),  # its application keeps three threads of its own
        (["gunicorn", "-w", "2", "--threads", "4", "app:app"], 8, False),
        (["gunicorn", "-k", "uvicorn_worker.UvicornWorker", "app:app"], 0, True),
        (["gunicorn", "-c", "python:shop.conf", "app:app"], 0, False),  # how many they are is not known
        (["gunicorn: master [app:app]"], 6, False),  # as many as there are threads
    ],
)
def test_an_applications_own_threads_are_no_workers(
    tmp_path: Path, arguments: list[str], workers: int, loops: bool
) -> None:
    """A pool of connections, a scheduler and a tracer have some in each process."""
    part = Part("gunicorn", "gunicorn", PartRole.ENTRY, 0, "port 8000", {7}, {7, 8, 9}, workers=6, pool=True)
    with (
        mock.patch.object(ProcessTable, "arguments", return_value=arguments),
        mock.patch.object(ProcessTable, "environment", return_value={}),
        mock.patch.object(ProcessTable, "folder", return_value=str(tmp_path)),
    ):
        ServiceWorkers().renew(part, [8, 9], ProcessTable())
    assert (part.workers, part.loops) == (workers, loops)


@pytest.mark.parametrize(("program", "workers"), [("apache2", 4), ("httpd", 4), ("waitress-serve", 5)])
def test_threads_that_accept_are_no_workers(program: str, workers: int) -> None:
    """Of six threads in one process: Apache's event worker has a first one and a listener beside four."""
    stat = Stat(7, program, False, 1, 0.0, 0.0, 0.0, 0.0, 6, 0.0, 0)
    assert limits.workers(program, [7], {7: stat}, {7: limits.Runtime()}) == workers


def test_what_workers_start_is_no_worker() -> None:
    """Two of Apache's run a script each, which runs a program."""
    programs = {7: "apache2", 8: "apache2", 9: "apache2", 10: "dash", 11: "dash", 12: "sleep", 13: "sleep"}
    runtimes = {pid: limits.Runtime(executable=f"/usr/bin/{name}") for pid, name in programs.items()}
    assert limits.answering([8, 9, 10, 11, 12, 13], 7, runtimes) == [8, 9]
    assert limits.answering([12, 13], 7, runtimes) == [12, 13]  # a wrapper that started something else


def test_ruby_has_an_interpreter_lock_too() -> None:
    """Its threads use one core together."""
    with mock.patch.object(ProcessTable, "executable", return_value="/usr/bin/ruby3.1"):
        runtime = limits.runtime_of(ProcessTable(), 1 << 30)
    assert runtime.cores == limits.interpreter_locks(1)


def test_a_thread_for_each_connection_is_no_single_worker_when_they_are_gone() -> None:
    """As `flask run` and ThreadingHTTPServer have them: before and after the load there is one."""
    pid = 1 << 30  # nobody's, so that no limit of a real process is read
    one = Stat(pid, "service", False, 1, 0.0, 0.0, 0.0, 0.0, 1, 0.0, 0)
    runtimes = {pid: limits.Runtime(executable="/srv/service")}
    assert limits.of_processes([pid], {pid: one}, runtimes) == limits.PartLimit("one thread", 1.0)
    assert limits.of_processes([pid], {pid: one}, runtimes, threaded=True) is None
    watched = ProcessMonitor(Watch("process", "process", {"pid": pid}), time.time)
    part = Part("service", "service", PartRole.ENTRY, 0, f"pid {pid}", {pid}, {pid})
    watched.service.parts, watched.service.part_of = [part], {pid: part}
    told = []
    with mock.patch("psutil.cpu_count", return_value=4):
        for threads in (1, 9, 1):
            watched.service.stats = {pid: replace(one, threads=threads)}
            watched._renew_limits()
            told.append((part.workers, part.cores and part.cores.name))
    assert told == [(1, "one thread"), (0, "the machine"), (0, "the machine")]
