"""A comparison as a report: the same files as of a run."""

from __future__ import annotations

import io
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import xmlschema

from loadproof.analysis.compare.compare import Settings, compare
from loadproof.analysis.compare.comparison import Fail
from loadproof.analysis.compare.gates import parse_gates
from loadproof.analysis.compare.report import comparison_report, picture
from loadproof.model import Report, Verdict
from loadproof.reports import REPORTERS
from tests.comparing.test_compare import side

SCHEMA = xmlschema.XMLSchema(Path(__file__).parents[1] / "reports" / "junit.xsd")


def report(slower: float, settings: Settings | None = None) -> Report:
    """Of five runs a side."""
    base, head = side("a"), side("b", slower=slower, seed=1)
    return comparison_report(compare(base, head, settings), "shop", [*base, *head], "runs")


def written(of: Report, kind: str) -> str:
    """One of its files."""
    stream = io.StringIO()
    REPORTERS[kind](of, stream)
    return stream.getvalue()


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


@pytest.mark.parametrize(
    ("slower", "settings"),
    [
        (1.0, Settings()),
        (0.8, Settings()),
        (1.5, Settings(fail=Fail.NEVER)),
        (1.5, Settings(accepted_changes=parse_gates(["GET /0", "GET /1", "all"], "--accept"))),
    ],
)
def test_what_fails_nothing_has_no_failed_case(slower: float, settings: Settings) -> None:
    """Equal, better, told only, or meant."""
    junit = written(report(slower, settings), "junit")
    SCHEMA.validate(junit)
    assert "<failure" not in junit


def test_the_picture_has_no_change_in_its_middle() -> None:
    """Twice is its right end; what lies beyond has an arrow."""
    assert picture((1.1, 1.2)) == "··········┃├─┤·······"
    assert picture((0.9, 1.1)) == "········├─╂┤·········"
    assert picture((1.5, 1.51)) == "··········┃·····●····"
    assert picture((3.0, 5.0)) == "··········┃·········●"
    assert picture((0.3, 1.0)) == "◀─────────╂··········"
