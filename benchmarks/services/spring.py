"""Spring Boot: a small shop with Tomcat, HikariCP and Micrometer, built by Maven, on a PostgreSQL."""

from __future__ import annotations

import shutil
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from tests.monitors import servers

from benchmarks.services import programs
from benchmarks.services.installing import once
from benchmarks.services.started import Started, free_port, installed, program, running

if TYPE_CHECKING:
    from contextlib import ExitStack

_SOURCE = Path(__file__).parent / "spring"


def spring(stack: ExitStack, folder: Path, *jvm: str, sql: str = "", **settings: str) -> Started:
    """The shop; `settings` are Spring's own, as environment variables spell them.

    `sql` is done by the database's owner, as whom it is then watched; the shop may be another role.
    """
    jar = once(f"spring-{_fingerprint()}", _built) / "target" / "shop-1.jar"
    database = stack.enter_context(servers.postgres())
    port = free_port()
    if sql:
        with psycopg.connect(database.url, autocommit=True) as connection:
            connection.execute(sql.encode())
        (folder / "loadproof.yaml").write_text(f"monitors:\n  postgres: {{url: '{database.url}'}}\n")
    settings = {
        "SERVER_PORT": str(port),
        "SERVER_TOMCAT_BASEDIR": str(folder),
        "SPRING_DATASOURCE_URL": f"jdbc:postgresql://127.0.0.1:{database.port}/postgres",
        **settings,
    }
    pid = stack.enter_context(
        running([program("java"), *(jvm or ("-Xmx256m",)), "-jar", str(jar)], folder, port, **settings)
    )
    return Started(f"http://127.0.0.1:{port}", [pid, database.pid], lambda: _logged(folder))


def _fingerprint() -> str:
    """Of the shop's sources: what has changed is built again."""
    return f"{zlib.crc32(b''.join(f.read_bytes() for f in sorted(_SOURCE.rglob('*.*')) if f.is_file())):08x}"


def _built(folder: Path) -> None:
    shutil.copytree(_SOURCE, folder, dirs_exist_ok=True)
    installed(program("mvn"), "--quiet", "--batch-mode", "package", cwd=folder)


def _logged(folder: Path) -> int:
    """In the access log of Tomcat, which has the date in its name."""
    return sum(programs.logged(log) for log in folder.glob("logs/access_log*"))
