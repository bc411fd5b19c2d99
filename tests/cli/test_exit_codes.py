"""What the command answers to the shell, from one end to the other."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from loadproof.model import EventKind
from loadproof.runfile.reader import read_run
from tests.cli.conftest import LOCUSTFILE
from tests.runs import loose

if TYPE_CHECKING:
    from tests.cli.conftest import Here, Shell


def test_a_requirement_that_holds_is_0(shell: Shell, here: Here) -> None:
    """PASS, the report as JSON, plain lines, one run file, judged again to the same bytes."""
    done = shell.load("--requirements", "pass.yaml", "--json", "out/report.json", "-u", "8", seconds=3)
    assert done.code == 0, done.text
    assert "PASS" in done.out
    assert "loadproof: the load started" in done.out
    assert " users " in done.out  # a plain line: the output is no terminal
    assert "\x1b" not in done.out
    report = json.loads((shell.folder / "out/report.json").read_text())
    assert (report["verdict"], report["exit_code"], report["outcome"]) == ("PASS", 0, "completed")
    run = read_run(shell.folder / "run.db")
    recorded = sum(part.requests for part in run.slices)
    told = sum(loose(event.data)["count"] for event in run.events_of(EventKind.IN_FLIGHT))
    assert 0 <= shell.stub.arrived["GET", "/loans"] - recorded <= told
    _judged_again(shell, here, report)


def _judged_again(shell: Shell, here: Here, report: dict[str, object]) -> None:
    before = (shell.folder / "run.db").read_bytes()
    for name in ("1.json", "2.json"):
        assert here("judge", "run.db", "--json", name).code == 0
    assert (shell.folder / "1.json").read_bytes() == (shell.folder / "2.json").read_bytes()
    assert json.loads((shell.folder / "1.json").read_text()) == report
    failed = here("judge", "run.db", "--requirements", "fail.yaml")
    assert (failed.code, "FAIL" in failed.out) == (3, True)
    assert (shell.folder / "run.db").read_bytes() == before
    exists = here("run", "locustfile.py", "--target", shell.stub.url, "-u", "1", "--run-file", "run.db")
    assert (exists.code, exists.errors()) == (2, ["run.db: this run file exists already"])


def test_a_requirement_that_does_not_hold_is_3(shell: Shell, here: Here) -> None:
    """FAIL, --quiet prints no course, `runs` lists it, its report stands beside it and is named last; verbs
    without a run mean this one. A terminal without our letters is no crash."""
    shell.env["PYTHONIOENCODING"] = "ascii"
    done = shell.load("--requirements", "pass.yaml", "--quiet", name=".loadproof/runs/a.db", file="broken.py")
    assert done.code == 3, done.text
    verdict, page, how = done.out.splitlines()[-3:]
    beside = shell.folder / ".loadproof" / "runs" / "a.html"
    assert verdict.startswith(" FAIL ")
    assert page.split() == ["report", beside.as_uri()]
    assert how.endswith("loadproof open")
    assert "<h1" in beside.read_text(encoding="utf-8")
    assert here("open").out.strip() == beside.as_uri()
    assert (here("judge").code, here("export").out.partition(",")[0]) == (3, "second")
    assert "the load started" not in done.out
    listed = here("runs")
    assert (listed.code, listed.out.split()[:3]) == (0, ["started", "name", "target"])
    assert all(said in listed.out for said in ("FAIL", shell.stub.url, "locust, scenario 2 users", "KiB"))


def test_nothing_required_is_done_and_a_rehearsal_says_so(
    shell: Shell, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A neutral end, 0; where a verdict has to be, 4; a rehearsal is marked wherever its verdict is."""
    done = shell(
        "run", "locustfile.py", "--target", shell.stub.url, "--stage", "20s:3", "--time-scale", "0.1",
        "--run-file", "run.db",
    )  # fmt: skip
    assert (done.code, "DONE" in done.out) == (0, True), done.text
    assert "REHEARSAL" in done.out
    assert "nothing was required" in done.out
    asked = here("judge", "run.db", "--require-verdict")
    assert (asked.code, "INCONCLUSIVE" in asked.out) == (4, True), asked.text
    monkeypatch.setenv("CI", "true")
    assert here("judge", "run.db").code == 4


def test_an_engine_that_dies_by_itself_is_5(shell: Shell) -> None:
    """The run file is readable and says why."""
    shell.write("locustfile.py", LOCUSTFILE + "        __import__('os')._exit(9)\n")
    done = shell.load()
    assert done.code == 5, done.text
    assert "Locust ended with exit code 9 before the test was over" in done.out


@pytest.mark.parametrize(
    ("target", "message"),
    [("http://127.0.0.1:1", "refuses"), ("http://no-such-host.invalid", "resolve")],
)
def test_a_target_that_is_not_there_is_6(target: str, message: str, shell: Shell, here: Here) -> None:
    """Told before any load, and before there is a run file."""
    done = here("run", "locustfile.py", "--target", target, "-u", "1", "-t", "1s", "--run-file", "run.db")
    assert done.code == 6
    (error,) = done.errors()
    assert message in error
    assert not (shell.folder / "run.db").exists()


def test_check_sends_nothing(shell: Shell, here: Here) -> None:
    """It prints what would be done."""
    done = here("check", "locustfile.py", "--target", shell.stub.url, "-u", "3", "-t", "1m",
                 "--requirements", "pass.yaml")  # fmt: skip
    assert done.code == 0
    assert shell.stub.url in done.out
    assert done.out.splitlines()[-1] == "ok"
    assert not shell.stub.arrived


def test_advice_changes_no_exit_code_unless_it_is_strict(shell: Shell, here: Here) -> None:
    """It is told with file and line, and the way out; --strict makes it count."""
    args = ("check", "locustfile.py", "--target", shell.stub.url, "-u", "3", "-t", "1m")
    done = here(*args)
    assert done.code == 0
    assert "locustfile.py:9: the whole load is GET /loans: one user class, one endpoint" in done.out
    strict = here(*args, "--strict")
    assert (strict.code, strict.out.splitlines()[-1] == "ok") == (2, False)
