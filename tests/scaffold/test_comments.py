"""The comment that a pipeline makes by curl: its own shell, against an API that keeps what it gets."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from ruamel.yaml import YAML

from tests.scaffold.test_pipelines import written

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VERDICTS = ("❌ FAIL: REGRESSED: p50 of GET / is 20% higher", "✅ PASS: the same", "⚠️ INCONCLUSIVE: x")
TOKEN = "t0ken-of-the-bot"
LISTS = {
    "gitlab": "/api/v4/projects/12/merge_requests/7/notes",
    "jenkins": "/api/v3/repos/team/shop/issues/7/comments",
}
ONE = {"gitlab": LISTS["gitlab"], "jenkins": "/api/v3/repos/team/shop/issues/comments"}
HEADERS = {"gitlab": ("PRIVATE-TOKEN", TOKEN), "jenkins": ("Authorization", f"Bearer {TOKEN}")}
CHANGES = {"gitlab": "PUT", "jenkins": "PATCH"}


class Api:
    """Comments by id, as GitLab's notes and GitHub's comments are kept; what was asked that is not right."""

    def __init__(self, ci: str) -> None:
        self.comments: dict[int, str] = {}
        self.wrong: list[str] = []
        self.asked: list[str] = []
        api = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                where = urlsplit(self.path)
                api.asked.append(self.command)
                name, value = HEADERS[ci]
                if self.headers.get(name) != value:
                    api.wrong.append(f"{self.command} without the token")
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                said: Any = api.said(ci, self.command, where.path, parse_qs(where.query), body)
                self.send_response(404 if said is None else 200)
                self.end_headers()
                self.wfile.write(json.dumps(said).encode())

            do_GET = do_POST = do_PUT = do_PATCH = answer  # noqa: N815

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def said(self, ci: str, method: str, path: str, query: dict[str, list[str]], body: bytes) -> Any:
        """The answer; None where there is no such thing."""
        if path == LISTS[ci] and method == "GET":
            each, page = int(query["per_page"][0]), int(query["page"][0])
            chosen = list(self.comments.items())[each * (page - 1) : each * page]
            return [{"id": number, "body": text} for number, text in chosen]
        if path == LISTS[ci] and method == "POST":
            self.comments[len(self.comments) + 1] = json.loads(body)["body"]
            return {}
        number = int(path.rpartition("/")[2]) if path.startswith(f"{ONE[ci]}/") else 0
        if method == CHANGES[ci] and number in self.comments:
            self.comments[number] = json.loads(body)["body"]
            return {}
        self.wrong.append(f"{method} {path}")
        return None


@contextmanager
def api_of(ci: str) -> Iterator[Api]:
    """An API that answers until the end of the block."""
    api = Api(ci)
    thread = threading.Thread(target=api.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield api
    finally:
        api.server.shutdown()
        api.server.server_close()


def comment_shell(ci: str, tmp_path: Path) -> str:
    """What the written pipeline runs after a comparison."""
    text = written(tmp_path, ci, ["nightly"], None).read_text()
    if ci == "gitlab":
        return str(YAML(typ="safe").load(text)[".compare"]["after_script"][0])
    (shell,) = (part for part in re.findall(r"sh '''(.*?)'''", text, re.DOTALL) if "per_page" in part)
    return str(shell).replace("\\\\", "\\")


def push(ci: str, folder: Path, api: Api, shell: str, report: str) -> subprocess.CompletedProcess[str]:
    """One push: its report, then the pipeline's comment."""
    (folder / "loadproof-report").mkdir(exist_ok=True)
    (folder / "loadproof-report/report.md").write_text(report)
    env = {
        **os.environ, "REPORT": "loadproof-report", "TEST": "nightly", "GITLAB_TOKEN": TOKEN,
        "GITHUB_TOKEN": TOKEN, "CI_API_V4_URL": f"{api.url}/api/v4", "CI_PROJECT_ID": "12",
        "CI_MERGE_REQUEST_IID": "7", "CI_COMMIT_SHORT_SHA": "abc12345", "CHANGE_ID": "7",
        "CHANGE_URL": f"{api.url}/team/shop/pull/7", "GITHUB_API": f"{api.url}/api/v3",
    }  # fmt: skip
    words = ["sh", "-e", "-c", shell]
    return subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.skipif(not (shutil.which("jq") and shutil.which("curl")), reason="needs jq and curl")
@pytest.mark.parametrize("ci", ["gitlab", "jenkins"])
@pytest.mark.parametrize("others", [0, 100, 250])
def test_pushes_have_one_comment_that_keeps_what_was_before(ci: str, others: int, tmp_path: Path) -> None:
    """Also among many comments of others: three pushes are one comment, with the newest first."""
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], cwd=tmp_path, check=True)
    shell = comment_shell(ci, tmp_path)
    with api_of(ci) as api:
        api.comments = {number: f'looks "good" to me\n{number}' for number in range(1, others + 1)}
        for verdict in VERDICTS:
            report = f"<!-- loadproof-report -->\n## {verdict}\n\n| `a \\ b` | 100% |\n"
            done = push(ci, tmp_path, api, shell, report)
            assert (done.returncode, done.stderr, TOKEN in done.stdout) == (0, "", False)
    own = {number: text for number, text in api.comments.items() if number > others}
    assert (list(own), api.wrong, api.asked.count("POST")) == ([others + 1], [], 1)
    lines = own[others + 1].splitlines()
    assert lines[0] == "<!-- loadproof nightly -->"
    assert lines[2:5] == [f"## {VERDICTS[2]}", "", "| `a \\ b` | 100% |"]
    before = lines[lines.index("Before:") + 2 :]
    assert [line for line in before if line.startswith("- ")] == [f"- {VERDICTS[1]}", f"- {VERDICTS[0]}"]
    assert len([line for line in before if re.fullmatch(r"  \([0-9a-f]{8,}\)", line)]) == len(before) - 2 == 2
    assert re.fullmatch(r"_commit [0-9a-f]{8,}_", lines[6])


@pytest.mark.skipif(not (shutil.which("jq") and shutil.which("curl")), reason="needs jq and curl")
def test_without_a_report_or_a_token_there_is_no_comment(tmp_path: Path) -> None:
    """A job that never came to a comparison says nothing on the merge request."""
    shell = comment_shell("gitlab", tmp_path)
    with api_of("gitlab") as api:
        assert push("gitlab", tmp_path, api, f"rm $REPORT/report.md\n{shell}", "x").returncode == 0
        assert push("gitlab", tmp_path, api, f"GITLAB_TOKEN=\n{shell}", "x").returncode == 0
    assert api.asked == []
