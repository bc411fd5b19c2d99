"""One measurement with Locust's runner: `python locust_load.py SESSION SCENARIO URL USERS SECONDS`.

SESSION is `HttpUser` or `FastHttpUser` (Locust's own), `loadproof`, `loadproof-fast`, `loadproof-recorded`
(that with Loadproof's plug-in, as in a run), `loadproof-http2`. SCENARIO is `post`, or else a GET. Prints one
JSON line. The users are those of an unmodified locustfile.
"""

from __future__ import annotations

import locust  # first of all, because it patches

# ruff: isort: split
import json
import os
import socket
import subprocess
import sys
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

import gevent
from locust.env import Environment

_WARM_UP_S = 1.5


def main(session: str, scenario: str, url: str, users: int, seconds: float) -> None:
    """Measure and print requests/s, CPU microseconds a request, failures and grown memory."""
    _install(session)
    from locust import FastHttpUser, HttpUser, task  # after install, as in a locustfile

    base: Any = FastHttpUser if session in ("FastHttpUser", "loadproof-fast") else HttpUser

    class Get(base):  # type: ignore[misc]  # either of Locust's classes
        host = url
        abstract = scenario == "post"

        def on_start(self) -> None:
            if url.startswith("https"):
                self.client.verify = os.environ["SSL_CERT_FILE"]

        @task
        def get(self) -> None:
            self.client.get("/", headers={"X-Test": "1"})

    class Post(base):  # type: ignore[misc]  # either of Locust's classes
        host = url
        abstract = scenario != "post"

        @task
        def post(self) -> None:
            with self.client.post(
                "/api", json={"user": "a", "n": [1, 2, 3]}, catch_response=True
            ) as response:
                if response.status_code != 200 or response.json()["id"] != 42:
                    response.failure("wrong answer")

    environment: Any = Environment(
        user_classes=[Post if scenario == "post" else Get],
        events=locust.events,
        parsed_options=Namespace(processes=None, run_time=None, spawn_rate=None),
    )
    runner = environment.create_local_runner()
    environment.events.init.fire(environment=environment, runner=runner, web_ui=None)
    before = _resident_bytes()
    runner.start(users, spawn_rate=users)
    gevent.sleep(_WARM_UP_S + users / 1000)
    count, cpu, began = environment.stats.total.num_requests, time.process_time(), time.perf_counter()
    gevent.sleep(seconds)
    count, cpu = environment.stats.total.num_requests - count, time.process_time() - cpu
    elapsed = time.perf_counter() - began
    result = {
        "rate_per_s": count / elapsed,
        "cpu_us": cpu / count * 1e6,
        "failures": environment.stats.total.num_failures,
        "grown_bytes": _resident_bytes() - before,
        "locust": locust.__version__,
    }
    print(json.dumps(result))
    runner.quit()


def _install(session: str) -> None:
    """What stands in for Locust's own session, and records it, by the name of what is measured."""
    if session.startswith("loadproof"):
        from loadproof.engines.locust.session import install  # only when it is measured

        install()
    if session == "loadproof-http2":
        from loadproof.engines.locust.session.install import install_http2  # only when it is measured

        install_http2(everybody=True)
    if session == "loadproof-recorded":
        record()


def record() -> None:
    """Install Loadproof's plug-in; what it sends is read by a process, as the conductor is one."""
    from loadproof.engines.locust.inside.plugin import Plugin  # only when it is measured
    from loadproof.engines.locust.settings import PluginSettings  # only when it is measured

    ours, theirs = socket.socketpair()
    subprocess.Popen(["cat"], stdin=theirs.fileno(), stdout=subprocess.DEVNULL)  # ends with this process
    theirs.close()
    settings = PluginSettings(
        profile=None, time_scale=1.0, session="loadproof", quiet_stats=True, arrivals="constant",
        max_users=None, quiet_log=True,
    )  # fmt: skip
    Plugin(settings, ours).install()


def _resident_bytes() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), float(sys.argv[5]))
