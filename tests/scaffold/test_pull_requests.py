"""Each pipeline's pull request by hand, in a clean clone: its own shell, over runs that were made before."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from ruamel.yaml import YAML

from loadproof.cli.app import run_app
from loadproof.scaffold.pipelines import pipeline_file
from tests.comparing.files import build
from tests.scaffold.test_comments import TOKEN, api_of, comment_shell
from tests.scaffold.test_pipelines import ROOT, executable

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """#!/bin/sh
# The comparison was made before; what starts the sides is started, and writes where it stands.
[ "$1" = ab ] && shift || exit 99
mkdir -p "$REPORT"
while [ $# -gt 0 ]; do
  case $1 in
    --base-start|--head-start)
      "$PYTHON" -c 'import shlex, subprocess, sys; subprocess.run(shlex.split(sys.argv[1]))' "$2" ;;
    --html|--junit|--markdown|--json) cp "$MADE/${1#--}" "$2" ;;
  esac
  shift
done
exit "$(cat "$MADE/code")"
"""
DOCKER = """#!/bin/sh
# No Docker: what is asked of compose is written down, and `up` writes which folder's file it was given.
echo "$*" >> "$ASKED"
case "$*" in *" up "*) cat "$(dirname "$5")/the version" >> "$STARTED"; echo >> "$STARTED" ;; esac
"""
OUTPUTS = ("html", "junit", "markdown", "json")
COMPOSE = "docker-compose.perf.yml"
ASKED = [
    f"compose -p loadproof-base -f ../loadproof-base/{COMPOSE} build",
    f"compose -p loadproof-head -f {COMPOSE} build",
    f"compose -p loadproof-base -f ../loadproof-base/{COMPOSE} up --timeout 5",
    f"compose -p loadproof-head -f {COMPOSE} up --timeout 5",
]
GIT = ("git", "-c", "user.name=t", "-c", "user.email=t@example.org")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[float, Path]:
    """The reports of a real comparison with a head that is so many times as slow, and its exit code."""
    found = {}
    for slower in (1.0, 1.2):
        folder = found[slower] = tmp_path_factory.mktemp("made")
        sides = [
            [str(folder / name) for name in build(folder, side, 5, times, seed, spread=0.002)]
            for side, times, seed in (("base", 1.0, 0), ("head", slower, 50))
        ]
        outputs = [word for name in OUTPUTS for word in (f"--{name}", str(folder / name))]
        code = run_app(["compare", *sides[0], "--", *sides[1], *outputs])
        (folder / "code").write_text(str(code))
    return found


def written(ci: str, compose: str | None) -> str:
    """The pipeline's text; the action's own."""
    if ci == "action":
        return (ROOT / "action.yml").read_text()
    ((_, text),) = pipeline_file(ci, ["nightly"], compose, "http://127.0.0.1:9000").items()
    return text


def cloned(folder: Path) -> tuple[Path, str]:
    """A clone of a change's branch with nothing but what is in the repository, and the commit of its base."""
    origin, clone = folder / "origin", folder / "clone"
    origin.mkdir()
    (origin / COMPOSE).write_text("services: {web: {build: .}}\n")

    def git(*words: str) -> str:
        done = subprocess.run([*GIT, *words], cwd=origin, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    git("init", "-q", "-b", "main")
    for version in ("base", "head"):
        (origin / "the version").write_text(version)
        git("add", "-A")
        git("commit", "-q", "-m", version)
        if version == "base":
            base = git("rev-parse", "HEAD")
            git("checkout", "-q", "-b", "change")
    git("clone", "-q", "-b", "change", str(origin), str(clone))
    return clone, base


def comparing_shell(ci: str, compose: str | None) -> str:
    """What the written pipeline runs to compare base and head."""
    text = written(ci, compose)
    if ci == "jenkins":
        (shell,) = (part for part in re.findall(r"sh '''(.*?)'''", text, re.DOTALL) if "loadproof ab" in part)
        return str(shell).replace("\\\\", "\\").replace(".loadproof-venv/bin/", "")
    whole = YAML(typ="safe").load(text)
    if ci == "gitlab":
        return "\n".join(whole[".compare"]["script"])
    steps = whole["runs"]["steps"] if ci == "action" else whole["jobs"]["compare"]["steps"]
    (step,) = (step for step in steps if step.get("name") == "Compare base and head")
    return str(step["run"])


@pytest.mark.skipif(not (shutil.which("jq") and shutil.which("curl")), reason="needs jq and curl")
@pytest.mark.parametrize(
    ("slower", "code", "said", "compose"),
    [
        (1.0, 0, "✅ PASS: NO MEANINGFUL CHANGE: no change larger than ", None),
        (1.2, 3, "❌ FAIL: REGRESSED: ", None),
        (1.2, 3, "❌ FAIL: REGRESSED: ", COMPOSE),
    ],
)
@pytest.mark.parametrize("ci", ["github", "gitlab", "jenkins", "action"])
def test_a_pull_request_ends_as_its_comparison_and_says_so(
    ci: str, slower: float, code: int, said: str, compose: str | None, made: dict[float, Path], tmp_path: Path
) -> None:
    """A good change and a bad one: each side started in its own folder, exit code, reports, one comment."""
    clone, base = cloned(tmp_path)
    executable(tmp_path / "programs/loadproof", PROGRAM)
    executable(tmp_path / "programs/docker", DOCKER)
    start = f"sh -c 'cat \"the version\" >> {tmp_path}/started; echo >> {tmp_path}/started'"
    env = {
        **os.environ, "PATH": f"{tmp_path / 'programs'}:{os.environ['PATH']}", "PYTHON": sys.executable,
        "MADE": str(made[slower]), "REPORT": "loadproof-report", "TEST": "nightly", "LOAD": "--stage 1s:1",
        "START": start, "BASE": base, "CI_MERGE_REQUEST_DIFF_BASE_SHA": base, "CHANGE_TARGET": "main",
        "GITLAB_TOKEN": TOKEN, "GITHUB_TOKEN": TOKEN, "CI_PROJECT_ID": "12", "CI_MERGE_REQUEST_IID": "7",
        "CI_COMMIT_SHORT_SHA": "abc12345", "CHANGE_ID": "7", "ASKED": str(tmp_path / "asked"),
        "STARTED": str(tmp_path / "started"), "COMPOSE": compose or "", "ARGUMENTS": "",
        "GITHUB_OUTPUT": str(tmp_path / "output"),
    }  # fmt: skip

    def run(shell: str, **more: str) -> int:
        words = ["bash" if ci in ("github", "action") else "sh", "-e", "-c", shell]
        done = subprocess.run(
            words, cwd=clone, env={**env, **more}, capture_output=True, text=True, timeout=100, check=False
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode

    shell = comparing_shell(ci, compose)
    if not compose:
        assert run(shell, START="") == 2
    assert run(shell) == code
    if compose:
        assert (tmp_path / "asked").read_text().splitlines() == ASKED
    assert (tmp_path / "started").read_text().split() == ["base", "head"]
    report = (clone / "loadproof-report/report.md").read_text()
    assert f"## {said}" in report
    names = {"report.html", "junit.xml", "report.md", "report.json"}
    assert names <= {file.name for file in (clone / "loadproof-report").iterdir()}
    if ci in ("github", "action"):
        return  # its comment is made by `gh`, which tests/scaffold/test_pipelines.py tries
    with api_of(ci) as api:
        where = {"CI_API_V4_URL": f"{api.url}/api/v4", "GITHUB_API": f"{api.url}/api/v3"}
        assert run(comment_shell(ci, tmp_path), **where, CHANGE_URL=f"{api.url}/team/shop/pull/7") == 0
    assert (len(api.comments), api.wrong) == (1, [])
    assert f"## {said}" in api.comments[1]
