"""Percentiles are right: against a server whose delays are known, within 1 % or 1 ms."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.servers import StubServer, seeded_delays

if TYPE_CHECKING:
    from tests.engines.locust.conftest import Lab

USER = """
    import json
    raw_ms = []

    class U(FastHttpUser):
        wait_time = constant(0.01)

        @task
        def t(self):
            self.client.get("/delayed")

    @events.request.add_listener
    def keep(response_time, **_):
        raw_ms.append(response_time)

    @events.quitting.add_listener
    def write(**_):
        print("RAW " + json.dumps(raw_ms))
"""
QUANTILES = (0.5, 0.95, 0.99)


def test_percentiles_are_those_of_the_server(lab: Lab) -> None:
    """p50 near 20 ms, p99 near 120 ms: what the server took and the way there and back, request by request.

    One user, so that the server's n-th answer is the n-th time. The way is the machine's, milliseconds on a
    busy one: it is taken from the pairs, and what the slices say is within 1 % or 1 ms of both together.
    """
    with StubServer(delay_s=seeded_delays(4)) as stub:
        lab.stub = stub
        _, sink = lab.run(USER, "-u", "1", "-r", "100", "-t", "5")
    (line,) = [line for line in sink.lines if line.startswith("RAW ")]
    raw_s = np.array(json.loads(line.removeprefix("RAW "))) / 1000
    took_s = np.array(stub.took_s[: len(raw_s)])
    way_s = raw_s - took_s
    assert sink.response.count == len(raw_s) > 80
    assert way_s.min() > -0.001
    for q in QUANTILES:
        truth_s = float(np.quantile(took_s + way_s, q, method="inverted_cdf"))
        assert sink.response.quantile(q) == pytest.approx(truth_s, rel=0.01, abs=0.001), q
