"""The smoke tier: every claim with few replicates, on every CI run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.accuracy.topics import TOPICS

if TYPE_CHECKING:
    from tests.accuracy.cases import Measure, Rate

CASES = [pytest.param(case, id=case.id) for cases in TOPICS.values() for case in cases]


@pytest.mark.parametrize("case", CASES)
def test_claim_holds(case: Rate | Measure) -> None:
    """The count of replicates is one that the claimed rate would give."""
    outcome = case.check(case.smoke)
    assert outcome.held, str(outcome)
