"""The examples for WebSocket and gRPC run as they are, against real servers, and are judged."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from grpc_health.v1 import health, health_pb2_grpc
from websockets.sync import server as server_of_websockets

from loadproof import run_test
from loadproof.model import Report, Verdict
from tests.binaries import require_k6

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = Path(__file__).parents[2] / "examples"
REQUIREMENTS = {"response_time": {"p50": "<2s"}}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where run files go."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def chat(here: Path) -> Iterator[str]:
    """A WebSocket server that says back what it hears; its address without a scheme."""

    def echo(connection: Any) -> None:
        for message in connection:
            connection.send(message)

    with server_of_websockets.serve(echo, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()


@pytest.fixture
def health_service(here: Path) -> Iterator[str]:
    """A gRPC server with the standard health service; its address."""
    server = grpc.server(ThreadPoolExecutor(4))
    health_pb2_grpc.add_HealthServicer_to_server(health.HealthServicer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


def played(example: str, **given: Any) -> Report:
    """The example with four users for four seconds; what it requires of answers holds."""
    report = run_test(EXAMPLES / example, run_time="4s", users=4, requirements=REQUIREMENTS, **given)
    (median,) = (finding for finding in report.findings if finding.id == "response_time.p50")
    assert median.verdict is Verdict.PASS, report.sentence
    return report


def requests(report: Report) -> dict[str, tuple[int, int | None]]:
    """How many requests each endpoint had, and how many of them failed."""
    return {row.endpoint: (row.requests, row.failed) for row in report.endpoints}


def test_a_chat_of_locusts(chat: str) -> None:
    """Messages are an endpoint of their protocol, and nothing asks the server by HTTP."""
    found = requests(played("websocket_locustfile.py", target=f"ws://{chat}", spawn_rate=10.0))
    assert found["WS message"][0] > 4
    assert {failed for _, failed in found.values()} == {0}


def test_calls_of_locusts(health_service: str) -> None:
    """A host without a scheme is a gRPC channel's, and its calls are an endpoint."""
    found = requests(played("grpc_locustfile.py", target=health_service, spawn_rate=10.0))
    name = "gRPC /grpc.health.v1.Health/Check"
    assert found[name][0] > 4
    assert found[name][1] == 0


def test_a_chat_of_k6s(chat: str) -> None:
    """The handshake is the endpoint, and the script's checks are in the report."""
    require_k6()
    report = played("websocket.js", env={"URL": f"ws://{chat}/chat"})
    assert requests(report)["WS /chat"][1] == 0
    assert {(check.name, check.fails) for check in report.checks} == {("connected", 0), ("answered", 0)}


def test_calls_of_k6s(health_service: str) -> None:
    """By the service and method of its .proto."""
    require_k6()
    report = played("grpc.js", env={"ADDRESS": health_service})
    assert requests(report)["gRPC grpc.health.v1.Health/Check"][1] == 0
    assert {(check.name, check.fails) for check in report.checks} == {("is up", 0)}
