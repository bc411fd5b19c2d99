"""Real generators in trouble, and a real server in trouble that no generator is blamed for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from benchmarks.generator import CASES, findings

if TYPE_CHECKING:
    from pathlib import Path

BY_NAME = {case.name: case for case in CASES}


@pytest.mark.parametrize("name", ["blocked", "server-stopped"])
def test_a_blocked_generator_is_found_and_a_stopped_server_is_not_mistaken_for_one(
    name: str, tmp_path: Path
) -> None:
    """A scenario that blocks 200 ms of each second puts a FAIL of times in doubt; a server that stands still
    is blamed for its own.
    """
    ids = {
        str(finding["id"]) for finding in findings(BY_NAME[name], tmp_path) if finding["verdict"] != "PASS"
    }
    assert ("generator.lag" in ids) == (name == "blocked")


def test_k6_without_a_free_user_is_inconclusive_with_the_dropped_share(tmp_path: Path) -> None:
    """One user for 100 iterations a second of 20 ms each: half of them and more never start."""
    (finding,) = [f for f in findings(BY_NAME["k6-vus"], tmp_path) if f["id"] == "load.dropped"]
    assert finding["verdict"] == "INCONCLUSIVE"
    assert finding["evidence"]["share"] > 0.4  # type: ignore[index]
    assert "no virtual user was free" in str(finding["sentence"])
