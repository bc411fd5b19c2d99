"""One run on four machines, of which one is cut off and one killed: each a network namespace of its own."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from loadproof.model import EventKind, Verdict
from tests.machines.commands import Command
from tests.machines.conftest import write_scenario
from tests.machines.networks import HUB_MASTER, HUB_TARGET, Network, why_impossible
from tests.machines.reading import RUN_FILE, in_flight, of, requests, run_in, users
from tests.runs import loose

if TYPE_CHECKING:
    from loadproof.runfile.reader import Run

REPOSITORY = Path(__file__).parent.parent.parent
IMPOSSIBLE = why_impossible()
pytestmark = pytest.mark.skipif(
    bool(IMPOSSIBLE) and (os.geteuid() != 0 or not os.environ.get("CI")), reason=IMPOSSIBLE
)


TOKEN = {"LOADPROOF_TOKEN": "a secret of this test"}


@dataclass
class Story:
    """What is left when all is over."""

    run: Run
    exit_code: int
    answered: dict[str, int]
    """By the target, by path."""
    cut_off: Command
    cut_off_code: int
    survivor_code: int


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Workers 1 to 3 join in this order; 1 is cut off from the master, 2 is killed, 3 works to the end."""
    folder = tmp_path_factory.mktemp("networks")
    write_scenario(folder)
    with Network(3) as network:
        hub = network.inside(network.hub)
        argv = ["-m", "tests.machines.target", HUB_TARGET]
        with Command(argv, folder=REPOSITORY, inside=hub) as target:
            url = target.wait_for("http://")
            load = ("--host", url, "-u", 9, "-r", 9, "-t", "22s", "--requirements", "requirements.yaml")
            where = ("--expect-workers", 3, "--bind", HUB_MASTER, "--run-file", RUN_FILE)
            order = ("run", "loans.py", *load, *where)
            with Command.loadproof(*order, folder=folder, inside=hub, env=TOKEN) as run:
                workers = [
                    _join(network, name, folder, run, number)
                    for number, name in enumerate(network.workers, start=1)
                ]
                with workers[0] as first, workers[1] as second, workers[2] as third:
                    run.wait_for("9 users", times=2)
                    network.cut_off(network.workers[0])
                    joined = of(run_in(folder), EventKind.WORKER_JOINED)
                    os.kill(loose(joined[1].data)["pid"], signal.SIGKILL)
                    second.ended()
                    codes = (run.ended(), first.ended(), third.ended())
            target.close_input()
            answered = json.loads(target.wait_for("counts").removeprefix("counts "))
    return Story(run_in(folder), codes[0], answered, first, codes[1], codes[2])


def _join(network: Network, name: str, folder: Path, run: Command, number: int) -> Command:
    inside = network.inside(name)
    order = ("worker", "--master", HUB_MASTER, "loans.py")
    worker = Command.loadproof(*order, folder=folder, inside=inside, env=TOKEN)
    run.wait_for(f"worker {number} on")
    return worker


def test_the_run_goes_on_and_is_inconclusive(story: Story) -> None:
    """Both losses are events, and the verdict gives them as its reason."""
    assert story.exit_code == 4
    lost = {event.text("worker").partition(" on ")[0] for event in of(story.run, EventKind.WORKER_LOST)}
    assert lost == {"worker 1", "worker 2"}
    findings = {finding.id: finding for finding in story.run.findings}
    assert findings["generator.workers"].verdict is Verdict.INCONCLUSIVE
    assert "is in no count" in findings["generator.workers"].sentence


def test_the_users_of_lost_workers_run_on_the_one_that_is_left(story: Story) -> None:
    """All nine at the end."""
    assert users(story.run)[-2] == 9


def test_every_request_of_the_worker_that_was_left_is_counted(story: Story) -> None:
    """Exactly as the target answered them."""
    recorded = requests(story.run)["/worker-3"] + in_flight(story.run)
    assert recorded == story.answered["/worker-3"]
    assert story.survivor_code == 0


def test_what_lost_workers_could_not_report_is_not_made_up(story: Story) -> None:
    """What is in the run file of them was answered; the rest is missing, and said to be."""
    for number in (1, 2):
        assert 0 < requests(story.run)[f"/worker-{number}"] < story.answered[f"/worker-{number}"]
    lost = of(story.run, EventKind.WORKER_LOST)
    assert all("what its 3 users did after its last report" in event.message for event in lost)


def test_the_worker_that_was_cut_off_ends_and_says_what_nobody_counted(story: Story) -> None:
    """It does not go on loading the target for longer than it takes to be sure."""
    assert story.cut_off_code == 5
    line = story.cut_off.wait_for("cut off: the master has not answered for 10s")
    uncounted = int(line.split("requests, ")[1].split(" of them")[0].replace(",", ""))
    assert uncounted >= story.answered["/worker-1"] - requests(story.run)["/worker-1"] - 3


def test_each_machines_clock_was_compared(story: Story) -> None:
    """Namespaces share one clock: every offset is 0 within what was measured."""
    readings = [(r.source, r.series, r.value) for r in story.run.readings]
    for number in (1, 2, 3):
        offsets = [
            v for source, series, v in readings if (source, series) == (f"worker {number}", "clock_offset")
        ]
        trips = [
            v
            for source, series, v in readings
            if (source, series) == (f"worker {number}", "clock_round_trip")
        ]
        assert offsets
        assert all(abs(offset) <= trip / 2 + 1e-4 for offset, trip in zip(offsets, trips, strict=True))


def test_an_open_load_is_one_schedule_on_two_machines(tmp_path: Path) -> None:
    """80/s for 6 s: each second has its 80 arrivals, each machine sends half, all are answered once."""
    write_scenario(tmp_path)
    with Network(2) as network:
        hub = network.inside(network.hub)
        with Command(["-m", "tests.machines.target", HUB_TARGET], folder=REPOSITORY, inside=hub) as target:
            url = target.wait_for("http://")
            load = ("--host", url, "--rate", "80/s", "-t", "6s", "--requirements", "requirements.yaml")
            where = ("--expect-workers", 2, "--bind", HUB_MASTER, "--run-file", RUN_FILE)
            with Command.loadproof(
                "run", "loans.py", *load, *where, folder=tmp_path, inside=hub, env=TOKEN
            ) as run:
                workers = [
                    _join(network, name, tmp_path, run, number)
                    for number, name in enumerate(network.workers, start=1)
                ]
                with workers[0] as first, workers[1] as second:
                    codes = (run.ended(), first.ended(), second.ended())
            target.close_input()
            answered = json.loads(target.wait_for("counts").removeprefix("counts "))
    assert codes == (0, 0, 0)
    found = run_in(tmp_path)
    load_readings = [reading for reading in found.readings if reading.source == "load"]
    planned = Counter[int]()
    for reading in load_readings:
        if reading.series == "planned":
            planned[int(reading.time_s)] += int(reading.value)
    assert list(planned.values()) == [80] * 6
    assert sum(reading.value for reading in load_readings if reading.series == "started") == 480
    assert {path: answered[path] for path in ("/worker-1", "/worker-2")} == dict(requests(found))
    assert set(requests(found).values()) == {240}
