"""Runs over time: which make a series, and what is said of it."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from rich.console import Console

from loadproof.analysis.across_runs.history import History, RunSeries, history
from loadproof.analysis.across_runs.measured import ALL_REQUESTS, Conditions, MeasuredEndpoint, MeasuredRun
from loadproof.analysis.across_runs.picture import history_picture
from loadproof.analysis.verdict.requirements import format_value
from loadproof.reports.history import answer, latest_first, print_history, write_history_json

if TYPE_CHECKING:
    from collections.abc import Sequence

LOANS = "GET /api/loans"


def _run(number: int, p95_s: float, failed: int = 0) -> MeasuredRun:
    endpoints = tuple(
        MeasuredEndpoint(name, 1000, failed, 50.0, {0.5: p95_s / 2, 0.95: p95_s, 0.99: p95_s * 2}, p95_s / 2)
        for name in (LOANS, ALL_REQUESTS)
    )
    return MeasuredRun(
        label=f"run{number:02d}",
        source=f"runs/run{number:02d}.db",
        started_at_s=1000.0 + number,
        duration_s=60.0,
        endpoints=endpoints,
        conditions=Conditions(scenario="locustfile.py", engine="locust", profile={"stages": []}),
        commit=f"{number:x}" * 8,
        branch="main",
    )


def runs_at(*levels: tuple[float, int], sd: float = 0.02) -> list[MeasuredRun]:
    random = np.random.default_rng(11)
    values = [level * float(np.exp(random.normal(0, sd))) for level, count in levels for _ in range(count)]
    return [_run(number, value) for number, value in enumerate(values)]


def _series(found: History, statistic: str = "p95") -> RunSeries:
    return next(s for s in found.series if (s.endpoint, s.measure.name) == (LOANS, statistic))


def _printed(found: History, width: int = 200) -> str:
    stream = io.StringIO()
    print_history(found, Console(file=stream, width=width))
    return stream.getvalue()


@pytest.mark.parametrize("width", [70, 80, 120, 200])
def test_no_value_is_cut_at_any_width_and_what_changed_stands_last(width: int) -> None:
    """In 80 columns the newest value was "58.…"; bars lose their oldest runs instead."""
    found = history("loans", runs_at((0.1, 20), (0.12, 8)))
    lines = _printed(found, width).splitlines()
    assert max(map(len, lines)) <= width
    table = "\n".join(lines[: next(n for n, line in enumerate(lines) if line.startswith("loans  28 runs"))])
    for series in found.series:
        if series.measure.name == "p95":
            known = [value for value in series.values if value is not None]
            newest, least, most = (
                format_value(v, series.measure.unit) for v in (known[-1], min(known), max(known))
            )
            assert f" {newest} " in table
            assert f"{least} … {most}" in table
    said = " ".join(_printed(found, width).split())
    assert said.endswith(latest_first(found)[-1][1].sentence)


def test_a_change_is_told_with_its_run_commit_and_size() -> None:
    """ "Since run R of commit C p95 is 20 % higher", with both levels and the number of runs."""
    (change,) = _series(history("loans", runs_at((0.1, 20), (0.12, 8)))).changes
    assert change.run == 20
    assert change.sentence.startswith(f"since run run20 of commit 1414141414 p95 of {LOANS} is ")
    assert change.after / change.before == pytest.approx(1.2, abs=0.03)
    assert change.runs_since == 8
    assert not change.provisional


def test_brackets_in_names_are_printed() -> None:
    """`GET /items/[id]` is a name and no markup: in the table, in changes and in the title."""
    name = "GET /items/[id]"
    renamed = [
        replace(
            run, label=f"[b]{number}",
            endpoints=tuple(replace(e, name=name if e.name == LOANS else e.name) for e in run.endpoints),
        )
        for number, run in enumerate(runs_at((0.1, 20), (0.12, 8)))
    ]  # fmt: skip
    text = _printed(history("loans [id]", renamed))
    lines = [line for line in text.splitlines() if line.strip()]
    assert any(line.startswith("loans [id]") for line in lines)
    assert any("since run [b]20" in line and f"p95 of {name} is" in line for line in lines)
    assert any(line.strip().startswith(name) and " p95 " in line for line in lines)


def test_a_young_change_is_provisional() -> None:
    """Until five runs have the new level."""
    (change,) = _series(history("loans", runs_at((0.1, 30), (0.2, 4)))).changes
    assert change.provisional
    assert "provisional: only 4 runs since" in change.sentence


def test_a_history_without_a_change_says_so() -> None:
    """No series changed, and nothing else is claimed."""
    found = history("loans", runs_at((0.1, 30)))
    assert all(not series.changes for series in found.series)
    assert "30 runs, 1970-01-01 to 1970-01-01: no change of level" in _printed(found)


def test_only_comparable_healthy_runs_make_a_series() -> None:
    """Runs with another load, and runs whose measurement is invalid, are left out and counted, with why."""
    runs = runs_at((0.1, 20))
    other = replace(runs[3], conditions=Conditions(scenario="locustfile.py", profile={"stages": [[60, 9]]}))
    ill = replace(runs[5], invalid=("the generator was saturated",))
    found = history("loans", [other if r is runs[3] else ill if r is runs[5] else r for r in runs])
    assert len(found.runs) == 18
    assert found.left_out == (
        ("run03", "another scenario, load or target"),
        ("run05", "the generator was saturated"),
    )
    assert "left out: another scenario, load or target (1); the generator was saturated (1)" in _printed(
        found
    )


def test_runs_are_in_order_of_time_whatever_order_they_come_in() -> None:
    """The same runs shuffled give the same history."""
    runs = runs_at((0.1, 20), (0.12, 8))
    assert history("loans", runs[::-1]) == history("loans", runs)


def test_a_run_without_an_endpoint_leaves_a_gap() -> None:
    """Missing is missing: the place stays empty, and changes are placed by the runs that have it."""
    runs = runs_at((0.1, 20), (0.15, 8))
    runs[2] = replace(runs[2], endpoints=runs[2].endpoints[1:])
    series = _series(history("loans", runs))
    assert series.values[2] is None
    assert [change.run for change in series.changes] == [20]


def test_an_error_rate_changes_by_points_not_by_a_ratio() -> None:
    """From 0 there is no ratio; 2 % of failures are told."""
    runs = [_run(number, 0.1, failed=0 if number < 20 else 20) for number in range(28)]
    (change,) = _series(history("loans", runs), "error rate").changes
    expected = f"since run run20 of commit 1414141414 error rate of {LOANS} is higher: 0%"
    assert change.sentence.startswith(expected)


@pytest.mark.parametrize(("tolerance", "changes"), [(0.05, 1), (0.3, 0)])
def test_the_tolerance_decides_what_is_told(tolerance: float, changes: int) -> None:
    """A change of 20 % is told at 5 % and not at 30 %."""
    found = history("loans", runs_at((0.1, 20), (0.12, 8)), tolerance=tolerance)
    assert len(_series(found).changes) == changes


def test_endpoints_and_measures_can_be_chosen() -> None:
    """Only the wanted ones, in the order of the endpoints."""
    found = history("loans", runs_at((0.1, 10)), endpoints=[ALL_REQUESTS], measures=["p99", "throughput"])
    assert [(s.endpoint, s.measure.name) for s in found.series] == [
        (ALL_REQUESTS, "p99"), (ALL_REQUESTS, "throughput"),
    ]  # fmt: skip


def test_the_json_has_everything_and_is_the_same_each_time() -> None:
    """All values, changes and outliers, as the same bytes."""
    texts = []
    for _ in range(2):
        stream = io.StringIO()
        write_history_json(history("loans", runs_at((0.1, 20), (0.12, 3))), stream)
        texts.append(stream.getvalue())
    assert texts[0] == texts[1]
    written = json.loads(texts[0])
    assert len(written["runs"]) == 23
    series = next(s for s in written["series"] if (s["endpoint"], s["statistic"]) == (LOANS, "p95"))
    assert len(series["values"]) == 23
    assert all(change["provisional"] for change in series["changes"])


def _lines_with(text: str, words: Sequence[str]) -> list[str]:
    return [line for line in text.splitlines() if all(word in line for word in words)]


def test_the_terminal_shows_a_bar_for_each_run() -> None:
    """A sparkline with a stroke before the first run of the new level."""
    (line,) = _lines_with(_printed(history("loans", runs_at((0.1, 20), (0.2, 8)))), [LOANS, " p95 ", "▁"])
    bars = line.split("p95")[1].split()[0]
    before, after = bars.split("|")
    assert (len(before), len(after)) == (20, 8)
    assert set(before) <= set("▁▂")
    assert set(after) <= set("▇█")


def test_what_creeps_is_told_with_its_size_by_run() -> None:
    """One millisecond a run over 15 runs is no step anywhere."""
    random = np.random.default_rng(4)
    values = [0.05 * float(np.exp(random.normal(0, 0.02))) + 0.001 * number for number in range(15)]
    series = _series(history("loans", [_run(number, value) for number, value in enumerate(values)]))
    assert series.changes == ()
    assert series.trend is not None
    assert series.trend.line.low < 0.001 < series.trend.line.high
    assert series.trend.sentence.startswith(f"p95 of {LOANS} creeps up by ")
    assert " over 15 runs (p = " in series.trend.sentence


def test_what_else_changed_stands_beside_it() -> None:
    """Scenario, versions, machine and mix are marks; a change of level at the same run names them."""
    runs = runs_at((0.1, 15), (0.15, 8))
    newer: dict[str, Any] = {"versions": {"loadproof": "0.2.0"}, "fingerprint": "b", "host": {"cores": 4}}
    older: dict[str, Any] = {"versions": {"loadproof": "0.1.0"}, "fingerprint": "a", "host": {"cores": 2}}
    runs = [
        replace(run, conditions=replace(run.conditions, **(older if place < 15 else newer)))
        for place, run in enumerate(runs)
    ]
    found = history("loans", runs)
    told = ["the scenario was changed", "loadproof 0.1.0 to 0.2.0", "another machine"]
    assert [(mark.run, mark.what) for mark in found.marks] == [(15, what) for what in told]
    (change,) = _series(found).changes
    assert change.sentence.endswith(f"; with it: {', '.join(told)}")
    assert "at run run15: another machine" in _printed(found)


def test_names_are_no_markup() -> None:
    """ "[id]" is a part of a name, and no style."""
    named = "GET /items/[id]"
    runs = [
        replace(run, endpoints=(replace(run.endpoints[0], name=named), run.endpoints[1]))
        for run in runs_at((0.1, 8))
    ]
    assert named in _printed(history("loans", runs, endpoints=[named]))


def test_the_picture_marks_the_change_with_its_commit() -> None:
    """Each run a dot at its value, each level a line, and a rule between the runs with the commit's name."""
    found = history("loans", runs_at((0.1, 20), (0.12, 8)))
    series = _series(found)
    drawn = history_picture(found, series)
    (dots,) = [layer for layer in drawn.layers if layer.name == "runs"]
    assert dots.y == tuple(value for value in series.values if value is not None)
    (rule,) = drawn.rules
    assert rule.at == 19.5
    assert rule.name.startswith(f"{found.runs[20].commit[:7]} +")  # type: ignore[index]
    assert rule.ink == "fail"
    levels = [layer for layer in drawn.layers if layer.name == "level"]
    assert [layer.y[0] for layer in levels] == [series.changes[0].before, series.changes[0].after]


def test_the_picture_of_a_creep_is_a_line_through_all_runs() -> None:
    found = history("loans", runs_at(*((0.05 + 0.002 * number, 1) for number in range(20)), sd=0.005))
    drawn = history_picture(found, _series(found))
    (line,) = [layer for layer in drawn.layers if layer.name == "creep"]
    assert line.x == (0.0, 19.0)
    assert list(line.y) == pytest.approx([0.05, 0.088], rel=0.03)
    assert not [layer for layer in drawn.layers if layer.name == "level"]


def _shop(*factors: Sequence[float]) -> History:
    """Endpoints /a, /b and so on, each at 100 ms times its factor of each run."""
    noise = np.random.default_rng(5).normal(0, 0.02, (len(factors), len(factors[0])))
    runs = []
    for number, run in enumerate(runs_at((0.1, len(factors[0])))):
        times_s = [0.1 * of[number] * float(np.exp(noise[place, number])) for place, of in enumerate(factors)]
        endpoints = [
            MeasuredEndpoint(
                f"GET /{'abcd'[place]}", 1000, 0, 50.0, {0.5: s / 2, 0.95: s, 0.99: 2 * s}, s / 2
            )
            for place, s in enumerate(times_s)
        ]
        runs.append(replace(run, endpoints=tuple(endpoints)))
    return history("shop", runs)


def test_the_answer_is_what_became_worse() -> None:
    """Many statistics that became better hide none that became worse since."""
    better, worse = [1.0] * 10 + [0.7] * 20, [1.0] * 20 + [2.5] * 10
    word, ink, said = answer(_shop(better, better, better, worse))
    assert (word, ink) == ("CHANGED", "fail")
    assert "of GET /d is" in said
    assert said.endswith("% higher since 1414141 (and 3 more)")


def test_what_was_undone_is_no_answer() -> None:
    """A regression that was mended is none now; one that nobody mended is, though it is older."""
    mended, kept = [1.0] * 10 + [2.0] * 10 + [1.0] * 10, [1.0] * 8 + [1.5] * 22
    assert answer(_shop(mended))[1] == "pass"
    word, ink, said = answer(_shop(mended, mended, mended, kept))
    assert (word, ink) == ("CHANGED", "fail")
    assert "of GET /d is" in said


def test_what_is_sure_is_answered_before_what_is_provisional() -> None:
    sure, young = [1.0] * 10 + [1.5] * 20, [1.0] * 26 + [2.5] * 4
    assert "of GET /c is" in answer(_shop(young, young, sure))[2]
    assert "provisional" in answer(_shop(young))[2]


def test_a_creep_to_the_worse_goes_before_what_became_better() -> None:
    word, ink, said = answer(_shop([1.0] * 10 + [0.7] * 20, [1 + 0.03 * number for number in range(30)]))
    assert (word, ink) == ("CREEPS", "fail")
    assert "of GET /b creeps up" in said


def test_one_run_alone_says_nothing_of_a_change() -> None:
    word, ink, said = answer(history("loans", runs_at((0.1, 1))))
    assert (word, ink, said) == ("ONE RUN", "inconclusive", "one run alone shows no change of level")
