"""Names, errors and a scenario's own lines are data: no terminal, CI system or spreadsheet obeys them."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadproof.cli.streams import _Log
from loadproof.exports.tables import write_csv
from loadproof.histogram import Histogram
from loadproof.model import Endpoint, Event, EventKind, Slice
from loadproof.reports.locust_csv import write_locust_csv
from loadproof.runfile.reader import read_run
from loadproof.runfile.writer import RunWriter, UncommittedRows
from loadproof.safety.plain import cell, lines, log_text, no_commands, one_line
from tests.runs import START, plan, required, run_facts

if TYPE_CHECKING:
    from pathlib import Path

ONE_LINE = [
    ("\x1b[31mRED\x1b[2J\x1b]0;title\x07", r"\x1b[31mRED\x1b[2J\x1b]0;title\x07", "escape sequences"),
    ("a\r\nb\tc", r"a\r\nb\tc", "line ends"),
    ("\x00\x9b1m", r"\x00\x9b1m", "C0 and C1"),
    ("\u202eRTL\u202c \u2066x\u2069", r"\u202eRTL\u202c \u2066x\u2069", "bidi controls"),
    ("\u2028ls", r"\u2028ls", "a line separator"),
    ("\ud800lone", r"\ud800lone", "half of a surrogate pair"),
    ("\U000e0041tag", r"\U000e0041tag", "invisible tags"),
    ("GET /kredite/münchen 🎉 e\u0301 \u4e2d", "GET /kredite/münchen 🎉 e\u0301 \u4e2d", "ordinary names"),
    ("👩\u200d💻", "👩\u200d💻", "an emoji of two"),
]
COMMANDS = [
    ("::error file=x,line=1::pwned", r":\:error file=x,line=1::pwned"),
    ("  ::set-output name=x::y", r"  :\:set-output name=x::y"),
    ("failed: ::add-mask::e", r"failed: :\:add-mask::e"),
    ("::stop-token-123::", r":\:stop-token-123::"),
    ("text ##[group]x", r"text #\#[group]x"),
    ("##vso[task.setvariable variable=a]b", r"#\#vso[task.setvariable variable=a]b"),
    ("##teamcity[testFailed name='x']", r"#\#teamcity[testFailed name='x']"),
    (
        "std::chrono::seconds at [::1]:80, ## Heading",
        "std::chrono::seconds at [::1]:80, ## Heading",
    ),
]


@pytest.mark.parametrize(("text", "expected", "reason"), ONE_LINE)
def test_what_is_not_printed_is_shown(text: str, expected: str, reason: str) -> None:
    """As Python writes it, which names the character; letters of all languages stay."""
    assert one_line(text) == expected, reason
    assert one_line(one_line(text)) == expected


@pytest.mark.parametrize(("text", "expected"), COMMANDS)
def test_an_order_to_a_ci_system_is_broken(text: str, expected: str) -> None:
    """Wherever a line may be wrapped; other colons stay."""
    assert no_commands(text) == expected
    assert no_commands(expected) == expected


@given(st.text())
def test_no_text_gives_an_order(text: str) -> None:
    """Of all control characters only colours and line ends are left in a log."""
    shown = log_text(text)
    assert no_commands(shown) == shown
    assert "\n" not in one_line(text)
    assert lines(lines(text)) == lines(text)
    assert one_line(lines(text).replace("\n", "").replace("\t", "")) == one_line(
        text.replace("\n", "").replace("\t", "")
    )


def test_a_log_keeps_colours_and_line_ends() -> None:
    """Which are rich's own, and harmless."""
    assert log_text("\x1b[31mred\x1b[0m\n\x1b[2J") == "\x1b[31mred\x1b[0m\n\\x1b[2J"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1+1", "@SUM(1)", "\t=1", "\r=1", "\uff1d1"])
def test_a_cell_is_no_formula(text: str) -> None:
    """Numbers, also negative ones, stay numbers."""
    assert cell(text) == f"'{text}"
    assert (cell(-1.5), cell("GET"), cell(None)) == (-1.5, "GET", None)


def test_a_log_stream_passes_only_its_own_orders() -> None:
    """Annotations are meant; what a scenario prints is not."""
    raw = io.BytesIO()
    stream = _Log(raw, "utf-8", "replace")
    stream.write("::error::from the scenario\n")
    stream.order("::error::a requirement failed\n")
    stream.flush()
    assert raw.getvalue().splitlines() == [rb":\:error::from the scenario", b"::error::a requirement failed"]


def test_an_old_run_file_is_read_harmlessly(tmp_path: Path) -> None:
    """Names and events of a run that was written before they were cleaned; its tables are no formulas."""
    writer = RunWriter(tmp_path / "run.db", run_facts(plan(required(0.5))))
    histogram = Histogram()
    histogram.record_all([0.1])
    bad = Slice(START, Endpoint("=GET", "=cmd|'/c calc'!A1\x1b[2J\n"), 1, {}, 0, histogram)
    event = Event(START + 1.0, EventKind.ERROR_SAMPLE, "\x1b]0;x\x07", {"endpoint": "=GET =x", "count": 1})
    writer.commit(UncommittedRows(slices=[bad], events=[event]), START + 1.0)
    writer.close()
    run = read_run(tmp_path / "run.db")
    assert run.slices[0].endpoint.name == r"=cmd|'/c calc'!A1\x1b[2J\n"
    assert run.events_of(EventKind.ERROR_SAMPLE)[0].message == r"\x1b]0;x\x07"
    exported = io.BytesIO()
    write_csv(run, "slices", exported)
    written = write_locust_csv(run, str(tmp_path / "x"))
    texts = [exported.getvalue().decode(), *(path.read_text() for path in written)]
    cells = [c for text in texts for row in csv.reader(io.StringIO(text)) for c in row]
    assert [c for c in cells if c.startswith(("=", "+", "@"))] == []
    assert r"'=cmd|'/c calc'!A1\x1b[2J\n" in cells
