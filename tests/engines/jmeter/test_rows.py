"""JMeter's XML, read as it comes: what is a request, what is a sum, what failed and why."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

import numpy as np
import pytest

from loadproof.engines.jmeter.outcomes import failure_kind, failure_text
from loadproof.engines.jmeter.plan_file import read_plan_file
from loadproof.engines.jmeter.rows import Rows
from loadproof.engines.jmeter.samplers import Samplers
from loadproof.histogram import merged
from loadproof.model import Endpoint, FailureKind

if TYPE_CHECKING:
    from loadproof.engines.jmeter.batch import Batch

PLANS = Path(__file__).with_name("plans")
NO_ANSWER = "Non HTTP response code: "
START_MS = 1_800_000_000_000


def sample(
    label: str,
    inside: str = "",
    *,
    tag: str = "httpSample",
    t: int = 5,
    ok: bool = True,
    rc: str = "200",
    rm: str = "OK",
    ts: int = START_MS,
    thread: str = "Users 1-1",
) -> str:
    """One row as JMeter writes it."""
    head = f'<{tag} t="{t}" it="0" ts="{ts}" s="{str(ok).lower()}" lb={quoteattr(label)} rc={quoteattr(rc)}'
    return f'{head} rm={quoteattr(rm)} tn="{thread}" by="10">{inside}</{tag}>\n'


def url(text: str) -> str:
    return f"<java.net.URL>{text}</java.net.URL>"


def assertion(name: str, *, failed: bool, message: str = "") -> str:
    said = f"<failureMessage>{message}</failureMessage>" if message else ""
    return (
        f"<assertionResult><name>{name}</name><failure>{str(failed).lower()}</failure>"
        f"<error>false</error>{said}</assertionResult>"
    )


def document(*rows: str) -> bytes:
    return ('<?xml version="1.0" encoding="UTF-8"?>\n<testResults version="1.2">\n' + "".join(rows)
            + "\n</testResults>\n").encode()  # fmt: skip


def read(data: bytes, rows: Rows | None = None, pieces: int | None = None) -> tuple[Rows, Batch]:
    rows = rows or Rows(Samplers(read_plan_file(PLANS / "shop.jmx").walk()))
    size = pieces or len(data)
    for start in range(0, len(data), size):
        rows.feed(data[start : start + size])
    rows.close()
    return rows, rows.drain()


def counts(batch: Batch) -> dict[str, int]:
    found: Counter[str] = Counter()
    for part in batch.slices:
        found[str(part.endpoint)] += part.requests
    return dict(found)


def failures(batch: Batch) -> dict[str, dict[FailureKind, int]]:
    return {str(part.endpoint): part.failures for part in batch.slices if part.failures}


def test_the_leaves_are_the_requests_and_what_stands_around_them_is_a_sum() -> None:
    """A redirect's hops, an embedded part, a transaction with and without its requests inside."""
    hops = sample("moved-0", rc="302") + sample("moved-1")
    inner = sample("day")
    told = "Number of samples in transaction : 1, number of failing samples : 0"
    rows, batch = read(document(
        sample("moved", hops), sample("pay"), sample("checkout", tag="sample", rm=told),
        sample("slot", inner, tag="sample", rm=told),
    ))  # fmt: skip
    assert counts(batch) == {
        "moved-0": 1, "moved-1": 1, "page: moved": 1, "pay": 1, "transaction: checkout": 1,
        "transaction: slot": 1, "day": 1,
    }  # fmt: skip
    assert rows.requests == 4
    assert rows.told == 2, "JMeter's own summary counts the redirected one once, and no transaction"


def test_a_sampler_that_sends_nothing_is_no_request() -> None:
    """The plan says which it is, by its label; one that no plan names and that has no address neither."""
    rows, batch = read(document(sample("count stock", tag="sample"), sample("who knows", tag="sample")))
    assert rows.requests == 0
    assert counts(batch) == {"script: count stock": 1, "script: who knows": 1}


def test_a_label_with_a_variable_is_one_endpoint() -> None:
    """By its name in the plan, for its parts too."""
    rows = [sample("item 7"), sample("item 8"), sample("item 9", sample("item 9-0") + sample("item 9-1"))]
    _, batch = read(document(*rows))
    assert counts(batch) == {"item ${id}": 2, "page: item ${id}": 1, "item ${id}-0": 1, "item ${id}-1": 1}


def test_a_number_at_the_end_of_a_name_with_a_variable_is_of_that_name() -> None:
    """Only what stands below a request is called NAME-0; "item 2-1" is one of "item ${id}"."""
    _, batch = read(document(sample("item 2-1"), sample("item 3", sample("item 3-1"))))
    assert counts(batch) == {"item ${id}": 1, "page: item ${id}": 1, "item ${id}-1": 1}


def test_what_a_debug_post_processor_hangs_below_a_request_makes_no_sum_of_it() -> None:
    """The request was sent once; with embedded parts these are the requests, as without it."""
    debug = sample("pay-0", tag="sample")
    page = sample("home", sample("home-0") + sample("home-1") + sample("home-2", tag="sample"))
    rows, batch = read(document(sample("pay", debug), page, sample("count stock", debug, tag="sample")))
    assert rows.requests == 3
    assert counts(batch) == {
        "pay": 1, "script: pay-0": 2, "home-0": 1, "home-1": 1, "script: home-2": 1, "page: home": 1,
        "script: count stock": 1,
    }  # fmt: skip


def test_a_script_that_has_the_label_of_a_request_is_still_a_script() -> None:
    """JMeter writes the rows of the two by different names; a plug-in's sampler may be either."""
    plan = read_plan_file(PLANS / "same_labels.jmx")
    twice = sample("pay"), sample("pay", tag="sample"), sample("ask", tag="sample"), sample("ask")
    rows, batch = read(document(*twice), Rows(Samplers(plan.root.whole())))
    assert rows.requests == 3
    assert counts(batch) == {"pay": 1, "script: pay": 1, "ask": 2}


def test_an_answer_of_the_cache_manager_is_no_request() -> None:
    """A row of it is there with `cache_manager.cached_resource_mode=RETURN_200_CACHE` only."""
    cached = sample("pay", rm="(ex cache)").replace('by="10"', 'by="0" sby="0"')
    rows, batch = read(document(cached, sample("pay")))
    assert (rows.requests, rows.told) == (1, 2)
    assert counts(batch) == {"pay": 1}


@pytest.mark.parametrize("pieces", [1, 7, 64, 4096])
def test_bytes_may_come_in_any_pieces(pieces: int) -> None:
    """Also where a character that XML forbids is cut in two."""
    label = "c" + "&#x0;&#x1b;&#1;" + "l"
    row = sample("X", tag="sample").replace('lb="X"', f'lb="{label}"')
    rows, batch = read(document(row, sample("ok ☕")), pieces=pieces)
    assert rows.broken == ""
    assert rows.complete
    assert counts(batch) == {"script: c\ufffd\ufffd\ufffdl": 1, "ok ☕": 1}


def test_characters_that_xml_allows_stay() -> None:
    """Tab, line feed and carriage return as references."""
    row = sample("X").replace('lb="X"', 'lb="a&#x9;b&#xa;c&#xd;d"')
    _, batch = read(document(row))
    assert counts(batch) == {"a\tb\nc\rd": 1}


def test_a_refused_answer_fails_the_request_that_it_came_with() -> None:
    """An assertion on a redirected request looks at its last answer; its hops themselves succeeded."""
    hops = sample("moved-0", url("http://h/a"), rc="302") + sample("moved-1", url("http://h/b"))
    refused = assertion("is there", failed=True, message="expected to contain /there/")
    _, batch = read(document(sample("moved", hops + refused + url("http://h/b"), ok=False)))
    assert failures(batch) == {
        "page: moved": {FailureKind.CHECK: 1}, "moved-1": {FailureKind.CHECK: 1}
    }  # fmt: skip
    assert {s.text for s in batch.errors} == {"is there: expected to contain /there/"}


def test_a_failed_part_is_counted_once() -> None:
    """A page whose part is missing has failed, and so has that part: one failed request."""
    parts = sample("home-0") + sample("home-1", ok=False, rc="404")
    _, batch = read(document(sample("home", parts, ok=False, rc="404")))
    assert failures(batch) == {"page: home": {FailureKind.STATUS: 1}, "home-1": {FailureKind.STATUS: 1}}


@pytest.mark.parametrize(
    ("code", "message", "kind", "text"),
    [
        ("503", "Unavailable", FailureKind.STATUS, "HTTP 503"),
        ("200", "OK", FailureKind.CHECK, "has ok: no"),
        (NO_ANSWER + "java.net.SocketTimeoutException", "Non HTTP response message: Read timed out",
         FailureKind.TIMEOUT, "SocketTimeoutException: Read timed out"),
        (NO_ANSWER + "org.apache.http.conn.ConnectTimeoutException", "Non HTTP response message: x",
         FailureKind.TIMEOUT, "ConnectTimeoutException: x"),
        (NO_ANSWER + "java.net.UnknownHostException", "Non HTTP response message: no.invalid",
         FailureKind.TRANSPORT, "UnknownHostException: no.invalid"),
        ("42S04 42104", "Table not found", FailureKind.STATUS, "has ok: no"),
        ("500", "java.net.ConnectException: refused", FailureKind.TRANSPORT, "has ok: no"),
    ],
)  # fmt: skip
def test_how_a_sample_failed(code: str, message: str, kind: FailureKind, text: str) -> None:
    """By JMeter's code; its numbers are HTTP's, or those of a database."""
    assert failure_kind(code, message) is kind
    assert failure_text(code, message, "has ok: no") == text


def test_a_message_without_a_failure_is_no_failure() -> None:
    """An extractor that found nothing leaves one: only `s` decides."""
    _, batch = read(document(sample("page", assertion("xpath", failed=True, message="no such node"))))
    assert failures(batch) == {}


@pytest.mark.parametrize("stopping", [True, False])
def test_what_the_stop_cut_off_is_in_flight_and_else_a_failure(stopping: bool) -> None:
    """The same row, whether JMeter was told to stop at once or not."""
    rows = Rows(Samplers([]))
    rows.stopping = stopping
    cut = sample("slow", ok=False, rc=NO_ANSWER + "java.net.SocketException",
                 rm="Non HTTP response message: Socket closed")  # fmt: skip
    rows, batch = read(document(cut), rows)
    assert (rows.cut_off, len(batch.slices)) == ((1, 0) if stopping else (0, 1))


def test_what_the_end_of_a_schedule_cut_off_is_in_flight() -> None:
    """An Open Model Thread Group interrupts its users; what ended before that is the service's fault."""
    code, message = NO_ANSWER + "java.net.SocketException", "Non HTTP response message: Socket closed"
    early, late = (sample("a", ok=False, rc=code, rm=message, ts=START_MS + ms) for ms in (1_000, 5_000))
    rows = Rows(Samplers([]))
    rows.feed(document(early, late))
    rows.settle(START_MS / 1e3 + 3)
    rows.cut_from_s = START_MS / 1e3 + 5
    rows.close()
    assert (rows.cut_off, rows.requests) == (1, 1)
    assert failures(rows.drain()) == {"a": {FailureKind.TRANSPORT: 1}}


def test_results_that_end_in_the_middle_keep_what_was_whole() -> None:
    """As after SIGKILL: whole rows count, and the document is not complete."""
    whole = document(sample("a"), sample("b"))
    rows, batch = read(whole[: whole.index(b'lb="b"')])
    assert counts(batch) == {"a": 1}
    assert not rows.complete
    assert rows.broken == ""


def test_results_that_are_no_xml_say_where() -> None:
    """And nothing after that place is made up."""
    rows, batch = read(document(sample("a")) + b"<oops>")
    assert counts(batch) == {"a": 1}
    assert "line" in rows.broken


def test_percentiles_are_those_of_the_raw_rows() -> None:
    """Within half a percent of the sample that the nearest rank names."""
    draw = random.Random(7)
    times_ms = [round(draw.lognormvariate(4, 0.8)) + 1 for _ in range(5_000)]
    rows = [sample("a", t=t, ts=START_MS + 10 * number) for number, t in enumerate(times_ms)]
    _, batch = read(document(*rows), pieces=10_007)
    response = merged(part.response for part in batch.slices)
    for quantile in (0.5, 0.9, 0.95, 0.99, 1.0):
        exact = float(np.quantile(times_ms, quantile, method="inverted_cdf"))
        assert response.quantile(quantile) == pytest.approx(exact / 1e3, rel=0.005)


def test_a_request_counts_in_the_second_in_which_it_ended() -> None:
    """The time stamp is its start."""
    _, batch = read(document(sample("a", t=1_500, ts=START_MS + 600)))
    (part,) = batch.slices
    assert (part.second, part.endpoint) == (START_MS // 1000 + 2, Endpoint("", "a"))


def test_set_up_is_no_begin_of_the_load() -> None:
    """By the group's name in the thread's."""
    rows = Rows(Samplers([]), frozenset({"Prepare"}))
    early = sample("seed", thread="Prepare 1-1", ts=START_MS)
    rows, _ = read(document(early, sample("a", ts=START_MS + 5_000)), rows)
    assert rows.first_s == START_MS / 1e3 + 5


def test_the_first_byte_of_good_answers_is_told_where_jmeter_wrote_it() -> None:
    """JMeter's latency in whole milliseconds: an error that comes at once is no fast answer."""
    rows = [sample("/chat", t=900).replace(" it=", f' lt="{latency}" it=') for latency in (80, 0, 120)]
    rows += [sample("/chat", ok=False, rc="503").replace(" it=", ' lt="1" it='), sample("/other")]
    _, batch = read(document(*rows))
    assert counts(batch) == {"/chat": 4, "/other": 1}
    _, batch = read(document(*rows), Rows(Samplers([]), first_bytes=True))
    assert counts(batch) == {"/chat": 4, "first_byte: /chat": 3, "/other": 1}
    first = [part.response for part in batch.slices if str(part.endpoint) == "first_byte: /chat"]
    assert [times.sum_ns for times in first] == [200_000_000]
