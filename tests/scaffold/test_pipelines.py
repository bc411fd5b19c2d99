"""The pipelines that are written, the action, and this repository's own workflows."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer
from ruamel.yaml import YAML

from loadproof.cli.app import build_app
from loadproof.cli.verbs import VERBS
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
    assert {f"{job}-{test}" for test in tests for job in ("performance", "compare")} <= pipeline.keys()
    for job in (".performance", ".compare", ".nightly"):
        for part in ("before_script", "script", "after_script"):
            assert_shell("\n".join(pipeline[job].get(part, [])), "sh")
    assert (pipeline[".performance"]["variables"].get("TARGET") == "http://docker:9000") is (
        compose is not None
    )
    # On a runner without containers nothing of the machine is changed.
    (system, _) = pipeline[".performance"]["before_script"]
    assert re.search(r'^if \[ -n "\$CI_DISPOSABLE_ENVIRONMENT" \]; then\n\s+apt-get ', system)


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
        "loadproof ab",
        "archiveArtifacts",
        "junit testResults",
        "issues/comments",
        "baseline set",
        "cron(",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("engines", "extras"),
    [
        ({"locust"}, ""),
        ({"k6", "locust"}, "[k6]"),
        ({"jmeter"}, "[jmeter]"),
        ({"jmeter", "k6"}, "[jmeter,k6]"),
    ],
)
@pytest.mark.parametrize("ci", ["github", "gitlab", "jenkins"])
def test_what_the_scenarios_are_played_by_is_installed(ci: str, engines: set[str], extras: str) -> None:
    """A plan of JMeter's would end with exit code 2; GitLab's image has no Java, and GitHub's runner has."""
    ((_, text),) = pipeline_file(ci, ["nightly"], None, None, engines).items()
    assert f'pip install "loadproof{extras}==' in text
    if ci != "github":
        assert ("java" in text.lower() or "jre" in text) is ("jmeter" in engines)


def assert_shell(script: str, shell: str) -> None:
    done = subprocess.run(
        [shell, "-n"], input=script, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, f"{done.stderr}\n{script}"


@pytest.mark.parametrize("name", ["canary.yml", "ci.yml", "performance.yml"])
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


def test_the_action_says_what_the_written_workflow_says(tmp_path: Path) -> None:
    """The comment is word for word the same, and `ab` and `run` are asked for the same files."""
    workflow = YAML(typ="safe").load(written(tmp_path, "github", ["nightly"], None).read_text())
    action = YAML(typ="safe").load((ROOT / "action.yml").read_text())["runs"]["steps"]
    steps = {step.get("name"): step.get("run", "") for step in action}
    jobs = workflow["jobs"]
    own = {step.get("name"): step for job in ("performance", "compare") for step in jobs[job]["steps"]}
    assert steps["Comment on the pull request"] == own["Comment on the pull request"]["run"]
    for name in ("Compare base and head", "Run the test"):
        # Before `ab` stands what compose and git are told.
        told = [text[text.find("loadproof ab ") :] for text in (steps[name], own[name]["run"])]
        assert len({frozenset(re.findall(r"--[a-z-]+", text)) for text in told}) == 1, name
    assert "requirements-performance.txt" in steps["Install Loadproof"]
    load = YAML(typ="safe").load((ROOT / "action.yml").read_text())["inputs"]["load"]["default"]
    assert jobs["compare"]["env"]["LOAD"] == load


REQUIREMENTS = "performance_requirements:\n  response_time: {p50: <2s}\n  error_rate: {max_rate: 5%}\n"
LOADPROOF = """target: %s
scenarios: {visit: locustfile.py}
tests:
  nightly: {scenario: visit, stages: [200ms:3, 1s:3]}
requirements: performance_requirements.yaml
"""
GH = """#!/bin/sh
echo "$*" >> "$GH_LOG"
case "$*" in
  *--paginate*) if [ -s "$GH_COMMENT" ]; then echo 41; fi ;;
  *comments/41*.body*) cat "$GH_COMMENT" ;;
  *POST*) for word; do case $word in body=@*) cp "${word#body=@}" "$GH_COMMENT" ;; esac; done ;;
esac
"""


def steps_by_hand(workflow: Path, name: str, folder: Path, env: dict[str, str]) -> dict[str, int]:
    """Run the `run:` steps of a job, but for Docker's and pip's; their exit codes by name."""
    whole = YAML(typ="safe").load(workflow.read_text())
    job = whole["jobs"][name]
    return run_steps(job["steps"], {**whole["env"], **job["env"]}, folder, env)


def run_steps(
    steps: list[dict[str, Any]], variables: dict[str, str], folder: Path, env: dict[str, str]
) -> dict[str, int]:
    """Those of them that are shell; `env` is what GitHub would put in place of ${{ }}."""
    codes: dict[str, int] = {}
    for step in steps:
        if "run" not in step or re.match(r"docker |pip |python -m pip ", step["run"]):
            continue
        if any(codes.values()) and "cancelled()" not in str(step.get("if", "")):
            continue  # as GitHub does after a step that failed
        own = {
            name: value for name, value in {**variables, **step.get("env", {})}.items() if "${{" not in value
        }
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=folder, env={**os.environ, **own, **env}, timeout=170, check=False,
            capture_output=True, text=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        codes[step["name"]] = done.returncode
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
        print(done.stdout, done.stderr)
    return codes


def action_by_hand(folder: Path, env: dict[str, str]) -> dict[str, int]:
    """The action in a pull request: the steps that its conditions leave."""
    steps = YAML(typ="safe").load((ROOT / "action.yml").read_text())["runs"]["steps"]
    chosen = [step for step in steps if step.get("name") in PULL_REQUEST]
    inputs = {"COMPOSE": "", "ARGUMENTS": "", "TEST": "nightly", "REPORT": "loadproof-report"}
    return run_steps(chosen, {}, folder, {**inputs, "GITHUB_OUTPUT": str(folder / "output"), **env})


PULL_REQUEST = ("Compare base and head", "Comment on the pull request")


def executable(file: Path, text: str) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    file.chmod(file.stat().st_mode | stat.S_IXUSR)


def options_of(verb: str) -> set[str]:
    command: Any = typer.main.get_command(build_app(VERBS))
    found = command.commands.get(verb)
    return {name for parameter in found.params for name in parameter.opts} if found else set()


SERVER = """
import sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        print("asked", flush=True)
        time.sleep(DELAY)
        self.wfile.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")

    def log_message(self, *_):
        pass

ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


AGAIN = """#!/bin/sh
while [ "$1" != --markdown ]; do shift; done
mkdir -p "$(dirname "$2")" && cp "SAID" "$2"
exit 3
"""


@pytest.fixture
def programs(shell: Shell) -> dict[str, str]:
    """The environment of a runner: a `loadproof` and a `gh` on the path."""
    folder = shell.folder.parent / "programs"
    executable(folder / "loadproof", f'#!/bin/sh\nexec "{sys.executable}" -m loadproof "$@"\n')
    executable(folder / "gh", GH)
    return {
        "PATH": f"{folder}:{os.environ['PATH']}", "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        "GITHUB_REPOSITORY": "team/shop", "GITHUB_ACTIONS": "true", "GH_LOG": str(folder / "gh.log"),
        "GH_COMMENT": str(folder / "comment"), "GH_TOKEN": "t", "NUMBER": "7", "COMMIT": "0123456789abcdef",
    }  # fmt: skip


def repository(shell: Shell, here: Here, target: str) -> Path:
    """A folder with a locustfile, requirements and the workflow, and nothing else; the workflow."""
    for file in shell.folder.iterdir():
        if file.name != "locustfile.py":
            file.unlink()
    shell.write("performance_requirements.yaml", REQUIREMENTS)
    shell.write("loadproof.yaml", LOADPROOF % target)
    assert here("init", "--ci", "github").code == 0
    return shell.folder / ".github/workflows/performance-tests.yml"


def test_the_nightly_steps_run_by_hand_keep_a_baseline(
    shell: Shell, here: Here, programs: dict[str, str]
) -> None:
    """Fresh repository, no baseline: a report, and the baseline's first run; test_nights.py has others."""
    workflow = repository(shell, here, shell.stub.url)
    report = shell.folder / "loadproof-report"
    codes = steps_by_hand(workflow, "performance", shell.folder, programs)
    assert codes == {"Check the plan": 0, "Run the test": 0}
    stored = json.loads((shell.folder / ".loadproof/baselines/nightly.json").read_text())
    assert len(stored["runs"]) == 1
    assert {"run.db", "report.html", "junit.xml", "report.md", "report.json"} <= {
        file.name for file in report.iterdir()
    }
    assert json.loads((report / "report.json").read_text())["verdict"] == "PASS"
    assert Path(programs["GITHUB_STEP_SUMMARY"]).read_text()


def test_a_pull_request_that_makes_it_slower_is_red_and_says_so(
    shell: Shell, here: Here, programs: dict[str, str]
) -> None:
    """Base and head, each from its own folder: exit code 3, one comment, updated; logs are kept."""
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        port = own.getsockname()[1]
    workflow = repository(shell, here, f"http://127.0.0.1:{port}")
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run([*git, "init", "-q", "-b", "main"], cwd=shell.folder, check=True)
    commits = []
    for delay in ("0.01", "0.06"):
        shell.write("server.py", SERVER.replace("DELAY", delay))
        subprocess.run([*git, "add", "-A"], cwd=shell.folder, check=True)
        subprocess.run([*git, "commit", "-q", "-m", delay], cwd=shell.folder, check=True)
        told = subprocess.run(["git", "rev-parse", "HEAD"], cwd=shell.folder, capture_output=True, check=True)
        commits.append(told.stdout.decode().strip())
    env = {**programs, "BASE": commits[0], "LOAD": "--stage 200ms:4 --stage 1s:4 --rounds 2"}
    for unsaid in (
        steps_by_hand(workflow, "compare", shell.folder, env),
        action_by_hand(shell.folder, {**env, "START": ""}),
        action_by_hand(shell.folder, {**env, "START": "true", "BASE": "0" * 40}),
    ):
        assert unsaid == {"Compare base and head": 2, "Comment on the pull request": 0}
    env["START"] = f"{sys.executable} server.py {port}"
    red = {"Compare base and head": 3, "Comment on the pull request": 0}
    assert steps_by_hand(workflow, "compare", shell.folder, env) == red
    report = shell.folder / "loadproof-report"
    assert "asked" in (report / "runs/01-base.log").read_text()
    # The second push by the action: what it says goes on in the same comment. It has the same report again.
    said = shutil.copy(report / "report.md", shell.folder / "said.md")
    executable(Path(programs["GH_LOG"]).with_name("loadproof"), AGAIN.replace("SAID", str(said)))
    assert action_by_hand(shell.folder, env) == red
    assert (shell.folder / "output").read_text() == "exit-code=3\n"
    comment = (report / "comment.md").read_text()
    assert comment.startswith("<!-- loadproof nightly -->\n")
    assert "❌ FAIL: REGRESSED: " in comment
    assert "_commit 012345678_" in comment
    assert "Before:\n\n- ❌ FAIL: REGRESSED: " in comment
    calls = [re.findall(r"POST|PATCH", line) for line in Path(programs["GH_LOG"]).read_text().splitlines()]
    assert [call[0] for call in calls if call] == ["POST", "PATCH"]
