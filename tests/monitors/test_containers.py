"""Containers, from files as the kernel writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loadproof.monitors.discovery import as_seen_from_here
from loadproof.monitors.parts import containers
from loadproof.monitors.parts.part import Part, PartRole
from loadproof.monitors.parts.service import WatchedService
from loadproof.monitors.parts.table import ProcessTable
from loadproof.sockets import Link, ListeningSocket

if TYPE_CHECKING:
    from pathlib import Path

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0B00007F:872D 00000000:0000 0A 00000000:00000000 0:0 0 0 0 42 1
   1: 030012AC:9A1A 020012AC:2328 01 00000000:00000000 0:0 0 0 0 43 3
   2: 030012AC:9A1C 020012AC:2328 06 00000000:00000000 0:0 0 0 0 0 3
"""
TCP6 = """\
  sl  local_address                         remote_address                        st tx_queue rx_queue tr
   0: 00000000000000000000000000000000:1F40 00000000000000000000000000000000:0000 0A 0000000:0 0:0 0 0 0 44 2
   1: 0000000000000000FFFF0000030012AC:1F40 0000000000000000FFFF0000010012AC:CAFE 01 0000000:0 0:0 0 0 0 45 1
"""


def test_a_containers_own_sockets_are_read_from_its_network(tmp_path: Path) -> None:
    """Who listens and who is connected; connections that are closing are neither."""
    (tmp_path / "7" / "net").mkdir(parents=True)
    (tmp_path / "7" / "net" / "tcp").write_text(TCP)
    (tmp_path / "7" / "net" / "tcp6").write_text(TCP6)
    found = containers.sockets_of(7, str(tmp_path))
    assert found.listeners == [ListeningSocket(42, "127.0.0.11", 34605), ListeningSocket(44, "::", 8000)]
    assert found.links == [
        Link(43, "172.18.0.3", 39450, "172.18.0.2", 9000),
        Link(45, "172.18.0.3", 8000, "172.18.0.1", 51966),
    ]


def test_a_network_that_may_not_be_read_has_no_sockets(tmp_path: Path) -> None:
    """Nothing is invented."""
    assert containers.sockets_of(7, str(tmp_path)).listeners == []


@pytest.mark.parametrize(
    ("lines", "group"),
    [
        ("0::/system.slice/docker-0b2e.scope\n", "/system.slice/docker-0b2e.scope"),
        ("9:name=systemd:/docker/0b2e\n4:memory:/docker/0b2e\n0::/\n", "/docker/0b2e"),
        ("0::/machine.slice/libpod-77.scope/container\n", "/machine.slice/libpod-77.scope/container"),
        ("0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-5.scope\n",
         "/kubepods.slice/kubepods-pod1.slice/cri-containerd-5.scope"),
        ("0::/system.slice/nginx.service\n", ""),
        ("4:memory:/process_api/9b74\n0::/\n", ""),
        ("0::/system.slice/docker.service\n", ""),
    ],
)  # fmt: skip
def test_what_is_in_a_container_is_known_by_its_control_group(tmp_path: Path, lines: str, group: str) -> None:
    """As Docker, Podman and Kubernetes name them, in both versions; a service of systemd is no container."""
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "cgroup").write_text(lines)
    assert containers.group_of(7, tmp_path)[1] == group


class Table(ProcessTable):
    """A forwarder 5 of Docker's, and a forwarder 6 that tells nothing."""

    def arguments(self, pid: int) -> list[str]:
        words = "docker-proxy -proto tcp -host-port 80 -container-ip 172.18.0.3 -container-port 8000"
        return words.split() if pid == 5 else ["rootlessport"]


def test_a_forwarder_leads_to_its_container(monkeypatch: pytest.MonkeyPatch) -> None:
    """By what it was started with."""
    asked: list[tuple[str, int]] = []

    def listening_at(host: str, port: int, pids: object) -> list[int]:
        asked.append((host, port))
        return [77]

    monkeypatch.setattr(containers, "listening_at", listening_at)
    assert containers.behind(Table(), 5, ()) == [77]
    assert asked == [("172.18.0.3", 8000)]
    assert containers.behind(Table(), 6, ()) == []


@pytest.mark.parametrize(
    ("url", "seen", "why"),
    [
        (
            "mysql://u:p%40@db.invalid:3306/d",
            "mysql://u:p%40@172.18.0.2:3306/d",
            "a name of Docker's network",
        ),
        ("mysql://db.invalid/d", "mysql://172.18.0.2:3306/d", "without a user and a port"),
        ("mysql://u@127.0.0.1:3307/d", "mysql://u@127.0.0.1:3307/d", "an address is one everywhere"),
        ("redis://cache.invalid:6379", "", "no such part was seen"),
    ],
)
def test_names_that_only_a_container_knows_become_addresses(url: str, seen: str, why: str) -> None:
    """Of the part that the service was seen to be connected to."""
    service = WatchedService(
        [], parts=[Part("mariadbd", "mariadbd", PartRole.DATABASE, 1, "172.18.0.2:3306")]
    )
    assert as_seen_from_here(url, url.partition(":")[0], service) == seen, why
