"""What is done to a run of real k6, the verdict, the exit code, and the words that must name the cause.

Half of the rows are healthy: a condition that cries wolf is as wrong as one that sleeps.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

import loadproof
from loadproof.analysis.judge import exit_code
from loadproof.errors import ExitCode
from loadproof.model import Verdict
from tests.engines.k6.conftest import Lab, lab

if TYPE_CHECKING:
    from loadproof.model import Report

__all__ = ["lab"]

PASS, FAIL, UNKNOWN = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE
CODES = {PASS: ExitCode.PASS, FAIL: ExitCode.FAIL, UNKNOWN: ExitCode.INCONCLUSIVE}
SHORT, BRIEF = "vus: 2, duration: '2s'", "vus: 2, duration: '1s'"
GOOD = "http_req_duration: ['p(95)<5000'], http_req_failed: ['rate<0.5']"


@dataclass(frozen=True)
class Row:
    """One script: what stands in its options, before its function, and in it after a request and a sleep."""

    name: str
    verdict: Verdict
    says: tuple[str, ...] = ()
    """Somewhere in the report."""
    body: str = ""
    before: str = ""
    load: str = SHORT
    thresholds: str = GOOD
    args: tuple[str, ...] = ()
    pause: str = "0.05"


HEALTHY = [
    Row("checks, redirects, names and a counter that never counts", PASS,
        ("on the wire", "count of desk_errors"), body="check(r, { good: (x) => x.status === 200 });"
        " http.get('BASE/redirect');"
        " http.get('BASE/loans', { tags: { name: 'GET /loans' } });",
        before="import { Counter } from 'k6/metrics'; const errors = new Counter('desk_errors');",
        thresholds="checks: ['rate>0.99'], 'http_req_duration{name:GET /loans}': ['p(95)<5000'],"
        " desk_errors: ['count<10'], dropped_iterations: ['count<5']"),
    Row("k6's own flags, and one iteration of many throws", PASS,
        body="if (__ITER === 7 && __VU === 1) throw new Error('once');",
        load="vus: 1, duration: '30s'", args=("-u", "4", "-d", "2s", "-q"), pause="0.005"),
    Row("arrivals", PASS, load="scenarios: { a: { executor: 'constant-arrival-rate', rate: 40,"
        " duration: '2s', preAllocatedVUs: 10 } }"),
    Row("iterations alone", PASS, load="vus: 2, iterations: 40", pause="0.1"),
    Row("users that think at the end of the load", PASS, (), "if (__ITER > 30) sleep(2);", load=SHORT,
        pause="0.01"),
    Row("iterations that fill no second", PASS, load="vus: 2, iterations: 4"),
]  # fmt: skip

SICK = [
    Row("iterations throw, an async function among them", UNKNOWN,
        ("Error at script.js:", "Error: boom", "TypeError: Cannot read"),
        "if (__ITER % 2) throw new Error('boom'); await null; undefined.token;", load=BRIEF),
    Row("the script aborts", UNKNOWN, ("exec.test.abort()",),
        "if (exec.instance.currentTestRunDuration > 800) exec.test.abort('enough');",
        before="import exec from 'k6/execution';", load="vus: 2, duration: '20s'"),
    Row("the script marks its test", FAIL, ("exec.test.fail()",), "if (__ITER === 3) exec.test.fail('late');",
        before="import exec from 'k6/execution';", load=BRIEF),
    Row("a slow answer, and a counter that should have counted", FAIL,
        ("count of loans over the whole load is 0, required > 500", "p95 over the whole load is"),
        body="http.get('BASE/delay/300');",
        before="import { Counter } from 'k6/metrics'; const loans = new Counter('loans');",
        thresholds="loans: ['count>500'], http_req_duration: ['p(95)<100']"),
    Row("users wait for an answer that never comes, until they are cut off", UNKNOWN,
        ("of the 2.0 s planned were played",), "if (__ITER > 5) http.get('BASE/delay/60000');",
        load="scenarios: { a: { executor: 'constant-vus', vus: 2, duration: '2s', gracefulStop: '0s' } }"),
    Row("a threshold over nothing", UNKNOWN, ("no samples",),
        before="import { Trend } from 'k6/metrics'; const wait = new Trend('wait');",
        thresholds="wait: ['p(95)<5']", load=BRIEF),
    Row("thresholds that nobody judges", UNKNOWN, ("--no-thresholds",), args=("--no-thresholds",),
        load=BRIEF),
    Row("all fail and nothing limits it", UNKNOWN, ("requests failed",), body="http.get('BASE/status/500');"
        " http.get('BASE/status/500');", thresholds="http_req_duration: ['p(95)<5000']"),
]  # fmt: skip


def report_of(row: Row, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Report:
    monkeypatch.chdir(lab.folder)
    # Who else uses this machine is another test's question.
    (lab.folder / "loadproof.yaml").write_text("monitors: {discover: false}\n")
    script = f"""
        {row.before}
        export const options = {{ {row.load}, thresholds: {{ {row.thresholds} }} }};
        export default async function () {{
            const r = http.get('BASE/');
            sleep({row.pause});
            {row.body}
        }}
    """
    path = lab.script(script)
    return loadproof.run_test(str(path), engine_args=row.args)


def words_of(report: Report) -> str:
    """All that it says, conditions and rows included."""
    findings = [
        [f.sentence, f.advice, f.subject, json.dumps(f.evidence, default=str)] for f in report.findings
    ]
    conditions = [[c.sentence, c.advice] for c in report.conditions]
    return json.dumps([report.sentence, findings, conditions, list(report.notes)])


@pytest.mark.parametrize("row", [*HEALTHY, *SICK], ids=lambda row: row.name)
def test_the_verdict_of_a_k6_run(row: Row, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The verdict, its exit code, and the cause by its name."""
    report = report_of(row, lab, monkeypatch)
    assert (report.verdict, exit_code(report)) == (row.verdict, CODES[row.verdict]), words_of(report)
    said = words_of(report)
    assert [words for words in row.says if words not in said] == []
