"""Findings as older versions wrote them stay readable."""

from __future__ import annotations

import pytest

from loadproof.model import Measure, Verdict
from loadproof.model.finding_json import finding_from_json


@pytest.mark.parametrize(
    ("evidence", "measure"),
    [
        ({"needed": 12.5, "samples": 12.5}, Measure("p95: <1s", samples=12, needed=12)),
        ({"interval": []}, Measure("p95: <1s")),
        ({"interval": [1, 2.5]}, Measure("p95: <1s", interval=(1.0, 2.5))),
        ({"default": "yes, by itself"}, Measure("p95: <1s", by_default=True)),
        ({"default": None}, Measure("p95: <1s", by_default=True)),
        ({}, Measure("p95: <1s")),
    ],
)
def test_the_measure_of_an_older_file_is_read(evidence: dict[str, object], measure: Measure) -> None:
    found = finding_from_json("p95", Verdict.PASS, "fast", {"requirement": "p95: <1s", **evidence}, "")
    assert found.measure == measure
