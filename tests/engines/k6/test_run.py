"""Real k6 against a stub: what the run file gets is what happened."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from loadproof.model import EventKind, Outcome, Unit

if TYPE_CHECKING:
    from tests.engines.k6.conftest import Lab

PLAYED_ONCE = "export const options = { vus: 1, iterations: 1 };"


def test_counts_are_conserved_for_each_endpoint(lab: Lab) -> None:
    """Every request that the target answered is in a slice, redirects and batches included."""
    outcome, sunk = lab.run("""
        export const options = { scenarios: {
            a: { executor: 'constant-arrival-rate', rate: 60, duration: '2s', preAllocatedVUs: 20 } } };
        export default function () {
            http.get('BASE/loans?status=open');
            http.post('BASE/loans', '{}');
            http.batch([['GET', 'BASE/a'], ['GET', 'BASE/b'], ['PUT', 'BASE/a', 'x']]);
            http.get('BASE/redirect');
            http.get('BASE/status/503');
        }
    """)
    served = {f"{method} {path}": count for (method, path), count in lab.stub.counts.items()}
    assert outcome is Outcome.COMPLETED
    assert sunk.by_endpoint() == served
    assert served["GET /landed"] == served["GET /redirect"] >= 110
    assert not sunk.of(EventKind.RECORDER_MISMATCH)


def test_percentiles_agree_with_k6s_own_summary(lab: Lab) -> None:
    """p50, p90, p95, p99 and max of the slices are within 1 % of k6's end-of-test summary."""
    export = lab.folder / "summary.json"
    _, sunk = lab.run(
        """
        export const options = { vus: 20, iterations: 1500 };
        export default function () { http.get(`BASE/delay/${1 + Math.floor(Math.random() * 40)}`); }
        """,
        engine_args=("--summary-export", str(export)),
    )
    theirs = json.loads(export.read_text())["metrics"]["http_req_duration"]
    ours = sunk.response
    assert ours.count == theirs["count"] == 1500
    for statistic, q in (("med", 0.5), ("p(90)", 0.9), ("p(95)", 0.95), ("p(99)", 0.99), ("max", 1.0)):
        assert ours.quantile(q) == pytest.approx(theirs[statistic] / 1e3, rel=0.01), statistic
    assert ours.mean_s == pytest.approx(theirs["avg"] / 1e3, rel=1e-6)


def test_failures_have_their_kind(lab: Lab) -> None:
    """A refused connection, a broken one, a timeout, a bad status and an expected 404 are told apart."""
    _, sunk = lab.run(
        PLAYED_ONCE
        + """
        export default function () {
            http.get('http://127.0.0.1:1/refused');
            http.get('BASE/reset');
            http.get('BASE/delay/3000', { timeout: '100ms' });
            http.get('BASE/status/503');
            http.get('BASE/status/404', { responseCallback: http.expectedStatuses(404) });
            http.get('BASE/status/500', { responseCallback: null });
        }
        """
    )
    assert sunk.failed_by_endpoint() == {
        "GET /refused": {"transport": 1},
        "GET /reset": {"transport": 1},
        "GET /delay/3000": {"timeout": 1},
        "GET /status/503": {"status": 1},
    }
    texts = {event.data["endpoint"]: event.message for event in sunk.of(EventKind.ERROR_SAMPLE)}
    assert texts["GET /status/503"] == "HTTP 503"
    assert texts["GET /delay/3000"] == "request timeout"
    assert "refused" in texts["GET /refused"]


def test_endpoints_are_named_as_the_script_names_them(lab: Lab) -> None:
    """A name tag names the endpoint, a URL template keeps its holes, secrets in a query are hidden."""
    _, sunk = lab.run(
        PLAYED_ONCE
        + """
        export default function () {
            http.get('BASE/users/17', { tags: { name: 'a user' } });
            http.get(http.url`BASE/loans/${42}`);
            http.get('BASE/me?access_token=hunter2hunter2&page=1');
        }
        """
    )
    assert set(sunk.by_endpoint()) == {"GET a user", "GET /loans/${}", "GET /me?access_token=***&page=1"}


def test_checks_and_custom_metrics_become_readings(lab: Lab) -> None:
    """Each kind of custom metric is a series, checks are counted and fail no request."""
    _, sunk = lab.run("""
        import { Counter, Gauge, Rate, Trend } from 'k6/metrics';
        const counter = new Counter('loans'), gauge = new Gauge('queue');
        const rate = new Rate('cached'), trend = new Trend('think', true);
        export const options = { vus: 1, iterations: 4 };
        export default function () {
            counter.add(3); gauge.add(7); rate.add(true); trend.add(250);
            check(http.get('BASE/'), { 'is ok': (r) => r.status === 200, 'is not': (r) => r.status === 1 });
            sleep(0.3);
        }
    """)
    units = {r.series: r.unit for r in sunk.readings if r.source == "k6"}
    last = {r.series: r.value for r in sunk.readings if r.source == "k6"}
    assert sunk.total("loans") == 12
    assert sunk.total("iterations") == 4
    assert (last["queue"], last["cached"], units["cached"]) == (7, 1.0, Unit.SHARE)
    assert (last["think.p95"], units["think.p95"]) == (0.25, Unit.SECONDS)
    assert sunk.failed_by_endpoint() == {}
    checks = sunk.of(EventKind.ENGINE_SUMMARY)[0].data["checks"]
    assert checks == [{"name": "is ok", "passes": 4, "fails": 0}, {"name": "is not", "passes": 0, "fails": 4}]
    assert {r.value for r in sunk.readings if (r.source, r.series) == ("load", "users")} >= {1}


def test_dropped_iterations_are_told(lab: Lab) -> None:
    """k6 without a free user drops iterations: a series has them, and k6's warning is kept."""
    _, sunk = lab.run("""
        export const options = { scenarios: { a: { executor: 'constant-arrival-rate', rate: 50,
            duration: '1s', preAllocatedVUs: 1, maxVUs: 1 } } };
        export default function () { http.get('BASE/delay/200'); }
    """)
    dropped = sunk.total("dropped_iterations")
    assert dropped + sunk.total("iterations") == pytest.approx(50, abs=1)
    assert dropped > 40
    assert any("Insufficient VUs" in line for line in sunk.lines)


def test_thresholds_pass_fail_or_stay_open(lab: Lab) -> None:
    """True, false, or neither when its metric is empty; a counter of the script's own is then known: 0."""
    outcome, sunk = lab.run("""
        import { Counter } from 'k6/metrics';
        const never = new Counter('never');
        export const options = { vus: 1, iterations: 20, thresholds: {
            http_req_duration: ['p(99)<10000', 'avg<0.0001'],
            http_req_failed: ['rate<0.01'],
            'http_req_duration{status:200}': ['med<10000'],
            'http_req_duration{status:404}': ['p(95)<1'],
            'http_req_waiting{name:a page}': ['max<10000'],
            never: ['count<1'],
        } };
        export default function () { http.get('BASE/', { tags: { name: 'a page' } }); }
    """)
    found = sunk.thresholds()
    assert outcome is Outcome.COMPLETED
    assert {message: data["ok"] for message, data in found.items()} == {
        "http_req_duration: p(99)<10000": True,
        "http_req_duration: avg<0.0001": False,
        "http_req_failed: rate<0.01": True,
        "http_req_duration{status:200}: med<10000": True,
        "http_req_duration{status:404}: p(95)<1": None,
        "http_req_waiting{name:a page}: max<10000": True,
        "never: count<1": True,
    }
    assert found["http_req_duration{status:200}: med<10000"]["samples"] == 20
    assert found["http_req_duration: p(99)<10000"]["value"] > 0
    assert found["http_req_duration: p(99)<10000"]["unit"] == "ms"
    assert found["http_req_failed: rate<0.01"]["value"] == 0
    assert "no samples" in found["http_req_duration{status:404}: p(95)<1"]["reason"]
    assert found["never: count<1"]["value"] == 0


def test_a_threshold_can_stop_the_load(lab: Lab) -> None:
    """abortOnFail ends k6 early; that is a result, and the event says so."""
    outcome, sunk = lab.run("""
        export const options = { vus: 1, duration: '1m', thresholds: {
            http_req_failed: [{ threshold: 'rate<0.1', abortOnFail: true }] } };
        export default function () { http.get('BASE/status/500'); sleep(0.05); }
    """)
    assert outcome is Outcome.COMPLETED
    assert sunk.thresholds()["http_req_failed: rate<0.1"] == {
        "metric": "http_req_failed", "expression": "rate<0.1", "ok": False, "value": 1.0, "unit": "",
        "samples": sunk.by_endpoint()["GET /status/500"], "abort_on_fail": True, "reason": "",
    }  # fmt: skip
    assert sunk.loaded_s() < 30


def test_handle_summary_does_not_hide_the_thresholds(lab: Lab) -> None:
    """A script's own handleSummary runs, its text is kept, and the thresholds are still read."""
    _, sunk = lab.run("""
        export const options = { vus: 1, iterations: 1, thresholds: { http_reqs: ['count==1'] } };
        export default function () { http.get('BASE/'); }
        export function handleSummary(data) {
            return { stdout: `requests: ${data.metrics.http_reqs.values.count}\\n` };
        }
    """)
    assert "requests: 1" in sunk.lines
    assert sunk.thresholds()["http_reqs: count==1"]["ok"] is True


def test_without_a_summary_the_exit_code_judges(lab: Lab) -> None:
    """When the user switches the summary off, k6's closing line and exit code tell what failed."""
    _, sunk = lab.run(
        """
        export const options = { vus: 1, iterations: 1, thresholds: {
            http_reqs: ['count==1'], iterations: ['count>5'] } };
        export default function () { http.get('BASE/'); }
        """,
        engine_args=("--no-summary",),
    )
    assert {message: data["ok"] for message, data in sunk.thresholds().items()} == {
        "http_reqs: count==1": True,
        "iterations: count>5": False,
    }


def test_exceptions_in_iterations_are_counted(lab: Lab) -> None:
    """An iteration that throws does not stop k6; how many did, and why, is an event."""
    outcome, sunk = lab.run("""
        export const options = { vus: 1, iterations: 3 };
        export default function () { http.get('BASE/'); throw new Error('no such loan'); }
    """)
    (event,) = sunk.of(EventKind.SCENARIO_ERROR)
    assert outcome is Outcome.COMPLETED
    assert event.data["count"] == 3
    assert "no such loan" in event.message


def test_requests_in_setup_do_not_begin_the_load(lab: Lab) -> None:
    """setup() and teardown() are counted, and the load is what lies between them."""
    _, sunk = lab.run("""
        export const options = { vus: 1, iterations: 1 };
        export function setup() { http.get('BASE/delay/600'); }
        export default function () { http.get('BASE/delay/100'); }
        export function teardown() { http.get('BASE/delay/601'); }
    """)
    assert sunk.requests.total() == 3
    first_s, _, last_s = lab.stub.arrived_s
    assert 0.1 <= sunk.loaded_s() < last_s - first_s - 0.5
