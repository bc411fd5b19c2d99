"""What is taken from a run file, and from a baseline made of it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from loadproof.analysis.across_runs import measured as module
from loadproof.analysis.across_runs.measured import ALL_REQUESTS, measured
from loadproof.analysis.across_runs.sources import open_measured
from loadproof.analysis.compare.baseline import (
    check_one_kind,
    read_baseline_file,
    write_baseline,
)
from loadproof.analysis.compare.baselines import baseline_file, baselines, find_baseline
from loadproof.analysis.compare.compare import compare
from loadproof.analysis.compare.comparison import Change
from loadproof.errors import ConfigError, RunFileError
from loadproof.model import TRANSACTION, Endpoint, EventKind, Finding, RunOptions, Verdict
from loadproof.runfile.slices import Slices
from tests.comparing.files import SECONDS, build, run_file
from tests.runs import LOANS, LOGIN, START, event, part, plan, run, staged

if TYPE_CHECKING:
    from pathlib import Path

    from loadproof.analysis.across_runs.measured import MeasuredRun
    from loadproof.analysis.window.windows import Window
    from loadproof.runfile.reader import Run


def test_a_run_file_says_all_that_comparisons_need(tmp_path: Path) -> None:
    """Endpoints by name, then all requests; quantiles, throughput, failures, resources, conditions."""
    facts: dict[str, Any] = {"git": {"commit": "abc", "branch": "main"}, "scenario_sha256": "d1"}
    (found,) = open_measured(run_file(tmp_path / "a.db", 3, failed=2, **facts))
    assert [e.name for e in found.endpoints] == [str(LOANS), str(LOGIN), ALL_REQUESTS]
    loans = found.endpoint(str(LOANS))
    assert loans is not None
    assert (loans.requests, loans.failed, loans.throughput_per_s) == (40 * SECONDS, 2 * SECONDS, 40.0)
    assert loans.quantiles_s[0.5] == pytest.approx(0.1, rel=0.05)
    assert loans.seconds is not None
    assert loans.seconds.second.size == len(found.window) == SECONDS
    assert [(s.name, s.mean, s.limit) for s in found.series] == [("host.cpu.used", 0.5, 2.0)]
    assert (found.label, found.commit, found.branch, found.duration_s) == ("a", "abc", "main", SECONDS)
    assert found.conditions.scenario == "locustfile.py"
    assert found.conditions.scenario_sha256 == "d1"
    assert (found.invalid, found.limits) == ((), ())


def test_slices_of_one_second_are_added_up_and_left_as_they_are() -> None:
    """All requests of a second are one histogram; the run's own are not changed by that."""
    made = run(part(0, LOANS, [0.1] * 3), part(0, LOGIN, [0.2] * 2), part(1, LOANS, [0.1]))
    total = measured(made).endpoints[-1]
    assert total.seconds is not None
    assert total.seconds.times.counts.tolist() == [5, 1]
    assert [s.response.count for s in made.slices] == [3, 2, 1]


def test_only_the_judged_window_counts() -> None:
    """Ramps are left out, as for requirements."""
    made = run(
        *[part(n, LOANS, [0.1] * 5) for n in range(10)], of=plan(profile=staged((3, 10), (4, 10), (3, 0)))
    )
    found = measured(made)
    assert (found.window[0], found.window[-1], found.endpoints[-1].requests) == (START + 3, START + 6, 20)


def test_what_forbids_a_conclusion_goes_with_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lost worker, and what any analysis calls invalid for the run or for comparisons."""
    slices = [part(n, LOANS, [0.1] * 5) for n in range(3)]
    lost = measured(run(*slices, events=[event(1, EventKind.WORKER_LOST, "a worker was lost")]))
    assert lost.invalid == ("a worker was lost",)

    def unsteady(_run: Run, _window: Window) -> list[Finding]:
        return [
            Finding("steady", Verdict.PASS, "no steady state", incomparable=True),
            Finding("other", Verdict.FAIL, "a leak", {}),
        ]

    monkeypatch.setattr(module, "ANALYSES", (unsteady,))
    assert measured(run(*slices)).invalid == ("no steady state",)


def test_a_run_that_only_fails_says_so_beside_what_else_is_wrong() -> None:
    """It proves no speed, and that it fails; a lost worker proves nothing at all."""
    slices = [part(n, LOANS, [0.1] * 5, failed=4) for n in range(3)]
    found = measured(run(*slices, events=[event(1, EventKind.WORKER_LOST, "a worker was lost")]))
    assert found.failing.startswith("12 of 15 requests failed (80%): failures prove no speed")
    assert (found.failing in found.invalid, found.unsound) == (True, ("a worker was lost",))


def test_arguments_that_only_show_results_are_no_load() -> None:
    """A k6 tag with the build's number does not make another profile of it."""
    arguments = [
        ("--tag", "build=1", "--vus", "3"),
        ("--tag=build=2", "--vus", "3"),
        ("--vus", "4", "--html", "x"),
    ]
    profiles = [measured(run(part(0), of=plan(engine_args=words))).conditions.profile for words in arguments]
    assert profiles[0] == profiles[1] != profiles[2]


def test_another_warm_up_is_another_load() -> None:
    """Other seconds are judged; a baseline from before there was one is like a run without."""
    held = staged((40, 10), start=10)
    asked = [
        measured(run(part(0), of=plan(profile=held, options=o)))
        for o in (RunOptions(), RunOptions(warm_up_s=30.0))
    ]
    without, leaves_out = (one.conditions.profile for one in asked)
    assert without is not None
    assert "warm_up_s" not in without
    assert leaves_out == {**without, "warm_up_s": 30}


def test_a_baseline_is_the_runs_without_their_seconds(tmp_path: Path) -> None:
    """Read back they compare to the same bytes; written twice they are the same bytes."""
    base = [run for name in build(tmp_path, "a", 5) for run in open_measured(tmp_path / name)]
    head = [run for name in build(tmp_path, "b", 5, 1.1, 50) for run in open_measured(tmp_path / name)]
    files = [tmp_path / "1.json", tmp_path / "2.json"]
    for file in files:
        write_baseline(file, "main", None, base)
    assert files[0].read_bytes() == files[1].read_bytes()
    again = read_baseline_file(files[0])
    assert open_measured(files[0]) == again
    without = [
        [replace(run, endpoints=tuple(replace(e, seconds=None) for e in run.endpoints)) for run in side]
        for side in (base, head)
    ]
    assert compare(again, without[1]) == compare(without[0], without[1])
    assert compare(base, head).change is Change.REGRESSED
    write_baseline(tmp_path / "3.json", "main", None, again)
    assert (tmp_path / "3.json").read_bytes() == files[0].read_bytes()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"loadproof_baseline": 3, "runs": []}', "a newer Loadproof"),
        ('{"loadproof_baseline": 1, "runs": []}', "has no run"),
        ('{"loadproof_baseline": 1, "runs": [{}]}', "is damaged"),
        ('{"loadproof_baseline": 1', "is damaged"),
        ('{"something": "else"}', "no file that runs can be read from"),
        ("", "no file that runs can be read from"),
    ],
)
def test_files_that_are_no_baseline_are_told_apart(tmp_path: Path, text: str, said: str) -> None:
    """One clear error each."""
    file = tmp_path / "x.json"
    file.write_text(text)
    with pytest.raises(ConfigError, match=said):
        open_measured(file)


def _stored(tmp_path: Path) -> dict[str, Any]:
    """A baseline of one run, as JSON."""
    write_baseline(tmp_path / "b.json", "main", None, [measured(run(*(part(n) for n in range(20))))])
    found: dict[str, Any] = json.loads((tmp_path / "b.json").read_text())
    return found


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (["series"], None, "0: 'series' is missing"),
        (["limits"], None, "0: 'limits' is missing"),
        (["conditions"], None, "0: 'conditions' is missing"),
        (["conditions"], {}, "0.conditions: 'scenario' is missing"),
        (["conditions", "scenery"], "x", "0.conditions: unknown key 'scenery'"),
        (["endpoints", 0, "failed"], None, "0.endpoints.0: 'failed' is missing"),
        (["endpoints", 0, "requests"], -1, "0.endpoints.0.requests: "),
        (["endpoints", 0, "quantiles_s", "0.5"], float("nan"), "NaN is no number"),
        (["endpoints", 0, "quantiles_s", "0.5"], -0.1, "quantiles_s.0.5: "),
    ],
)
def test_a_baseline_that_is_not_whole_is_damaged(
    path: list[str | int], value: object, said: str, tmp_path: Path
) -> None:
    """A key that every file has (None: taken out here), one that nobody knows, and impossible figures."""
    document = _stored(tmp_path)
    *way, last = path
    holder = document["runs"][0]
    for step in way:
        holder = holder[step]
    if value is None:
        del holder[last]
    else:
        holder[last] = value
    (tmp_path / "b.json").write_text(json.dumps(document))
    with pytest.raises(ConfigError, match=re.escape(said)) as caught:
        read_baseline_file(tmp_path / "b.json")
    assert len(caught.value.problems) == 1


def test_a_baseline_of_the_first_format_is_read(tmp_path: Path) -> None:
    """It knew neither bytes nor the fingerprint of a scenario."""
    document = _stored(tmp_path)
    (newer,) = read_baseline_file(tmp_path / "b.json")
    (stored,) = document["runs"]
    del stored["conditions"]["fingerprint"]
    for endpoint in stored["endpoints"]:
        del endpoint["received_bytes"]
    (tmp_path / "b.json").write_text(json.dumps({**document, "loadproof_baseline": 1}))
    (older,) = read_baseline_file(tmp_path / "b.json")
    assert older.digest == newer.digest
    (tmp_path / "b.json").write_text(json.dumps(document))
    with pytest.raises(ConfigError, match="'received_bytes' is missing"):
        read_baseline_file(tmp_path / "b.json")


def test_a_damaged_run_file_is_refused(tmp_path: Path) -> None:
    """As everywhere."""
    file = run_file(tmp_path / "a.db", 1)
    data = bytearray(file.read_bytes())
    data[data.index(b"/api/loans")] ^= 0xFF  # not in a page that nothing is written on
    file.write_bytes(bytes(data))
    with pytest.raises(RunFileError):
        open_measured(file)


def test_a_baseline_is_sound_and_of_one_kind(tmp_path: Path) -> None:
    """An unsound run, or one of another scenario, makes none."""
    names = [*build(tmp_path, "a", 2), *build(tmp_path, "k", 1, of=plan(engine="k6"), first_seed=9)]
    runs = [run for name in names for run in open_measured(tmp_path / name)]
    with pytest.raises(ConfigError, match=r"the engines differ: base locust \(loadproof session\) and k6"):
        check_one_kind(runs)


def test_a_branch_has_its_own_baseline_or_the_trunks(tmp_path: Path) -> None:
    """A branch's name may hold a slash; without any trunk several must be told apart."""
    folder = tmp_path / "baselines"
    (run,) = open_measured(run_file(tmp_path / "a.db", 1))
    for branch in ("feature/x", "main", None):
        write_baseline(baseline_file("api", branch, folder), "api", branch, [run])
    assert [baseline.branch for baseline in baselines(folder)] == [None, "feature/x", "main"]
    found = [find_baseline("api", branch, folder).branch for branch in ("feature/x", "other", None)]
    assert found == ["feature/x", "main", None]
    write_baseline(baseline_file("two", "b1", folder), "two", "b1", [run])
    assert find_baseline("two", "b9", folder).branch == "b1"
    write_baseline(baseline_file("two", "b2", folder), "two", "b2", [run])
    with pytest.raises(ConfigError, match="several branches"):
        find_baseline("two", "b9", folder)
    with pytest.raises(ConfigError, match="no baseline 'apo'"):
        find_baseline("apo", None, folder)
    with pytest.raises(ConfigError):
        baseline_file("../x", None, folder)


def test_transactions_are_endpoints_of_their_own_and_in_no_sum() -> None:
    """All requests, the mix and what gates by itself are of requests; a slower transaction is told."""
    pay = Endpoint(TRANSACTION, "pay")

    def made(number: int, slower: float) -> MeasuredRun:
        noise = 1 + 0.002 * number
        parts = [part(n, LOANS, [0.1 * noise] * 20) for n in range(10)]
        own = [part(n, pay, [0.5 * slower * noise] * 40) for n in range(10)]
        one = replace(run(*parts), beside=Slices.of(own))
        return replace(measured(one), label=f"{slower}-{number}", started_at_s=100.0 * number + slower)

    sides = [[made(number, slower) for number in range(5)] for slower in (1.0, 1.5)]
    first = sides[0][0]
    assert [e.name for e in first.endpoints] == [str(LOANS), "transaction: pay", ALL_REQUESTS]
    assert first.endpoints[-1].requests == 200
    found = compare(sides[0], sides[1])
    assert found.change is Change.REGRESSED
    assert {row.subject for row in found.proved(Change.REGRESSED)} == {"transaction: pay"}
    assert {row.subject for row in found.gated} == {str(LOANS), ALL_REQUESTS}
    assert not [row for row in found.rows if row.statistic == "mean at one mix"]
    old = [replace(one, endpoints=(first.endpoints[0], one.endpoints[-1])) for one in sides[0]]
    again = compare(old, [replace(one, started_at_s=1e6 + n) for n, one in enumerate(sides[0])])
    assert (again.change, [note for note in again.notes if "only in" in note]) == (Change.SAME, [])
