"""JMeter's own files: parts of a page told apart from it, runs appended to each other, XML."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loadproof.analysis.judge import judge
from loadproof.errors import ConfigError
from loadproof.imports.formats import read_import
from loadproof.imports.jtl_xml import XmlReading
from loadproof.model import EventKind, Verdict
from loadproof.plan.requirements import read_requirements
from loadproof.runfile.reader import Run

if TYPE_CHECKING:
    from pathlib import Path

HEADER = (
    "timeStamp,elapsed,label,responseCode,responseMessage,threadName,dataType,success,failureMessage,bytes,"
    "sentBytes,grpThreads,allThreads,URL,Latency,IdleTime,Connect"
)
BEGIN_MS = 1_800_000_000_000


def row(start_ms: int, elapsed_ms: int, label: str, *, code: str = "200", thread: str = "desk 1-1",
        success: bool = True, message: str = "OK", said: str = "") -> str:  # fmt: skip
    """One row of a results file."""
    return (
        f"{BEGIN_MS + start_ms},{elapsed_ms},{label},{code},{message},{thread},text,"
        f"{str(success).lower()},{said},100,50,1,1,http://t/x,{elapsed_ms},0,0"
    )


def read(tmp_path: Path, rows: list[str], run: int | None = None) -> Run:
    path = tmp_path / "results.jtl"
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    found = read_import(path, run=run)
    assert isinstance(found, Run)
    return found


def counts(run: Run) -> dict[str, tuple[int, int]]:
    """Requests and failures by endpoint."""
    found: dict[str, tuple[int, int]] = {}
    for part in (*run.slices, *run.beside):
        requests, failed = found.get(str(part.endpoint), (0, 0))
        found[str(part.endpoint)] = requests + part.requests, failed + part.failed
    return found


def limits(run: Run) -> str:
    return "; ".join(run.facts["imported"]["limits"])


def test_parts_of_a_page_are_told_apart(tmp_path: Path) -> None:
    """What was redirected, or has embedded parts, is a page; its parts are the requests, also nested ones."""
    rows = []
    for number in range(30):
        at_ms = number * 100
        rows += [
            row(at_ms, 60, "home"), row(at_ms, 20, "home-0", code="302"), row(at_ms + 20, 40, "home-1"),
            row(at_ms + 20, 15, "home-1-0", code="302"), row(at_ms + 35, 25, "home-1-1"),
            row(at_ms + 60, 30, "search"),
        ]  # fmt: skip
    run = read(tmp_path, rows)
    assert counts(run) == {
        "page: home": (30, 0), "home-0": (30, 0), "page: home-1": (30, 0), "home-1-0": (30, 0),
        "home-1-1": (30, 0), "search": (30, 0),
    }  # fmt: skip
    assert "60 page loads stand beside" in limits(run)
    assert judge(run).facts["requests"] == 120


def test_threads_do_not_mix(tmp_path: Path) -> None:
    """Parts belong to the page of their own thread; a label with a number at its end is no part."""
    rows = [
        row(0, 60, "home", thread="desk 1-1"), row(5, 50, "home", thread="desk 1-2"),
        row(0, 20, "home-0", code="302", thread="desk 1-1"), row(5, 10, "home-0", thread="desk 1-2"),
        row(20, 40, "home-1", thread="desk 1-1"), row(100, 10, "loan-7"), row(120, 10, "loan-0"),
        row(2000, 1, "loan"),
    ]  # fmt: skip
    assert counts(read(tmp_path, rows)) == {
        "page: home": (2, 0), "home-0": (2, 0), "home-1": (1, 0), "loan-7": (1, 0), "loan-0": (1, 0),
        "loan": (1, 0),
    }  # fmt: skip


def test_parts_that_were_not_renamed(tmp_path: Path) -> None:
    """With `subresults.disable_renaming` parts have their addresses, and lie within their page."""
    rows = [
        row(0, 60, "home"), row(0, 20, "http://t/", code="302"), row(20, 40, "http://t/en"),
        row(60, 10, "http://t/api"), row(2000, 1, "home"),
    ]  # fmt: skip
    assert counts(read(tmp_path, rows)) == {
        "page: home": (1, 0), "http://t/": (1, 0), "http://t/en": (1, 0), "http://t/api": (1, 0),
        "home": (1, 0),
    }  # fmt: skip


def test_a_refused_page_is_a_failed_request(tmp_path: Path) -> None:
    """An assertion that refuses the whole fails its last part: a failure is never lost."""
    rows = [
        row(0, 60, "home", success=False, said="no loan shown"), row(0, 20, "home-0", code="302"),
        row(20, 40, "home-1"), row(2000, 1, "search"),
    ]  # fmt: skip
    run = read(tmp_path, rows)
    assert counts(run)["home-1"] == (1, 1)
    assert [text for text, _ in judge(run).errors] == ["home-1: no loan shown"]


APPENDED = [row(n * 50, 10 + n % 9, "home") for n in range(100)] + [
    row(3_600_000 + n * 50, 20 + n % 9, "home") for n in range(80)
]


def test_of_runs_that_were_appended_the_last_is_judged(tmp_path: Path) -> None:
    """JMeter appends without a word; which run it is, is said."""
    run = read(tmp_path, APPENDED)
    assert counts(run) == {"home": (80, 0)}
    assert "2 runs were appended to this file: this is run 2, the last of them" in limits(run)
    assert judge(run).duration_s < 10


def test_a_run_can_be_chosen(tmp_path: Path) -> None:
    """--run counts from 1."""
    assert counts(read(tmp_path, APPENDED, run=1)) == {"home": (100, 0)}
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, APPENDED, run=3)
    assert "the file holds 2 runs" in str(caught.value)


@pytest.mark.parametrize(
    ("rows", "requests"),
    [
        ([row(n * 90_000, 10, "home") for n in range(20)], 20),
        ([row((n // 12) * 90_000 + (n % 12) * 20_000, 10, "home") for n in range(48)], 48),
    ],
    ids=["one user who waits for 90 s", "pauses that are not much longer than others"],
)
def test_pauses_belong_to_a_run(tmp_path: Path, rows: list[str], requests: int) -> None:
    """A long think time makes no second run."""
    run = read(tmp_path, rows)
    assert counts(run) == {"home": (requests, 0)}
    assert "appended" not in limits(run)


@pytest.mark.parametrize(("number", "requests"), [(1, 100), (2, 80), (None, 80)])
def test_runs_stand_in_the_order_of_time(tmp_path: Path, number: int | None, requests: int) -> None:
    """Also where a file has them the other way round, as `cat new.jtl old.jtl` does: years may be between."""
    later = [row(100_000_000_000 + n * 50, 20, "home") for n in range(80)]
    run = read(tmp_path, [*later, *APPENDED[:100]], number)
    assert counts(run) == {"home": (requests, 0)}
    assert "2 runs were appended to this file" in limits(run)
    assert judge(run).duration_s < 10


def test_a_wrong_time_is_left_out_and_told(tmp_path: Path) -> None:
    """One row of 1970 must not make a run of 57 years."""
    run = read(tmp_path, [*APPENDED[:50], row(-BEGIN_MS, 10, "home"), *APPENDED[50:100]])
    assert counts(run) == {"home": (100, 0)}
    assert "1 rows are days from all others and left out" in limits(run)
    assert judge(run).duration_s < 10


def test_requests_that_are_years_apart_are_no_run(tmp_path: Path) -> None:
    """Too few to tell which of them are wrong."""
    with pytest.raises(ConfigError, match="1,157 days apart"):
        read(tmp_path, [row(0, 10, "home"), row(100_000_000_000, 10, "home")])


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        (",true,", ",wahr,", "success 'wahr'"),
        (str(BEGIN_MS), "01.02.2027 10:00", "timeStamp '01.02.2027 10:00'"),
    ],
    ids=["a word of another language", "a date of another language"],
)
def test_a_file_without_a_sample_is_told_with_its_first_row(
    tmp_path: Path, was: str, now: str, said: str
) -> None:
    """ "Is it the whole file?" sends nobody to a spreadsheet that changed the cells."""
    with pytest.raises(ConfigError, match="none of its rows is a sample") as caught:
        read(tmp_path, [APPENDED[0].replace(was, now)])
    assert said in str(caught.value)


XML = """<?xml version="1.0" encoding="UTF-8"?>
<testResults version="1.2">
<httpSample t="60" lt="15" ts="1800000000000" s="true" lb="home" rc="200" rm="OK" tn="desk 1-1" by="300">
  <httpSample t="20" ts="1800000000000" s="true" lb="home-0" rc="302" rm="Found" tn="desk 1-1" by="100"/>
  <httpSample t="40" ts="1800000000020" s="true" lb="home-1" rc="200" rm="OK" tn="desk 1-1" by="200"/>
</httpSample>
<sample t="9" ts="1800000001500" s="false" lb="loans of a reader" rc="42S04" rm="no such table" by="10"/>
"""


@pytest.mark.parametrize("end", ["</testResults>\n", ""], ids=["whole", "cut off"])
def test_xml_is_read(tmp_path: Path, end: str) -> None:
    """Samples of every kind, parts inside their page; a file that was cut off is told."""
    path = tmp_path / "results.jtl"
    path.write_text(XML + end)
    run = read_import(path)
    assert isinstance(run, Run)
    assert counts(run) == {
        "page: home": (1, 0), "home-0": (1, 0), "home-1": (1, 0), "loans of a reader": (1, 1),
    }  # fmt: skip
    assert ("cut off" in limits(run)) == (not end)


def _xml(at_ms: int, count: int, *, success: bool = True) -> str:
    return "".join(
        f'<httpSample t="20" ts="{BEGIN_MS + at_ms + n * 50}" s="{str(success).lower()}" lb="home" '
        f'rc="{200 if success else 503}" rm="OK" tn="desk 1-1" by="300"/>\n'
        for n in range(count)
    )


@pytest.mark.parametrize(("number", "expected"), [(None, (80, 0)), (2, (80, 0)), (1, (100, 100))])
def test_xml_that_was_appended_to_holds_several_runs(
    tmp_path: Path, number: int | None, expected: tuple[int, int]
) -> None:
    """JMeter goes on inside of the same element; the errors of one run are none of the other's."""
    path = tmp_path / "results.jtl"
    runs = _xml(0, 100, success=False) + _xml(3_600_000, 80).replace('rm="OK"', 'rm="a > b"')
    path.write_text(
        f'<?xml version="1.0" encoding="UTF-8"?>\n<testResults version="1.2">\n{runs}</testResults>'
    )
    run = read_import(path, run=number)
    assert isinstance(run, Run)
    assert counts(run) == {"home": expected}
    assert f"this is run {number or 2}" in limits(run)
    assert judge(run).duration_s < 10
    assert bool([event for event in run.events if event.kind is EventKind.ERROR_SAMPLE]) == bool(expected[1])


@pytest.mark.parametrize("cut", range(700, 1_100, 13))
def test_xml_is_read_the_same_wherever_a_block_ends(cut: int) -> None:
    """A tag that is cut in two belongs to its own run."""
    document = b"<testResults>" + (_xml(0, 4) + _xml(3_600_000, 4)).encode() + b"</testResults>"
    reading = XmlReading()
    reading.feed(document[:cut])
    reading.feed(document[cut:])
    reading.finish()
    assert [sum(found.requests for found in part.table.slices()) for part in reading.parts] == [4, 4]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("stamp", ["milliseconds", "2027/01/31 12:00:%06.3f", "01/31/27 12:00:%02d"])
@pytest.mark.parametrize("header", [True, False])
def test_every_separator_and_stamp_of_jmeter_is_read(
    tmp_path: Path, separator: str, stamp: str, header: bool
) -> None:
    """With a header and without: both are settings of JMeter's."""
    rows = [row(n * 50, 20, "home") for n in range(40)]
    if stamp != "milliseconds":
        rows = [stamp % (n / 20) + line[line.index(",") :] for n, line in enumerate(rows)]
    lines = [line.replace(",", separator) for line in ([HEADER] if header else []) + rows]
    path = tmp_path / "results.csv"
    path.write_text("\n".join(lines) + "\n")
    run = read_import(path)
    assert isinstance(run, Run)
    assert counts(run) == {"home": (40, 0)}
    assert judge(run).duration_s == pytest.approx(2, abs=1)


def test_a_label_may_hold_the_name_of_a_column(tmp_path: Path) -> None:
    """In a file without a header its neighbours are no separators."""
    path = tmp_path / "results.csv"
    path.write_text("".join(f"{row(n * 50, 20, 'GET /timeStamp/now')}\n" for n in range(40)))
    run = read_import(path)
    assert isinstance(run, Run)
    assert counts(run) == {"GET /timeStamp/now": (40, 0)}


def test_a_line_end_inside_of_a_line_is_told(tmp_path: Path) -> None:
    """Of a file that is no result: an error, and no traceback."""
    path = tmp_path / "results.jtl"
    path.write_bytes(b"1800000000000,1,\r2")
    with pytest.raises(ConfigError, match="no result that can be read"):
        read_import(path)


def test_xml_whose_elements_stand_elsewhere_is_told(tmp_path: Path) -> None:
    """An assertion of no sample."""
    path = tmp_path / "results.jtl"
    path.write_text("<testResults><assertionResult><name>a</name></assertionResult></testResults>")
    with pytest.raises(ConfigError, match="there is no request in this JMeter JTL in XML"):
        read_import(path)


@pytest.mark.parametrize("digits", ["000", "000000"], ids=["microseconds", "nanoseconds"])
def test_times_of_another_unit_are_told(tmp_path: Path, digits: str) -> None:
    """Read as milliseconds they made a run of hours, and seconds made one of 0.2 s."""
    for rows in (
        [row(n * 50, 20, "home").replace(",", f"{digits},", 1) for n in range(40)],
        [f"{(BEGIN_MS + n * 50) // 1000}{row(0, 20, 'home').removeprefix(str(BEGIN_MS))}" for n in range(40)],
    ):
        with pytest.raises(ConfigError, match="none of its rows is a sample"):
            read(tmp_path, rows)


def test_a_load_within_one_second_is_judged(tmp_path: Path) -> None:
    """Times and errors are of all requests; a throughput needs a whole second."""
    rows = [row(100 + n, 5, "home", code="503", success=False) for n in range(400)]
    run = read(tmp_path, rows)
    wanted = tmp_path / "requirements.yaml"
    wanted.write_text(
        "response_time: {p95: <100ms}\nerror_rate: {max_rate: 1%}\nthroughput: {target_rps: 10}\n"
    )
    found = {f.subject: f.verdict for f in judge(run, read_requirements([wanted])).findings if f.measure}
    assert found["error rate"] is Verdict.FAIL
    assert found["throughput"] is Verdict.INCONCLUSIVE
    assert judge(run, read_requirements([wanted])).verdict is Verdict.FAIL
