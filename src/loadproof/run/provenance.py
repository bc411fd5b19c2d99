"""Which scenario and which commit a run was made of, for the run file: what comparisons are keyed by."""

from __future__ import annotations

import hashlib
import os
import subprocess
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path

_TIMEOUT_S: Final = 5.0
_BRANCH_VARIABLES: Final = (
    "GITHUB_HEAD_REF",
    "GITHUB_REF_NAME",
    "CI_COMMIT_REF_NAME",
    "BUILD_SOURCEBRANCHNAME",
)
"""Where CI says the branch, whose checkout has none: GitHub, GitLab, Azure."""


def scenario_sha256(scenario: Path) -> str | None:
    """Of the scenario's own file, without what it imports; None when it cannot be read."""
    try:
        return hashlib.sha256(scenario.read_bytes()).hexdigest()
    except OSError:
        return None


def git_facts(folder: Path) -> dict[str, Any]:
    """`commit`, `branch` and `dirty` of the work tree around `folder`; empty outside of git."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return {}
    branch = _git(folder, "symbolic-ref", "--short", "HEAD")
    branch = branch or next((os.environ[name] for name in _BRANCH_VARIABLES if os.environ.get(name)), None)
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "branch": branch, "dirty": None if changed is None else bool(changed)}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None  # no git, or no answer: then it is not known
    return done.stdout.strip() if done.returncode == 0 else None
