"""Locust's sessions and ours, the same calls, the same servers: everything that can be seen is equal."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(__file__).parents[4]
_LIMIT_S = 240
_PARTS = 3


def _output(module: str, part: str) -> str:
    argv = [sys.executable, "-m", module, part]
    done = subprocess.run(argv, cwd=_ROOT, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def _names() -> list[str]:
    listing = (
        "from tests.engines.locust.session.rows import ROWS; print('\\n'.join(ascii(r.name) for r in ROWS))"
    )
    done = subprocess.run(
        [sys.executable, "-c", listing], cwd=_ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def played() -> dict[str, Any]:
    """The outcomes of all rows, from a few child processes."""
    module = "tests.engines.locust.session.play"
    with ThreadPoolExecutor(_PARTS) as pool:
        parts = pool.map(lambda part: _output(module, f"{part + 1}/{_PARTS}"), range(_PARTS))
        rows = [json.loads(line) for part in parts for line in part.splitlines()]
    return {ascii(name): (theirs, ours) for name, theirs, ours in rows}


@pytest.mark.parametrize("name", _names())
def test_the_outcome_is_locusts(name: str, played: dict[str, Any]) -> None:
    """A call's wire bytes, result, event, statistics, cookies and errors are what Locust gives."""
    theirs, ours = played[name]
    assert ours == theirs
