"""Answers that come in pieces: the time to the first event, and from there to the last, are endpoints too.

    loadproof run examples/streaming_locustfile.py --target http://127.0.0.1:8000 --users 20 --run-time 1m

Server-sent events end with an empty line each. Against your own service write its path for /stream.
"""

import time

from locust import HttpUser, between, task


class Reader(HttpUser):
    wait_time = between(0.5, 1.5)

    @task
    def read(self):
        began = time.perf_counter()
        with self.client.get("/stream", stream=True, catch_response=True) as answer:
            events, first = 0, None
            for line in answer.iter_lines():
                if line.startswith(b"data:"):
                    events += 1
                    first = first or time.perf_counter()
            if first is None:
                answer.failure("no event came")
                return
        self.told("first event", first - began)
        self.told("first to last event", time.perf_counter() - first, events)

    def told(self, name, seconds, length=0):
        self.environment.events.request.fire(
            request_type="SSE",
            name=name,
            response_time=seconds * 1000,
            response_length=length,
            exception=None,
            context={},
        )
