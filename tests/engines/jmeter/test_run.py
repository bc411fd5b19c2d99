"""What the engine makes of real plans, run by real JMeters: counts are exact."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from loadproof.errors import EngineError
from loadproof.model import EventKind, Outcome, Policy, Profile, ProfileKind, RunOptions, Stage
from tests.engines.jmeter.conftest import plan_of, played
from tests.runs import loose

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.engines.jmeter.server import Shop
    from tests.recording import Recording

CASES = Path(__file__).parents[4] / "shared/cases/jmeter"


def by_method(sink: Recording) -> dict[str, Counter[str]]:
    """Samples by endpoint name, for requests ("") and what stands beside them."""
    found: dict[str, Counter[str]] = {}
    for (method, name), count in sink.requests.items():
        found.setdefault(method, Counter())[name] += count
    return found


def test_a_plan_that_stops_itself_says_so(newest: None, shop: Shop) -> None:
    """What it cuts off is in flight and no failure of the service."""
    _, sink = played(plan_of("stops_itself", f"-Jport={shop.port}"))
    (ended,) = sink.of(EventKind.ENDED_BY)
    assert loose(ended.data)["by"] == "scenario"
    assert loose(ended.data)["how"] == "stop test now"
    assert {name for name, _ in sink.failures} == {"fails"}
    lost = shop.total - sum(by_method(sink)[""].values())
    assert 0 <= lost <= sink.in_flight


def test_a_script_that_ends_the_jvm_is_no_result(newest: None, shop: Shop) -> None:
    """With its exit code, and with what was measured until then."""
    outcome, sink = played(plan_of("ends_the_jvm", f"-Jport={shop.port}"))
    assert outcome is Outcome.ENGINE_FAILED
    (ended,) = sink.of(EventKind.ENDED_BY)
    assert loose(ended.data)["how"] == "System.exit(3)"
    assert by_method(sink)[""] == {"first": 1}


def test_open_arrivals_are_all_there(newest: None, shop: Shop) -> None:
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


def nine_ways_out(shop: Shop, policy: Policy) -> Recording:
    """By any client, script, channel or socket."""
    _, sink = played(plan_of("ways_out", f"-Jport={shop.port}", options=RunOptions(guard=policy)))
    assert sum(part.requests for part in sink.slices) == 9
    return sink


def test_nine_ways_out_are_held_by_the_guard(each: str, shop: Shop) -> None:
    """What may not be connected to is not."""
    sink = nine_ways_out(shop, Policy(production_networks=("127.0.0.0/8",)))
    assert sum(part.failed for part in sink.slices) == 9
    assert sink.of(EventKind.TARGET_REFUSED)
    assert shop.total == 0


def test_nine_ways_to_the_target_are_open(newest: None, shop: Shop) -> None:
    """The guard is there, and holds nothing that may be loaded."""
    sink = nine_ways_out(shop, Policy())
    assert not sum(part.failed for part in sink.slices)
    assert not sink.of(EventKind.TARGET_REFUSED)
    assert shop.total == 5  # four of the scripts only connect


def test_users_and_duration_go_into_the_properties_that_the_plan_reads(newest: None, shop: Shop) -> None:
    """The host follows --target, and the load the profile."""
    profile = Profile(ProfileKind.LOAD, (Stage(2.0, 3.0),), start=3.0)
    _, sink = played(plan_of("steady", target=shop.url, profile=profile))
    assert max(r.value for r in sink.readings if r.series == "users") == 3
    assert by_method(sink)[""].total() == shop.total > 20
    (started,) = sink.of(EventKind.LOAD_STARTED)
    (ended,) = sink.of(EventKind.LOAD_ENDED)
    assert ended.time_s - started.time_s == pytest.approx(2.0, abs=0.7)


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
            urllib.request.urlopen(f"http://127.0.0.1:{port}/__counts", timeout=60).close()
        except OSError:
            return False
        return True

    wait_until(answers)


@pytest.mark.beside
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
    with urllib.request.urlopen(f"http://127.0.0.1:{stub}/__counts", timeout=60) as answer:
        counted = json.load(answer)["counts"]["all"]
    own = [part for part in sink.slices if not part.endpoint.beside]
    assert sum(part.requests for part in own) == requests
    assert sum(part.failed for part in own) == failed
    assert counted == server
    assert not sink.of(EventKind.RECORDER_MISMATCH)
