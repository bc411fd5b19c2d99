"""What a PASS stands on, told by real k6: checks, exceptions, endings, statuses, addresses, redirects."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from loadproof.engines.k6.log import Log, printable
from loadproof.model import EventKind, Outcome
from tests.engines.k6.test_ends import k6_processes, run_until_measured
from tests.runs import loose

if TYPE_CHECKING:
    from loadproof.engines.k6.engine import K6Engine
    from tests.engines.k6.conftest import Lab, Sunk


def summed(sunk: Sunk, kind: EventKind, *keys: str) -> Counter[str]:
    """The numbers of all events of a kind, added up by key."""
    found: Counter[str] = Counter()
    for event in sunk.of(kind):
        for key in keys:
            found[key] += loose(event.data)[key]
    return found


def test_checks_are_told_by_name(lab: Lab) -> None:
    """Each check with its passes and fails, groups in the name."""
    _, sunk = lab.run("""
        import { group } from 'k6';
        export const options = { vus: 2, iterations: 20 };
        export default function () {
            const answer = http.get('BASE/');
            check(answer, { 'is good': (a) => a.status === 200, 'is odd': () => __ITER % 2 === 1 });
            group('desk', () => check(answer, { 'is open': () => false }));
        }
    """)
    found: dict[str, Counter[str]] = {}
    for event in sunk.of(EventKind.CHECKED):
        counts = {"passes": event.whole("passes"), "fails": event.whole("fails")}
        found.setdefault(event.text("name"), Counter()).update(counts)
    assert found["is good"] == {"passes": 20, "fails": 0}
    assert found["is odd"].total() == 20
    assert found["desk::is open"] == {"passes": 0, "fails": 20}


@pytest.mark.parametrize("function", ["function", "async function"])
def test_iterations_that_threw_are_told_by_place(lab: Lab, function: str) -> None:
    """Share, exception and file:line; a traceback with the first of its group; async functions as well."""
    _, sunk = lab.run(f"""
        export const options = {{ vus: 1, iterations: 30 }};
        export default {function} () {{
            http.get('BASE/');
            if (__ITER % 3 === 0) throw new Error('no desk');
            if (__ITER % 3 === 1) undefined.shut();
        }}
    """)
    assert summed(sunk, EventKind.PLAYED, "count", "raised") == {"count": 30, "raised": 20}
    raised: Counter[tuple[str, str]] = Counter()
    for event in sunk.of(EventKind.RAISED):
        raised[event.text("exception"), event.text("where")] += event.whole("count")
    assert raised == {
        ("Error: no desk", "script.js:7"): 10,
        ("TypeError: Cannot read property 'shut' of undefined or null", "script.js:8"): 10,
    }
    tracebacks = [event.text("traceback") for event in sunk.of(EventKind.RAISED) if "traceback" in event.data]
    assert len(tracebacks) == 2
    assert all("at default" in text for text in tracebacks)


def test_a_script_that_marks_its_test_has_a_gate_of_its_own(lab: Lab) -> None:
    """exec.test.fail(): the load goes on to its end, and the script's verdict is no."""
    outcome, sunk = lab.run("""
        import exec from 'k6/execution';
        export const options = { vus: 1, iterations: 5 };
        export default function () { http.get('BASE/'); if (__ITER === 2) exec.test.fail('late loans'); }
    """)
    (gate,) = sunk.of(EventKind.OWN_GATE)
    assert outcome is Outcome.COMPLETED
    assert gate.data == {"how": "exec.test.fail()", "exit_code": 110, "inconclusive": False}
    assert "late loans" in gate.message
    assert sunk.of(EventKind.ENDED_BY) == []
    assert sunk.requests.total() == 5


def test_a_script_that_aborts_is_named(lab: Lab) -> None:
    """exec.test.abort(): who, how, where; and at most one iteration a user was cut off."""
    _, sunk = lab.run("""
        import exec from 'k6/execution';
        export const options = { vus: 4, duration: '1m' };
        export default function () {
            http.get('BASE/');
            if (__ITER > 5) exec.test.abort('the desk is shut');
        }
    """)
    (ended,) = sunk.of(EventKind.ENDED_BY)
    assert (ended.data["by"], ended.data["how"], ended.data["where"]) == (
        "scenario", "exec.test.abort()", "script.js:8",
    )  # fmt: skip
    assert ended.message == "the script ended the load by exec.test.abort(): the desk is shut"
    assert all(loose(event.data)["at_most"] <= 4 for event in sunk.of(EventKind.IN_FLIGHT))


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_to_k6_itself_is_named(lab: Lab, name: str) -> None:
    """Not from Loadproof: somebody ended k6."""

    def end(_engine: K6Engine) -> None:
        (process,) = k6_processes()
        os.kill(process.pid, getattr(signal, name))

    script = "export const options = { vus: 2, duration: '1m' };\n"
    script += "export default function () { http.get('BASE/delay/20'); }"
    outcome, sunk = run_until_measured(lab.plan(script), end)
    (ended,) = sunk.of(EventKind.ENDED_BY)
    assert outcome is Outcome.COMPLETED
    assert (ended.data["by"], ended.data["how"]) == ("signal", name)


def test_a_stop_of_ours_is_no_ending_by_others(lab: Lab) -> None:
    """Ctrl-C and --stop-on are told by Loadproof itself."""
    script = "export const options = { vus: 2, duration: '1m' };\n"
    script += "export default function () { http.get('BASE/delay/20'); }"
    _, sunk = run_until_measured(lab.plan(script), lambda engine: engine.stop())
    assert sunk.of(EventKind.ENDED_BY) == []


def test_statuses_redirects_and_addresses(lab: Lab) -> None:
    """All statuses, also those that the script allows; each followed redirect; where requests went."""
    _, sunk = lab.run("""
        http.setResponseCallback(http.expectedStatuses({ min: 200, max: 499 }));
        export const options = { vus: 1, iterations: 10 };
        export default function () {
            http.get('BASE/status/429', { tags: { kind: 'half' } });
            http.get('BASE/redirect');
        }
    """)
    statuses: dict[str, Counter[str]] = {}
    for event in sunk.of(EventKind.STATUSES):
        statuses.setdefault(loose(event.data)["endpoint"], Counter()).update(loose(event.data)["counts"])
    assert statuses == {
        "GET /status/429": {"429": 10}, "GET /redirect": {"302": 10}, "GET /landed": {"200": 10},
    }  # fmt: skip
    hosts: Counter[str] = Counter()
    for event in sunk.of(EventKind.AIMED):
        hosts.update(loose(event.data)["hosts"])
    assert hosts == {urlsplit(lab.stub.url).netloc: 30}
    assert summed(sunk, EventKind.WIRE, "hops", "counted", "repeats") == {
        "hops": 10, "counted": 10, "repeats": 0,
    }  # fmt: skip
    assert sunk.failed_by_endpoint() == {}
    assert {part.received_bytes for part in sunk.slices} == {None}


def test_redirects_that_may_not_have_been_followed_are_not_guessed(lab: Lab) -> None:
    """A script that says `redirects` may look at the 302 itself."""
    _, sunk = lab.run("""
        export const options = { vus: 1, iterations: 3 };
        export default function () { http.get('BASE/redirect', { redirects: 0 }); }
    """)
    assert sunk.of(EventKind.WIRE) == []
    assert lab.stub.count() == sunk.requests.total() == 3


def test_counters_without_a_sample_are_zero(lab: Lab) -> None:
    """As k6 judges them: `count<10` holds, `count>500` is crossed, dropped_iterations too."""
    outcome, sunk = lab.run("""
        import { Counter, Trend } from 'k6/metrics';
        const errors = new Counter('desk_errors'), loans = new Counter('loans'), wait = new Trend('wait');
        export const options = { vus: 1, iterations: 3, thresholds: {
            desk_errors: ['count<10'], loans: ['count>500'], 'desk_errors{kind:late}': ['count<1'],
            dropped_iterations: ['count<5'], wait: ['p(95)<5'], 'http_reqs{name:typo}': ['count<5'],
        } };
        export default function () { http.get('BASE/'); }
    """)
    found = {message: (data["ok"], data["value"]) for message, data in sunk.thresholds().items()}
    assert outcome is Outcome.COMPLETED
    assert found == {
        "desk_errors: count<10": (True, 0.0), "loans: count>500": (False, 0.0),
        "desk_errors{kind:late}: count<1": (True, 0.0), "dropped_iterations: count<5": (True, 0.0),
        "wait: p(95)<5": (None, None), "http_reqs{name:typo}: count<5": (None, None),
    }  # fmt: skip


def test_thresholds_that_k6_was_told_not_to_judge_are_open(lab: Lab) -> None:
    """--no-thresholds ends with 0 whatever was measured."""
    script = "export const options = { vus: 1, iterations: 3, thresholds: { http_reqs: ['count>500'] } };\n"
    script += "export default function () { http.get('BASE/'); }"
    _, sunk = lab.run(script, engine_args=("--no-thresholds",))
    (data,) = sunk.thresholds().values()
    assert data["ok"] is None
    assert "--no-thresholds" in data["reason"]


def test_the_log_is_read_whatever_the_user_asks_k6_for(lab: Lab) -> None:
    """What a script throws is told by k6's log alone."""
    script = "export const options = { vus: 1, iterations: 4 };\n"
    script += "export default function () { http.get('BASE/'); throw new Error('boom'); }"
    flags = ("--log-format=raw", "--log-output=none", "--quiet")
    _, sunk = lab.run(script, engine_args=flags)
    assert summed(sunk, EventKind.PLAYED, "count", "raised") == {"count": 4, "raised": 4}


def test_what_a_service_answers_cannot_move_the_cursor(lab: Lab) -> None:
    """console.log of a binary body: control characters are escaped, one line each, of bounded length."""
    _, sunk = lab.run("""
        export const options = { vus: 1, iterations: 1 };
        export default function () {
            http.get('BASE/');
            console.log('red \\x1b[31m and\\nnext \\x07' + 'x'.repeat(50000));
        }
    """)
    (line,) = [line for line in sunk.lines if line.startswith("red")]
    assert line.startswith(r"red \x1b[31m and\nnext \x07xxx")
    assert line.endswith("more characters)")
    assert len(line) < 2_100


def test_printable_text_stays() -> None:
    """Letters of every language, tabs too."""
    assert printable("Löschen\t貸出") == "Löschen\t貸出"


def test_what_k6_did_not_connect_to_is_read_in_its_log() -> None:
    """Of WebSockets and gRPC no metric says it; also where the script catches it and prints it."""
    log = Log(lambda _line: None)
    for said, source in (
        ("dial: hostname (prod.test) is in a blocked pattern (*.test)", "stacktrace"),
        ("no: IP (10.9.9.9) is in a blacklisted range (10.0.0.0/8)", "console"),
        ("hostname (shop.test) is fine", "console"),
    ):
        log.line(json.dumps({"level": "error", "msg": said, "source": source}))
    assert list(log.kept_back) == ["prod.test", "10.9.9.9"]


def test_exceptions_with_ids_in_them_do_not_fill_the_memory() -> None:
    """A hundred groups are told apart, the rest is counted together."""
    log = Log(lambda _line: None)
    for number in range(500):
        said = f"Error: loan {number}\n\tat f (file:///s.js:1:2(3))"
        log.line(json.dumps({"level": "error", "source": "stacktrace", "msg": said}))
    groups = log.take_raised()
    assert (len(groups), sum(count for _, count in groups)) == (101, 500)
    assert log.take_raised() == []
