"""Generators that run out of descriptors and of local ports: what they could not send blames nobody else."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from loadproof.engines.scarce import descriptors_in_use, sockets_and_ports
from loadproof.errors import ExitCode
from tests.machines.commands import Command
from tests.machines.networks import HUB_TARGET, Network, why_impossible
from tests.servers import StubServer

if TYPE_CHECKING:
    from collections.abc import Sequence

REPOSITORY = Path(__file__).parent.parent.parent
DESCRIPTORS = 150
PORTS = 20
USERS = 300
LOCUSTFILE = """
from locust import FastHttpUser, constant_pacing, task

class Reader(FastHttpUser):
    wait_time = constant_pacing(1)

    @task
    def read(self):
        self.client.get("/")
"""
K6_SCRIPT = """
import http from 'k6/http';
import { sleep } from 'k6';
export const options = { vus: %d, duration: '6s' };
export default function () { http.get(`${__ENV.BASE_URL}/`); sleep(1); }
"""
IMPOSSIBLE = why_impossible()


def findings(folder: Path, engine: str, url: str, inside: Sequence[str]) -> dict[str, Any]:
    """By their ids, of a run that requires that few requests fail."""
    (folder / "requirements.yaml").write_text("error_rate:\n  max_rate: 1%\n")
    (folder / "locustfile.py").write_text(LOCUSTFILE)
    (folder / "script.js").write_text(K6_SCRIPT % USERS)
    load = (
        ("locustfile.py", "--users", USERS, "-r", USERS, "-t", "6s") if engine == "locust" else ("script.js",)
    )
    asked = (*load, "--target", url, "--requirements", "requirements.yaml", "--json", "report.json")
    with Command.loadproof("run", *asked, folder=folder, inside=inside) as run:
        code = run.ended()
    assert code == ExitCode.INCONCLUSIVE, run.text
    report = json.loads((folder / "report.json").read_text())
    return {finding["id"]: finding for finding in report["findings"]}


@pytest.mark.parametrize("engine", ["locust", "k6"])
def test_a_generator_without_descriptors_is_inconclusive(engine: str, tmp_path: Path) -> None:
    """Half of the users find none for their connection: failures, of which the service knows nothing."""
    limited = ["sh", "-c", f'ulimit -n {DESCRIPTORS} && exec "$@"', "sh"]
    with StubServer() as server:
        found = findings(tmp_path, engine, server.url, limited)
    finding = found["generator.fds"]
    assert finding["evidence"]["share"] > 0.2
    assert "of the requests could not be sent" in finding["sentence"]
    if engine == "k6":
        assert f"{DESCRIPTORS} of {DESCRIPTORS}" in finding["sentence"]


@pytest.mark.skipif(bool(IMPOSSIBLE) and (os.geteuid() != 0 or not os.environ.get("CI")), reason=IMPOSSIBLE)
def test_a_generator_without_local_ports_is_inconclusive(tmp_path: Path) -> None:
    """A machine that has 20 of them, and 300 users who each want one."""
    with Network(0) as network:
        hub = network.inside(network.hub)
        few = f"echo 50001 {50000 + PORTS} > /proc/sys/net/ipv4/ip_local_port_range"
        argv = ["-m", "tests.machines.target", HUB_TARGET]
        with Command(argv, folder=REPOSITORY, inside=hub) as target:
            url = target.wait_for("http://")
            found = findings(tmp_path, "locust", url, [*hub, "sh", "-c", f'{few} && exec "$@"', "sh"])
    finding = found["generator.ports"]
    assert finding["evidence"]["share"] > 0.5
    assert f"TCP sockets for {PORTS} ports" in finding["sentence"]


def test_sockets_are_counted_with_those_that_wait_out_their_end(tmp_path: Path) -> None:
    """Of both address families, as the kernel writes them."""
    (tmp_path / "net").mkdir()
    (tmp_path / "sys/net/ipv4").mkdir(parents=True)
    (tmp_path / "sys/net/ipv4/ip_local_port_range").write_text("32768\t60999\n")
    (tmp_path / "net/sockstat").write_text(
        "sockets: used 300\nTCP: inuse 7 orphan 1 tw 20 alloc 9 mem 3\nUDP: inuse 5 mem 2\n"
    )
    (tmp_path / "net/sockstat6").write_text("TCP6: inuse 4\nUDP6: inuse 2\n")
    assert sockets_and_ports(tmp_path) == (31, 28_232)
    assert sockets_and_ports(tmp_path / "nothing") is None
    assert descriptors_in_use(100, tmp_path / "nothing") is None


def test_descriptors_are_counted_one_by_one() -> None:
    """Each that is opened is one more."""
    before = descriptors_in_use(DESCRIPTORS)
    more = [os.dup(1) for _ in range(DESCRIPTORS)]
    after = descriptors_in_use(DESCRIPTORS)
    for descriptor in more:
        os.close(descriptor)
    assert before is not None
    assert after == before + DESCRIPTORS
