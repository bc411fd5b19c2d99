"""What the engine makes of real plans, run by real JMeters: counts are exact."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import urllib.request
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from loadproof.engines.jmeter.engine import JMeterEngine
from loadproof.errors import EngineError
from loadproof.model import EventKind, FailureKind, Outcome, Policy, Profile, ProfileKind, RunOptions, Stage
from tests.engines.jmeter.conftest import plan_of, played
from tests.recording import Recording
from tests.runs import loose

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.engines.jmeter.server import Shop

CASES = Path(__file__).parents[4] / "shared/cases/jmeter"


def by_method(sink: Recording) -> dict[str, Counter[str]]:
    """Samples by endpoint name, for requests ("") and what stands beside them."""
    found: dict[str, Counter[str]] = {}
    for (method, name), count in sink.requests.items():
        found.setdefault(method, Counter())[name] += count
    return found


def test_every_common_element_is_counted_as_it_was_sent(newest: None, shop: Shop) -> None:
    """Requests by label = the server's count; sums and scripts stand beside them; JMeter's summary agrees."""
    outcome, sink = played(plan_of("shop", f"-Jport={shop.port}"))
    assert outcome is Outcome.COMPLETED
    found = by_method(sink)
    assert found[""] == {
        "login ${customer}": 6, "basket": 6, "item": 6, "item ${id}": 6, "search": 12, "welcome": 2,
        "pay": 6, "confirm": 6, "address": 6, "day": 6, "moved-0": 6, "moved-1": 6, "moved-2": 6,
        "home-0": 6, "home-1": 6, "home-2": 6, "sold out": 6,
    }  # fmt: skip
    assert found[""].total() == shop.total == 104
    assert shop.arrived["/item/7/lamp"] == 6
    assert found["transaction:"] == {"checkout": 6, "delivery": 6, "slot": 6}
    assert found["page:"] == {"moved": 6, "home": 6}
    assert found["script:"] == {"count stock": 6, "debug": 6}
    assert {k: v for (_, k), v in sink.failures.items()} == {FailureKind.STATUS: 6}
    assert not sink.of(EventKind.RECORDER_MISMATCH)
    (summary,) = sink.of(EventKind.ENGINE_SUMMARY)
    assert summary.data["samples"] == 80


def test_checks_statuses_and_addresses_are_told(newest: None, shop: Shop) -> None:
    """What a PASS stands on comes as increments that add up to the run."""
    _, sink = played(plan_of("shop", f"-Jport={shop.port}"))
    checks: Counter[tuple[str, str]] = Counter()
    for event in sink.of(EventKind.CHECKED):
        checks[loose(event.data)["name"], "passes"] += loose(event.data)["passes"]
        checks[loose(event.data)["name"], "fails"] += loose(event.data)["fails"]
    assert checks["is logged in", "passes"] == checks["has a session", "passes"] == 6
    assert checks["is logged in", "fails"] == checks["has a session", "fails"] == 0
    statuses: Counter[str] = Counter()
    for event in sink.of(EventKind.STATUSES):
        statuses.update(loose(event.data)["counts"])
    assert statuses == {"200": 104 - 12 - 6, "302": 12, "503": 6}
    hosts: Counter[str] = Counter()
    for event in sink.of(EventKind.AIMED):
        hosts.update(loose(event.data)["hosts"])
    assert hosts == {f"127.0.0.1:{shop.port}": 104}
    assert sum(loose(event.data)["count"] for event in sink.of(EventKind.PLAYED)) == 80


def test_scripts_that_raise_are_told(newest: None, shop: Shop) -> None:
    """A sampler's script fails its row; a pre-processor's only stands in the log, its request succeeds."""
    outcome, sink = played(plan_of("scripts_raise", f"-Jport={shop.port}"))
    assert outcome is Outcome.COMPLETED
    raised: Counter[str] = Counter()
    for event in sink.of(EventKind.RAISED):
        raised[loose(event.data)["what"]] += loose(event.data)["count"]
    assert raised == {"throws": 2, "script 'prepare'": 2}
    assert by_method(sink)[""].total() == shop.total == 4
    assert not {name for name, _ in sink.failures} & {"sound", "prepared"}


def test_a_plan_that_stops_itself_says_so(newest: None, shop: Shop) -> None:
    """What it cuts off is in flight and no failure of the service."""
    _, sink = played(plan_of("stops_itself", f"-Jport={shop.port}"))
    (ended,) = sink.of(EventKind.ENDED_BY)
    assert ended.data["by"] == "scenario"
    assert ended.data["how"] == "stop test now"
    assert {name for name, _ in sink.failures} == {"fails"}
    lost = shop.total - sum(by_method(sink)[""].values())
    assert 0 <= lost <= sink.in_flight


def test_a_script_that_ends_the_jvm_is_no_result(newest: None, shop: Shop) -> None:
    """With its exit code, and with what was measured until then."""
    outcome, sink = played(plan_of("ends_the_jvm", f"-Jport={shop.port}"))
    assert outcome is Outcome.ENGINE_FAILED
    (ended,) = sink.of(EventKind.ENDED_BY)
    assert ended.data["how"] == "System.exit(3)"
    assert by_method(sink)[""] == {"first": 1}


def test_set_up_and_tear_down_are_counted_and_are_no_load(newest: None, shop: Shop) -> None:
    """Two groups of one name add up; a group that is switched off sends nothing."""
    _, sink = played(plan_of("groups", f"-Jport={shop.port}"))
    assert by_method(sink)[""] == {"seed": 1, "a": 6, "b": 4, "sweep": 1}
    assert shop.total == 12
    users = [r.value for r in sink.readings if (r.source, r.series) == ("load", "users")]
    assert max(users) <= 3
    (started,) = sink.of(EventKind.LOAD_STARTED)
    (ended,) = sink.of(EventKind.LOAD_ENDED)
    assert started.time_s < ended.time_s


def test_labels_with_anything_in_them_arrive(newest: None, shop: Shop) -> None:
    """Quotes, angle brackets, emoji; characters that XML forbids are replaced, and nothing else is lost."""
    _, sink = played(plan_of("odd_labels", f"-Jport={shop.port}"))
    found = by_method(sink)
    assert found[""] == {'a, "quoted" & <tagged>': 1, "Ünïcödé ☕ 🚀": 1, "null": 1}
    assert found["script:"] == {"c\ufffd\ufffd\ufffdl": 1}
    assert not sink.of(EventKind.RECORDER_MISMATCH)


def test_open_arrivals_are_all_there(each: str, shop: Shop) -> None:
    """90 were planned by the schedule, and 90 came."""
    _, sink = played(plan_of("open_arrivals", f"-Jport={shop.port}"))
    told = {
        series: sum(r.value for r in sink.readings if (r.source, r.series) == ("load", series))
        for series in ("planned", "started")
    }
    assert told == {"planned": 90.0, "started": 90.0}
    assert shop.total == 90


def test_requests_that_a_timer_promised_and_nobody_made_are_missed(newest: None, shop: Shop) -> None:
    """40 a second were wanted for 4 s; two users of 200 ms make ten. JMeter says nothing."""
    _, sink = played(plan_of("too_few_users", f"-Jport={shop.port}"))
    planned = sum(r.value for r in sink.readings if (r.source, r.series) == ("load", "planned"))
    started = sum(r.value for r in sink.readings if (r.source, r.series) == ("load", "started"))
    assert planned == pytest.approx(160, abs=3)
    assert started == shop.total <= 44


def test_a_concurrency_group_runs_with_the_plug_ins_of_the_extra(of_the_extra: None, shop: Shop) -> None:
    """Its users are those planned."""
    _, sink = played(plan_of("concurrency", f"-Jport={shop.port}"))
    assert max(r.value for r in sink.readings if r.series == "users") == 3
    assert by_method(sink)[""].total() == shop.total


@pytest.mark.parametrize(
    ("policy", "requests"),
    [(Policy(), 9), (Policy(production_networks=("127.0.0.0/8",)), 0)],
    ids=["local", "production"],
)
def test_nine_ways_out_are_held_by_the_guard(each: str, shop: Shop, policy: Policy, requests: int) -> None:
    """By any client, script, channel or socket: what may not be connected to is not."""
    options = RunOptions(guard=policy)
    _, sink = played(plan_of("ways_out", f"-Jport={shop.port}", options=options))
    rows = sum(part.requests for part in sink.slices)
    failed = sum(part.failed for part in sink.slices)
    assert (rows, failed) == (9, 9 - requests)
    # Four of the scripts only connect.
    assert shop.total == (5 if requests else 0)
    assert bool(sink.of(EventKind.TARGET_REFUSED)) is (requests == 0)


def test_users_and_duration_go_into_the_properties_that_the_plan_reads(newest: None, shop: Shop) -> None:
    """The host follows --target, and the load the profile."""
    profile = Profile(ProfileKind.LOAD, (Stage(2.0, 3.0),), start=3.0)
    _, sink = played(plan_of("steady", target=shop.url, profile=profile))
    assert max(r.value for r in sink.readings if r.series == "users") == 3
    assert by_method(sink)[""].total() == shop.total > 20
    (started,) = sink.of(EventKind.LOAD_STARTED)
    (ended,) = sink.of(EventKind.LOAD_ENDED)
    assert ended.time_s - started.time_s == pytest.approx(2.0, abs=0.7)


def test_variables_are_set_in_a_copy_for_this_run(newest: None, shop: Shop) -> None:
    """The data file is found beside the plan all the same, and the plan itself is as it was."""
    plan = plan_of("fixed", "--var", "HOST=127.0.0.1", "--var", f"PORT={shop.port}")
    before = plan.scenario.read_bytes()
    _, sink = played(plan)
    assert by_method(sink)[""] == {"visit ${customer}": 6}
    assert shop.arrived == {"/who/ada": 2, "/who/bob": 2, "/who/c%C3%A9line": 2}
    assert plan.scenario.read_bytes() == before


def test_secrets_are_in_no_command_line_and_no_log(
    newest: None, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A property reaches the plan, and nobody else sees it."""
    seen: list[str] = []
    sink = Recording()

    async def course() -> Outcome:
        running = asyncio.create_task(JMeterEngine().run(plan, sink))
        while not running.done():
            for child in psutil.Process().children(recursive=True):
                try:
                    seen.append(" ".join(child.cmdline()))
                except psutil.Error:
                    continue
            await asyncio.sleep(0.05)
        return await running

    plan = plan_of("secret", f"-Jport={shop.port}", "-Jtoken=s3cret-value")
    assert asyncio.run(course()) is Outcome.COMPLETED
    assert shop.authorization == ["Bearer s3cret-value"]
    assert any("ApacheJMeter.jar" in line for line in seen)
    assert not [line for line in [*seen, *sink.lines] if "s3cret-value" in line]
    assert "s3cret-value" not in str(sink.events)


def test_a_plan_that_jmeter_cannot_read_is_an_error_with_its_line(
    newest: None, shop: Shop, tmp_path: Path
) -> None:
    """Before any load, in JMeter's words."""
    text = (plan_of("steady").scenario).read_text()
    broken = tmp_path / "broken.jmx"
    broken.write_text(text.replace('<boolProp name="ThreadGroup.scheduler">', '<boolProp wrong="x">', 1))
    with pytest.raises(EngineError) as raised:
        played(plan_of(broken, f"-Jport={shop.port}"))
    assert "broken.jmx" in str(raised.value)
    assert not shop.total


@pytest.fixture
def stub() -> Iterator[int]:
    """The service of the shared cases, on a free port."""
    if not CASES.is_dir():
        pytest.skip("the shared cases are not here")
    with Path("/dev/null").open("w") as nothing:
        port = free_port()
        process = subprocess.Popen([sys.executable, str(CASES / "stub.py"), str(port)], stdout=nothing)
    try:
        wait_for(port)
        yield port
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(port: int) -> None:
    from tests.demo.concurrency import wait_until

    def answers() -> bool:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/__counts", timeout=5).close()
        except OSError:
            return False
        return True

    wait_until(answers)


@pytest.mark.parametrize(
    ("name", "requests", "server", "failed"),
    [("tell_apart", 150, 156, 6), ("assertions", 14, 14, 12), ("retry", 72, 69, 9), ("odd_labels", 12, 12, 1),
     ("hosts", 6, 5, 2), ("share", 8, 8, 0)],
)  # fmt: skip
def test_the_shared_cases_have_their_right_counts(
    newest: None, stub: int, name: str, requests: int, server: int, failed: int
) -> None:
    """Those of their README."""
    _, sink = played(plan_of(CASES / f"{name}.jmx", f"-Jport={stub}"))
    with urllib.request.urlopen(f"http://127.0.0.1:{stub}/__counts", timeout=10) as answer:
        counted = json.load(answer)["counts"]["all"]
    own = [part for part in sink.slices if not part.endpoint.beside]
    assert sum(part.requests for part in own) == requests
    assert sum(part.failed for part in own) == failed
    assert counted == server
    assert not sink.of(EventKind.RECORDER_MISMATCH)
