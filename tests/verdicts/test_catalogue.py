"""The catalogue of verdicts: each row's verdict, exit code and words, on every surface."""

from __future__ import annotations

import io
import json
import re
from xml.etree import ElementTree

import pytest

from loadproof.analysis.across_runs.measured import measured
from loadproof.analysis.judge import exit_code, judge
from loadproof.model import Unit, Verdict
from loadproof.reports import reporter
from loadproof.reports.topics import advice_of
from tests.verdicts.catalogue import CATALOGUE, PLAYED
from tests.verdicts.made import Made
from tests.verdicts.row import SERVICE, Row


@pytest.mark.parametrize("row", CATALOGUE, ids=[row.name for row in CATALOGUE])
def test_a_row_of_the_catalogue(row: Row) -> None:
    """The verdict, the exit code, the condition that is broken, and words that name the cause."""
    report = judge(row.made.run())
    broken = [condition.name for condition in report.conditions if condition.holds is False]
    said = " | ".join([report.sentence, *(f.sentence + f.advice for f in report.findings),
                       *(condition.sentence for condition in report.conditions)])  # fmt: skip
    assert (report.verdict, int(exit_code(report)), broken) == (
        row.verdict, row.code, [row.condition] if row.condition else []
    ), said  # fmt: skip
    assert row.says in said


@pytest.mark.parametrize("row", CATALOGUE, ids=[row.name for row in CATALOGUE])
def test_advice_is_about_something_in_words(row: Row) -> None:
    """Ids such as `valid.answered` are for programs."""
    report = judge(row.made.run())
    ids = {finding.id for finding in report.findings if re.search("[._]", finding.id)}
    assert not ids & {subject for _, subjects in advice_of(report.findings) for subject in subjects}


_IN_JUNIT = {Verdict.FAIL: {"failure"}, Verdict.INCONCLUSIVE: {"error"}}
SHOWN = (*PLAYED, *(row for row in CATALOGUE[::7] if row not in PLAYED))
"""All endings among them: exit code 130 is no verdict, and says nothing where only a report is read."""


@pytest.mark.parametrize("row", SHOWN, ids=[row.name for row in SHOWN])
def test_every_surface_agrees(row: Row) -> None:
    """Terminal, HTML, JSON, JUnit and Markdown say the same verdict, and how many conditions hold."""
    report = judge(row.made.run(), draw=True)
    texts = {}
    for name in ("terminal", "html", "markdown", "junit", "json"):
        stream = io.StringIO()
        reporter(name)(report, stream)
        texts[name] = stream.getvalue()
    document = json.loads(texts["json"])
    assert (document["verdict"], document["exit_code"]) == (str(row.verdict), row.code)
    assert [condition["name"] for condition in document["conditions"] if condition["holds"] is False] == (
        [row.condition] if row.condition else []
    )
    known = [condition for condition in report.conditions if condition.holds is not None]
    line = f"valid: {sum(bool(condition.holds) for condition in known)} of {len(known)}"
    for name in ("terminal", "html", "markdown", "junit"):
        assert line in texts[name], name
        assert str(row.verdict) in texts[name], name
    cases = ElementTree.fromstring(texts["junit"])  # noqa: S314  # written a moment ago
    told = {kind for kind in ("failure", "error") if list(cases.iter(kind))}
    assert told >= _IN_JUNIT.get(row.verdict, set())
    if row.verdict is Verdict.PASS:
        assert not told
    if row in PLAYED:  # what comparisons and `baseline set` ask
        assert bool(measured(row.made.run()).invalid) == (row.condition == "played")


def test_the_catalogue_has_many_healthy_rows() -> None:
    """A condition that cries wolf is as wrong as one that is silent."""
    healthy = [row for row in CATALOGUE if row.verdict is Verdict.PASS and not row.condition]
    assert len(healthy) >= 40
    assert len(CATALOGUE) >= 150
    assert len({row.name for row in CATALOGUE}) >= len(CATALOGUE) - 4


def test_strangers_without_a_name_are_told_with_how_much_they_had() -> None:
    """Whatever starts and ends between two looks has no name: a build with a compiler for each file."""
    made = Made(
        times_s=(0.9,) * 20, series={**SERVICE, ("host", "cpu.program.stress"): (0.3, Unit.CORES, 2.0)}
    )
    said = " ".join(finding.sentence for finding in judge(made.run()).findings)
    assert "others used 1.6 of 2 cores (stress 0.3, 1.3 too short-lived or too small to be named)" in said
