"""Pages for eyes are what they are called, or nobody looks at what they mean to look at."""

from __future__ import annotations

import pytest

from loadproof.model import Report
from tests.reports.looks import PAGES

VERDICTS = {"pass": "PASS", "fail": "FAIL", "inconclusive": "INCONCLUSIVE", "done": "DONE"}
NAMED = [name for name in PAGES if name.rpartition("-")[2] in VERDICTS]


@pytest.mark.parametrize("name", NAMED)
def test_a_page_has_the_verdict_that_it_is_named_by(name: str) -> None:
    found = PAGES[name]()
    assert isinstance(found, Report)
    assert str(found.verdict) == VERDICTS[name.rpartition("-")[2]]
    assert len(found.sentence) <= 90
