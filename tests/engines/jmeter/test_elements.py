"""One plan of what people's plans are made of, played once by each JMeter: every count, exactly."""

from __future__ import annotations

import asyncio
import math
import re
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psutil
import pytest

from loadproof.engines.jmeter.engine import JMeterEngine
from loadproof.histogram import merged
from loadproof.model import EventKind, Outcome, Policy, RunOptions
from tests.engines.jmeter.conftest import plan_of, use_version
from tests.engines.jmeter.installed import NEWEST, OF_THE_EXTRA
from tests.engines.jmeter.server import Shop
from tests.recording import Recording
from tests.runs import loose

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadproof.model import Plan

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
    # One user, once: labels with anything in them, a secret, a variable that `--var` sets.
    'a, "quoted" & <tagged>': 1, "Ünïcödé ☕ 🚀": 1, "null": 1, "who am I": 1, "say ${WORD}": 1,
    # One user, twice, with scripts that raise; two groups of one name, and one that is switched off.
    "sound": 2, "prepared": 2, "of the first": 6, "of the second": 4,
}  # fmt: skip
FAILED = {"all bad": 2, "flaky": 2, "flaky inside": 2, "said no": 2, "too slow": 2}
NOT_TOLD = 6
"""Requests that JMeter makes no row of: a hidden sample, an automatic redirect, a script's own."""
SECRET = "s3cret-value"


@dataclass(frozen=True)
class Played:
    """The plan, played to its end."""

    outcome: Outcome
    sink: Recording
    shop: Shop
    rows: ET.Element
    """What a listener of the plan wrote of the same run."""
    seen: list[str]
    """Command lines of what ran meanwhile."""

    @property
    def requests(self) -> list[ET.Element]:
        return list(_requests(self.rows))


@pytest.fixture(scope="module", params=[NEWEST, OF_THE_EXTRA])
def run(
    request: pytest.FixtureRequest, pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Played]:
    """One start of a JVM for all tests of a version."""
    folder = tmp_path_factory.mktemp("elements")
    sink = Recording()
    seen: list[str] = []
    with Shop() as shop, pytest.MonkeyPatch.context() as patch:
        use_version(request.param, pytestconfig, patch)
        patch.chdir(folder)
        arguments = (f"-Jport={shop.port}", f"-Jtoken={SECRET}", "--var", "WORD=right")
        plan = plan_of("elements", *arguments, options=RunOptions(guard=Policy()))
        before = plan.scenario.read_bytes()
        outcome = asyncio.run(asyncio.wait_for(_watched(plan, sink, seen), 100))
        assert plan.scenario.read_bytes() == before
        # JMeter writes references to characters that XML 1.0 does not have.
        text = re.sub(r"&#x(?:0|1|1b);", "\ufffd", (folder / "raw.xml").read_text(encoding="utf-8"))
        rows = ET.fromstring(text)  # noqa: S314  # JMeter has just written it
        yield Played(outcome, sink, shop, rows, seen)


async def _watched(plan: Plan, sink: Recording, seen: list[str]) -> Outcome:
    running = asyncio.create_task(JMeterEngine().run(plan, sink))
    while not running.done():
        for child in psutil.Process().children(recursive=True):
            try:
                seen.append(" ".join(child.cmdline()))
            except psutil.Error:
                continue
        await asyncio.sleep(0.1)
    return await running


def test_a_plan_of_every_common_element_is_counted_exactly(run: Played) -> None:
    """The server's count, the recorded one, JMeter's summary and the rows of its own listener agree."""
    assert run.outcome is Outcome.COMPLETED
    counted: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    beside: Counter[str] = Counter()
    for part in run.sink.slices:
        if part.endpoint.beside:
            beside[str(part.endpoint)] += part.requests
        else:
            counted[part.endpoint.name] += part.requests
            failed[part.endpoint.name] += part.failed
    # How often a controller that has a time goes round is for the clock to say.
    timed = counted.pop("for a second")
    assert dict(counted) == REQUESTS
    assert {name: count for name, count in failed.items() if count} == FAILED
    assert run.shop.total == counted.total() + timed + NOT_TOLD
    assert not run.sink.of(EventKind.RECORDER_MISMATCH)
    assert beside == {
        "transaction: with a failure": 2, "transaction: around a failure": 2, "transaction: included sum": 4,
        "transaction: Login": 4, "transaction: inner": 4, "transaction: P": 4, "transaction: P inner": 4,
        "page: followed": 2, "page: home": 2, "page: home and debug": 2, "script: list-0": 4,
        "script: set n": 4, "script: script in P": 4, "script: same label": 4, "script: with sub-0": 2,
        "script: by hand": 2, "script: bsh": 2, "script: Debug Sampler": 2, "script: home and debug-3": 2,
        "script: throws": 2, "script: c\ufffd\ufffd\ufffdl": 1,
    }  # fmt: skip
    own = [row for row in run.rows if not row.get("rm", "").startswith("Number of samples in transaction")]
    (summary,) = run.sink.of(EventKind.ENGINE_SUMMARY)
    assert loose(summary.data)["samples"] == len(own)
    assert sum(loose(event.data)["count"] for event in run.sink.of(EventKind.PLAYED)) == len(own)


def test_percentiles_are_those_of_the_rows(run: Played) -> None:
    """Of each name that only requests have; JMeter's times are whole milliseconds."""
    times_ms: dict[str, list[int]] = {}
    for row in run.requests:
        times_ms.setdefault(row.attrib["lb"], []).append(int(row.attrib["t"]))
    compared = 0
    for label, found in times_ms.items():
        own = [part for part in run.sink.slices if not part.endpoint.beside and part.endpoint.name == label]
        if sum(part.requests for part in own) != len(found):
            continue  # a label with a variable: its name in the plan is another
        response = merged(part.response for part in own)
        for q in (0.5, 0.95, 0.99):
            exact_s = sorted(found)[math.ceil(q * len(found)) - 1] / 1e3
            assert response.quantile(q) == pytest.approx(exact_s, rel=0.005, abs=2e-6), (label, q)
        compared += 1
    assert compared > 50


def test_checks_statuses_and_addresses_are_those_of_the_rows(run: Played) -> None:
    """What a PASS stands on comes as increments that add up to the run."""
    checks: Counter[tuple[str, bool]] = Counter()
    for event in run.sink.of(EventKind.CHECKED):
        checks[loose(event.data)["name"], True] += loose(event.data)["passes"]
        checks[loose(event.data)["name"], False] += loose(event.data)["fails"]
    in_rows: Counter[tuple[str, bool]] = Counter()
    for result in run.rows.iter("assertionResult"):
        passed = result.findtext("failure") == result.findtext("error") == "false"
        in_rows[result.findtext("name", ""), passed] += 1
    assert +checks == in_rows
    statuses: Counter[str] = Counter()
    for event in run.sink.of(EventKind.STATUSES):
        statuses.update(loose(event.data)["counts"])
    assert statuses == Counter(row.attrib["rc"] for row in run.requests if not _from_cache(row))
    hosts: Counter[str] = Counter()
    for event in run.sink.of(EventKind.AIMED):
        hosts.update(loose(event.data)["hosts"])
    named = Counter(urlsplit(row.findtext("java.net.URL", "")).netloc for row in run.requests)
    assert hosts == named - Counter({f"127.0.0.1:{run.shop.port}": named.total() - statuses.total()})
    assert hosts[f"shop.example:{run.shop.port}"] == 2


def test_scripts_that_raise_are_told(run: Played) -> None:
    """A sampler's script fails its row; a pre-processor's only stands in the log, its request succeeds."""
    raised: Counter[str] = Counter()
    for event in run.sink.of(EventKind.RAISED):
        raised[loose(event.data)["what"]] += loose(event.data)["count"]
    assert raised == {"throws": 2, "script 'prepare'": 2}


def test_set_up_and_tear_down_are_no_load(run: Played) -> None:
    """They are counted; the load begins after the one and ends before the other."""
    (started,) = run.sink.of(EventKind.LOAD_STARTED)
    (ended,) = run.sink.of(EventKind.LOAD_ENDED)
    begins_s = {row.attrib["lb"]: int(row.attrib["ts"]) / 1e3 for row in run.rows}
    assert begins_s["seed"] <= started.time_s <= min(begins_s[name] for name in ("sound", "of the first"))
    assert ended.time_s <= begins_s["sweep"]


def test_secrets_are_in_no_command_line_and_no_log(run: Played) -> None:
    """A property reaches the plan, and nobody else sees it; `--var` is set in a copy for this run."""
    assert f"Bearer {SECRET}" in run.shop.authorization
    assert run.shop.arrived["/word/right"] == 1
    assert any("ApacheJMeter.jar" in line for line in run.seen)
    assert not [line for line in [*run.seen, *run.sink.lines] if SECRET in line]
    assert SECRET not in str(run.sink.events)


def _requests(element: ET.Element) -> Iterator[ET.Element]:
    """HTTP samples without HTTP samples below them."""
    below = [child for child in element if child.tag in ("sample", "httpSample")]
    for child in below:
        yield from _requests(child)
    if element.tag == "httpSample" and all(child.tag != "httpSample" for child in below):
        yield element


def _from_cache(row: ET.Element) -> bool:
    return row.get("by") == row.get("sby") == "0" and row.get("s") == "true"
