"""What people and programs read at the end of a run."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text

from loadproof.analysis.judge import judge
from loadproof.cli.runs import command as list_runs
from loadproof.model import (
    Endpoint,
    EventKind,
    Finding,
    FindingKind,
    Measure,
    Operator,
    Outcome,
    Report,
    Unit,
    Verdict,
)
from loadproof.reports import reporter
from loadproof.reports.evidence import requirement_row
from loadproof.reports.terminal import print_page, print_report
from loadproof.reports.topics import advice_of
from tests.reports.some_of_everything import finding_with_rows, with_findings
from tests.runs import (
    LOANS,
    LOGIN,
    error_rate,
    event,
    part,
    plan,
    required,
    run,
    staged,
    throughput,
)

LONG = Endpoint("GET", "/api/reports/user-analytics/by-region/and-by-month/with-all-the-details")


def full() -> Report:
    """A run with some of everything: many endpoints, failures, errors, notes, an interrupted rehearsal."""
    many = [Endpoint("GET", f"/api/products/{letter}") for letter in "abcdefghijklmn"]
    slices = [
        part(second, endpoint, [0.01 * (n + 1) for n in range(40)], failed=second % 2)
        for second in range(10)
        for endpoint in (LOANS, LOGIN, LONG, *many)
    ]
    errors = [
        event(n, EventKind.ERROR_SAMPLE, f"HTTPError('50{n} Server Error')", endpoint=str(LOANS), count=n + 1)
        for n in range(7)
    ]
    requirements = (
        required(0.5),
        required(0.05, quantile=0.99, endpoint="/api/loans"),
        error_rate(0.05),
        throughput(100),
        required(1, endpoint="/typo"),
    )
    chosen = plan(*requirements, profile=staged((20, 10), (80, 10)), time_scale=0.1)
    notes = [event(9, EventKind.IN_FLIGHT, "3 requests had no answer yet", count=3)]
    return judge(run(*slices, of=chosen, events=[*errors, *notes], outcome=Outcome.INTERRUPTED))


def printed(report: Report, width: int) -> list[str]:
    stream = io.StringIO()
    print_report(report, Console(file=stream, width=width, highlight=False))
    return stream.getvalue().rstrip("\n").split("\n")


@pytest.mark.parametrize("width", [80, 120])
def test_the_summary_is_one_screen(width: int) -> None:
    """Of 24 to 60 lines, none wider than the terminal, and the verdict is the last of them."""
    lines = printed(full(), width)
    assert 24 <= len(lines) <= 60
    assert max(map(len, lines)) <= width
    assert "run file  runs/loans.db" in " ".join(lines)
    assert " FAIL " in " ".join(lines[-2:])


@pytest.mark.parametrize(
    ("width", "titles"),
    [
        (40, ["required", "measured"]),
        (48, ["required", "measured", "samples"]),
        (80, ["required", "measured", "samples", "written in"]),
    ],
)
def test_a_narrow_terminal_leaves_out_columns_and_cuts_no_number(width: int, titles: list[str]) -> None:
    """From the end, whole: the last digits of a number that were cut made it another one."""
    lines = printed(full(), width)
    (head,) = [line for line in lines if " requirement " in line]
    assert re.split(r"\s{2,}", head.strip())[1:] == titles
    table = lines[lines.index(head) : lines.index(head) + 6]
    assert max(map(len, table)) <= width
    assert all(re.match(r" \S  \S", line) for line in table[1:]), table


def test_the_last_lines_are_the_verdict_and_where_the_report_is() -> None:
    """As a link where a terminal takes one; a run that is not in the usual folder is named."""
    stream = io.StringIO()
    page = Path("/of a run/loans.html")
    console = Console(
        file=stream, width=100, force_terminal=True, color_system="standard", legacy_windows=False
    )
    print_report(full(), console, page)
    last = Text.from_ansi(stream.getvalue().rstrip("\n")).plain.splitlines()[-2:]
    assert [line.split(maxsplit=1) for line in last] == [
        ["report", "file:///of%20a%20run/loans.html"],
        ["open", "it  loadproof open runs/loans.db"],
    ]
    assert "\x1b]8;" in stream.getvalue()


def test_an_address_that_would_wrap_is_a_link_below_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of half an address a terminal makes no link; where there are no links at all it stands whole."""
    monkeypatch.chdir(tmp_path)
    page = tmp_path / ".loadproof" / "runs" / f"{'loans-' * 5}.html"
    shown = {}
    for colours in ("standard", None):
        stream = io.StringIO()
        console = Console(
            file=stream, width=60, force_terminal=True, color_system=colours, legacy_windows=False
        )
        print_page(page, console)
        shown[colours] = Text.from_ansi(stream.getvalue())
        assert page.as_uri() in stream.getvalue()
    assert shown["standard"].plain.split() == ["report", f".loadproof/runs/{page.name}"]
    assert shown[None].plain.split() == ["report", page.as_uri()]


@pytest.mark.parametrize(
    ("value", "said"), [(0.1, "+80%"), (0.499, "+0.2%"), (0.5, "+0%"), (0.502, "-0.4%"), (0.503, "-1%")]
)
def test_a_margin_that_is_less_than_a_percent_is_not_nothing(value: float, said: str) -> None:
    measure = Measure("p95: <500ms", Operator.LESS, 0.5, Unit.SECONDS, value=value)
    assert requirement_row(Finding("p95", Verdict.PASS, "p95", measure=measure)).margin == said


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_numbers_are_never_cut(width: int) -> None:
    """Names are, in their middle: how they begin and end tells them apart."""
    report = judge(run(*(part(n, endpoint, [0.1] * 1000) for n in range(20) for endpoint in (LOANS, LONG))))
    lines = printed(report, width)
    (line,) = (line for line in lines if line.split()[1:2] and line.split()[1].endswith("ails"))
    assert ("…" in line) is (width < 200)
    assert " ".join(line.split()[2:]).replace("1,000 ", "") == "20,000 100ms 100ms 100ms" + (
        " 100ms 0" if width >= 100 else " 0"
    )


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize(
    "said",
    ["FAIL", "REHEARSAL", "INTERRUPTED", "8s of steady load", "and 5 more endpoints",
     "and 2 more kinds of error", "3 requests had no answer yet", "all requests",
     "p99", "/typo", "requirements.yaml:3"],
)  # fmt: skip
def test_the_summary_says(said: str, width: int) -> None:
    """The verdict, what kind of run it was, the window, and what was left out for room."""
    assert said in " ".join(" ".join(line.split()) for line in printed(full(), width))


def test_a_small_pass_is_a_small_summary() -> None:
    """The verdict, the requirement, the endpoint, the file: line by line."""
    report = judge(run(part(0, LOANS, [0.1] * 100), part(1, LOANS, [0.1] * 100), of=plan(required(0.5))))
    assert [" ".join(line.split()) for line in printed(report, 120)] == [
        "",
        "endpoint requests req/s p50 p95 p99 max failed",
        "GET /api/loans 200 100 100ms 100ms 100ms 100ms 0",
        "",
        "requirement required measured 95 % interval margin samples written in",
        "✓ p95 < 500ms 100ms 100ms … 100ms +80% 200 requirements.yaml:3",
        "",
        "loans: locust, 2s · 200 requests, 0 failed · judged over the whole load (2s)",
        "valid: 4 of 4, 6 not known",
        "run file runs/loans.db",
        "",
        "PASS the requirement holds",
    ]


def test_that_nothing_was_required_is_said_beside_any_other_doubt() -> None:
    """Even where the verdict's sentence names another finding."""
    doubted = replace(judge(run(part(0, LOANS, [0.1] * 100))), sentence="the generator is in doubt")
    assert "nothing was required" in "\n".join(printed(doubted, 80))
    markdown = io.StringIO()
    reporter("markdown")(doubted, markdown)
    assert "nothing was required" in markdown.getvalue()


def test_a_run_without_any_request_has_no_table() -> None:
    """Missing is missing: no row of zeros."""
    text = "\n".join(printed(judge(run(of=plan(required(0.5)), seconds=5)), 120))
    assert "no request was made" in text
    assert "req/s" not in text


def test_a_stream_that_is_no_terminal_has_no_colour() -> None:
    """Logs of pipelines hold text."""
    stream = io.StringIO()
    reporter("terminal")(full(), stream)
    assert "\x1b" not in stream.getvalue()
    assert " FAIL " in stream.getvalue()


def test_markup_in_names_is_text() -> None:
    """A name with brackets is printed as it is, not read as a style."""
    odd = Endpoint("GET", "/api/[red]items[/red]")
    report = judge(run(part(0, odd, [0.1] * 100), of=plan(required(0.5))))
    assert "/api/[red]items[/red]" in "\n".join(printed(report, 120))
    counted = event(0, EventKind.CHECKED, name="has [id]", passes=9, fails=1)
    checked = judge(run(part(0, LOANS, [0.1] * 100), of=plan(required(0.5)), events=[counted]))
    assert "has [id]" in "\n".join(printed(checked, 120))


def test_the_folder_of_runs_is_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    """`loadproof runs` of a folder whose name has brackets."""
    assert list_runs(Path("of [id]")) == 0
    assert "no runs in of [id]" in capsys.readouterr().out


def test_what_to_do_begins_with_what_failed() -> None:
    """Advice in the order of what decided the verdict, whatever order the findings are in."""
    kinds = (
        (FindingKind.NOTE, Verdict.PASS, "enlarge the pool"),
        (FindingKind.VERDICT, Verdict.INCONCLUSIVE, "run for longer"),
        (FindingKind.VERDICT, Verdict.FAIL, "look at the 404s"),
        (FindingKind.VERDICT, Verdict.PASS, "nothing to do"),
    )
    findings = [Finding(advice, verdict, "said", {}, advice, kind) for kind, verdict, advice in kinds]
    advised = [advice for advice, _ in advice_of(findings)]
    assert advised == ["look at the 404s", "run for longer", "enlarge the pool"]


def test_json_holds_the_whole_report() -> None:
    """Seconds and fractions as numbers, the exit code, errors as objects, the same bytes each time."""
    streams = [io.StringIO(), io.StringIO()]
    for stream in streams:
        reporter("json")(full(), stream)
    text = streams[0].getvalue()
    assert text == streams[1].getvalue()
    document = json.loads(text)
    assert (document["format"], document["exit_code"], document["verdict"]) == (2, 3, "FAIL")
    assert document["outcome"] == "interrupted"
    assert document["errors"][0] == {"error": "GET /api/loans: HTTPError('506 Server Error')", "count": 7}
    assert [row["endpoint"] for row in document["endpoints"]][-1] == "all requests"
    assert document["endpoints"][0]["p50_s"] == pytest.approx(0.2, rel=0.01)
    assert {finding["verdict"] for finding in document["findings"]} == {"PASS", "FAIL", "INCONCLUSIVE"}


def test_json_of_an_empty_run_has_nulls() -> None:
    """Not zeros for what was not measured."""
    stream = io.StringIO()
    reporter("json")(judge(run(of=plan(required(0.5)), seconds=5)), stream)
    (total,) = json.loads(stream.getvalue())["endpoints"]
    assert [total[key] for key in ("p50_s", "p95_s", "p99_s", "mean_s", "max_s")] == [None] * 5


@pytest.mark.parametrize("width", [80, 120])
def test_long_sentences_of_analyses_wrap_and_are_whole(width: int) -> None:
    """By topic, beside their mark; no word is cut, and a small run is still one screen."""
    findings = [finding_with_rows(name) for name in ("generator.cpu", "spike.recovery", "bottleneck.cpu")]
    report = judge(run(part(0, LOANS, [0.1] * 100), part(1, LOANS, [0.1] * 100), of=plan(required(0.5))))
    lines = printed(with_findings(report, *findings), width)
    text = " ".join(" ".join(line.split()) for line in lines)
    assert max(len(line) for line in lines[:-1]) <= width
    assert len(lines) <= 40
    spoken = [text.index(f"! {name} says") for name in ("spike.recovery", "bottleneck.cpu", "generator.cpu")]
    assert spoken == sorted(spoken)
    assert text.count("word " * 40 + "end") == 3


@pytest.mark.parametrize("width", [80, 100, 120])
def test_no_number_is_cut(width: int) -> None:
    """Where room is short the name of an endpoint is, or a column less important is left out."""
    rows = [
        line for line in printed(full(), width) if line.lstrip().startswith(("GET", "POST", "all requests"))
    ]
    assert rows
    assert [row for row in rows if "…" in row[50:]] == []
