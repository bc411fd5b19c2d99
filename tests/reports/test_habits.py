"""Files that Locust and k6 write, made from any run."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from loadproof.model import EventKind
from loadproof.reports.k6_summary import k6_summary
from loadproof.reports.locust_csv import write_locust_csv
from tests.reports.some_of_everything import busy_run
from tests.runs import LOANS, event, part, plan, run

SAMPLES = Path(__file__).parents[3] / "shared" / "samples"


def rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))


@pytest.mark.beside
@pytest.mark.parametrize("name", ["stats", "stats_history", "failures", "exceptions"])
def test_columns_are_those_of_locust(name: str, tmp_path: Path) -> None:
    """To the letter: scripts read them by name."""
    sample = SAMPLES / f"locust_{name}.csv"
    write_locust_csv(busy_run(), str(tmp_path / "mine"))
    assert rows(tmp_path / f"mine_{name}.csv")[0] == rows(sample)[0]


def test_stats_are_exact(tmp_path: Path) -> None:
    """Milliseconds over the whole run, the endpoint and all together; what is not known is N/A."""
    made = run(part(0, times_s=[0.1, 0.2, 0.3], failed=1), part(1, times_s=[0.4]), seconds=2)
    write_locust_csv(made, str(tmp_path / "x"))
    _, loans, total = rows(tmp_path / "x_stats.csv")
    assert loans[:4] == ["GET", "/api/loans", "4", "1"]
    assert [float(cell) for cell in loans[4:11]] == pytest.approx(
        [200, 250, 100, 400, 100, 2, 0.5], rel=0.005
    )
    assert float(loans[-1]) == pytest.approx(400)
    assert total[:4] == ["", "Aggregated", "4", "1"]
    history = rows(tmp_path / "x_stats_history.csv")
    assert [row[1] for row in history[1:]] == ["N/A", "N/A"]
    assert [row[17] for row in history[1:]] == ["3", "4"]


def test_failures_have_their_endpoint_and_times(tmp_path: Path) -> None:
    """One row for each endpoint and error, with how often and when."""
    errors = [event(n, EventKind.ERROR_SAMPLE, "boom", endpoint=str(LOANS), count=2) for n in range(3)]
    write_locust_csv(run(part(0), events=errors), str(tmp_path / "x"))
    assert rows(tmp_path / "x_failures.csv")[1:] == [
        ["GET", "/api/loans", "boom", "6", "2027-01-15T08:00:00Z", "2027-01-15T08:00:02Z"]
    ]


def test_the_summary_has_k6s_names() -> None:
    """Counts and rates, times in ms, thresholds that say whether they were crossed."""
    summary = k6_summary(busy_run())
    metrics = summary["metrics"]
    assert metrics["http_reqs"]["count"] == 4800
    assert metrics["http_reqs"]["rate"] == pytest.approx(80)
    assert metrics["http_req_failed"]["passes"] == 90
    assert metrics["http_req_failed"]["thresholds"] == {"rate<0.01": True}
    assert metrics["http_req_duration"]["thresholds"] == {"p(95)<500": False}
    assert metrics["http_req_duration"]["max"] == pytest.approx(275)
    assert metrics["vus"] == {"value": 20.0, "min": 0.0, "max": 20.0}
    sample = SAMPLES / "k6_summary_export.json"
    if sample.exists():
        known = json.loads(sample.read_text())["metrics"]
        assert set(metrics["http_req_duration"]) >= set(known["http_req_duration"]) - {"p(99.9)", "count"}


def test_a_run_without_requests_has_no_metrics() -> None:
    """Missing is missing: no zeros that a gate would take for a pass."""
    assert k6_summary(run(of=plan(), seconds=5))["metrics"] == {}
