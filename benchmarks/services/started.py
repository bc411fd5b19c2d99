"""Real services: installed by name, started, and ended with all that they have started."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.monitors import servers

from benchmarks.services.sources import GO, JAVA, NODE, PHP, WSGI

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class NotHereError(Exception):
    """Why a service cannot be installed or started on this machine."""


@dataclass
class Started:
    """A running service, and the processes that its programs began with."""

    url: str
    roots: list[int] = field(default_factory=list)


def program(*names: str) -> str:
    """The path of an installed program. Raises NotHereError."""
    folders = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/usr/local/sbin"])
    for name in names:
        if path := shutil.which(name, path=folders):
            return path
    raise NotHereError(f"{names[0]} is not installed")


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def installed(*command: str, cwd: Path) -> None:
    """Run an installer. Raises NotHereError with its last line."""
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotHereError(str(error)) from None
    if done.returncode:
        raise NotHereError((done.stderr or done.stdout).strip().splitlines()[-1][:200])


@contextmanager
def running(command: list[str], folder: Path, port: int = 0, **environment: str) -> Iterator[int]:
    """A program in a session of its own, ended with all that it started; yields its pid when it listens."""
    with (folder / f"{Path(command[0]).name}.log").open("ab") as log:
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **environment}, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    try:
        deadline_s = time.monotonic() + 30
        while port and not _accepts(port):
            if process.poll() is not None or time.monotonic() > deadline_s:
                said = (folder / f"{Path(command[0]).name}.log").read_text(errors="replace")
                raise NotHereError(f"{command[0]} did not start: {said.strip().splitlines()[-1:]}")
            time.sleep(0.1)
        yield process.pid
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def nginx(stack: ExitStack, folder: Path) -> Started:
    """nginx with two workers, serving a file."""
    port = free_port()
    (folder / "www").mkdir()
    (folder / "www" / "index.html").write_text("x" * 20_000)
    (folder / "nginx.conf").write_text(nginx_configuration(folder, port, f"root {folder}/www;"))
    pid = stack.enter_context(
        running([program("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf")], folder, port)
    )
    return Started(f"http://127.0.0.1:{port}", [pid])


def nginx_configuration(folder: Path, port: int, location: str, http: str = "") -> str:
    """Two workers, which do `location`; `http` is said outside of the server."""
    paths = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("proxy", "fastcgi", "uwsgi", "scgi"))
    return (
        f"daemon off; worker_processes 2; user root; pid {folder}/nginx.pid; error_log {folder}/error.log;\n"
        "events { worker_connections 512; }\n"
        f"http {{ access_log off; {http} client_body_temp_path {folder}/body; {paths}\n"
        f"server {{ listen 127.0.0.1:{port}; location / {{ {location} }} }} }}\n"
    )


def django(stack: ExitStack, folder: Path) -> Started:
    """Django on gunicorn with two workers that are replaced after 200 requests, and a PostgreSQL."""
    installed(sys.executable, "-m", "venv", "env", cwd=folder)
    installed("env/bin/pip", "install", "-q", "django", "gunicorn", "psycopg[binary]", cwd=folder)
    database = stack.enter_context(servers.postgres())
    (folder / "site_app.py").write_text(WSGI)
    port = free_port()
    command = [
        str(folder / "env/bin/gunicorn"), "-w", "2", "--max-requests", "200", "-b", f"127.0.0.1:{port}",
        "site_app:application",
    ]  # fmt: skip
    pid = stack.enter_context(running(command, folder, port, PG_PORT=str(database.port)))
    return Started(f"http://127.0.0.1:{port}", [pid, database.pid])


def node(stack: ExitStack, folder: Path) -> Started:
    """Fastify in a cluster of two."""
    installed("npm", "install", "--silent", "--no-audit", "--no-fund", "fastify@5", cwd=folder)
    (folder / "server.js").write_text(NODE)
    port = free_port()
    pid = stack.enter_context(running([program("node"), "server.js", str(port)], folder, port))
    return Started(f"http://127.0.0.1:{port}", [pid])


def go(stack: ExitStack, folder: Path) -> Started:
    """A Go program that may use one processor."""
    (folder / "main.go").write_text(GO)
    installed(program("go"), "mod", "init", "shop", cwd=folder)
    installed(program("go"), "build", "-o", "shop", ".", cwd=folder)
    port = free_port()
    pid = stack.enter_context(running([str(folder / "shop"), str(port)], folder, port, GOMAXPROCS="1"))
    return Started(f"http://127.0.0.1:{port}", [pid])


def java(stack: ExitStack, folder: Path) -> Started:
    """A JVM with a pool of eight threads."""
    (folder / "Shop.java").write_text(JAVA)
    installed(program("javac"), "Shop.java", cwd=folder)
    port = free_port()
    pid = stack.enter_context(
        running([program("java"), "-Xmx64m", "-cp", ".", "Shop", str(port)], folder, port)
    )
    return Started(f"http://127.0.0.1:{port}", [pid])


def php(stack: ExitStack, folder: Path) -> Started:
    """nginx, PHP-FPM with a pool of four on a unix socket, and a MariaDB on another."""
    fpm = program("php-fpm", "php-fpm8.4", "php-fpm8.3", "php-fpm8.2", "php-fpm8.1")
    install, server = program("mariadb-install-db"), program("mariadbd")
    data, port = folder / "data", free_port()
    installed(install, "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal",
              "--user=root", cwd=folder)  # fmt: skip
    init = folder / "init.sql"
    init.write_text("CREATE DATABASE shop;\nCREATE TABLE shop.stock (n INT);\n"
                    "INSERT INTO shop.stock VALUES (1), (2), (3);\n")  # fmt: skip
    db_socket, fpm_socket = folder / "db.sock", folder / "fpm.sock"
    database = stack.enter_context(
        running([server, "--no-defaults", f"--datadir={data}", "--skip-networking", "--user=root",
                 f"--socket={db_socket}", f"--init-file={init}", "--skip-log-bin"], folder)
    )  # fmt: skip
    (folder / "fpm.conf").write_text(
        f"[global]\nerror_log = {folder}/fpm.log\ndaemonize = no\n[www]\nuser = root\ngroup = root\n"
        f"listen = {fpm_socket}\npm = static\npm.max_children = 4\npm.max_requests = 300\n"
        f"env[DB_SOCKET] = {db_socket}\n"
    )
    (folder / "index.php").write_text(PHP)
    workers = stack.enter_context(running([fpm, "-R", "-F", "-y", str(folder / "fpm.conf")], folder))
    passed = (
        f"fastcgi_pass unix:{fpm_socket}; fastcgi_param SCRIPT_FILENAME {folder}/index.php; "
        "fastcgi_param REQUEST_METHOD $request_method; fastcgi_param QUERY_STRING $query_string;"
    )
    (folder / "nginx.conf").write_text(nginx_configuration(folder, port, passed))
    front = stack.enter_context(
        running([program("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf")], folder, port)
    )
    deadline_s = time.monotonic() + 30
    while not (db_socket.exists() and fpm_socket.exists()):
        if time.monotonic() > deadline_s:
            raise NotHereError("MariaDB or PHP-FPM did not open its socket")
        time.sleep(0.1)
    return Started(f"http://127.0.0.1:{port}", [front, workers, database])


@dataclass(frozen=True)
class Service:
    """How to start it, and the tree that must be seen."""

    start: Callable[[ExitStack, Path], Started]
    tree: tuple[str, ...]


SERVICES = {
    "nginx": Service(nginx, ("nginx",)),
    "node": Service(node, ("node",)),
    "go": Service(go, ("shop",)),
    "java": Service(java, ("java",)),
    "django": Service(django, ("gunicorn", "postgres")),
    "php": Service(php, ("nginx", "php-fpm", "mariadbd")),
}
