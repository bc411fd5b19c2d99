"""Reports that `run`, `judge` and `report` write, through the real command."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from loadproof.model import EventKind, Outcome
from loadproof.runfile.writer import RunWriter, UncommittedRows
from tests.binaries import require_k6
from tests.runs import START, batch, event, plan, run_facts

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Here, Shell

FORMS = (
    "--html", "report.html", "--junit", "report.xml", "--markdown", "report.md", "--json", "report.json",
    "--svg", "report.svg",
)  # fmt: skip


def recorded(path: Path) -> None:
    """Write the file of a run of ten seconds."""
    writer = RunWriter(path, run_facts(plan()))
    writer.commit(UncommittedRows([], [], [event(0, EventKind.LOAD_STARTED)]), float(START))
    for second in range(10):
        writer.commit(batch(second, 50), START + second + 1.0)
    writer.commit(UncommittedRows([], [], [event(10, EventKind.LOAD_ENDED)]), START + 10.0)
    writer.finish({"outcome": Outcome.COMPLETED, "ended_at_s": START + 10.0})
    writer.close()


def test_one_run_writes_every_form(shell: Shell) -> None:
    """All files with one verdict, Locust's CSV among them; a second look at the run file says the same."""
    summary = shell.folder / "summary.md"
    shell.env["GITHUB_STEP_SUMMARY"] = str(summary)
    asked = ("--requirements", "pass.yaml", *FORMS, "--github", "--csv", "csv/mine")
    (shell.folder / "csv").mkdir()
    done = shell.load(*asked, "--summary-export", "deep/k6.json", file="broken.py")
    assert done.code == 3, done.text
    assert "<h1" in (shell.folder / "report.html").read_text(encoding="utf-8")
    assert "<polyline" in (shell.folder / "report.svg").read_text(encoding="utf-8")
    assert 'failures="1"' in (shell.folder / "report.xml").read_text(encoding="utf-8")
    markdown = (shell.folder / "report.md").read_text(encoding="utf-8")
    assert "## ❌ FAIL" in markdown
    assert summary.read_text(encoding="utf-8") == markdown
    assert "::error file=pass.yaml,line=6,title=loadproof FAIL::error rate is 100%25" in done.out
    requests = json.loads((shell.folder / "report.json").read_text())["facts"]["requests"]
    summary_export = json.loads((shell.folder / "deep" / "k6.json").read_text())
    assert summary_export["metrics"]["http_reqs"]["count"] == int(requests)
    locust = (shell.folder / "csv" / "mine_stats.csv").read_text(encoding="utf-8")
    assert locust.startswith("Type,Name,Request Count")
    again = shell("judge", "run.db", "--json", "again.json")
    assert again.code == 3
    assert (shell.folder / "again.json").read_bytes() == (shell.folder / "report.json").read_bytes()


def test_k6_runs_have_locusts_files(shell: Shell) -> None:
    """k6 has no `--csv`: Loadproof writes them; its summary is k6's own."""
    require_k6()
    done = shell(
        "run", "script.js", "--env", f"BASE={shell.stub.url}", "--vus", "1", "--duration", "2s",
        "--run-file", "run.db", "--csv", "k6", "--summary-export", "own.json", "--quiet",
    )  # fmt: skip
    assert done.code == 0, done.text
    assert (shell.folder / "k6_stats.csv").read_text().startswith("Type,Name,Request Count")
    assert "iterations" in json.loads((shell.folder / "own.json").read_text())["metrics"]


def test_report_of_a_run_file(here: Here, shell: Shell) -> None:
    """Without an option an HTML file beside the run; 0 whatever the verdict; forms as asked for."""
    recorded(shell.folder / "run.db")
    done = here("report", "run.db")
    assert (done.code, done.out) == (0, "run.html\n")
    assert "<h1" in (shell.folder / "run.html").read_text(encoding="utf-8")
    done = here(
        "report", "run.db", "--markdown", "a/b/report.md", "--csv", "x", "--requirements", "fail.yaml"
    )
    assert (done.code, done.out) == (0, "")
    assert "❌ FAIL" in (shell.folder / "a" / "b" / "report.md").read_text(encoding="utf-8")
    assert (shell.folder / "x_failures.csv").exists()


def test_github_without_a_summary_says_so(here: Here, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Annotations alone are worth something."""
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    recorded(shell.folder / "run.db")
    done = here("report", "run.db", "--github", "--requirements", "fail.yaml")
    assert done.code == 0
    assert done.out.startswith("::error file=fail.yaml,line=4")
    assert "GITHUB_STEP_SUMMARY is not set" in done.err


def test_the_schema_is_printed(here: Here) -> None:
    """No run is needed."""
    done = here("report", "--json-schema")
    assert done.code == 0
    assert json.loads(done.out)["properties"]["format"] == {"const": 2}


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("report",), "there is no run in .loadproof/runs"),
        (("report", "none.db"), "there is no such run file"),
        (("report", "run.db", "--html", "x", "--junit", "./x"), "two reports would be written to one file"),
        (("judge", "run.db", "--html", "locustfile.py/x.html"), "no file can be written here"),
        (("report", "run.db", "--csv", "locustfile.py/x"), "cannot write it"),
    ],
)
def test_bad_words_are_one_clear_error(here: Here, shell: Shell, args: tuple[str, ...], said: str) -> None:
    """A sentence, exit code 2."""
    recorded(shell.folder / "run.db")
    done = here(*args)
    assert done.code == 2
    assert said in done.err
