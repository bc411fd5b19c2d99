"""uWSGI's workers, as its options say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loadproof.monitors.readings.uwsgi import Options, options

if TYPE_CHECKING:
    from pathlib import Path

INI = """
[uwsgi]
module = shop.wsgi
processes = 4
threads = 2
"""


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
        ("-w shop", {"UWSGI_WORKERS": "6", "UWSGI_INI": "etc/uwsgi.ini"}, Options(6, 2)),
        ("--ini gone.ini", {}, Options(1, 1)),
        ("--plugin psgi --psgi app.pl --workers 2", {}, Options(2, 1, python=False)),
    ],
)
def test_workers_are_told_by_options(
    tmp_path: Path, arguments: str, environment: dict[str, str], told: Options
) -> None:
    """Also in a file, in the file system and from the folder that the server sees."""
    (tmp_path / "srv" / "etc").mkdir(parents=True)
    (tmp_path / "srv" / "etc" / "uwsgi.ini").write_text(INI)
    assert options(["uwsgi", *arguments.split()], environment, tmp_path, "/srv") == told
