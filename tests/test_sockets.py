"""Who is connected to whom, as the kernel tells it, and where it does not, as psutil does."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack
from typing import Any

import pytest

from loadproof import sockets


def _no_netlink(_timeout_s: float) -> Any:
    raise OSError("a container that may not ask")


@pytest.mark.parametrize("by", ["kernel", "psutil"])
@pytest.mark.parametrize(
    ("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")], ids=["IPv4", "IPv6"]
)
def test_the_other_ends_of_a_process(
    monkeypatch: pytest.MonkeyPatch, by: str, family: socket.AddressFamily, host: str
) -> None:
    """Of TCP both ends, one of them half closed; of UDP where it is connected. Listeners have none."""
    if by == "psutil":
        monkeypatch.setattr(sockets, "sock_diag", _no_netlink)
    with ExitStack() as opened:
        listener, client, datagram = (
            opened.enter_context(socket.socket(family, kind))
            for kind in (socket.SOCK_STREAM, socket.SOCK_STREAM, socket.SOCK_DGRAM)
        )
        listener.bind((host, 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert (host, port) not in sockets.peers_of([os.getpid()])
        client.connect((host, port))
        server = opened.enter_context(listener.accept()[0])
        server.shutdown(socket.SHUT_WR)
        datagram.connect((host, 9))
        found = sockets.peers_of([os.getpid()])
        assert {(host, port), (host, client.getsockname()[1]), (host, 9)} <= found
        assert not {peer for peer in found if not peer[1]}
    assert not {(host, port), (host, 9)} & sockets.peers_of([os.getpid()])
