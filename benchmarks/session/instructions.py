"""`python -m benchmarks.session.instructions`: what a request costs in instructions, by valgrind.

Wall clocks of a shared machine scatter too much to see two per cent. Instructions of the client's own code do
not: the same requests take the same ones. Each scenario is played with two numbers of requests, without
timers; the difference is what the requests between them cost, and imports and set-up are in neither. The
kernel's part is not counted. `--source DIR` counts another checkout's `src`.
"""

from __future__ import annotations

import locust  # first of all, because it patches

# ruff: isort: split
import argparse
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import gevent
from locust.env import Environment

from benchmarks.session.target import nginx

_SCENARIOS = ("get", "post", "fast-get", "fast-post")
_FEW, _MANY = 500, 3500
_USERS = 10
_LIMIT_S = 600


def main() -> None:
    """Print instructions for each request of the scenarios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path, default=Path(__file__).parents[2] / "src")
    parser.add_argument("--scenario", choices=_SCENARIOS, action="append")
    parser.add_argument(
        "--play", nargs=2, metavar=("URL", "REQUESTS"), help="what is counted: used by itself"
    )
    wanted = parser.parse_args()
    if wanted.play:
        _play(wanted.scenario[0], wanted.play[0], int(wanted.play[1]))
        return
    with nginx(0) as target:
        for scenario in wanted.scenario or _SCENARIOS:
            few, many = (_counted(wanted.source, scenario, target.url, n) for n in (_FEW, _MANY))
            print(f"{scenario:10} {(many - few) / (_MANY - _FEW):9,.0f} instructions a request", flush=True)


def _counted(source: Path, scenario: str, url: str, requests: int) -> int:
    program = [sys.executable, "-m", "benchmarks.session.instructions", "--scenario", scenario]
    argv = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    argv += [*program, "--play", url, str(requests)]
    environment = {**os.environ, "PYTHONPATH": str(source), "PYTHONHASHSEED": "0"}
    done = subprocess.run(
        argv, env=environment, capture_output=True, text=True, timeout=_LIMIT_S, check=False,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    found = re.search(r"I\s+refs:\s+([\d,]+)", done.stderr)
    if done.returncode or found is None:
        raise RuntimeError(done.stderr[-2000:])
    return int(found[1].replace(",", ""))


def _play(scenario: str, url: str, requests: int) -> None:
    """Send that many requests by users of an unmodified locustfile; events and statistics as in a run."""
    from loadproof.engines.locust.session import install  # of the source that is counted

    install()
    from locust import FastHttpUser, HttpUser  # after install, as in a locustfile

    base: Any = FastHttpUser if scenario.startswith("fast") else HttpUser
    user_class = type("Counted", (base,), {"host": url})
    environment: Any = Environment(user_classes=[user_class], events=locust.events)
    runner = environment.create_local_runner()
    runner.greenlet.kill()  # its timers would be counted, more of them on a slow machine
    job = post if scenario.endswith("post") else get

    def user(client: Any) -> None:
        for _ in range(requests // _USERS):
            job(client)

    gevent.joinall(
        [gevent.spawn(user, user_class(environment).client) for _ in range(_USERS)], raise_error=True
    )
    assert environment.stats.total.num_requests == requests
    assert environment.stats.total.num_failures == 0


def get(client: Any) -> None:
    """A GET with a header of its own."""
    client.get("/", headers={"X-Test": "1"})


def post(client: Any) -> None:
    """A POST of JSON, the answer parsed and checked."""
    with client.post("/api", json={"user": "a", "n": [1, 2, 3]}, catch_response=True) as response:
        if response.status_code != 200 or response.json()["id"] != 42:
            response.failure("wrong answer")


if __name__ == "__main__":
    main()
