"""nginx, PHP-FPM and MariaDB from the distribution, each started in a folder of its own."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from benchmarks.services.started import VISIT, NotHereError, installed, program, running

if TYPE_CHECKING:
    from contextlib import ExitStack
    from pathlib import Path

_START_S = 30
_FASTCGI = """
fastcgi_param QUERY_STRING $query_string; fastcgi_param REQUEST_METHOD $request_method;
fastcgi_param CONTENT_TYPE $content_type; fastcgi_param CONTENT_LENGTH $content_length;
fastcgi_param REQUEST_URI $request_uri; fastcgi_param DOCUMENT_ROOT $document_root;
fastcgi_param SCRIPT_NAME $fastcgi_script_name; fastcgi_param SERVER_PROTOCOL $server_protocol;
fastcgi_param REMOTE_ADDR $remote_addr; fastcgi_param SERVER_NAME $server_name;
fastcgi_param SERVER_PORT $server_port; fastcgi_param HTTP_HOST $http_host; fastcgi_index index.php;
"""


def nginx(stack: ExitStack, folder: Path, port: int, locations: str, http: str = "") -> int:
    """Two workers, with an access log beside; its pid when it listens. `http` is said around the server."""
    paths = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(
        f"daemon off; worker_processes 2; user root; pid {folder}/nginx.pid; error_log {folder}/error.log;\n"
        "events { worker_connections 512; }\n"
        f"http {{ access_log {folder}/access.log; {http} client_body_temp_path {folder}/body; {paths}\n"
        f"server {{ listen 127.0.0.1:{port}; {locations} }} }}\n"
    )
    command = [program("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf")]
    return stack.enter_context(running(command, folder, port))


def fastcgi(address: str, script: str) -> str:
    """What an nginx location says that hands work to PHP-FPM."""
    return f"fastcgi_pass {address}; {_FASTCGI} fastcgi_param SCRIPT_FILENAME {script};"


def php_fpm(stack: ExitStack, folder: Path, socket: Path, pool: str, **environment: str) -> int:
    """A pool on a unix socket; `pool` are lines of its configuration."""
    path = program("php-fpm", "php-fpm8.4", "php-fpm8.3", "php-fpm8.2", "php-fpm8.1")
    passed = "".join(f"env[{name}] = {value}\n" for name, value in environment.items())
    (folder / "fpm.conf").write_text(
        f"[global]\nerror_log = {folder}/fpm-error.log\ndaemonize = no\n[www]\nuser = root\ngroup = root\n"
        f"listen = {socket}\n{pool}\n{passed}"
    )
    pid = stack.enter_context(running([path, "-R", "-F", "-y", str(folder / "fpm.conf")], folder))
    _wait_for(socket)
    return pid


def mariadb(stack: ExitStack, folder: Path, socket: Path, sql: str, *options: str) -> int:
    """A database on a unix socket, after these statements, one a line."""
    install, server = program("mariadb-install-db"), program("mariadbd")
    data, init = folder / "data", folder / "init.sql"
    installed(
        install, "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal",
        "--user=root", cwd=folder,
    )  # fmt: skip
    init.write_text(sql)
    command = [
        server, "--no-defaults", f"--datadir={data}", "--skip-networking", "--user=root",
        f"--socket={socket}", f"--init-file={init}", "--skip-log-bin", *options,
    ]  # fmt: skip
    pid = stack.enter_context(running(command, folder))
    _wait_for(socket)
    return pid


def logged(log: Path) -> int:
    """How many requests of the scenario stand in a service's own log; others have asked as well.

    nginx writes 499 for those whose client has gone: what the end of the load cut is no request of the run.
    """
    with log.open(errors="replace") as lines:
        return sum(VISIT in line and '" 499 ' not in line for line in lines)


def _wait_for(socket: Path) -> None:
    deadline_s = time.monotonic() + _START_S
    while not socket.exists():
        if time.monotonic() > deadline_s:
            raise NotHereError(f"nobody opened {socket.name} within {_START_S} s")
        time.sleep(0.1)
