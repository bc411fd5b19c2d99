"""uWSGI's workers, as its options say."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from loadproof.monitors.parts.part import Part, PartRole
from loadproof.monitors.parts.table import ProcessTable
from loadproof.monitors.readings.uwsgi import Options, options
from loadproof.monitors.readings.workers import ServiceWorkers

if TYPE_CHECKING:
    from pathlib import Path

INI = """
[uwsgi]
module = shop.wsgi
processes = 4
threads = 2
"""
OTHERS = {
    "default.ini": "[uwsgi]\nmaster = true\nworkers = 2\n",
    "cores.ini": "[uwsgi]\n  processes=%(cores)\n  threads=2\n",
    "sections.ini": (
        "[uwsgi]\nini = :small\nprocesses = 5\ninherit = later.ini\nprocesses = 6\n; processes = 8\n"
        "[small]\nprocesses = 3\n"
    ),
    "later.ini": "[uwsgi]\nprocesses = 7\nthreads = 6\n",
}


@pytest.mark.parametrize(
    ("arguments", "environment", "told"),
    [
        ("--http :8000 --wsgi-file app.py", {}, Options(1, 1)),
        ("--http :8000 --master -p 3 -w shop", {}, Options(3, 1)),
        ("--processes=2 --threads=8 --module shop", {}, Options(2, 8)),
        ("-p2 --threads 8 -w shop", {}, Options(2, 8)),
        ("--ini etc/uwsgi.ini", {}, Options(4, 2)),
        ("/srv/etc/uwsgi.ini", {}, Options(4, 2)),
        ("--ini etc/uwsgi.ini --threads 5", {}, Options(4, 5)),
        ("-w shop", {"UWSGI_INI": "etc/uwsgi.ini", "UWSGI_WORKERS": "6"}, Options(6, 2)),
        ("-w shop", {"UWSGI_WORKERS": "6", "UWSGI_INI": "etc/uwsgi.ini"}, Options(4, 2)),
        ("--ini default.ini --ini etc/uwsgi.ini", {}, Options(4, 2)),
        ("--ini etc/uwsgi.ini --ini default.ini", {}, Options(2, 2)),
        ("--processes 9 --ini etc/uwsgi.ini", {}, Options(4, 2)),  # a file's options stand in its place
        ("--ini etc/uwsgi.ini --processes 9", {}, Options(9, 2)),
        ("etc/uwsgi.ini --processes 9 --master", {}, Options(4, 2)),  # named without an option: after all
        ("-Mp 3 -w shop --env processes=8", {}, Options(3, 1)),
        ("--ini sections.ini:small", {}, Options(3, 1)),
        ("--ini sections.ini", {}, Options(7, 6)),
        ("--touch-reload app.yaml --workers 2", {}, Options(2, 1)),
        # A configuration that was not read may say anything.
        ("--ini gone.ini", {}, Options(None, None, python=False)),
        ("--yaml app.yaml", {}, Options(None, None, python=False)),
        ("--json app.json --processes 2", {}, Options(2, None, python=False)),
        ("-x app.xml", {}, Options(None, None, python=False)),
        ("--master app.yml", {}, Options(None, None, python=False)),
        ("--emperor /etc/uwsgi/vassals", {}, Options(None, None, python=False)),
        ("--ini %d/app.ini", {}, Options(None, None, python=False)),
        ("--ini cores.ini", {}, Options(None, 2)),
        ("-w shop --processes $(N)", {}, Options(None, 1)),
        ("-w shop", {"UWSGI_EMPEROR_FD": "5"}, Options(1, 1)),
        ("--plugin psgi --psgi app.pl --workers 2", {}, Options(2, 1, python=False)),
    ],
)
def test_workers_are_told_by_options(
    tmp_path: Path, arguments: str, environment: dict[str, str], told: Options
) -> None:
    """Also in a file, in the file system and from the folder that the server sees."""
    (tmp_path / "srv" / "etc").mkdir(parents=True)
    (tmp_path / "srv" / "etc" / "uwsgi.ini").write_text(INI)
    for name, text in OTHERS.items():
        (tmp_path / "srv" / name).write_text(text)
    assert options(["uwsgi", *arguments.split()], environment, tmp_path, "/srv") == told


@pytest.mark.parametrize("environment", [{}, {"UWSGI_RELOADS": "1", "UWSGI_ORIGINAL_PROC_NAME": "uwsgi"}])
def test_a_title_in_the_place_of_arguments_tells_nothing(tmp_path: Path, environment: dict[str, str]) -> None:
    """--auto-procname, also after a reload, when uWSGI has set variables of its own."""
    assert options(["uWSGI master"], environment, tmp_path, "/srv") is None


@pytest.mark.parametrize(
    ("arguments", "workers", "cores"),
    [
        ("--yaml app.yaml", 5, None),
        ("-w shop --processes %k", 5, None),
        ("--json app.json --processes 2", 5, None),
        ("-w shop -p 2 --threads 3", 6, 2.0),
    ],
)
def test_what_is_not_known_changes_no_part(arguments: str, workers: int, cores: float | None) -> None:
    """It was 1 worker and one interpreter lock."""
    pid = os.getpid()
    part = Part("uwsgi", "uwsgi", PartRole.ENTRY, 0, "port 80", {pid}, {pid}, workers=5)
    table = ProcessTable()
    words = ["uwsgi", *arguments.split()]
    with (
        mock.patch.object(ProcessTable, "arguments", return_value=words),
        mock.patch.object(ProcessTable, "environment", return_value={}),
    ):
        ServiceWorkers().renew(part, [pid], table)
    assert part.workers == workers
    assert (part.cores.value if part.cores else None) == cores
