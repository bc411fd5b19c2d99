"""The catalogue of verdicts: each row's verdict, exit code and words, on every surface."""

from __future__ import annotations

import io
import json

import pytest

from loadproof.analysis.judge import exit_code, judge
from loadproof.model import Verdict
from loadproof.reports import REPORTERS
from tests.verdicts.catalogue import CATALOGUE, Row


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


@pytest.mark.parametrize("row", CATALOGUE[::7], ids=[row.name for row in CATALOGUE[::7]])
def test_every_surface_agrees(row: Row) -> None:
    """Terminal, HTML, JSON, JUnit and Markdown say the same verdict, and how many conditions hold."""
    report = judge(row.made.run(), draw=True)
    texts = {}
    for name in ("terminal", "html", "markdown", "junit", "json"):
        stream = io.StringIO()
        REPORTERS[name](report, stream)
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


def test_the_catalogue_has_many_healthy_rows() -> None:
    """A condition that cries wolf is as wrong as one that is silent."""
    healthy = [row for row in CATALOGUE if row.verdict is Verdict.PASS and not row.condition]
    assert len(healthy) >= 40
    assert len(CATALOGUE) >= 110
    assert len({row.name for row in CATALOGUE}) >= len(CATALOGUE) - 4
