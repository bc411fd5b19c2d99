"""The guard in JMeter's JVM answers as the one in Python does."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from loadproof.engines.jmeter.guard.policy import JAR, policy_lines
from tests.plan.addresses import POLICY, REACHED

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.skipif(shutil.which("java") is None, reason="no Java here")
def test_every_form_of_an_address_is_read_alike(tmp_path: Path) -> None:
    """The whole table, asked in one JVM without a connection."""
    policy = tmp_path / "policy"
    policy.write_text("".join(f"{line}\n" for line in policy_lines(POLICY)))
    done = subprocess.run(
        ["java", "-XX:TieredStopAtLevel=1", "-cp", str(JAR), "loadproof.guard.Gate", str(policy)],
        input="".join(f"{address} {host}\n" for address, host, *_ in REACHED),
        capture_output=True, encoding="utf-8", timeout=60, check=True,
    )  # fmt: skip
    answers = done.stdout.splitlines()
    assert len(answers) == len(REACHED)
    told = [(why == "", *row) for why, row in zip(answers, REACHED, strict=True)]
    assert [row for answered, *row in told if answered is not row[2]] == []
