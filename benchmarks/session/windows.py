"""`python -m benchmarks.session.windows BEFORE AFTER`: processor time of a request, of two checkouts' `src`.

For a machine that others use as well, whose work can only add to a request's processor time: each process
plays 40 windows of 150 requests and keeps the least, the checkouts take turns, and what is compared are the
least and the median of them. It tells two per cent where rates of requests scatter by half. The last rows are
with Loadproof's plug-in, without what it does once a second.
"""

from __future__ import annotations

import locust  # first of all, because it patches

# ruff: isort: split
import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from locust.env import Environment
from locust.event import Events

from benchmarks.session.instructions import get, post
from benchmarks.session.locust_load import record
from benchmarks.session.target import nginx

_ROOT = Path(__file__).parents[2]
_WHAT = (
    *("HttpUser GET", "HttpUser POST, checked", "FastHttpUser GET", "FastHttpUser POST, checked"),
    *("HttpUser GET, recorded", "FastHttpUser GET, recorded"),
)
_WINDOWS, _REQUESTS, _WARM_UP = 40, 150, 100


def main() -> None:
    """Print microseconds of a request before and after, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources", type=Path, nargs="*", metavar="SRC")
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--play", metavar="URL", help="one process's part: used by itself")
    wanted = parser.parse_args()
    if wanted.play:
        print(*_played(wanted.play))
        return
    before, after = wanted.sources
    found: dict[Path, list[list[float]]] = {before: [], after: []}
    with nginx(0) as target:
        for turn in range(wanted.pairs):
            for source in (before, after) if turn % 2 else (after, before):
                found[source].append(_measured(source, target.url))
    for what, a, b in zip(
        _WHAT, zip(*found[before], strict=True), zip(*found[after], strict=True), strict=True
    ):
        ratio = statistics.median(y / x for x, y in zip(a, b, strict=True))
        print(f"{what:28} {min(a):6.2f} {min(b):6.2f} {min(b) / min(a):6.3f}, of pairs {ratio:.3f}")


def _measured(source: Path, url: str) -> list[float]:
    argv = [sys.executable, "-m", "benchmarks.session.windows", "--play", url]
    environment = {**os.environ, "PYTHONPATH": str(source.resolve()), "PYTHONHASHSEED": "0"}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True, cwd=_ROOT)
    return [float(word) for word in done.stdout.split()]


def _played(url: str) -> list[float]:
    """The least microseconds of processor time of a request, for each of `_WHAT`."""
    from loadproof.engines.locust.session import install  # of the source that is measured

    install()
    from locust import FastHttpUser, HttpUser  # after install, as in a locustfile

    found = []
    for jobs in ((get, post), (get,)):
        if found:
            record()
        for base in (HttpUser, FastHttpUser):
            user_class: Any = type("Measured", (base,), {"host": url})
            environment: Any = Environment(user_classes=[user_class], events=Events())
            environment.events.request._handlers += locust.events.request._handlers
            environment.create_local_runner().greenlet.kill()  # its timers would be in it
            client = user_class(environment).client
            for job in jobs:
                for _ in range(_WARM_UP):
                    job(client)
                found.append(min(_window(job, client) for _ in range(_WINDOWS)))
    return found


def _window(job: Any, client: Any) -> float:
    began = time.process_time()
    for _ in range(_REQUESTS):
        job(client)
    return (time.process_time() - began) / _REQUESTS * 1e6


if __name__ == "__main__":
    main()
