"""`loadproof history` over a folder of run files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from loadproof.histogram import Histogram
from loadproof.model import Event, EventKind, Outcome, Slice
from loadproof.runfile.writer import RunWriter, UncommittedRows
from tests.runs import LOANS, START, plan, run_facts

if TYPE_CHECKING:
    from tests.cli.conftest import Here

DAY_S = 86_400
RUNS = Path(".loadproof/runs")


def _write(number: int, level_s: float, name: str = "loans", outcome: Outcome = Outcome.COMPLETED) -> None:
    """A run of 20 s on day `number`, 50 requests a second around `level_s`."""
    start = START + number * DAY_S
    random = np.random.default_rng(number)
    slices = []
    for second in range(21):
        histogram = Histogram()
        histogram.record_all(level_s * np.exp(random.normal(0, 0.2, 50)))
        slices.append(Slice(start + second, LOANS, 50, {}, None, histogram))
    load = [Event(float(start), EventKind.LOAD_STARTED, "x"), Event(start + 20.0, EventKind.LOAD_ENDED, "x")]
    git = {"commit": f"{number:040x}", "branch": "main" if number % 2 else "feature"}
    facts = {**run_facts(plan(name=name)), "started_at_s": float(start), "git": git}
    writer = RunWriter(RUNS / f"{number:03d}-{name}.db", facts)
    writer.commit(UncommittedRows(slices, [], load), start + 21.0)
    writer.finish({"outcome": outcome, "ended_at_s": start + 21.0})
    writer.close()


@pytest.fixture
def runs(here: Here) -> Here:
    """Twenty runs, then six that are half as slow again; one that failed, and one of another name."""
    for number in range(26):
        _write(number, 0.1 if number < 20 else 0.15)
    _write(26, 9.0, outcome=Outcome.ENGINE_FAILED)
    _write(3, 0.2, name="other")
    return here


def test_history_tells_since_which_commit(runs: Here) -> None:
    """The change with its run and commit, a sparkline, and what was left out."""
    done = runs("history", "loans")
    assert done.code == 0
    assert "since run 020-loans of commit 0000000000 p95 of GET /api/loans is" in done.out
    assert "left out: engine failed (1)" in done.out
    assert "▁" in done.out


def test_the_newest_run_says_what_is_shown(runs: Here) -> None:
    """Without a name; and a scenario's file is a name as well."""
    assert "loans  26 runs" in runs("history").out
    assert "27 runs" in runs("history", "locustfile.py").out


def test_history_can_be_narrowed(runs: Here) -> None:
    """By endpoint, statistic, branch and number of runs."""
    narrowed = ("--endpoint", "GET /api/loans", "--statistic", "error-rate")
    assert runs("history", "loans", *narrowed, "--json", "h.json").code == 0
    written = json.loads(Path("h.json").read_text())
    assert [(s["endpoint"], s["statistic"]) for s in written["series"]] == [("GET /api/loans", "error rate")]
    assert "13 runs" in runs("history", "loans", "--branch", "main").out
    # The failed one is among the newest five.
    assert "4 runs" in runs("history", "loans", "--last", "5").out


WRONG = [
    (("history", "lones"), "no run is called 'lones'", "did you mean 'loans'?"),
    (("history", "--statistic", "p59"), "there is no statistic 'p59'", "did you mean 'p99'?"),
    (("history", "--endpoint", "GET /api/loan"), "no run has an endpoint 'GET /api/loan'", "GET /api/loans"),
    (("history", "--tolerance", "5"), "'5' is not a percentage", "such as 1%"),
    (("history", "--tolerance", "0%"), "the tolerance must be more than 0", "such as 5%"),
    (("history", "--branch", "nope"), "there is no run of the branch nope", "--folder"),
    (("history", "--folder", "nowhere"), "there is no run in nowhere", "--folder"),
    (("history", "--json", "locustfile.py/x"), "cannot write the history", ""),
]


@pytest.mark.parametrize(("words", "message", "hint"), WRONG, ids=[" ".join(row[0]) for row in WRONG])
def test_wrong_words_have_one_error(runs: Here, words: tuple[str, ...], message: str, hint: str) -> None:
    """With exit code 2 and the way out."""
    done = runs(*words)
    assert done.code == 2
    assert message in done.err
    assert hint in done.err


def test_history_as_a_page(runs: Here) -> None:
    """Small pictures of the usual series, those that changed first, in one file."""
    assert runs("history", "loans", "--html", "history.html").code == 0
    page = Path("history.html").read_text(encoding="utf-8")
    assert "p95 of GET /api/loans" in page
    assert "0000000 +" in page
    assert "Content-Security-Policy" in page


def test_history_as_one_picture(runs: Here) -> None:
    """The series that changed, with the commit since which they have."""
    assert runs("history", "loans", "--svg", "history.svg").code == 0
    root = ET.fromstring(Path("history.svg").read_text(encoding="utf-8"))  # noqa: S314  # our own
    texts = [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "CHANGED" in texts
    assert "p95 of GET /api/loans" in texts
    assert any(text.startswith("0000000 +") for text in texts)
