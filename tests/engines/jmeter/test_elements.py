"""One plan of the elements that people's plans are made of, played by both JMeters: every count, exactly."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from loadproof.histogram import merged
from loadproof.model import EventKind, Outcome
from tests.engines.jmeter.conftest import plan_of, played
from tests.runs import loose

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loadproof.model import Slice
    from tests.engines.jmeter.server import Shop

REQUESTS = {
    "seed": 1, "sweep": 1,
    # Two users, three times: CSV data with quotes, a counter, parameters of users; and data that end.
    "visit ${city}": 6, "letter ${letter}-${digit}": 6, "count ${c}": 6, "key ${k}": 5, "own key": 10,
    # Two users, twice: what was found in answers leads on.
    "list": 4, "follow ${one}": 8, "items": 4, "xml": 4, "use ${token}": 4,
    # Two users, once.
    "gone": 2, "all good": 2, "all bad": 2, "flaky": 2, "fine": 2, "flaky inside": 2, "fine inside": 2,
    # Two users, twice, by controllers.
    "once": 2, "if": 4, "while": 8, "loop": 12, "this": 2, "that": 2, "heads or tails": 4, "left": 4,
    "right": 4, "two": 4, "half": 2, "three in all": 3, "from a module": 4, "included": 4, "included two": 4,
    "one at a time": 4, "Login": 4, "inside": 4, "in P": 4, "in P inner": 4, "same label": 8,
    # Two users, once, with scripts.
    "renamed": 2, "said no": 2, "with sub": 2, "with bsh": 2, "t": 2,
    # Two users, once; the second of the two that the cache answers is no request.
    "log in": 2, "who": 2, "basic": 2, "by name": 2, "cached": 2, "raw body": 2, "put": 2, "delete": 2,
    "patch": 2, "head": 2, "options": 2, "upload": 2, "no keep alive": 2, "java client": 2, "followed-0": 2,
    "followed-1": 2, "followed-2": 2, "automatic": 2, "not followed": 2, "home-0": 2, "home-1": 2,
    "home-2": 2, "home and debug-0": 2, "home and debug-1": 2, "home and debug-2": 2, "full": 2,
    "too slow": 2,
}  # fmt: skip
FAILED = {"all bad": 2, "flaky": 2, "flaky inside": 2, "said no": 2, "too slow": 2}
NOT_TOLD = 6
"""Requests that JMeter makes no row of: a hidden sample, an automatic redirect, a script's own."""


def test_a_plan_of_every_common_element_is_counted_exactly(
    each: str, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server's count, the recorded one, JMeter's summary and the rows of its own listener agree."""
    monkeypatch.chdir(tmp_path)
    outcome, sink = played(plan_of("elements", f"-Jport={shop.port}"))
    assert outcome is Outcome.COMPLETED
    counted: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    for part in sink.slices:
        if not part.endpoint.beside:
            counted[part.endpoint.name] += part.requests
            failed[part.endpoint.name] += part.failed
    # How often a controller that has a time goes round is for the clock to say.
    timed = counted.pop("for a second")
    assert dict(counted) == REQUESTS
    assert {name: count for name, count in failed.items() if count} == FAILED
    assert shop.total == counted.total() + timed + NOT_TOLD
    assert not sink.of(EventKind.RECORDER_MISMATCH)
    beside = Counter({str(p.endpoint): 0 for p in sink.slices if p.endpoint.beside})
    for part in sink.slices:
        if part.endpoint.beside:
            beside[str(part.endpoint)] += part.requests
    assert beside == {
        "transaction: with a failure": 2, "transaction: around a failure": 2, "transaction: included sum": 4,
        "transaction: Login": 4, "transaction: inner": 4, "transaction: P": 4, "transaction: P inner": 4,
        "page: followed": 2, "page: home": 2, "page: home and debug": 2, "script: list-0": 4,
        "script: set n": 4, "script: script in P": 4, "script: same label": 4, "script: with sub-0": 2,
        "script: by hand": 2, "script: bsh": 2, "script: Debug Sampler": 2, "script: home and debug-3": 2,
    }  # fmt: skip
    rows = ET.parse(tmp_path / "raw.xml").getroot()  # noqa: S314  # JMeter has just written it
    _percentiles_are_those_of(rows, sink.slices)
    own = [row for row in rows if not row.get("rm", "").startswith("Number of samples in transaction")]
    assert sum(loose(event.data)["samples"] for event in sink.of(EventKind.ENGINE_SUMMARY)) == len(own)


def _percentiles_are_those_of(rows: ET.Element, slices: list[Slice]) -> None:
    """Of each name that only requests have; JMeter's times are whole milliseconds."""
    times_ms: dict[str, list[int]] = {}
    for row in _requests(rows):
        times_ms.setdefault(row.attrib["lb"], []).append(int(row.attrib["t"]))
    compared = 0
    for label, found in times_ms.items():
        own = [part for part in slices if not part.endpoint.beside and part.endpoint.name == label]
        if sum(part.requests for part in own) != len(found):
            continue  # a label with a variable: its name in the plan is another
        response = merged(part.response for part in own)
        for q in (0.5, 0.95, 0.99):
            exact_s = sorted(found)[math.ceil(q * len(found)) - 1] / 1e3
            assert response.quantile(q) == pytest.approx(exact_s, rel=0.005, abs=2e-6), (label, q)
        compared += 1
    assert compared > 50


def _requests(element: ET.Element) -> Iterator[ET.Element]:
    """HTTP samples without HTTP samples below them."""
    below = [child for child in element if child.tag in ("sample", "httpSample")]
    for child in below:
        yield from _requests(child)
    if element.tag == "httpSample" and all(child.tag != "httpSample" for child in below):
        yield element
