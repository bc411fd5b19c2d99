"""`loadproof judge` and `loadproof export` on results of other tools and on run files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.imports.k6_lines import odd_lines

if TYPE_CHECKING:
    from tests.cli.conftest import Here

SAMPLES = Path(__file__).parent.parent / "imports" / "samples"


@pytest.fixture
def files(here: Here) -> Here:
    """k6's JSON lines and Locust's statistics beside the requirements."""
    Path("k6.json").write_text("\n".join(odd_lines()) + "\n", encoding="utf-8")
    Path("locust.csv").write_bytes((SAMPLES / "locust_stats.csv").read_bytes())
    return here


@pytest.mark.parametrize("name", ["k6.json", "locust.csv"])
@pytest.mark.parametrize(
    ("requirements", "code", "word"), [("pass.yaml", 0, "PASS"), ("fail.yaml", 3, "FAIL")]
)
def test_results_of_other_tools_are_judged(
    files: Here, name: str, requirements: str, code: int, word: str
) -> None:
    """Against the same requirements, with the same exit codes, as runs of Loadproof's own."""
    done = files("judge", name, "--requirements", requirements)
    assert (done.code, done.err) == (code, "")
    assert word in done.out
    assert "whether the load generator kept up" in done.out


def test_an_export_is_judged_like_its_source(files: Here) -> None:
    """k6's JSON, exported as k6's JSON, has the same number of requests and failures."""
    done = files("export", "k6.json", "--format", "k6-json", "--output", "out/again.json")
    assert (done.code, done.err) == (0, "")
    said = [files("judge", name).out for name in ("k6.json", "out/again.json")]
    assert ["240 requests, 72 failed" in text for text in said] == [True, True]


def test_what_a_format_cannot_hold_is_said(files: Here) -> None:
    """On standard error, so that it is in no file."""
    done = files("export", "k6.json", "--format", "jtl", "--output", "out.jtl")
    assert done.code == 0
    assert "note: JTL has no readings" in done.err


WRONG = [
    (("export", "k6.json", "--format", "xml"), "there is no format 'xml'"),
    (("export", "k6.json", "--format", "csv", "--table", "cells"), "there is no table 'cells'"),
    (("export", "locust.csv", "--format", "csv"), "has totals only: there are no slices in it"),
    (("export", "k6.json", "--format", "csv", "--output", "pass.yaml/x"), "cannot write the export"),
    (("export", "nothing.db", "--format", "csv"), "there is no such run file"),
    (("judge", "pass.yaml"), "this is neither a run file nor a result that can be read"),
]


@pytest.mark.parametrize(("words", "message"), WRONG, ids=[" ".join(row[0]) for row in WRONG])
def test_wrong_words_have_one_error(files: Here, words: tuple[str, ...], message: str) -> None:
    """With exit code 2."""
    done = files(*words)
    assert done.code == 2
    assert message in done.err
