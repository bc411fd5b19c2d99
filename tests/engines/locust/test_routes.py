"""Thousands of names: memory stays bounded, and the percentile of their route is right."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from loadproof.engines.locust import seams
from loadproof.engines.locust.inside.recorder import Recorder
from loadproof.histogram import Histogram
from loadproof.routes import MOST_NAMES, grouped
from tests.servers import StubServer, seeded_delays

if TYPE_CHECKING:
    from tests.engines.locust.conftest import Lab

USER = """
    import itertools
    import json
    raw_ms = []
    numbers = itertools.count()

    class U(FastHttpUser):
        wait_time = constant(0.005)

        def on_start(self):
            # What a long run leaves behind in Locust's own statistics.
            for n in range(41000):
                self.environment.stats.log_request("GET", f"/delayed?n={n + 100000}", 1.0, 0)
            print("ENTRIES", len(self.environment.stats.entries))

        @task
        def t(self):
            self.client.get(f"/delayed?n={next(numbers)}")

    @events.request.add_listener
    def keep(response_time, **_):
        raw_ms.append(response_time)

    @events.quitting.add_listener
    def write(**_):
        print("RAW " + json.dumps(raw_ms))
"""


def test_the_percentile_of_a_route_is_right(lab: Lab) -> None:
    """Each request has a name of its own; together they have the times that Locust's users saw."""
    with StubServer(delay_s=seeded_delays(4)) as stub:
        lab.stub = stub
        _, sink = lab.run(USER, "-u", "1", "-r", "100", "-t", "4")
    (line,) = [line for line in sink.lines if line.startswith("RAW ")]
    raw_s = np.array(json.loads(line.removeprefix("RAW "))) / 1000
    names = {(part.endpoint.method, part.endpoint.name) for part in sink.slices}
    assert set(grouped(names).values()) == {"/delayed?n={id}"}
    assert sink.response.count == len(raw_s) > 30
    for q in (0.5, 0.95, 0.99):
        truth_s = float(np.quantile(raw_s, q, method="inverted_cdf"))
        assert sink.response.quantile(q) == pytest.approx(truth_s, rel=0.01, abs=0.001), q
    (told,) = [line for line in sink.lines if line.startswith("ENTRIES ")]
    # Older Locusts count their own statistics, which have no bound.
    assert int(told.split()[1]) == (MOST_NAMES + 1 if seams.version() >= seams.SAME_SINCE else 41_000)


def test_41_000_names_leave_a_thousand_and_their_route() -> None:
    """Times, failures, statuses and bytes of all of them are in the rows of the second."""
    recorder = Recorder(lambda: 1000.0)
    times_ms = np.random.default_rng(1).lognormal(3, 0.5, 41_000)
    for number, time_ms in enumerate(times_ms.tolist()):
        tally = recorder.request("GET", f"/loans/{number}", time_ms, 10)
        if number % 100 == 7:
            tally.failures["status"] = 1
            tally.wrong.append(len(tally.times_ms) - 1)
    rows, _ = recorder.take(everything=True)
    assert len(rows) == MOST_NAMES + 1
    assert (sum(row.requests for row in rows), sum(row.received_bytes for row in rows)) == (41_000, 410_000)
    assert sum(row.failures.get("status", 0) for row in rows) == 410
    (route,) = [row for row in rows if row.name == "/loans/{id}"]
    assert Histogram.from_bytes(route.response).quantile(0.95) == pytest.approx(
        float(np.quantile(times_ms[MOST_NAMES:], 0.95)) / 1000, rel=0.01
    )
    wrong_ms = times_ms[[n for n in range(MOST_NAMES, 41_000) if n % 100 == 7]]
    assert route.wrong is not None
    assert Histogram.from_bytes(route.wrong).quantile(0.5) == pytest.approx(
        float(np.quantile(wrong_ms, 0.5)) / 1000, rel=0.02
    )
