"""Small locustfiles of every common shape, run by Locust's classes over its own sessions and over ours."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[4]
_LIMIT_S = 120


def _played(which: str) -> dict[str, Any]:
    argv = [sys.executable, "-m", "tests.engines.locust.session.play_fragments", which]
    done = subprocess.run(argv, cwd=_ROOT, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return dict(json.loads(line) for line in done.stdout.splitlines())


def test_locustfiles_are_the_same_under_both() -> None:
    """Every fragment fires the same events, raises the same errors and sends the same bytes."""
    theirs, ours = _played("locust"), _played("loadproof")
    assert len(theirs) > 20
    for name, seen in theirs.items():
        assert ours[name] == seen, name
