"""PHP-FPM's pools by its configuration, and its status page over a FastCGI socket."""

from __future__ import annotations

import json
import socket
import struct
import threading
from typing import TYPE_CHECKING

import pytest

from loadproof.monitors.readings.php_fpm import FpmPool, FpmStatus, pools, status, used_by

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TITLE = "php-fpm: master process (/etc/php/8.2/fpm/php-fpm.conf)"
PAGE = {
    "pool": "www", "process manager": "dynamic", "accepted conn": 9, "listen queue": 2, "idle processes": 1,
    "active processes": 4, "total processes": 5, "max children reached": 3, "slow requests": 1,
}  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The files of a container with two pools, as Debian lays them out."""
    folder = tmp_path / "etc" / "php" / "8.2" / "fpm"
    (folder / "pool.d").mkdir(parents=True)
    (folder / "php-fpm.conf").write_text(
        "[global]\npid = /run/fpm.pid\ninclude=/etc/php/8.2/fpm/pool.d/*.conf\n"
    )
    (folder / "pool.d" / "www.conf").write_text(
        "; a comment with = and [brackets]\n[www]\nlisten = /run/php/$pool.sock\npm = dynamic\n"
        "pm.max_children = 20 ; of 8 GB\npm.status_path = /status\nphp_admin_value[memory_limit] = 32M\n"
    )
    (folder / "pool.d" / "api.conf").write_text("[api]\nlisten = 9000\npm = static\npm.max_children = 4\n")
    return tmp_path


def test_pools_are_read_from_the_configuration_that_the_master_names(root: Path) -> None:
    """With what it includes; one that starts workers when they are needed may have more than it has."""
    assert pools(TITLE, root) == [
        FpmPool("api", "127.0.0.1:9000", 4, ""),
        FpmPool("www", "unix:/run/php/www.sock", 20, "/status"),
    ]


def test_only_pools_that_are_handed_work_are_the_services(root: Path) -> None:
    """Another site's workers serve nobody here."""
    found = pools(TITLE, root)
    assert [pool.name for pool in used_by(found, {"unix:/run/php/www.sock"})] == ["www"]
    assert used_by(found, set()) == found


@pytest.mark.parametrize("title", ["php-fpm: pool www", "php-fpm: master process (/nowhere.conf)", ""])
def test_without_a_configuration_there_are_no_pools(tmp_path: Path, title: str) -> None:
    """Nothing is invented."""
    assert pools(title, tmp_path) == []


@pytest.fixture
def page(root: Path) -> Iterator[list[bytes]]:
    """A FastCGI server at the pool's socket, which answers one question; yields what it was asked."""
    (root / "run" / "php").mkdir(parents=True)
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(root / "run" / "php" / "www.sock"))
    server.listen()
    asked: list[bytes] = []

    def serve() -> None:
        link, _ = server.accept()
        with link:
            asked.append(link.recv(4096))
            head = b"Content-type: application/json\r\n\r\n"
            for kind, content in ((6, head), (6, json.dumps(PAGE).encode()), (3, bytes(8))):
                link.sendall(struct.pack("!BBHHBx", 1, kind, 1, len(content), 3) + content + bytes(3))

    thread = threading.Thread(target=serve)
    thread.start()
    yield asked
    thread.join(60)
    server.close()


def test_the_status_page_is_asked_over_the_pools_own_socket(root: Path, page: list[bytes]) -> None:
    """No web server has to pass it on; the worker that answers is none of those at work."""
    pool = FpmPool("www", "unix:/run/php/www.sock", 20, "/status")
    assert status(pool, root) == FpmStatus(active=3, queued=2, max_children_reached=3, slow=1)
    assert b"\x0b\x07SCRIPT_NAME/status" in page[0]


def test_a_page_that_is_off_or_a_socket_that_is_gone_tells_nothing(root: Path) -> None:
    """No value, never 0."""
    assert status(FpmPool("www", "unix:/run/php/www.sock", 20, ""), root) is None
    assert status(FpmPool("www", "unix:/run/php/www.sock", 20, "/status"), root) is None
