"""The services that are watched: how each is started, and the tree that must be seen."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.monitors import servers

from benchmarks.services import programs
from benchmarks.services.installing import go_program, java_classes, node_packages, python_packages
from benchmarks.services.pocketbase import pocketbase
from benchmarks.services.sources import GO, JAVA, NODE, PHP, WSGI
from benchmarks.services.spring import spring
from benchmarks.services.started import Started, free_port, program, running
from benchmarks.services.wordpress import wordpress

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack
    from pathlib import Path


def nginx(stack: ExitStack, folder: Path) -> Started:
    """nginx with two workers, serving a file."""
    port = free_port()
    (folder / "www").mkdir()
    (folder / "www" / "index.html").write_text("x" * 20_000)
    pid = programs.nginx(stack, folder, port, f"location / {{ root {folder}/www; }}")
    return Started(f"http://127.0.0.1:{port}", [pid], lambda: programs.logged(folder / "access.log"))


def django(stack: ExitStack, folder: Path) -> Started:
    """Django on gunicorn with two workers that are replaced after 200 requests, and a PostgreSQL."""
    packages = python_packages("django", "django", "gunicorn", "psycopg[binary]")
    database = stack.enter_context(servers.postgres())
    (folder / "site_app.py").write_text(WSGI)
    port = free_port()
    command = [
        sys.executable, "-m", "gunicorn", "-w", "2", "--max-requests", "200", "-b", f"127.0.0.1:{port}",
        "--access-logfile", "access.log", "site_app:application",
    ]  # fmt: skip
    pid = stack.enter_context(
        running(command, folder, port, PG_PORT=str(database.port), PYTHONPATH=str(packages))
    )
    return Started(
        f"http://127.0.0.1:{port}", [pid, database.pid],
        lambda: programs.logged(folder / "access.log"),
    )  # fmt: skip


def node(stack: ExitStack, folder: Path) -> Started:
    """Fastify in a cluster of two."""
    packages = node_packages("fastify", "fastify@5")
    (folder / "server.js").write_text(NODE)
    port = free_port()
    pid = stack.enter_context(
        running([program("node"), "server.js", str(port)], folder, port, NODE_PATH=str(packages))
    )
    return Started(f"http://127.0.0.1:{port}", [pid], lambda: programs.logged(folder / "node.log"))


def go(stack: ExitStack, folder: Path) -> Started:
    """A Go program that may use one processor."""
    port, shop = free_port(), go_program("shop", GO)
    pid = stack.enter_context(running([str(shop), str(port)], folder, port, GOMAXPROCS="1"))
    return Started(f"http://127.0.0.1:{port}", [pid], lambda: programs.logged(folder / "shop.log"))


def java(stack: ExitStack, folder: Path) -> Started:
    """A JVM with a pool of eight threads."""
    port, classes = free_port(), java_classes("Shop", JAVA)
    pid = stack.enter_context(
        running([program("java"), "-Xmx64m", "-cp", str(classes), "Shop", str(port)], folder, port)
    )
    return Started(f"http://127.0.0.1:{port}", [pid], lambda: programs.logged(folder / "java.log"))


def php(stack: ExitStack, folder: Path) -> Started:
    """nginx, PHP-FPM with a pool of four on a unix socket, and a MariaDB on another."""
    port, socket, database = free_port(), folder / "fpm.sock", folder / "db.sock"
    server = programs.mariadb(
        stack, folder, database,
        "CREATE DATABASE shop;\nCREATE TABLE shop.stock (n INT);\n"
        "INSERT INTO shop.stock VALUES (1), (2), (3);\n",
    )  # fmt: skip
    (folder / "index.php").write_text(PHP)
    workers = programs.php_fpm(
        stack, folder, socket, "pm = static\npm.max_children = 4\npm.max_requests = 300",
        DB_SOCKET=str(database),
    )  # fmt: skip
    passed = programs.fastcgi(f"unix:{socket}", f"{folder}/index.php")
    front = programs.nginx(stack, folder, port, f"location / {{ {passed} }}")
    return Started(
        f"http://127.0.0.1:{port}", [front, workers, server],
        lambda: programs.logged(folder / "access.log"),
    )  # fmt: skip


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
    "wordpress": Service(wordpress, ("nginx", "php-fpm", "mariadbd")),
    "spring": Service(spring, ("java", "postgres")),
    "pocketbase": Service(pocketbase, ("pocketbase",)),
}
