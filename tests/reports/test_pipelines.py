"""What pipelines read: JUnit XML, Markdown, GitHub's commands, JSON after its schema."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
import xmlschema

from loadproof.analysis.judge import judge
from loadproof.model import Endpoint, EventKind, Finding, Measure, Outcome, Report, Verdict
from loadproof.reports import reporter
from loadproof.reports.github import write_annotations
from loadproof.reports.markdown import MARKER, MOST_CHARACTERS, escape
from tests.reports.some_of_everything import busy_report, busy_run, finding_with_rows, with_findings
from tests.runs import event, part, plan, required, run

SCHEMA = xmlschema.XMLSchema(Path(__file__).parent / "junit.xsd")
JSON_SCHEMA = json.loads((files("loadproof.reports") / "report.schema.json").read_text(encoding="utf-8"))


def written(report: Report, kind: str) -> str:
    stream = io.StringIO()
    reporter(kind)(report, stream)
    return stream.getvalue()


def passing() -> Report:
    return judge(run(part(0, times_s=[0.1] * 100), part(1, times_s=[0.1] * 100), of=plan(required(0.5))))


def empty() -> Report:
    return judge(run(of=plan(required(0.5)), seconds=5))


def interrupted() -> Report:
    return judge(run(part(0), part(1), of=plan(required(0.5), time_scale=0.5), outcome=Outcome.INTERRUPTED))


REPORTS = [busy_report(), passing(), empty(), interrupted()]


@pytest.mark.parametrize("report", REPORTS)
def test_junit_is_valid(report: Report) -> None:
    """After the schema that CI servers share, whatever the verdict."""
    SCHEMA.validate(written(report, "junit"))


def test_junit_has_a_case_for_each_requirement() -> None:
    """FAIL is a failure, INCONCLUSIVE an error and never a skip; notes are no cases."""
    suite = ET.fromstring(written(busy_report(), "junit").partition("\n")[2])[0]  # noqa: S314  # our own
    cases = {case.get("name"): [child.tag for child in case] for case in suite.iter("testcase")}
    assert cases == {
        "applied load >= 95%": [],
        "p95 < 500ms": [],
        "p95 of /api/loans < 150ms": ["failure"],
        "error rate < 1%": ["failure"],
        "throughput >= 10/s": [],
        "cpu < 80%": ["failure"],
        "p95 of /typo < 1s": ["error"],
    }
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("7", "3", "1")


def test_junit_survives_characters_that_xml_has_not() -> None:
    """An error text from a server may hold anything."""
    odd = Finding("consistency.rows", Verdict.FAIL, "rows: \x00\x1b[31m & <b> ]]>", {"check": "rows"})
    text = written(with_findings(passing(), odd), "junit")
    SCHEMA.validate(text)
    assert "\x00" not in text


@pytest.mark.parametrize(
    "report", [*REPORTS, with_findings(busy_report(), finding_with_rows("spike.recovery"))]
)
def test_json_follows_its_schema(report: Report) -> None:
    """The schema that the package ships; charts are not in it."""
    document = json.loads(written(report, "json"))
    jsonschema.validate(document, JSON_SCHEMA, cls=jsonschema.Draft202012Validator)
    assert "charts" not in document


def test_the_json_schema_is_one() -> None:
    """And it is strict enough to refuse a report without its verdict."""
    jsonschema.Draft202012Validator.check_schema(JSON_SCHEMA)
    document: dict[str, Any] = json.loads(written(passing(), "json"))
    document["verdict"] = "MAYBE"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, JSON_SCHEMA)


def test_markdown_tells_the_verdict_first() -> None:
    """A marker to find the comment by, the verdict, then what does not hold before what does."""
    lines = written(busy_report(), "markdown").splitlines()
    assert lines[0] == MARKER
    assert lines[1].startswith("## ❌ FAIL: p95 of /api/loans is ")
    marks = [line.split(" | ")[0] for line in lines if line.startswith(("| ❌", "| ⚠️", "| ✅"))]
    assert marks == ["| ❌", "| ❌", "| ❌", "| ⚠️", "| ✅", "| ✅", "| ✅"]


def test_markdown_shows_what_changed_and_folds_the_rest() -> None:
    """Comparisons stand open with their table; what passed and is not asked about is folded."""
    report = with_findings(passing(), finding_with_rows("comparison.p95"), finding_with_rows("generator.cpu"))
    text = written(report, "markdown")
    _, _, after = text.partition("</details>")  # of the conditions of validity
    opened, _, folded = after.partition("<details>")
    assert "### Head against base" in opened
    assert "| GET /api/0 | 100ms | 1.05 | 5% | yes |" in opened
    assert "<summary>Load generator</summary>" in folded
    assert text.count("<details>") == text.count("</details>")


@pytest.mark.parametrize(
    "hostile",
    [
        "a | b",
        "<script>",
        "@everyone",
        "#12",
        "*bold*",
        "[a](http://x)",
        "`code`",
        "line\nbreak",
        "\\|",
        "$x$",
    ],
)
def test_markdown_shows_names_as_they_are(hostile: str) -> None:
    """No markup, no mention, no link, no new cell: only entities and harmless characters are left."""
    assert not set("|<>@*[]`\n\\$") & set(escape(hostile))
    assert escape(hostile).count("#") == escape(hostile).count("&#")


def test_markdown_fits_a_comment_whatever_the_run() -> None:
    """Two thousand endpoints, a thousand requirements and long errors: what is left out is counted."""
    slices = [part(n % 2, Endpoint("GET", f"/{'|' * 40}/{n}"), [0.1]) for n in range(2000)]
    many = [required(0.01, endpoint=f"/{'|' * 40}/{n}") for n in range(1000)]
    errors = [event(0, EventKind.ERROR_SAMPLE, f"{n} " + "<&|" * 300, count=1) for n in range(300)]
    report = judge(run(*slices, of=plan(*many), events=errors))
    rows = [finding_with_rows("comparison.p95", rows=3000), finding_with_rows("soak.leak", rows=3000)]
    text = written(with_findings(report, *rows), "markdown")
    assert 20_000 < len(text) <= MOST_CHARACTERS
    assert "more rows" in text
    assert text.count("<details>") == text.count("</details>")


def test_annotations_point_at_the_line_of_the_requirement(tmp_path: Path) -> None:
    """Errors for what failed, warnings for what is not known; absolute paths become relative."""
    inside = str(tmp_path / "perf" / "r.yaml")
    report = passing()
    failed = Finding(
        "a", Verdict.FAIL, "p95 is 100%\nof it", {}, "do, this: now",
        measure=Measure("p95: <1ms"), source=f"{inside}:7",
    )  # fmt: skip
    unknown = Finding("b", Verdict.INCONCLUSIVE, "no data", source="load_test.js")
    stream = io.StringIO()
    write_annotations(replace(report, findings=(*report.findings, failed, unknown)), stream, tmp_path)
    assert stream.getvalue().splitlines() == [
        "::error file=perf/r.yaml,line=7,title=loadproof FAIL::p95 is 100%25%0Aof it%0Ado, this: now",
        "::warning file=load_test.js,title=loadproof INCONCLUSIVE::no data",
    ]


def test_annotations_are_as_many_as_github_keeps() -> None:
    """Ten of a kind: the tenth says how many more there are."""
    many = [Finding(f"x.{n}", Verdict.FAIL, f"finding {n}") for n in range(30)]
    lines = written(with_findings(passing(), *many), "annotations").splitlines()
    assert len(lines) == 10
    assert lines[-1] == "::error title=loadproof::and 21 more findings"


def test_notes_are_no_annotations() -> None:
    """What is worth knowing and no verdict does not mark anybody's file."""
    assert written(with_findings(passing(), finding_with_rows("steady.state")), "annotations") == ""


def test_all_reports_of_a_run_are_the_same_each_time() -> None:
    """The same bytes of the same run."""
    for kind in ("json", "junit", "markdown", "terminal"):
        assert written(judge(busy_run()), kind) == written(judge(busy_run()), kind)
