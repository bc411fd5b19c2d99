"""Percentiles are right: against a server whose delays are known, within 1 % or 1 ms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.servers import StubServer, seeded_delays

if TYPE_CHECKING:
    from tests.engines.locust.conftest import Lab

USER = """
    class U(FastHttpUser):
        wait_time = constant(0.02)

        @task
        def t(self):
            self.client.get("/delayed")
"""


def test_percentiles_are_those_of_the_server(lab: Lab) -> None:
    """The median near 20 ms and the p99 near 120 ms of the server's own measurement."""
    with StubServer(delay_s=seeded_delays(4)) as stub:
        lab.stub = stub
        _, sink = lab.run(USER, "-u", "2", "-r", "100", "-t", "5")
        took_s = list(stub.took_s)
    assert sink.response.count == len(took_s)
    for q in (0.5, 0.95, 0.99):
        truth_s = float(np.quantile(took_s, q, method="inverted_cdf"))
        measured_s = sink.response.quantile(q)
        assert measured_s == pytest.approx(truth_s, rel=0.01, abs=0.001), q
