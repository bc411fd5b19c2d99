"""The pipelines that are written, the action, and this repository's own workflows."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer
from ruamel.yaml import YAML

from loadproof.cli.app import app
from loadproof.scaffold.pipelines import pipeline_file

if TYPE_CHECKING:
    from tests.cli.conftest import Here, Shell

ROOT = Path(__file__).parents[2]
SERVICES = [None, "docker-compose.perf.yml"]
TESTS = [["nightly"], ["nightly-a", "nightly-b"]]


def tool(name: str, *args: str) -> str:
    """What a linter of the extra `dev` says; "" when it is content."""
    files = distribution(name).files or []
    program = next(file for file in files if file.name == name and file.parent.name == "bin").locate()
    # A script's first line may name another Python than the one that has its packages.
    start = [str(program)] if name == "zizmor" else [sys.executable, str(program)]
    done = subprocess.run([*start, *args], capture_output=True, text=True, timeout=60, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def written(tmp_path: Path, ci: str, tests: list[str], compose: str | None) -> Path:
    ((name, text),) = pipeline_file(ci, tests, compose, "http://127.0.0.1:9000").items()
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def lint_workflow(file: Path) -> None:
    assert tool("check-jsonschema", "--builtin-schema", "vendor.github-workflows", str(file)) == ""
    config = str(ROOT / ".github/zizmor.yml")
    assert tool("zizmor", "--offline", "--no-progress", "--config", config, str(file)) == ""


@pytest.mark.parametrize("tests", TESTS)
@pytest.mark.parametrize("compose", SERVICES)
def test_the_github_workflow_lints(tests: list[str], compose: str | None, tmp_path: Path) -> None:
    """By GitHub's schema and by zizmor, which knows what is unsafe in a workflow."""
    file = written(tmp_path, "github", tests, compose)
    lint_workflow(file)
    assert ("docker compose" in file.read_text()) is (compose is not None)


def test_the_linters_see_mistakes(tmp_path: Path) -> None:
    """A key that no workflow has, and a title of a pull request that a shell would run."""
    good = written(tmp_path, "github", ["nightly"], None).read_text()
    bad = tmp_path / "bad.yml"
    bad.write_text(good.replace("runs-on:", "run-on:"))
    assert "run-on" in tool("check-jsonschema", "--builtin-schema", "vendor.github-workflows", str(bad))
    unsafe = tmp_path / ".github/workflows/unsafe.yml"
    unsafe.write_text(good.replace('loadproof check "$TEST"', "echo ${{ github.event.pull_request.title }}"))
    assert "template-injection" in tool("zizmor", "--offline", "--no-progress", str(unsafe))


@pytest.mark.parametrize("tests", TESTS)
@pytest.mark.parametrize("compose", SERVICES)
def test_the_gitlab_pipeline_lints(tests: list[str], compose: str | None, tmp_path: Path) -> None:
    """By GitLab's schema; its shell is one."""
    file = written(tmp_path, "gitlab", tests, compose)
    schema = ("--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci")
    assert tool("check-jsonschema", *schema, str(file)) == ""
    pipeline = YAML(typ="safe").load(file.read_text())
    assert {f"performance-{test}" for test in tests} <= pipeline.keys()
    for part in ("before_script", "script", "after_script"):
        assert_shell("\n".join(pipeline[".performance"][part]), "sh")
    assert (pipeline[".performance"]["variables"].get("TARGET") == "http://docker:9000") is (
        compose is not None
    )


@pytest.mark.parametrize("tests", TESTS)
@pytest.mark.parametrize("compose", SERVICES)
def test_the_jenkinsfile_is_whole(tests: list[str], compose: str | None, tmp_path: Path) -> None:
    """Its brackets match outside of texts, its shell is one, and it gates, keeps and comments."""
    text = written(tmp_path, "jenkins", tests, compose).read_text()
    shells = re.findall(r"sh '''(.*?)'''", text, re.DOTALL) + re.findall(r"sh '([^'\n]+)'", text)
    for shell in shells:
        assert_shell(shell.replace("\\\\", "\\"), "sh")
    code = re.sub(r"'''.*?'''|'[^'\n]*'|\"[^\"\n]*\"|//[^\n]*", "", text, flags=re.DOTALL)
    for opening, closing in ("{}", "()", "[]"):
        assert code.count(opening) == code.count(closing)
    for part in (
        "loadproof run",
        "archiveArtifacts",
        "junit testResults",
        "issues/comments",
        "baseline set",
        "cron(",
    ):
        assert part in text


def assert_shell(script: str, shell: str) -> None:
    done = subprocess.run(
        [shell, "-n"], input=script, capture_output=True, text=True, timeout=10, check=False
    )
    assert done.returncode == 0, f"{done.stderr}\n{script}"


@pytest.mark.parametrize("name", ["ci.yml", "performance.yml"])
def test_the_repositorys_own_workflows_lint(name: str) -> None:
    """The same linters."""
    lint_workflow(ROOT / ".github/workflows" / name)


def test_the_action_lints_and_its_documents_name_its_inputs() -> None:
    """By GitHub's schema for actions and zizmor; docs/ci.md has each input with its default's meaning."""
    file = ROOT / "action.yml"
    assert tool("check-jsonschema", "--builtin-schema", "vendor.github-actions", str(file)) == ""
    config = str(ROOT / ".github/zizmor.yml")
    assert tool("zizmor", "--offline", "--no-progress", "--config", config, str(file)) == ""
    action = YAML(typ="safe").load(file.read_text())
    document = (ROOT / "docs/ci.md").read_text()
    assert [name for name in action["inputs"] if f"| `{name}` |" not in document] == []
    for step in action["runs"]["steps"]:
        if "run" in step:
            assert_shell(step["run"], "bash")
            assert "${{" not in step["run"]  # inputs come as variables: none of them is run as shell


REQUIREMENTS = "performance_requirements:\n  response_time: {p50: <2s}\n  error_rate: {max_rate: 5%}\n"
LOADPROOF = """target: %s
scenarios: {visit: locustfile.py}
tests:
  nightly: {scenario: visit, stages: [1s:3, 3s:3]}
requirements: performance_requirements.yaml
"""
GH = """#!/bin/sh
echo "$*" >> "$GH_LOG"
case "$*" in
  *--paginate*) if [ -s "$GH_COMMENT" ]; then echo 41; fi ;;
  *POST*) for word; do case $word in body=@*) cp "${word#body=@}" "$GH_COMMENT" ;; esac; done ;;
esac
"""


def steps_by_hand(workflow: Path, shell: Shell, env: dict[str, str]) -> dict[str, int]:
    """Run the `run:` steps in order, but for Docker's and pip's; their exit codes by name."""
    job = YAML(typ="safe").load(workflow.read_text())["jobs"]["performance"]
    codes = {}
    for step in job["steps"]:
        if "run" not in step or re.match(r"docker |pip ", step["run"]):
            continue
        own = {
            name: value for name, value in {**job["env"], **step.get("env", {})}.items() if "${{" not in value
        }
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=shell.folder, env={**os.environ, **own, **env}, timeout=100, check=False,
            capture_output=True, text=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        codes[step["name"]] = done.returncode
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
        assert done.returncode == 0, f"{step['name']}: {done.stdout}{done.stderr}"
    return codes


def executable(file: Path, text: str) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    file.chmod(file.stat().st_mode | stat.S_IXUSR)


def options_of(verb: str) -> set[str]:
    command: Any = typer.main.get_command(app)
    found = command.commands.get(verb)
    return {name for parameter in found.params for name in parameter.opts} if found else set()


def test_the_steps_of_the_workflow_run_by_hand_give_a_report(shell: Shell, here: Here) -> None:
    """Fresh repository, init --ci github: every step passes; the second run updates its comment."""
    for file in shell.folder.iterdir():
        if file.name != "locustfile.py":
            file.unlink()
    shell.write("performance_requirements.yaml", REQUIREMENTS)
    shell.write("loadproof.yaml", LOADPROOF % shell.stub.url)
    assert here("init", "--ci", "github").code == 0
    workflow = shell.folder / ".github/workflows/performance-tests.yml"
    programs = shell.folder / "programs"
    executable(programs / "loadproof", f'#!/bin/sh\nexec "{sys.executable}" -m loadproof "$@"\n')
    executable(programs / "gh", GH)
    summary = shell.folder / "summary.md"
    env = {
        "PATH": f"{programs}:{os.environ['PATH']}", "GITHUB_STEP_SUMMARY": str(summary), "NUMBER": "7",
        "GITHUB_REPOSITORY": "team/shop", "GITHUB_ACTIONS": "true", "GH_LOG": str(shell.folder / "gh.log"),
        "GH_COMMENT": str(shell.folder / "comment"), "GH_TOKEN": "t",
    }  # fmt: skip
    report = shell.folder / "loadproof-report"
    for _ in range(2):
        for file in report.glob("*"):
            file.unlink()
        codes = steps_by_hand(workflow, shell, env)
        assert list(codes) == [
            "Check the plan", "Run the test", "Comment on the pull request", "Add this run to the baseline",
        ]  # fmt: skip
        assert set(codes.values()) == {0}, codes
    names = {"run.db", "report.html", "junit.xml", "report.md", "report.json", "comment.md"}
    assert names <= {file.name for file in report.iterdir()}
    assert json.loads((report / "report.json").read_text())["verdict"] == "PASS"
    assert summary.read_text()
    assert (report / "comment.md").read_text().startswith("<!-- loadproof nightly -->\n")
    calls = [re.findall(r"POST|PATCH", line) for line in (shell.folder / "gh.log").read_text().splitlines()]
    assert [call[0] for call in calls if call] == ["POST", "PATCH"]
