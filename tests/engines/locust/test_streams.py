"""First byte, first event and the gaps between events, against a server whose gaps are known."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from loadproof.engines.locust import seams
from loadproof.histogram import Histogram, merged
from loadproof.model import EVENT_GAP, FIRST_BYTE, FIRST_EVENT
from tests.stream_server import EventServer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadproof.model import Slice
    from tests.engines.locust.conftest import Lab

pytestmark = pytest.mark.skipif(
    seams.version() < seams.SAME_SINCE,
    reason="this Locust's own client sends, and tells no such times",
)
FEW = 3
"""So many times have to be beyond a percentile: one that a busy machine held up says nothing."""
USER = """
    import io
    import json
    import shutil
    import time
    raw = []

    class U(HttpUser):
        wait_time = constant(0.05)

        @task
        def chat(self):
            began = time.perf_counter()
            response = self.client.post("/chat", json={"say": "hello"}, stream=True)
            times = [began, time.perf_counter()]
            for line in response.iter_lines():
                if line.startswith(b"data:"):
                    times.append(time.perf_counter())
            raw.append([*times, time.perf_counter()])

        @task
        def caught(self):
            with self.client.post("/chat", name="/caught", stream=True, catch_response=True) as response:
                for _ in response.iter_lines(decode_unicode=True):
                    pass

        @task
        def broken(self):
            try:
                for _ in self.client.post("/broken", stream=True).iter_lines():
                    pass
            except Exception:
                pass

        @task
        def refused(self):
            self.client.post("/refused", stream=True).close()

        @task
        def download(self):
            for _ in self.client.post("/download", stream=True).iter_content(8192):
                pass
            response = self.client.post("/download", name="/raw", stream=True)
            shutil.copyfileobj(response.raw, io.BytesIO())

    fast = []

    class F(FastHttpUser):
        wait_time = constant(0.05)

        @task
        def chat(self):
            times = [time.perf_counter()]
            response = self.client.post("/chat", name="/fast", json={"say": "hello"}, stream=True)
            times.append(time.perf_counter())
            while line := response.stream.readline(b"\\n"):
                if line.startswith(b"data:"):
                    times.append(time.perf_counter())
            fast.append([*times, time.perf_counter()])

        @task
        def lines(self):
            for _ in self.client.iter_lines("/chat", "POST", name="/lines"):
                pass

        @task
        def caught(self):
            with self.client.post("/chat", name="/fast caught", stream=True, catch_response=True) as response:
                for _ in response.iter_content():
                    pass

        @task
        def broken(self):
            try:
                for _ in self.client.iter_lines("/broken", "POST", name="/fast broken"):
                    pass
            except Exception:
                pass

        @task
        def refused(self):
            self.client.post("/refused", name="/fast refused", stream=True).release()

        @task
        def download(self):
            response = self.client.post("/download", name="/fast download", stream=True)
            while response.stream.read(4096):
                pass

    @events.quitting.add_listener
    def write(**_):
        print("RAW " + json.dumps([raw, fast]))
"""


def _times(slices: Sequence[Slice], method: str, name: str) -> Histogram:
    return merged([s.response for s in slices if (s.endpoint.method, s.endpoint.name) == (method, name)])


def test_the_times_of_a_stream_are_those_of_its_server(lab: Lab) -> None:
    with EventServer() as server:
        lab.stub = server
        _, sink = lab.run(USER, "-u", "8", "-r", "100", "-t", "6", "--stop-timeout", "3")
    (line,) = [line for line in sink.lines if line.startswith("RAW ")]
    clients = [[np.array(times) for times in raw] for raw in json.loads(line.removeprefix("RAW "))]
    for raw, name in zip(clients, ("/chat", "/fast"), strict=True):
        assert len(raw) > 5
        seen = {
            FIRST_BYTE: np.array([times[1] - times[0] for times in raw]),
            FIRST_EVENT: np.array([times[2] - times[0] for times in raw]),
            EVENT_GAP: np.concatenate([np.diff(times[2:-1]) for times in raw]),
        }
        for kind, raw_s in seen.items():
            times = _times(sink.slices, kind, f"POST {name}")
            assert times.count == len(raw_s)
            for q in (q for q in (0.5, 0.95, 0.99) if (1 - q) * len(raw_s) >= FEW):
                truth_s = float(np.quantile(raw_s, q, method="inverted_cdf"))
                assert times.quantile(q) == pytest.approx(truth_s, rel=0.01, abs=0.001), (name, kind, q)
        # ... and that is what the server did, but for the way.
        sent_s = np.concatenate([np.diff(times) for times in server.sent_s])
        assert np.median(seen[EVENT_GAP]) == pytest.approx(np.median(sent_s), abs=0.003)
        assert seen[FIRST_EVENT].min() > 0.089
        # An answer's time ends with its body.
        whole = _times(sink.slices, "POST", name)
        assert whole.count == len(raw)
        assert whole.quantile(0.5) == pytest.approx(
            float(np.quantile([times[-1] - times[0] for times in raw], 0.5, method="inverted_cdf")), abs=0.003
        )
    for name in ("/caught", "/lines", "/fast caught"):
        answers = sink.requests["POST", name]
        gaps = _times(sink.slices, EVENT_GAP, f"POST {name}")
        assert gaps.count == answers * (server.events - 1) > 0, name
        assert gaps.quantile(0.5) == pytest.approx(np.median(sent_s), abs=0.003), name
        assert _times(sink.slices, "POST", name).minimum_s > 0.1
    for name in ("/download", "/raw", "/fast download"):
        assert _times(sink.slices, "POST", name).minimum_s > 0.2, name
        assert _times(sink.slices, FIRST_BYTE, f"POST {name}").minimum_s < 0.1, name
        assert _times(sink.slices, FIRST_EVENT, f"POST {name}").count == 0, name


def test_streams_that_break_or_are_refused_have_failed(lab: Lab) -> None:
    """An error that comes at once is no fast stream."""
    with EventServer(events=4) as server:
        lab.stub = server
        _, sink = lab.run(USER, "-u", "8", "-r", "100", "-t", "2", "--stop-timeout", "3")
    for before in ("/", "/fast "):
        for path in (f"{before}broken", f"{before}refused"):
            parts = [p for p in sink.slices if (p.endpoint.method, p.endpoint.name) == ("POST", path)]
            assert sum(part.failed for part in parts) == sum(part.requests for part in parts) > 0, path
        assert _times(sink.slices, FIRST_EVENT, f"POST {before}broken").count > 0
        assert _times(sink.slices, FIRST_BYTE, f"POST {before}refused").count == 0
    recorded = sum(part.requests for part in sink.slices if not part.endpoint.beside)
    assert 0 <= server.arrived.total() - recorded <= sink.in_flight


WORKING = """
    class W(HttpUser):
        @task
        def work(self):
            for _ in self.client.post("/chat", name="/left", stream=True).iter_lines():
                break
            for _ in self.client.post("/chat", name="/work", stream=True).iter_lines():
                gevent.sleep(0.5)

    class WF(FastHttpUser):
        @task
        def work(self):
            for _ in self.client.iter_lines("/chat", "POST", name="/fast left"):
                break
            for _ in self.client.iter_lines("/chat", "POST", name="/fast work"):
                gevent.sleep(0.5)
"""


def test_a_stream_of_a_user_that_is_stopped_is_in_flight(lab: Lab) -> None:
    """Nobody knows how it would have ended: it is no quick, good answer, also between two reads.

    Whoever leaves a stream on purpose has made its request.
    """
    with EventServer(events=1000) as server:
        lab.stub = server
        _, sink = lab.run(USER + WORKING, "-u", "12", "-r", "100", "-t", "2", "--stop-timeout", "1")
    for name in ("/chat", "/fast", "/lines", "/work", "/fast work"):
        assert sink.requests["POST", name] == 0, name
    for name in ("/left", "/fast left"):
        assert sink.requests["POST", name] > 0, name
    recorded = sum(part.requests for part in sink.slices if not part.endpoint.beside)
    assert 0 < server.arrived.total() - recorded <= sink.in_flight
