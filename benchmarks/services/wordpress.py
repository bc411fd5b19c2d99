"""WordPress: Debian's package behind nginx and PHP-FPM, on a MariaDB."""

from __future__ import annotations

import os
import shutil
import subprocess
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.services import programs
from benchmarks.services.installing import once
from benchmarks.services.started import NotHereError, Started, free_port, installed, program

if TYPE_CHECKING:
    from contextlib import ExitStack

_SITE = Path(__file__).parent / "wordpress_site"
_FIRST_VISIT_S = 60
_PACKAGES = ("wordpress", "wordpress-theme-twentytwentythree", "php-getid3")


@dataclass(frozen=True)
class Settings:
    """What may be too little."""

    workers: int = 4
    recycled_after: int = 20
    """Requests of one PHP worker."""
    user: str = "root"
    """Of the database; `more_sql` makes others."""
    more_sql: str = ""
    more_files: tuple[tuple[str, str], ...] = ()
    """Name and content of further PHP files in the site."""


def wordpress(stack: ExitStack, folder: Path, settings: Settings | None = None) -> Started:
    """A site of thirty posts, whose PHP workers are replaced in the run."""
    settings = settings or Settings()
    port, socket, database, site = free_port(), folder / "fpm.sock", folder / "db.sock", folder / "site"
    shutil.copytree(once("wordpress", _unpacked) / "site", site)
    for file in _SITE.iterdir():
        shutil.copy(file, site)
    for name, content in settings.more_files:
        (site / name).write_text(content)
    url = f"http://127.0.0.1:{port}"
    sql = f"CREATE DATABASE wordpress;\n{settings.more_sql}"
    server = programs.mariadb(stack, folder, database, sql)
    _set_up(site, SITE=url, DB_SOCKET=str(database))
    workers = programs.php_fpm(
        stack, folder, socket,
        f"pm = static\npm.max_children = {settings.workers}\npm.max_requests = {settings.recycled_after}",
        SITE=url, DB_SOCKET=str(database), DB_USER=settings.user,
    )  # fmt: skip
    passed = programs.fastcgi(f"unix:{socket}", f"{site}$fastcgi_script_name")
    front = programs.nginx(
        stack, folder, port,
        f"root {site}; index index.php; location / {{ try_files $uri $uri/ /index.php?$args; }}\n"
        f"location ~ \\.php$ {{ {passed} }}",
    )  # fmt: skip
    # The first visit compiles all of it, which takes seconds where others have the processors.
    urllib.request.urlopen(url, timeout=_FIRST_VISIT_S).close()
    return Started(url, [front, workers, server], lambda: programs.logged(folder / "access.log"))


def _unpacked(folder: Path) -> None:
    """The packages' files, without installing them on this machine: that needs no root."""
    for package in _PACKAGES:
        installed(program("apt-get"), "download", package, cwd=folder)
    for file in folder.glob("*.deb"):
        installed(program("dpkg-deb"), "-x", str(file), "unpacked", cwd=folder)
    share = folder / "unpacked" / "usr" / "share"
    # Scripts of other packages that nobody fetches here are links to nowhere.
    shutil.copytree(share / "wordpress", folder / "site", ignore_dangling_symlinks=True)


def _set_up(site: Path, **environment: str) -> None:
    done = subprocess.run(
        [program("php"), str(site / "set-up.php")], env={**os.environ, **environment},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    if done.returncode or not done.stdout.endswith("31"):
        raise NotHereError(f"WordPress was not set up: {(done.stdout + done.stderr).strip()[-300:]}")
