"""A comparison as a report: the same files as of a run."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import xmlschema

from loadproof.analysis.compare.compare import compare
from loadproof.analysis.compare.comparison import Change, FailOn
from loadproof.analysis.compare.findings import baseline_findings
from loadproof.analysis.compare.gates import parse_gates
from loadproof.analysis.compare.percent import interval_text, percent_change
from loadproof.analysis.compare.report import comparison_report, drawn
from loadproof.analysis.compare.settings import ComparisonSettings
from loadproof.model import Report, Verdict
from loadproof.reports import reporter
from loadproof.reports.comparison import write_comparison
from loadproof.reports.comparison_json import write_comparison_json
from tests.comparing.sides import side

SCHEMA = xmlschema.XMLSchema(Path(__file__).parents[1] / "reports" / "junit.xsd")


def report(slower: float, settings: ComparisonSettings | None = None) -> Report:
    """Of five runs a side."""
    base, head = side("a"), side("b", slower=slower, seed=1)
    return comparison_report(compare(base, head, settings), "shop", [*base, *head], "runs")


def written(of: Report, kind: str) -> str:
    """One of its files."""
    stream = io.StringIO()
    reporter(kind)(of, stream)
    return stream.getvalue()


def test_the_bound_that_decides_is_in_the_files() -> None:
    """The one-sided one: of a comparison's JSON, and of a run's finding about its baseline."""
    comparison = compare(side("a"), side("b", seed=1))
    row = next(row for row in comparison.gated if row.change is Change.SAME)
    assert row.interval is not None
    assert row.harm_at_most is not None
    assert row.harm_at_most < row.interval[1] - 1, "the interval is two-sided"
    stream = io.StringIO()
    write_comparison_json(comparison, stream)
    rows = json.loads(stream.getvalue())["rows"]
    (evidence,) = (finding.evidence["rows"] for finding in baseline_findings(comparison))
    assert isinstance(evidence, list)
    of_json = [
        one["harm_at_most"]
        for one in rows
        if (one["subject"], one["statistic"]) == (row.subject, row.statistic)
    ]
    of_finding = [
        one["harm_at_most"]
        for one in evidence
        if (one["endpoint"], one["statistic"]) == (row.subject, row.statistic)
    ]
    assert of_json == of_finding == [row.harm_at_most]


def test_a_regression_is_red_in_every_file() -> None:
    """With its sentence in the comment, a failed case, an annotation and a page."""
    found = report(1.5)
    assert found.verdict is Verdict.FAIL
    text = written(found, "markdown")
    assert "## ❌ FAIL: REGRESSED: " in text
    assert "| GET /0 | p50 |" in text
    assert "┃" in text
    junit = written(found, "junit")
    SCHEMA.validate(junit)
    cases = ET.fromstring(junit.partition("\n")[2]).iter("testcase")  # noqa: S314  # our own
    failed = {str(case.get("name")) for case in cases if case.find("failure") is not None}
    assert {"comparison", "comparison: p50 of GET /0", "comparison: p50 at one mix of all requests"} <= failed
    assert written(found, "annotations").startswith("::error title=loadproof FAIL::")
    assert "REGRESSED" in written(found, "html")


def test_the_picture_has_each_interval_over_what_does_not_matter() -> None:
    """A dot a row at head by base, its interval as it was found, and the tolerance of 5 % below it."""
    base, head = side("a"), side("b", slower=1.2, seed=1)
    comparison = compare(base, head)
    (found,) = comparison_report(comparison, "shop", [*base, *head], "runs").pictures
    names = found.panels[0].rows
    drawn_rows = {
        names[int(y)]: (x, low, high)
        for layer in found.layers
        for x, y, low, high in zip(layer.x, layer.y, layer.low, layer.high, strict=True)
        if y is not None
    }
    known = {row.name: (row.ratio, *row.interval) for row in comparison.rows if row.interval}
    assert set(names) == set(drawn_rows)
    assert drawn_rows == {name: known[name] for name in names}
    regressed = {row.name for row in comparison.rows if row.change is Change.REGRESSED}
    (layer,) = [layer for layer in found.layers if layer.name == "regressed"]
    assert {names[int(y)] for y in layer.y if y is not None} == regressed & set(names)
    assert {(tint.low, tint.high) for tint in found.tints} == {(1 / 1.05, 1.05)}
    assert [tint.row for tint in found.tints] == list(range(len(names)))


def test_error_rates_have_a_picture_of_their_own_first_where_they_prove_it() -> None:
    """Ten times as many failures would leave a change of 4 % no room on one axis."""
    base, head = side("a", failed=3), side("b", slower=1.04, seed=1, failed=40)
    errors, others = comparison_report(compare(base, head), "shop", [*base, *head], "runs").pictures
    assert all(name.startswith("error rate of ") for name in errors.panels[0].rows)
    assert not any(name.startswith("error rate of ") for name in others.panels[0].rows)
    # 0.1 points of a base rate of 3 in 2,000 are two thirds of it.
    assert errors.tints[0].high == pytest.approx(1 + 0.001 / 0.0015)


def test_one_run_a_side_has_no_more_than_what_is_within_it() -> None:
    base, head = side("a", runs=1), side("b", runs=1, slower=1.2, seed=1)
    comparison = compare(base, head)
    pictures = comparison_report(comparison, "shop", [*base, *head], "runs").pictures
    assert bool(pictures) is any(row.within_run for row in comparison.rows)


@pytest.mark.parametrize(
    ("slower", "settings"),
    [
        (1.0, ComparisonSettings()),
        (0.8, ComparisonSettings()),
        (1.5, ComparisonSettings(fail=FailOn.NEVER)),
        (1.5, ComparisonSettings(accepted_changes=parse_gates(["GET /0", "GET /1", "all"], "--accept"))),
    ],
)
def test_what_fails_nothing_has_no_failed_case(slower: float, settings: ComparisonSettings) -> None:
    """Equal, better, told only, or meant."""
    junit = written(report(slower, settings), "junit")
    SCHEMA.validate(junit)
    assert "<failure" not in junit


def test_the_picture_has_no_change_in_its_middle() -> None:
    """Twice is its right end; what lies beyond has an arrow."""
    assert drawn((1.1, 1.2)) == "··········┃├─┤·······"
    assert drawn((0.9, 1.1)) == "········├─╂┤·········"
    assert drawn((1.5, 1.51)) == "··········┃·····●····"
    assert drawn((3.0, 5.0)) == "··········┃·········●"
    assert drawn((0.3, 1.0)) == "◀─────────╂··········"


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_in_a_terminal_no_figure_is_cut_and_the_answer_stands_last(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In 80 columns intervals were "+20.1% to +22.…" and what each row came to was not there at all."""
    monkeypatch.setenv("COLUMNS", str(width))
    comparison = compare(side("base", endpoints=4), side("head", slower=1.2, endpoints=4, seed=1))
    stream = _Terminal()
    write_comparison(comparison, stream)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue()).splitlines()
    assert max(map(len, lines)) <= width
    for row in comparison.gated:
        if row.interval is not None and row.ratio is not None:
            figures = f"{percent_change(row.ratio)}  {interval_text(row.interval)}"
            assert any(figures in line and line.rstrip().endswith("REGRESSED") for line in lines)
    assert " ".join(" ".join(lines).split()).endswith(comparison.sentence)


def test_what_prevents_an_answer_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is left out is a note, where another decides without it; else it is the reason."""
    monkeypatch.setenv("COLUMNS", "200")
    head = side("head", seed=1)
    for unsound, told in (
        (head[:1], "note  left out: head0: a worker was lost"),
        (head, "!  head0: a worker was lost"),
    ):
        kept = [run for run in head if run not in unsound]
        runs = [*(replace(run, invalid=("a worker was lost",)) for run in unsound), *kept]
        stream = _Terminal()
        write_comparison(compare(side("base"), runs), stream)
        lines = [line.strip() for line in stream.getvalue().splitlines() if "head0" in line]
        said = [re.sub(r"\x1b\[[0-9;]*m", "", line).strip() for line in lines]
        assert [line for line in said if line.startswith(("note", "!"))] == [told]


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (36, "REGRESSED"),
        (48, "REGRESSED"),
        (50, "+20%  REGRESSED"),
        (60, "+20%  REGRESSED"),
        (80, "+20%  +19% to +21%  REGRESSED"),
    ],
)
def test_below_eighty_columns_whole_figures_are_left_out(
    width: int, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The interval, then the change; what it comes to is never cut."""
    monkeypatch.setenv("COLUMNS", str(width))
    comparison = compare(side("base"), side("head", slower=1.2, seed=1))
    proved = comparison.proved(Change.REGRESSED)
    rows = tuple(replace(row, ratio=1.2, interval=(1.19, 1.21)) for row in proved)
    stream = _Terminal()
    write_comparison(replace(comparison, rows=rows), stream)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue()).splitlines()
    table = [re.sub("(?<=%)  +", "  ", line).rstrip() for line in lines if re.match(" [●!]  GET", line)]
    assert [line.split(maxsplit=4)[4] for line in table] == [shown] * 6


def test_where_columns_are_short_a_statistic_is_cut_and_no_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside a very wide interval, too: from 120 columns on with both values, which 80 have no room for."""
    comparison = compare(side("base", endpoints=2), side("head", slower=1.2, endpoints=2, seed=1))
    wide = tuple(
        replace(row, statistic="new connections a request", interval=(0.0001, 1001.0))
        for row in comparison.rows
    )
    for width, values in ((80, False), (120, True)):
        monkeypatch.setenv("COLUMNS", str(width))
        stream = _Terminal()
        write_comparison(replace(comparison, rows=wide), stream)
        lines = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue()).splitlines()
        assert max(map(len, lines)) <= width
        assert any("more than x 1000" in line and "REGRESSED" in line for line in lines)
        assert ("base" in lines[1].split()) is values
