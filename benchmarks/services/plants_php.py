"""PHP-FPM and MariaDB with one planted limit each: WordPress's stack, without one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.services import programs
from benchmarks.services.plant_sources import visits
from benchmarks.services.plants import Plant
from benchmarks.services.started import Started, free_port
from benchmarks.services.wordpress import Settings, wordpress

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack
    from pathlib import Path

_SQL = """\
CREATE DATABASE shop;
CREATE TABLE shop.stock (id INT PRIMARY KEY, n INT) ENGINE = InnoDB;
INSERT INTO shop.stock VALUES (1, 100), (2, 100);
CREATE USER few@localhost WITH MAX_USER_CONNECTIONS 3;
GRANT ALL ON shop.* TO few@localhost;
"""
_CONNECTED = """<?php
mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
$db = new mysqli('localhost', getenv('DB_USER'), '', 'shop', 0, getenv('DB_SOCKET'));
"""
_SLOW = "<?php usleep(60000); echo 'done';"
"""As a call of another service is waited for."""
_QUERY = _CONNECTED + "$db->query('SELECT SLEEP(0.04)'); echo 'done';"
_UPDATE = "UPDATE stock SET n = n + 1 WHERE id = 1"
_ORDER = (
    f"{_CONNECTED} $db->begin_transaction(); $db->query('{_UPDATE}'); $db->query('SELECT SLEEP(0.02)'); "
    "$db->commit(); echo 'done';"
)


def php(page: str, workers: int, user: str = "root") -> Callable[[ExitStack, Path], Started]:
    """nginx, PHP-FPM with so many workers, and a MariaDB that is watched as root."""

    def start(stack: ExitStack, folder: Path) -> Started:
        port, socket, database = free_port(), folder / "fpm.sock", folder / "db.sock"
        server = programs.mariadb(stack, folder, database, _SQL)
        (folder / "index.php").write_text(page)
        pool = programs.php_fpm(
            stack, folder, socket, f"pm = static\npm.max_children = {workers}",
            DB_SOCKET=str(database), DB_USER=user,
        )  # fmt: skip
        passed = programs.fastcgi(f"unix:{socket}", f"{folder}/index.php")
        front = programs.nginx(stack, folder, port, f"location / {{ {passed} }}")
        (folder / "loadproof.yaml").write_text(
            f"monitors:\n  mysql: {{url: 'mysql://root@localhost/?unix_socket={database}'}}\n"
        )
        return Started(f"http://127.0.0.1:{port}", [front, pool, server], lambda: 0)

    return start


def site(stack: ExitStack, folder: Path) -> Started:
    """WordPress as it is."""
    return wordpress(stack, folder, Settings(workers=8, recycled_after=0))


PLANTS = (
    Plant("php-fpm-pool-of-4", php(_SLOW, 4), visits("/"), r"the 4 workers of php-fpm"),
    Plant("mariadb-row-lock", php(_ORDER, 24), visits("/"), r"row locks in MariaDB"),
    Plant("mariadb-user-limit", php(_QUERY, 24, "few"), visits("/"), r"the connections that few may have"),
    Plant("healthy-php", php(_QUERY, 24), visits("/"), users=12),
    Plant("healthy-wordpress", site, visits("/", 2.0), users=4),
)
