"""A run knows the commit that it was of, and never fails for want of one."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from loadproof.runfile.provenance import git_facts

if TYPE_CHECKING:
    from pathlib import Path


def _git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    argv = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit on the branch `trunk`."""
    _git(tmp_path, "init", "-q", "-b", "trunk")
    (tmp_path / "file").write_text("one")
    _git(tmp_path, "add", "file")
    _git(tmp_path, "commit", "-q", "-m", "first")
    return tmp_path


def test_a_work_tree_has_commit_branch_and_dirt(repository: Path) -> None:
    """Uncommitted changes of tracked files count, files that git does not know do not."""
    commit = _git(repository, "rev-parse", "HEAD")
    (repository / "untracked").write_text("x")
    assert git_facts(repository, {}) == {"commit": commit, "branch": "trunk", "dirty": False}
    (repository / "file").write_text("two")
    assert git_facts(repository, {}) == {"commit": commit, "branch": "trunk", "dirty": True}


def test_ci_says_which_branch_a_bare_commit_is_of(repository: Path) -> None:
    """CI checks out commits; without its word there is no branch."""
    _git(repository, "checkout", "-q", "--detach")
    assert git_facts(repository, {"GITHUB_HEAD_REF": "", "GITHUB_REF_NAME": "feature"})["branch"] == "feature"
    assert "branch" not in git_facts(repository, {})


def test_outside_a_work_tree_there_is_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor before the first commit, nor without git."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_facts(tmp_path, {}) == {}
    _git(tmp_path, "init", "-q")
    assert git_facts(tmp_path, {}) == {}
    monkeypatch.setenv("PATH", "")
    assert git_facts(tmp_path, {}) == {}
