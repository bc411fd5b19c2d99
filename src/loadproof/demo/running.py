"""Run the demo in a process of its own for the length of a `with` block: for the product and for tests."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import httpx

from loadproof.demo.error import DemoError
from loadproof.demo.options import OPTIONS, READY, DemoOptions, Ready

#: Seconds to stop: draining the requests in flight, then PostgreSQL.
_STOP_LIMIT_S = 20.0
#: Seconds for a scrape or a switch; a switch may have to wait for statements that run.
_ADMIN_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class RunningDemo:
    """A demo that answers, in another process."""

    ready: Ready
    process: subprocess.Popen[str] = field(repr=False)
    _client: httpx.Client = field(repr=False)

    @property
    def base_url(self) -> str:
        """Such as http://127.0.0.1:8000, without a slash at the end."""
        return self.ready.base_url

    def request_counts(self) -> dict[tuple[str, str], int]:
        """Requests answered so far, exactly, by method and route template.

        Every client that has its answer finds it counted; what is in flight is not.
        """
        counts: dict[tuple[str, str], int] = {}
        for (method, route, _), count in self.request_counts_by_status().items():
            counts[method, route] = counts.get((method, route), 0) + count
        return counts

    def request_counts_by_status(self) -> dict[tuple[str, str, int], int]:
        """As `request_counts`, by method, route template and status."""
        return {
            (labels["method"], labels["route"], int(labels["status"])): int(value)
            for labels, value in self.metric("http_requests_total")
        }

    def metric(self, name: str) -> list[tuple[dict[str, str], float]]:
        """The labels and value of every sample of that name at /metrics."""
        from prometheus_client.parser import (
            text_string_to_metric_families,
        )

        families = text_string_to_metric_families(self._call("GET", "/metrics").text)
        samples = [sample for family in families for sample in family.samples]
        return [(sample.labels, sample.value) for sample in samples if sample.name == name]

    def value(self, name: str, **labels: str) -> float:
        """The value of the one sample of that name and those labels; KeyError when there is none."""
        for sample_labels, value in self.metric(name):
            if sample_labels == labels:
                return value
        raise KeyError(f"{name}{labels or ''} is not at {self.base_url}/metrics")

    def switch_on(self, name: str, value: str = "") -> None:
        """Switch a fault on; needs DemoOptions.admin. Raises DemoError when it is refused."""
        self._call("PUT", f"/admin/faults/{name}", {"value": value})

    def switch_off(self, name: str) -> None:
        """Switch a fault off; needs DemoOptions.admin."""
        self._call("DELETE", f"/admin/faults/{name}")

    def switch_all_off(self) -> None:
        """Switch every fault off; needs DemoOptions.admin."""
        self._call("DELETE", "/admin/faults")

    def _call(self, method: str, path: str, content: object = None) -> httpx.Response:
        response = self._client.request(method, self.base_url + path, json=content)
        if response.is_error:
            raise DemoError(f"{method} {path} is answered {response.status_code}", response.text)
        return response


@contextmanager
def running(options: DemoOptions | None = None) -> Iterator[RunningDemo]:
    """Start the demo, by default on a free port, and stop it at the end of the block.

    It is in a process group of its own (Ctrl-C does not reach it) and stops when this process ends,
    however it ends: it watches a pipe that this process holds.

    Raises:
        DemoError: it did not start.
    """
    told = OPTIONS.dump_json(options or DemoOptions(port=0)).decode()
    command = [sys.executable, "-m", "loadproof.demo", told]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        ready = _await_ready(process)
        # No environment: a proxy set there is not for this machine's own loopback.
        with httpx.Client(timeout=_ADMIN_TIMEOUT_S, trust_env=False) as client:
            yield RunningDemo(ready, process, client)
    finally:
        _stop(process)


def _await_ready(process: subprocess.Popen[str]) -> Ready:
    assert process.stdout is not None, "it is a pipe"  # noqa: S101 - for the types
    line = process.stdout.readline()
    if not line:
        raise DemoError(f"the demo ended with exit code {process.wait()}", "its own output says why")
    said = json.loads(line)
    if "error" in said:
        raise DemoError(said["error"], said["hint"])
    return READY.validate_json(line)


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_LIMIT_S)
    if process.poll() is None:
        process.kill()
        process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
