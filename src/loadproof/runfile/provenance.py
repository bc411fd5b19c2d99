"""Which scenario and which commit a run was made of, for the run file: what comparisons are keyed by."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

_TIMEOUT_S: Final = 5.0
_BRANCH_VARIABLES: Final = (
    "GITHUB_HEAD_REF",
    "GITHUB_REF_NAME",
    "CI_COMMIT_REF_NAME",
    "BUILD_SOURCEBRANCHNAME",
)
"""CI checks out a commit, not a branch, and says here which branch it is of: GitHub, GitLab, Azure."""


def scenario_sha256(*files: Path) -> str | None:
    """Of the scenario's own files, without what they import; None when one cannot be read."""
    digest = hashlib.sha256()
    try:
        for file in files:
            digest.update(file.read_bytes())
    except OSError:
        return None
    return digest.hexdigest()


def git_facts(folder: Path, env: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """`commit` (full hash), `branch` and `dirty` (uncommitted changes of tracked files) of the work tree.

    Empty without git, outside a work tree, and before the first commit; never an error. `branch` is left out
    when none is known, `dirty` when git does not say in time.
    """
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    if not commit:
        return {}
    facts: dict[str, Any] = {"commit": commit}
    branch = _git(folder, "symbolic-ref", "--short", "--quiet", "HEAD")
    branch = branch or next((env[name] for name in _BRANCH_VARIABLES if env.get(name)), "")
    if branch:
        facts["branch"] = branch
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    if changes is not None:
        facts["dirty"] = bool(changes)
    return facts


def current_branch() -> str | None:
    """The branch of this folder's work tree; None outside of git."""
    branch: str | None = git_facts(Path()).get("branch")
    return branch


def _git(folder: Path, *arguments: str) -> str | None:
    """What git prints; None when it fails, is not there, or takes too long."""
    argv = ["git", "-C", str(folder), *arguments]
    # A run must not take a lock in the work tree that somebody's own git waits for.
    env = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_S, env=env, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
