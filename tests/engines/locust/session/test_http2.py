"""HTTP/2 for `HttpUser`: what python-requests promises, over connections that h2 speaks for."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from loadproof.model import EventKind
from tests.engines.locust.session.http2_server import Http2Server

if TYPE_CHECKING:
    from tests.engines.locust.conftest import Lab

_ROOT = Path(__file__).parents[4]


def test_python_requests_and_users_get_over_http2_what_they_are_promised() -> None:
    """Each check of `checks_http2.py` holds, for python-requests' own session and for a user's."""
    argv = [sys.executable, "-m", "tests.engines.locust.session.checks_http2"]
    done = subprocess.run(argv, cwd=_ROOT, capture_output=True, text=True, timeout=120, check=False)
    played = dict(json.loads(line) for line in done.stdout.splitlines())
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(played) > 30
    assert {name: wrong for name, wrong in played.items() if wrong} == {}


ASKING = """
    class U(HttpUser):
        http2 = True

        @task
        def t(self):
            self.client.get("/moved")
            with self.client.get("/missing", catch_response=True) as response:
                response.success()
"""


@pytest.mark.real
def test_a_user_class_asks_for_it_and_all_is_counted(lab: Lab) -> None:
    with Http2Server() as server:
        _, sink = lab.run(ASKING, "-u", "2", "-r", "9", "-t", "1", target=server.url)

    asked = Counter(path for _, path, _ in server.seen)
    assert sink.requests == {("GET", "/moved"): asked["/moved"], ("GET", "/missing"): asked["/missing"]}
    assert asked["/"] == asked["/moved"] > 0
    assert not sink.failures
    assert server.connections == 2
    assert not [event.message for event in sink.events if event.kind is EventKind.SESSION_FALLBACK]


@pytest.mark.real
def test_a_fast_user_has_no_http2(lab: Lab) -> None:
    (problem,) = lab.inspect(
        "class U(FastHttpUser):\n    http2 = True\n    @task\n    def t(self): ..."
    ).problems
    assert problem.message == "'U' is a FastHttpUser, which has no HTTP/2"
