"""A load test beside your other tests: `loadproof demo serve`, then `pytest examples/test_checkout.py`."""

from pathlib import Path


def test_checkout_holds(loadproof):
    report = loadproof.run(
        str(Path(__file__).with_name("locustfile.py")),
        target="http://127.0.0.1:8000",
        users=20,
        spawn_rate=10,
        duration="30s",
        requirements={"response_time": {"p95": "<500ms"}, "error_rate": {"max_rate": "1%"}},
    )
    assert report.passed
