"""Real servers for the monitors' tests, each on loopback, in a process of its own, gone at the end.

A server whose program is missing fails the test in CI and skips it elsewhere: a developer without MariaDB
can work, and a pipeline that has lost it is found out.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from loadproof.demo import postgres as demo_postgres
from loadproof.demo.launch import STOP_NOW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

START_LIMIT_S = 30.0


def program(*names: str) -> str:
    """The path of the first program that is installed; fails or skips the test when none is."""
    for name in names:
        path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
        if path is not None:
            return path
    reason = f"{' or '.join(names)} is not installed"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def packaged_postgres() -> Path:
    """The folder of a PostgreSQL of the distribution, which has the extensions that the wheel lacks."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if folders:
        return folders[-1]
    return Path(program("postgres")).parent


def free_port() -> int:
    """A TCP port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(holds: Callable[[], bool], limit_s: float = START_LIMIT_S, what: str = "it") -> None:
    """Until a condition holds; fails the test when it does not in time."""
    deadline_s = time.monotonic() + limit_s
    while not holds():
        if time.monotonic() > deadline_s:
            pytest.fail(f"{what} did not happen within {limit_s:g}s")
        time.sleep(0.02)


def accepts(port: int) -> bool:
    """Whether somebody listens on a port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def started(command: list[str], log: Path, user: str | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A server's process, ended with the block."""
    account = pwd.getpwnam(user) if user is not None and os.geteuid() == 0 else None
    with log.open("ab") as stream:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            cwd="/",
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def open_folder() -> Iterator[Path]:
    """A temporary folder that a server of another user may enter."""
    folder = Path(tempfile.mkdtemp(prefix="loadproof-test-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Postgres:
    """A PostgreSQL that can be stopped and started again under the same URL."""

    def __init__(self, folder: Path, settings: str = "", programs: Path | None = None) -> None:
        self._account = demo_postgres._account()
        self.folder = folder
        if self._account is not None:
            os.chown(folder, self._account.pw_uid, self._account.pw_gid)
        self._programs = demo_postgres._reachable(programs or demo_postgres.binaries(), folder, self._account)
        demo_postgres._make_cluster(self._programs, folder / "data", self._account)
        self.port = free_port()
        with (folder / "data" / "postgresql.conf").open("a") as configuration:
            configuration.write(f"listen_addresses = '127.0.0.1'\nport = {self.port}\n{settings}\n")
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it and wait until it accepts connections."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._programs / "postgres"), "-D", str(self.folder / "data"), "-k", str(self.folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                user=self._account.pw_uid if self._account else None,
                group=self._account.pw_gid if self._account else None,
                extra_groups=[] if self._account else None,
            )
        wait_until(self._answers, what="PostgreSQL's start")

    @property
    def pid(self) -> int:
        """Of its first process."""
        assert self._process is not None
        return self._process.pid

    def stop(self) -> None:
        """Stop it at once: every connection breaks."""
        if self._process is not None:
            self._process.send_signal(STOP_NOW)
            self._process.wait(60)
            self._process = None

    def _answers(self) -> bool:
        import psycopg

        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def postgres(settings: str = "", programs: Path | None = None) -> Iterator[Postgres]:
    """A PostgreSQL of the test's own, from the wheel that the demo uses unless told otherwise."""
    with open_folder() as folder:
        server = Postgres(folder, settings, programs)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def redis_server(*options: str) -> Iterator[int]:
    """A Redis; yields its port."""
    path = program("redis-server", "valkey-server")
    port = free_port()
    with open_folder() as folder:
        command = [path, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", "/tmp", *options]  # noqa: S108
        with started(command, folder / "log"):
            wait_until(lambda: accepts(port), what="Redis's start")
            yield port


@contextmanager
def mysql_server() -> Iterator[str]:
    """A MySQL or MariaDB; yields its URL, whose user is `watcher` with the password `s3cret-pass`."""
    path = program("mariadbd", "mysqld")
    install = program("mariadb-install-db", "mysql_install_db")
    user = "mysql" if os.geteuid() == 0 else None
    port = free_port()
    with open_folder() as folder:
        data = folder / "data"
        init = folder / "init.sql"
        init.write_text(
            "CREATE USER watcher@'127.0.0.1' IDENTIFIED BY 's3cret-pass';\n"
            "CREATE USER watcher@localhost IDENTIFIED BY 's3cret-pass';\n"
            "CREATE USER admin@'127.0.0.1' IDENTIFIED BY 's3cret-pass';\n"
            "GRANT ALL ON *.* TO admin@'127.0.0.1';\n"
        )
        data.mkdir()
        if user is not None:
            shutil.chown(folder, user)
            shutil.chown(data, user)
        subprocess.run(
            [install, "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal",
             *([f"--user={user}"] if user else [])],
            check=True, capture_output=True, timeout=120,
        )  # fmt: skip
        command = [
            path, "--no-defaults", f"--datadir={data}", f"--port={port}", "--bind-address=127.0.0.1",
            f"--socket={folder}/s", f"--pid-file={folder}/pid", f"--init-file={init}",
            "--max-connections=50", "--skip-log-bin", "--innodb-flush-log-at-trx-commit=0",
        ]  # fmt: skip
        with started(command, folder / "log", user):
            wait_until(lambda: accepts(port), 60, "MariaDB's start")
            yield f"mysql://watcher:s3cret-pass@127.0.0.1:{port}/"


def as_admin(url: str) -> str:
    """The URL of `mysql_server` for a user who may do everything."""
    return url.replace("watcher", "admin")


@contextmanager
def prometheus_server(target: str) -> Iterator[str]:
    """A Prometheus that scrapes `target` ("host:port"); yields its URL once it has scraped."""
    path = program("prometheus")
    port = free_port()
    with open_folder() as folder:
        configuration = folder / "prometheus.yml"
        configuration.write_text(
            "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
            f"scrape_configs: [{{job_name: demo, static_configs: [{{targets: ['{target}']}}]}}]\n"
        )
        command = [
            path, f"--config.file={configuration}", f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{port}", "--log.level=error",
        ]  # fmt: skip
        with started(command, folder / "log"):
            url = f"http://127.0.0.1:{port}"
            wait_until(lambda: accepts(port), what="Prometheus's start")
            wait_until(lambda: _has_scraped(url), what="a scrape")
            yield url


def _has_scraped(url: str) -> bool:
    try:
        answer = httpx.get(f"{url}/api/v1/query", params={"query": "up == 1"}, trust_env=False)
        return bool(answer.json()["data"]["result"])
    except (httpx.HTTPError, ValueError, KeyError):
        return False
