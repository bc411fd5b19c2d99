"""Machines made of network namespaces: a hub and its workers, with one cable for orders and one for load.

The hub has an address where its master listens and one where the target does; a worker reaches each by a
cable of its own, so that it can be cut off from the master and still load the target. All addresses are of
198.18.0.0/15, which is set aside for benchmarks (RFC 2544), and no namespace has a way out.
"""

from __future__ import annotations

import os
import subprocess
from typing import Self

HUB_MASTER = "198.18.0.1"
HUB_TARGET = "198.19.0.1"


class Network:
    """Namespaces for the time of a `with` block."""

    def __init__(self, workers: int) -> None:
        self._prefix = f"lp{os.getpid()}"
        self.hub = f"{self._prefix}h"
        self.workers = [f"{self._prefix}w{number}" for number in range(1, workers + 1)]

    def __enter__(self) -> Self:
        try:
            _ip("netns", "add", self.hub)
            _ip("-n", self.hub, "link", "set", "lo", "up")
            for address in (HUB_MASTER, HUB_TARGET):
                _ip("-n", self.hub, "address", "add", f"{address}/32", "dev", "lo")
            for number, worker in enumerate(self.workers, start=1):
                _ip("netns", "add", worker)
                _ip("-n", worker, "link", "set", "lo", "up")
                self._cable(worker, "orders", f"198.18.{number}", HUB_MASTER, number)
                self._cable(worker, "load", f"198.19.{number}", HUB_TARGET, number)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for name in (self.hub, *self.workers):
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True, timeout=60)

    def inside(self, name: str) -> list[str]:
        """What stands before a command line that runs there."""
        return ["ip", "netns", "exec", name]

    def cut_off(self, worker: str) -> None:
        """Pull the cable between a worker and the master."""
        _ip("-n", worker, "link", "set", "orders", "down")

    def _cable(self, worker: str, name: str, network: str, reaches: str, number: int) -> None:
        there = f"{name}{number}"
        peer = ["type", "veth", "peer", "name", there, "netns", self.hub]
        _ip("link", "add", name, "netns", worker, *peer)
        _ip("-n", self.hub, "address", "add", f"{network}.1/24", "dev", there)
        _ip("-n", self.hub, "link", "set", there, "up")
        _ip("-n", worker, "address", "add", f"{network}.2/24", "dev", name)
        _ip("-n", worker, "link", "set", name, "up")
        _ip("-n", worker, "route", "add", reaches, "via", f"{network}.1")


def _ip(*args: str) -> None:
    done = subprocess.run(["ip", *args], check=False, capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(args)}: {done.stderr.strip()}")


def why_impossible() -> str:
    """Why there can be no namespaces here; "" when there can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    try:
        with Network(0):
            return ""
    except (OSError, RuntimeError) as error:
        return f"network namespaces need iproute2 and a kernel that allows them: {error}"
