"""Several scenarios in one run: what a PASS stands on is asked of each, and each has its own time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loadproof.analysis.across_runs.measured import measured
from loadproof.analysis.disturbance.processors import processors
from loadproof.analysis.judge import judge
from loadproof.analysis.window.windows import whole_window
from loadproof.model import (
    SEVERAL,
    Endpoint,
    Event,
    EventKind,
    OneOfSeveral,
    Operator,
    Outcome,
    Plan,
    Profile,
    Reading,
    Report,
    Requirement,
    Subject,
    Unit,
    Verdict,
)
from loadproof.reports.topics import topic_of
from loadproof.runfile.reader import Run
from tests.runs import START, event, part, required, run, staged

BROWSE, CHECKOUT = Endpoint("browse: GET", "/loans"), Endpoint("checkout: POST", "/loans")


def _plan(*requirements: Requirement) -> Plan:
    def one(name: str, start_s: float, profile: Profile) -> OneOfSeveral:
        return OneOfSeveral(name, start_s, Plan(name, Path(f"{name}.py"), "locust", None, profile))

    return Plan(
        "nightly", Path("browse.py"), SEVERAL, None, staged((10, 5), (0, 8), (10, 8), start=5), requirements,
        several=(
            one("browse", 0, staged((20, 5), start=5)),
            one("checkout", 10, staged((10, 3), start=3)),
        ),
    )  # fmt: skip


def said_by(name: str, at_s: float, kind: EventKind, **data: Any) -> Event:
    return event(at_s, kind, f"{name}: said", scenario=name, **data)


def of_two(
    *requirements: Requirement,
    late_s: float = 0.0,
    users: float = 3.0,
    raised: int = 0,
    outcomes: tuple[str, str] = ("completed", "completed"),
    whole: Outcome = Outcome.COMPLETED,
    silent: bool = False,
) -> Run:
    first = 10 + int(late_s)
    slices = [part(second, BROWSE, [0.01] * 10) for second in range(20)]
    slices += [] if silent else [part(second, CHECKOUT, [0.2] * 5) for second in range(first, 20)]
    readings = [Reading(START + second, "load", "browse: users", 5.0, Unit.COUNT) for second in range(20)]
    readings += [
        Reading(START + second, "load", "checkout: users", users, Unit.COUNT) for second in range(first, 20)
    ]
    events = [
        said_by("browse", 0, EventKind.SCENARIO_STARTED),
        said_by("checkout", 10 + late_s, EventKind.SCENARIO_STARTED),
        said_by("browse", 20, EventKind.SCENARIO_ENDED, outcome=outcomes[0]),
        said_by("checkout", 20, EventKind.SCENARIO_ENDED, outcome=outcomes[1]),
        said_by("browse", 19, EventKind.PLAYED, count=200, raised=0),
        said_by("checkout", 19, EventKind.PLAYED, count=50, raised=raised),
    ]
    made = run(*slices, of=_plan(*requirements), seconds=20, events=events, outcome=whole)
    return Run(made.path, made.facts, made.plan, made.slices, readings, made.events, ())


def _condition(report: Report, name: str) -> tuple[bool | None, str]:
    return next((one.holds, one.sentence) for one in report.conditions if one.name == name)


def test_a_run_of_two_passes_when_both_hold() -> None:
    """Endpoints by scenario, the load of each beside its plan."""
    report = judge(of_two(required(0.5)))
    assert report.verdict is Verdict.PASS, report.sentence
    assert [row.endpoint for row in report.endpoints] == [str(BROWSE), str(CHECKOUT), "all requests"]
    assert {"browse: load.users", "checkout: load.users"} <= {finding.id for finding in report.findings}


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("promised", {"users": 1.0}, "checkout: the promised load was not applied"),
        ("as_written", {"raised": 10}, "checkout: 10 of 50 tasks"),
        ("answered", {"silent": True}, "checkout: no request was made"),
        ("played", {"outcomes": ("completed", "interrupted"), "late_s": 5.0, "whole": Outcome.INTERRUPTED},
         "checkout: 5 s of the 10 s planned were played"),
    ],
)  # fmt: skip
def test_one_that_is_not_valid_makes_the_run_inconclusive(
    name: str, given: dict[str, Any], said: str
) -> None:
    """Whatever the other does; and the sentence says whose fault it is."""
    report = judge(of_two(required(0.5), **given))
    assert report.verdict is Verdict.INCONCLUSIVE
    holds, sentence = _condition(report, name)
    assert holds is False
    assert {topic_of(finding) for finding in report.findings if finding.invalidates} <= {"valid", "load"}
    assert sentence.startswith(said)
    assert "browse" not in sentence


def test_each_is_judged_in_its_own_time() -> None:
    """A throughput of who plays half of the time is not halved; one that names nobody is of all."""
    rate = required(4.9, Subject.THROUGHPUT, quantile=None, endpoint=str(CHECKOUT))
    of_both = required(0.5, endpoint="/loans")
    report = judge(of_two(rate, of_both))
    findings = {finding.endpoint: finding for finding in report.findings if finding.endpoint}
    assert findings[str(CHECKOUT)].value == pytest.approx(5.0)
    measured = findings["/loans"].measure
    assert measured is not None
    assert measured.samples == 250


@pytest.mark.parametrize("window", ["whole", "stage", "any 5s"])
def test_a_window_of_a_requirement_is_of_its_scenario_s_own_load(window: str) -> None:
    """Its whole load is as long as it was played, and its stages are its own."""
    rate = required(4.9, Subject.THROUGHPUT, quantile=None, operator=Operator.GREATER, endpoint=str(CHECKOUT))
    (finding,) = [
        f for f in judge(of_two(replace(rate, window=window))).findings if f.endpoint == str(CHECKOUT)
    ]
    assert finding.verdict is Verdict.PASS
    assert finding.value == pytest.approx(5.0)


def test_coarse_times_of_one_engine_are_not_those_of_another() -> None:
    """JMeter tells whole milliseconds: what is required of the scenario beside it may be less than one."""
    made = of_two(required(0.0008, endpoint=str(BROWSE)))
    coarse = [
        replace(one, data={**one.data, "resolution_s": 0.001})
        if one.kind is EventKind.SCENARIO_STARTED and one.data["scenario"] == "checkout"
        else one
        for one in made.events
    ]
    fast = tuple(
        part(s, e, [0.0004] * 10) for s in range(20) for e in (BROWSE, CHECKOUT) if s >= 10 or e is BROWSE
    )
    found = judge(replace(made, events=tuple(coarse), slices=fast)).findings
    assert [one.verdict for one in found if one.endpoint == str(BROWSE)] == [Verdict.PASS]


def test_seconds_in_which_one_is_late_are_not_judged() -> None:
    """Its load was to be there: what the others see meanwhile is another load."""
    window = judge(of_two(required(0.5), late_s=3.0)).window
    assert window.startswith("17s in which every scenario held its load")


def test_a_threshold_of_one_is_its_own() -> None:
    """It fails the run, with its name."""
    made = of_two(required(0.5))
    crossed = event(
        20, EventKind.ENGINE_THRESHOLD, "p(95)<1", scenario="checkout", metric="http_req_duration",
        expression="p(95)<1", ok=False, value=200.0, samples=50, unit="ms",
    )  # fmt: skip
    run_file = Run(made.path, made.facts, made.plan, made.slices, made.readings, (*made.events, crossed), ())
    report = judge(run_file)
    assert report.verdict is Verdict.FAIL
    failed = [f for f in report.findings if f.verdict is Verdict.FAIL]
    assert [(f.id, f.source) for f in failed] == [("checkout: http_req_duration:p(95)<1", "checkout.py")]


def _driven_by(made: Run, browse: str, checkout: str, *readings: Reading) -> Run:
    """The same run by other engines, with more readings."""
    engines = zip(made.plan.several, (browse, checkout), strict=True)
    several = tuple(replace(one, plan=replace(one.plan, engine=engine)) for one, engine in engines)
    return replace(made, plan=replace(made.plan, several=several), readings=(*made.readings, *readings))


def _of_engine(
    series: str, value: float, unit: Unit = Unit.NONE, limit: float | None = None, seconds: int = 20
) -> list[Reading]:
    """One in each second, of "k6.cpu"."""
    source, _, name = series.partition(".")
    return [Reading(START + second, source, name, value, unit, limit) for second in range(seconds)]


@pytest.mark.parametrize(
    ("engines", "readings", "said"),
    [
        (("locust", "k6"), _of_engine("locust.scheduler_lag", 0.2, Unit.SECONDS),
         "the generator could not keep up"),
        (("k6", "jmeter"), _of_engine("jmeter.cpu", 1.9, Unit.CORES, 2.0), "k6 and JMeter used 80%"),
        (("k6", "k6"), 2 * _of_engine("k6.cpu", 0.9, Unit.CORES, 2.0), "k6 used 80%"),
        (("locust", "k6"), [*_of_engine("locust.fds", 10, Unit.COUNT, 1000.0),
                            *_of_engine("k6.fds", 950, Unit.COUNT, 1000.0)],
         "the generator was out of file descriptors: 950 of 1,000"),
        (("locust", "k6"), [*_of_engine("k6.iterations", 5, Unit.COUNT),
                            *_of_engine("k6.dropped_iterations", 5, Unit.COUNT)],
         "50% of the planned iterations never started"),
    ],
    ids=["late", "one of two is full", "two of one are full", "descriptors", "dropped"],
)  # fmt: skip
def test_the_generators_of_all_are_looked_at(
    engines: tuple[str, str], readings: list[Reading], said: str
) -> None:
    """Whichever engine it is that does not keep up, and two of one share the machine's cores."""
    report = judge(_driven_by(of_two(required(0.15)), *engines, *readings))
    assert report.verdict is Verdict.INCONCLUSIVE
    holds, sentence = _condition(report, "generator")
    assert (holds, sentence[: len(said)]) == (False, said)


def test_the_generator_is_looked_at_in_the_own_time_of_one() -> None:
    """While the other ramps no second is of all: what is required of the one is measured all the same."""
    made = of_two(required(0.15, endpoint=str(CHECKOUT)))
    browse, checkout = made.plan.several
    ramps = replace(browse, plan=replace(browse.plan, profile=staged((15, 5), (5, 5))))
    slices = [part(second, BROWSE, [0.01] * 10) for second in range(20)]
    slices += [part(second, CHECKOUT, [0.2 if second < 15 else 0.01] * 10) for second in range(10, 20)]
    made = replace(made, plan=replace(made.plan, several=(ramps, checkout)), slices=tuple(slices))
    report = judge(made)
    assert report.verdict is Verdict.FAIL
    assert report.window.startswith("5s in which every scenario held its load")
    lags = [one for one in _of_engine("locust.scheduler_lag", 0.2, Unit.SECONDS) if one.time_s < START + 15]
    report = judge(replace(made, readings=(*made.readings, *lags)))
    assert report.verdict is Verdict.INCONCLUSIVE
    assert _condition(report, "generator")[0] is False


def test_generators_that_keep_up_say_so() -> None:
    """Half of the cores each is not too much; what a Locust beside them used is not k6's."""
    cores = [*_of_engine("k6.cpu", 0.7, Unit.CORES, 2.0), *_of_engine("locust.cpu", 0.7, Unit.CORES, 1.0)]
    lags = _of_engine("locust.scheduler_lag", 0.005, Unit.SECONDS)
    report = judge(_driven_by(of_two(required(0.5)), "locust", "k6", *cores, *lags))
    assert _condition(report, "generator") == (True, "the generator kept up")
    assert report.verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, ""),
        ({"users": 1.0}, "checkout: the promised load was not applied"),
        ({"raised": 10}, "checkout: 10 of 50 tasks"),
    ],
)
def test_comparisons_take_for_sound_what_the_verdict_does(given: dict[str, Any], said: str) -> None:
    """The same conditions of each over the same seconds, though each has a target of its own."""
    made = of_two(required(0.5), **given)
    several, aimed = [], []
    for port, asked, one in zip((8001, 8002), (200, 50), made.plan.several, strict=True):
        target = f"http://127.0.0.1:{port}"
        several.append(replace(one, plan=replace(one.plan, target=target)))
        aimed.append(said_by(one.name, 19, EventKind.AIMED, hosts={f"127.0.0.1:{port}": asked}))
    of = replace(made.plan, several=tuple(several), target="http://127.0.0.1:8000")
    made = replace(made, plan=of, events=(*made.events, *aimed))
    report, found = judge(made), measured(made)
    assert (report.verdict is Verdict.INCONCLUSIVE) is bool(said)
    assert len(found.invalid) == (1 if said else 0), found.invalid
    assert all(sentence.startswith(said) for sentence in found.invalid)
    assert found.duration_s == 20


def test_the_slow_moments_of_one_are_not_the_others() -> None:
    """Arrivals that never started make the percentiles of their own scenario worse, not those of users."""
    made = of_two()
    checkout = made.plan.several[1]
    rate = staged((10, 5), start=5, open_model=True)
    several = (made.plan.several[0], replace(checkout, plan=replace(checkout.plan, profile=rate)))
    starts = [
        Reading(START + second, "load", f"{of}{name}", value, Unit.COUNT)
        for second in range(10, 20)
        for of in ("", "checkout: ")
        for name, value in (("planned", 5.0), ("started", 4.0), ("late", 0.0), ("dropped", 1.0))
    ]
    slow = tuple(
        part(second, endpoint, [0.1] * 9 + [1.0])
        for endpoint in (BROWSE, CHECKOUT)
        for second in range(10, 20)
    )
    found = measured(
        replace(
            made, plan=replace(made.plan, several=several), readings=(*made.readings, *starts), slices=slow
        )
    )
    browse, checkout_found = found.endpoint(str(BROWSE)), found.endpoint(str(CHECKOUT))
    assert browse is not None
    assert checkout_found is not None
    assert browse.quantiles_s[0.75] == pytest.approx(0.1, rel=0.02)
    assert 0.95 in browse.quantiles_s
    assert 0.95 not in checkout_found.quantiles_s  # its 20 % that never started are slower than that


def test_two_that_play_with_other_engines_are_other_conditions() -> None:
    """A comparison says so: the plan's own engine is "several" in both."""
    made = of_two()
    engines = {
        measured(_driven_by(made, *names)).conditions.engine for names in (("k6", "k6"), ("k6", "jmeter"))
    }
    assert engines == {"browse: k6, checkout: k6", "browse: k6, checkout: jmeter"}


@pytest.mark.parametrize(("left", "holds"), [(30, False), (0, True)])
def test_iterations_that_one_did_not_play_are_its_own(left: int, holds: bool) -> None:
    """k6 counts those that maxDuration left as dropped when it ends; two scenarios may both have k6."""
    played = [
        Reading(START + second, "k6", f"{of}iterations", 5.0, Unit.COUNT)
        for second in range(10, 20)
        for of in ("", "checkout: ")
    ]
    dropped = [
        Reading(START + 19.5, "k6", f"{of}dropped_iterations", float(left), Unit.COUNT)
        for of in ("", "checkout: ")
    ]
    report = judge(_driven_by(of_two(required(0.5)), "k6", "k6", *played, *dropped))
    found, sentence = _condition(report, "promised")
    assert found is holds
    assert report.verdict is (Verdict.PASS if holds else Verdict.INCONCLUSIVE)
    if not holds:
        said = "checkout: the promised load was not applied: 30 of 80 iterations were left when maxDuration"
        assert sentence.startswith(said)


def test_the_users_of_all_are_counted_once() -> None:
    """Their total is told whenever one of them tells its own."""
    made = of_two()
    watched = [
        *_of_engine("host.cpu", 1.5, Unit.CORES, 2.0),
        *_of_engine("process.cpu", 1.0, Unit.CORES),
        *_of_engine("process.thread.waited", 0.1, Unit.SHARE),
    ]
    totals = [
        Reading(START + second + part_s, "load", "users", value, Unit.COUNT)
        for second in range(20)
        for part_s, value in ((0.1, 5.0), (0.2, 8.0))
    ]
    found = processors(replace(made, readings=(*watched, *totals)), whole_window(made))
    assert found is not None
    assert found.waiting.users == 8
