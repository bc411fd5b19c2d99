"""`compare`, `baseline` and `--baseline`, from one end to the other."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from loadproof.analysis.judge import nothing_required
from loadproof.model import Finding, FindingKind, Verdict
from loadproof.runfile.reader import read_run
from tests.comparing.files import build
from tests.runs import plan

if TYPE_CHECKING:
    from tests.cli.conftest import Here, Shell


@pytest.fixture
def base(shell: Shell) -> list[str]:
    """Five runs of base."""
    return build(shell.folder, "base", 5)


def test_a_slower_build_is_3_and_the_same_one_0(shell: Shell, here: Here, base: list[str]) -> None:
    """The table has both sides; the JSON is complete and the same each time."""
    slow = build(shell.folder, "slow", 5, 1.2, 50)
    for name in ("1.json", "2.json"):
        done = here("compare", *base, "--", *slow, "--json", name)
        assert done.code == 3, done.text
    assert (shell.folder / "1.json").read_bytes() == (shell.folder / "2.json").read_bytes()
    assert "REGRESSED" in done.out
    assert "GET /api/loans" in done.out
    stored = json.loads((shell.folder / "1.json").read_text())
    assert (stored["change"], stored["verdict"], stored["exit_code"]) == ("REGRESSED", "FAIL", 3)
    assert {row["statistic"] for row in stored["rows"]} >= {
        "p50",
        "p95",
        "p99",
        "throughput",
        "error rate",
        "mean",
    }
    same = build(shell.folder, "same", 5, 1.0, 90, spread=0.002)
    done = here("compare", "--tolerance", "10%", *base, "--", *same)
    assert (done.code, "NO MEANINGFUL CHANGE" in done.out) == (0, True), done.text


def test_two_files_are_one_each_and_prove_nothing(shell: Shell, here: Here, base: list[str]) -> None:
    """However different they are; the intervals within the runs are labelled."""
    (slow,) = build(shell.folder, "slow", 1, 3.0, 50)
    done = here("compare", base[0], slow)
    assert done.code == 4, done.text
    assert "never a proof" in done.out
    assert "within the runs" in done.out


def test_runs_of_other_scenarios_are_4_and_say_why(shell: Shell, here: Here, base: list[str]) -> None:
    """Beside the answer, which stands last; --accept takes the difference for a note."""
    other = build(shell.folder, "other", 5, 1.3, 50, scenario_sha256="b")
    first = build(shell.folder, "first", 5, 1.0, 70, scenario_sha256="a")
    done = here("compare", *first, "--", *other)
    assert done.code == 4, done.text
    table, why, answer = map(
        done.out.index, ("GET /api/loans", "was changed between these runs", " INVALID ")
    )
    assert table < why < answer
    assert here("compare", *first, "--", *other, "--accept", "scenario").code == 3


@pytest.mark.parametrize(
    ("words", "errors"),
    [
        (["a.db", "b.db", "c.db"], ["where does head begin? There is no -- between the sides"]),
        (["a.db", "--"], ["head has no run"]),
        (["a.db", "--", "b.db", "--", "c.db"], ["there is more than one --"]),
        (["no.db", "nor.db"], ["no.db: there is no such file", "nor.db: there is no such file"]),
        (["a", "b", "--tolerance", "x", "--gate", "p95", "--fail", "y"], None),
    ],
)
def test_a_command_line_that_cannot_be_meant_is_2(
    here: Here, words: list[str], errors: list[str] | None
) -> None:
    """All problems at once, none a traceback."""
    done = here("compare", *words)
    assert done.code == 2
    assert len(done.errors()) == 3 if errors is None else done.errors() == errors


def test_a_baseline_from_its_making_to_its_end(shell: Shell, here: Here, base: list[str]) -> None:
    """By name, by branch when in git, as a file of its own that works without the folder."""
    assert here("baseline", "set", "api", *base[:4]).code == 0
    assert here("baseline", "set", "api", base[4], "--add").out == "baseline api: 5 runs\n"
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run([*git, "init", "-q", "-b", "feature/x"], cwd=shell.folder, check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], cwd=shell.folder, check=True)
    assert "of branch feature/x: 2 runs" in here("baseline", "set", "api", *base[:2]).out
    listed = here("baseline", "list").out
    assert (listed.count("api"), "feature/x" in listed) == (4, True)
    assert "base1" in here("baseline", "show", "api").out
    assert here("baseline", "remove", "api").code == 0
    (slow,) = build(shell.folder, "slow", 1, 1.5, 50)
    assert here("compare", "api", slow).code == 3
    assert here("baseline", "export", "api", "--to", "ours/api.json").code == 0
    assert here("baseline", "remove", "api", "--branch", "main").code == 2
    exported = (shell.folder / "ours/api.json").read_text()
    assert str(shell.folder) not in exported
    assert "base0.db" not in exported
    assert here("compare", "ours/api.json", "--", slow).code == 3
    missing = here("compare", "apy", "--", slow)
    assert (missing.code, missing.errors()) == (2, ["apy: there is no such file"])


def test_judge_takes_a_baseline(shell: Shell, here: Here, base: list[str]) -> None:
    """A regression fails the run; what it leaves open does only when that was asked for."""
    here("baseline", "set", "api", *base)
    (slow,) = build(shell.folder, "slow", 1, 1.5, 50)
    (near,) = build(shell.folder, "near", 1, 1.04, 60)
    passing = ["--requirements", "pass.yaml"]
    failed = here("judge", slow, "--baseline", "api", *passing)
    assert (failed.code, "of GET /api/loans is 5" in failed.out) == (3, True), failed.text
    assert here("judge", near, "--baseline", "api", *passing).code == 0
    assert here("judge", near, "--baseline", "api", *passing, "--baseline-must-settle").code == 4
    alone = here("judge", near, "--baseline", "api")
    assert (alone.code, "nothing was required" in alone.out) == (4, False), alone.text
    unknown = here("judge", near, "--baseline", "nothing")
    assert (unknown.code, len(unknown.errors())) == (2, 1)


def test_a_baseline_that_grows_fails_nobody(shell: Shell, here: Here, base: list[str]) -> None:
    """Its first runs end as they would without it, and say how many are missing; so does a new group."""
    (other,) = build(shell.folder, "other", 1, 1.0, 70, scenario_fingerprint="another")
    (same,) = build(shell.folder, "same", 1, 1.0, 80, scenario_fingerprint="one")
    build(shell.folder, "known", 3, 1.0, 90, scenario_fingerprint="one")
    here("baseline", "set", "few", *base[:3])
    few = here("judge", base[4], "--baseline", "few")
    assert (few.code, "it has 3 of the 5 runs" in few.out) == (0, True), few.text
    assert here("judge", base[4], "--baseline", "few", "--require-verdict").code == 4
    assert here("judge", base[4], "--baseline", "few", "--baseline-must-settle").code == 4
    here("baseline", "set", "known", *(f"known{number}.db" for number in range(3)))
    changed = here("judge", other, "--baseline", "known")
    assert (changed.code, "begins a new group" in changed.out) == (0, True), changed.text
    assert "it has 3 of the 5 runs" in here("judge", same, "--baseline", "known").out


def test_run_takes_a_baseline_and_keeps_what_it_found(shell: Shell, here: Here, base: list[str]) -> None:
    """A baseline of another engine or load is no ground, and the file says so; a missing one is 2."""
    here("baseline", "set", "api", *base)
    missing = here(
        "run", "locustfile.py", "--target", shell.stub.url, "-u", "1", "-t", "1s", "--baseline", "apx"
    )
    assert (missing.code, shell.stub.arrived.total()) == (2, 0)
    done = shell.load("--baseline", "api", "--requirements", "pass.yaml", seconds=3)
    assert done.code == 0, done.text
    run = read_run(shell.folder / "run.db")
    (found,) = (finding for finding in run.findings if finding.id == "baseline")
    assert "these runs cannot be compared" in found.sentence
    assert found.evidence["obstacles"]
    assert run.facts["scenario_sha256"]


def test_a_run_without_requirements_is_a_baseline(shell: Shell, here: Here) -> None:
    """It ends DONE: nothing was proved of it, and it is as sound as one that passed."""
    done = (nothing_required(must_decide=False),)
    base = build(shell.folder, "base", 5, of=plan(), findings=done)
    (slow,) = build(shell.folder, "slow", 1, 1.5, 50, of=plan(), findings=done)
    (again,) = build(shell.folder, "again", 1, 1.0, 80, of=plan(), findings=done)
    assert "DONE" in here("judge", base[0]).out
    made = here("baseline", "set", "api", *base)
    assert (made.code, made.out) == (0, "baseline api: 5 runs\n")
    added = here("baseline", "set", "api", again, "--add")
    assert (added.code, added.out) == (0, "baseline api: 6 runs\n")
    assert here("compare", "api", "--", slow).code == 3
    assert here("judge", slow, "--baseline", "api").code == 3
    history = here("history", "--folder", ".")
    assert history.code == 0, history.text
    assert "7 runs" in history.out


def test_what_is_not_proved_is_taken_in_with_a_word_about_it(shell: Shell, here: Here) -> None:
    """By a requirement of its own or by the comparison; what failed stays out, and that is said too."""
    own = Finding("p95", Verdict.INCONCLUSIVE, "p95 is 190ms to 210ms: its limit lies between", {})
    open_still = "against baseline api: p95 may have changed"
    left = Finding("baseline", Verdict.PASS, open_still, {}, kind=FindingKind.NOTE)
    bad = Finding("p95", Verdict.FAIL, "p95 is 2s", {})
    (first,) = build(shell.folder, "first", 1)
    (open_,) = build(shell.folder, "open", 1, 1.0, 10, findings=(own,))
    (compared,) = build(shell.folder, "compared", 1, 1.0, 20, findings=(left,))
    (failed,) = build(shell.folder, "failed", 1, 1.0, 30, findings=(bad,))
    assert here("baseline", "set", "api", first).code == 0
    said = here("baseline", "set", "api", open_, compared, failed, "--add").out
    assert f"{open_} is taken in, and not everything of it was proved:\n  {own.sentence}\n" in said
    assert f"{compared} is taken in, and not everything of it was proved:\n  {left.sentence}\n" in said
    assert f"left out: {failed} failed: p95 is 2s\n" in said
    assert "baseline api: 3 runs\n" in said
