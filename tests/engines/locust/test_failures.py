"""What fails is counted as what it is: no answer, too late, a bad status, a check; exceptions are told."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from loadproof.model import EventKind, FailureKind, Outcome
from tests.runs import loose
from tests.servers import StubServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.engines.locust.conftest import Lab

FLAGS = ("-u", "1", "-r", "1", "-t", "20")
CLIENTS = ("HttpUser", "FastHttpUser")
WAITING = """
    class U({client}):
        @task
        def wait(self):
            self.client.get("/slow")
"""


@pytest.fixture
def faulty(lab: Lab) -> Iterator[Lab]:
    """By path: /500 and /404 answer so, /reset breaks off, /slow takes three seconds."""
    statuses = {"/500": 500, "/404": 404, "/reset": 0}
    with StubServer(
        delay_s=lambda path: 3.0 if path == "/slow" else 0.0, status=lambda path: statuses.get(path, 200)
    ) as stub:
        lab.stub = stub
        yield lab


@pytest.mark.parametrize("client", CLIENTS)
def test_failures_are_counted_by_kind(client: str, faulty: Lab) -> None:
    """Each request once; what the scenario forgives is no failure; each text is a sample with its count."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: whoever connects is refused
        port = unused.getsockname()[1]
        limit = ", timeout=0.2" if client == "HttpUser" else ""
        outcome, sink = faulty.run(
            f"""
    class U({client}):
        network_timeout = 0.2  # FastHttpUser has it here, HttpUser with each request

        @task
        def all_of_them(self):
            self.client.get("/fine")
            self.client.get("/500")
            self.client.get("/500", name="again")
            self.client.get("/reset")
            self.client.get("/slow"{limit})
            self.client.get("http://127.0.0.1:{port}/refused", name="/refused")
            with self.client.get("/fine", name="/checked", catch_response=True) as response:
                response.failure("the total is wrong")
            with self.client.get("/404", name="/forgiven", catch_response=True) as response:
                response.success()
            try:
                with self.client.get("/fine", name="/raised", catch_response=True) as response:
                    assert response.status_code == 201, "not created"
            finally:
                self.environment.runner.quit()
    """,
            *FLAGS,
        )
    assert outcome is Outcome.COMPLETED
    assert sink.failures == {
        ("/500", FailureKind.STATUS): 1,
        ("again", FailureKind.STATUS): 1,
        ("/reset", FailureKind.TRANSPORT): 1,
        ("/slow", FailureKind.TIMEOUT): 1,
        ("/refused", FailureKind.TRANSPORT): 1,
        ("/checked", FailureKind.CHECK): 1,
        ("/raised", FailureKind.CHECK): 1,
    }
    samples = sink.of(EventKind.ERROR_SAMPLE)
    assert sum(loose(event.data)["count"] for event in samples) == 7
    assert any("the total is wrong" in event.message for event in samples)
    assert set(sink.requests.values()) == {1}
    assert len(sink.requests) == 9


def test_an_exception_in_a_task_is_told_once(lab: Lab) -> None:
    """However often it is raised; the load goes on."""
    outcome, sink = lab.run(
        """
    class U(HttpUser):
        wait_time = constant(0.05)

        @task
        def broken(self):
            self.client.get("/a")
            raise KeyError("token")
    """
    )
    assert outcome is Outcome.COMPLETED
    (told,) = sink.of(EventKind.SCENARIO_ERROR)
    assert told.message == "a task raised KeyError: 'token' at locustfile.py:11"
    assert sink.requests["GET", "/a"] > 5
    assert lab.unaccounted(sink) == 0


def test_requests_of_a_client_of_ones_own_are_recorded(lab: Lab) -> None:
    """Any protocol may fire Locust's event: with a time, without one, with one that is none."""
    _, sink = lab.run(
        """
    class U(User):
        @task
        def fire(self):
            fire = self.environment.events.request.fire
            fire(request_type="grpc", name="/Loans", response_time=12.5, response_length=10, exception=None)
            fire(request_type="grpc", name="/Loans", response_time=None, response_length=0, exception=None)
            fire(request_type="ws", name="/Push", response_time=-3, response_length=0, exception=None)
            fire(request_type="ws", name="/Push", response_time=5, response_length=0,
                 exception=ConnectionError("gone"))
            self.environment.runner.quit()
    """,
        *FLAGS,
    )
    assert sink.requests == {("grpc", "/Loans"): 2, ("ws", "/Push"): 2}
    assert sink.failures == {("/Push", FailureKind.TRANSPORT): 1}
    assert (sink.response.count, sink.response.minimum_s) == (2, 0.005)
    (told,) = sink.of(EventKind.SCENARIO_ERROR)
    assert "1 requests came with a response time that is no duration" in told.message


@pytest.mark.parametrize("client", CLIENTS)
def test_requests_without_an_answer_at_the_stop_are_accounted_for(client: str, lab: Lab) -> None:
    """A server that takes its time, users that get none: what it counted is recorded, or in flight."""
    with StubServer(delay_s=lambda _path: 1.5) as slow:
        lab.stub = slow
        _, sink = lab.run(
            WAITING.format(client=client), "-u", "5", "-r", "50", "-t", "2", "--stop-timeout", "0",
        )  # fmt: skip
    assert sink.requests.total() == 5
    assert sink.in_flight == 5
    assert slow.arrived.total() == 10


def test_a_slow_answer_is_waited_for_at_the_end(lab: Lab) -> None:
    """Without --stop-timeout users finish what they do: nothing is in flight."""
    with StubServer(delay_s=lambda _path: 0.8) as slow:
        lab.stub = slow
        _, sink = lab.run(WAITING.format(client="HttpUser"), "-u", "4", "-r", "50", "-t", "1")
    assert sink.in_flight == 0
    assert sink.requests.total() == slow.arrived.total() == 8


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_fork_of_the_scenarios_hands_nothing_over(lab: Lab) -> None:
    """While it sleeps, what its parent counted goes on in it; each request is told once, by the parent."""
    outcome, sink = lab.run(
        """
    import os
    import time

    class U(HttpUser):
        @task
        def once(self):
            for _ in range(20):
                self.client.get("/fine")
            if os.fork() == 0:
                time.sleep(2)
                os._exit(0)
            time.sleep(3)
            self.environment.runner.quit()
    """,
        *FLAGS,
    )
    assert outcome is Outcome.COMPLETED
    assert sink.requests.total() == lab.stub.arrived.total() == 20
