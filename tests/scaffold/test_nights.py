"""Each pipeline's night by hand: its own lines of shell, over runs that were made before."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from ruamel.yaml import YAML

from tests.comparing.files import build, run_file
from tests.scaffold.test_pipelines import REQUIREMENTS, executable, written

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Here, Shell

NIGHT = """#!/bin/sh
# The load of a night is a file that was made before: what is tried is what the pipeline makes of it.
if [ "$1" != run ]; then exec "$PYTHON" -m loadproof "$@"; fi
shift 2
mkdir -p "$REPORT" && cp "$MADE" "$REPORT/run.db"
for word; do
  shift
  case $word in --run-file) skip=yes ;; *) [ -n "$skip" ] || set -- "$@" "$word"; skip= ;; esac
done
exec "$PYTHON" -m loadproof judge "$REPORT/run.db" --requirements performance_requirements.yaml "$@"
"""


def nightly_shell(ci: str, tmp_path: Path) -> str:
    """What a written pipeline runs each night between its test's name and the artifacts."""
    text = written(tmp_path, ci, ["nightly"], None).read_text()
    if ci == "jenkins":
        (shell,) = (
            part for part in re.findall(r"sh '''(.*?)'''", text, re.DOTALL) if "loadproof run" in part
        )
        return str(shell).replace("\\\\", "\\").replace(".loadproof-venv/bin/", "")
    whole = YAML(typ="safe").load(text)
    if ci == "gitlab":
        return "\n".join(part for part in whole[".nightly"]["script"] if "loadproof run" in part)
    (step,) = (step for step in whole["jobs"]["performance"]["steps"] if step.get("name") == "Run the test")
    return str(step["run"])


@pytest.mark.parametrize("ci", ["gitlab", "jenkins"])
def test_the_night_is_the_same_everywhere(ci: str, tmp_path: Path) -> None:
    """Line by line, but for what only GitHub reads: so one of them is tried, below."""
    lines = [
        [line.strip() for line in nightly_shell(name, tmp_path / name).splitlines() if line.strip()]
        for name in (ci, "github")
    ]
    assert lines[0] == [line.replace(" --github", "") for line in lines[1]]


def test_a_night_ends_rightly_with_every_kind_of_baseline(shell: Shell, here: Here, tmp_path: Path) -> None:
    """None, a good one, a worse run, one too old, one of another machine: code, report, baseline."""
    executable(shell.folder / "programs/loadproof", NIGHT)
    shell.write("performance_requirements.yaml", REQUIREMENTS)
    script = nightly_shell("github", tmp_path / "written")
    kept = shell.folder / ".loadproof/baselines/nightly.json"
    report = shell.folder / "loadproof-report"
    env = {
        **os.environ, "PATH": f"{shell.folder / 'programs'}:{os.environ['PATH']}", "PYTHON": sys.executable,
        "TEST": "nightly", "REPORT": str(report), "GITHUB_STEP_SUMMARY": str(shell.folder / "summary.md"),
    }  # fmt: skip

    def night(made: Path) -> tuple[int, str, int]:
        """(exit code, the report, runs of the baseline after it)."""
        shutil.rmtree(report, ignore_errors=True)
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", script], cwd=shell.folder, env={**env, "MADE": str(made)},
            capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
        said = (report / "report.md").read_text() + done.stdout
        return done.returncode, said, len(json.loads(kept.read_text())["runs"])

    nights = shell.folder / "nights"
    code, said, runs = night(run_file(nights / "first.db", 1))
    assert (code, runs, "baseline nightly: 1 run" in said) == (0, 1, True)
    files = build(nights, "more", 5, first_seed=2)
    assert here("baseline", "set", "nightly", *(str(nights / file) for file in files), "--add").code == 0
    code, said, runs = night(run_file(nights / "good.db", 10))
    assert (code, runs, "against baseline nightly: " in said) == (0, 7, True)
    code, said, runs = night(run_file(nights / "bad.db", 11, 1.5))
    assert (code, runs, "against baseline nightly: p50 of " in said) == (3, 7, True), said
    other = run_file(nights / "other.db", 12, 1.5, host={"system": "Linux", "cores": 16})
    code, said, runs = night(other)
    assert (code, runs) == (0, 8), said
    assert "these runs cannot be compared" in said
    assert "a new group begins with run" in said
    days = 70 * 86_400 // 1000  # a made run begins a thousand seconds after the one before
    code, said, runs = night(run_file(nights / "late.db", 12 + days, 1.5))
    assert code == 0, said
    assert "days old, and 60 is the most" in said
    assert runs == 1
