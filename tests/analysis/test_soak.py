"""Leaks in hand-made soaks: an hour at one level, a reading each second, memory that is known."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from loadproof.analysis.judge import judge
from loadproof.analysis.shapes.soak_words import about
from loadproof.analysis.validity.undisturbed import is_slower
from loadproof.model import EventKind, Profile, ProfileKind, Reading, Stage, Unit, Verdict
from loadproof.plan.requirements import parse_requirements
from tests.runs import START, event, loose, measure_of, part, plan, run

if TYPE_CHECKING:
    from loadproof.model import Finding
    from loadproof.runfile.reader import Run

SECONDS = 1_800
MIB = 2.0**20
_AT = np.arange(float(SECONDS))
_NOISE = np.random.default_rng(5).normal(0, 0.5 * MIB, SECONDS)
LEVEL = 100 * MIB + _NOISE
LEAK = LEVEL + 20 * MIB * _AT / SECONDS  # 40 MiB an hour


_JAVA = {
    "name": "java", "program": "java", "role": "entry", "depth": 0, "reached": "port 8000", "processes": 1,
    "replaced": 0, "workers": 0, "runtime": "", "memory_is": "PSS", "cores": None, "memory": None,
}  # fmt: skip


def soak(
    memory: np.ndarray | None = LEAK,
    written: str = "",
    kind: ProfileKind = ProfileKind.SOAK,
    slower: float = 0.0,
    series: str = "process.rss",
    limit: float | None = 1024 * MIB,
) -> Run:
    """Ten requests a second; p95 grows by the share `slower` over the run."""
    slices = [
        part(n, times_s=[0.1 * (1 + slower * n / SECONDS) * w] * 10)
        for n, w in enumerate(np.tile([1, 1.02, 0.98], SECONDS // 3).tolist())
    ]
    source, _, name = series.partition(".")
    values = [] if memory is None else memory.tolist()
    readings = tuple(
        Reading(START + n + 0.01, source, name, value, Unit.BYTES, limit) for n, value in enumerate(values)
    )
    requirements = parse_requirements(written, "requirements.yaml") if written else ()
    profile = Profile(kind, (Stage(SECONDS, 10),), start=10)
    return replace(run(*slices, of=plan(*requirements, profile=profile)), readings=readings)


def finding_in(made: Run, identity: str = "soak") -> Finding:
    return next(finding for finding in judge(made).findings if finding.id == identity)


def test_a_leak_is_told_with_its_rate_and_its_end() -> None:
    """40 MiB an hour, 1.14 MiB per 1,000 requests, and the limit in about 23 hours."""
    note = finding_in(soak())
    assert note.evidence["growing"] == ["process.rss"]
    (row,) = [row for row in loose(note.evidence)["rows"] if row["series"] == "process.rss"]
    assert row["growth_per_hour"] == pytest.approx(40 * MIB, rel=0.05)
    assert row["growth_low_per_hour"] < 40 * MIB < row["growth_high_per_hour"]
    assert row["growth_per_1000_requests"] == pytest.approx(20 * MIB / 18, rel=0.05)
    assert row["hours_to_limit"] == pytest.approx((1024 - 120) / 40, rel=0.05)
    assert note.sentence.startswith("it grows for as long as it runs: process.rss by ")
    assert "at its limit of 1GiB in about 23 hours" in note.sentence


def test_without_a_leak_it_says_how_small_a_one_it_would_have_missed() -> None:
    """Never "no leak" alone."""
    note = finding_in(soak(LEVEL))
    assert note.sentence.startswith("no leak or drift found in memory, latency, error rate")
    assert "cannot be ruled out" in note.sentence
    (row,) = [row for row in loose(note.evidence)["rows"] if row["series"] == "process.rss"]
    assert row["smallest_seen_per_hour"] == pytest.approx(4 * MIB, rel=0.05)


def test_latency_that_drifts_is_told() -> None:
    """A third more over the run."""
    note = finding_in(soak(LEVEL, slower=0.33))
    levels = ("p50", "p95", "the slowest quarter")
    assert note.evidence["growing"] == [f"{level} of all requests" for level in levels]


def test_an_unmeasured_memory_is_told() -> None:
    """What was seen is said, and what to measure."""
    note = finding_in(soak(None))
    assert "memory" not in note.sentence
    assert note.advice.startswith("no monitor measures the service's memory")


def test_other_loads_are_not_asked() -> None:
    """A load test has no note on leaks."""
    report = judge(soak(kind=ProfileKind.LOAD))
    assert "soak" not in {finding.id for finding in report.findings}


@pytest.mark.parametrize("series", ["host.memory.used", "generator.rss", "locust.rss"])
def test_the_generator_and_its_machine_do_not_leak_for_the_service(series: str) -> None:
    """Their memory is no evidence on the service."""
    assert "growing" not in finding_in(soak(series=series)).evidence


@pytest.mark.parametrize(
    ("memory", "written", "verdict", "reason"),
    [
        (LEAK, "memory_growth: <10MiB/h", Verdict.FAIL, "40 MiB/h"),
        (LEAK, "memory_growth: <100MiB/h", Verdict.PASS, "40 MiB/h"),
        (LEAK, "memory_growth: <5%/h", Verdict.FAIL, "40 %/h"),
        (LEAK, "memory_growth: <60%/d", Verdict.FAIL, "2.5 %/h are allowed"),
        (LEAK, "memory_growth: <40MiB/h", Verdict.INCONCLUSIVE, "the limit is inside the interval"),
        (LEVEL, "memory_growth: <5%/h", Verdict.PASS, "nothing grows, and the interval ends below"),
        (LEVEL, "memory_growth: <0.01%/h", Verdict.INCONCLUSIVE, "so little cannot be seen"),
        (LEVEL + 20 * MIB * (_AT > 700), "memory_growth: <5%/h", Verdict.INCONCLUSIVE, "one step"),
        (None, "memory_growth: <5%/h", Verdict.INCONCLUSIVE, "nobody measured it"),
        (LEAK, "connection_growth: <2/h", Verdict.INCONCLUSIVE, "nobody measured it"),
        (LEVEL, "latency_growth: <5%/h", Verdict.PASS, "from the requests themselves"),
    ],
)
def test_growth_requirements(memory: np.ndarray | None, written: str, verdict: Verdict, reason: str) -> None:
    """PASS when all that is possible holds, FAIL when what is proven does not."""
    made = soak(memory, written, kind=ProfileKind.LOAD)
    finding = finding_in(made, made.plan.requirements[0].id)
    assert finding.verdict is verdict, reason
    if verdict is not Verdict.PASS:
        assert finding.advice


def test_a_growth_has_the_evidence_of_every_requirement() -> None:
    """Value, interval, window, samples, margin, and the series."""
    finding = finding_in(soak(written="memory_growth: <10MiB/h"), "memory_growth.rate")
    assert finding.value == pytest.approx(40 * MIB, rel=0.05)
    low, high = measure_of(finding).interval or (0.0, 0.0)
    assert low < 40 * MIB < high
    assert finding.window == "the longest hold (30m)"
    assert (measure_of(finding).samples, measure_of(finding).series) == (SECONDS, "process.rss")
    assert finding.sentence.startswith("growth of memory is 40.")
    assert finding.sentence.endswith("MiB/h, required < 10MiB/h")


def watched(
    series: dict[str, np.ndarray], written: str = "", seconds: int = SECONDS, limit: float | None = None
) -> Run:
    """A soak with so many seconds of such series ("source.series"); above a million they are bytes."""
    made = soak(None, written)
    slices = [part(n, times_s=[0.1] * 10) for n in range(seconds)]
    profile = Profile(ProfileKind.SOAK, (Stage(seconds, 10),), start=10)
    readings = []
    for name, values in series.items():
        source, _, own = name.partition(".")
        unit = Unit.BYTES if values.max() > 1e6 else Unit.COUNT
        readings += [
            Reading(START + n + 0.01, source, own, value, unit, limit)
            for n, value in enumerate(values.tolist())
        ]
    of = plan(*made.plan.requirements, profile=profile)
    return replace(run(*slices, of=of), readings=tuple(readings))


def growth_in(made: Run) -> Finding:
    return finding_in(made, made.plan.requirements[0].id)


def test_a_first_fill_is_said_and_left_out() -> None:
    """A cache of 30 MiB in the first four minutes: what counts is what comes after, and both are told."""
    filled = LEAK + 30 * MIB * np.minimum(_AT / 240, 1)
    note = finding_in(soak(filled))
    assert "process.rss first rose by" in note.advice
    assert note.advice.endswith("in 4m, left out")
    (row,) = [row for row in loose(note.evidence)["rows"] if row["series"] == "process.rss"]
    assert row["growth_per_hour"] == pytest.approx(40 * MIB, rel=0.05)
    assert row["left_out_s"] == pytest.approx(240, abs=60)


def test_a_leak_that_begins_late_is_told_from_when() -> None:
    """Flat for a quarter of an hour."""
    late = LEVEL + 80 * MIB * np.maximum(_AT - 900, 0) / SECONDS
    assert ", from 15m on, by " in finding_in(soak(late)).sentence


@pytest.mark.parametrize(
    ("heap", "verdict", "word"),
    [
        (None, Verdict.INCONCLUSIVE, "jvm_memory_used_bytes"),
        (np.zeros(SECONDS), Verdict.PASS, ""),
        (30 * MIB * _AT / SECONDS, Verdict.FAIL, "metrics.jvm heap grows by 59"),
    ],
    ids=["no page of metrics", "healthy", "leaks inside its fixed heap"],
)
def test_a_jvm_is_judged_by_its_heap(heap: np.ndarray | None, verdict: Verdict, word: str) -> None:
    """Its resident memory is that of the heap it was given, whatever is in it."""
    series = {"process.rss": 300 * MIB + 0 * _AT}
    saw = 20 * MIB * ((_AT + 7) % 61) / 61
    if heap is not None:
        series['metrics.jvm_memory_used_bytes{area="heap",id="G1 Eden Space"}'] = saw + MIB
        series['metrics.jvm_memory_used_bytes{area="heap",id="G1 Old Gen"}'] = 40 * MIB + heap
    made = watched(series, "memory_growth: <10%/h")
    java = event(0, EventKind.PARTS, parts=[_JAVA])
    finding = growth_in(replace(made, events=(*made.events, java)))
    assert finding.verdict is verdict
    assert word in finding.advice


@pytest.mark.parametrize(
    ("left", "page", "verdict", "word"),
    [
        (60 * MIB + 0 * _AT, False, Verdict.INCONCLUSIVE, "its garbage was collected once"),
        (60 * MIB + np.floor(_AT / 90) * MIB, False, Verdict.FAIL, "grows by 39.9MiB/h"),
        (60 * MIB + np.floor(_AT / 90) % 2 * MIB, False, Verdict.PASS, ""),
        (60 * MIB + 0 * _AT, True, Verdict.PASS, ""),
    ],
    ids=["one collection", "more after each", "the same after each", "the heap's own series tells"],
)
def test_what_a_collection_left_is_known_when_there_were_some(
    left: np.ndarray, page: bool, verdict: Verdict, word: str
) -> None:
    """A JVM's old generation as it tells it without a page: one value is one look, and no level."""
    series = {"process.memory": 300 * MIB + 0 * _AT, "process.java.heap.after_gc": left}
    if page:
        series['metrics.jvm_memory_used_bytes{area="heap"}'] = 41 * MIB + 20 * MIB * ((_AT + 7) % 61) / 61
    made = watched(series, "memory_growth: <10%/h")
    java = event(0, EventKind.PARTS, parts=[_JAVA])
    finding = growth_in(replace(made, events=(*made.events, java)))
    assert finding.verdict is verdict
    assert word in finding.advice


@pytest.mark.parametrize(
    ("series", "written"),
    [
        ("metrics.nodejs_heap_size_used_bytes", "memory_growth: <10MiB/h"),
        ("metrics.go_memstats_heap_inuse_bytes", "memory_growth: <10MiB/h"),
        ("metrics.go_goroutines", "thread_growth: <10/h"),
        ("metrics.jvm_threads_current", "thread_growth: <10/h"),
        ("metrics.process_open_fds", "descriptor_growth: <10/h"),
        ("pool.connections.used", "connection_growth: <10/h"),
        ("postgres.connections.used", "connection_growth: <10/h"),
    ],
)
def test_gauges_of_runtimes_and_pools_are_series_of_the_soak(series: str, written: str) -> None:
    """What the page of metrics has is judged without being named."""
    bytes_ = "bytes" in series
    each = 40_000.0 if bytes_ else 0.02
    saw = (20 * MIB * (_AT % 40) / 40) if bytes_ else 0 * _AT
    finding = growth_in(watched({series: (50 * MIB if bytes_ else 8) + saw + np.floor(each * _AT)}, written))
    assert finding.verdict is Verdict.FAIL
    assert finding.evidence["growth_per_hour"] == pytest.approx(3_600 * each, rel=0.05)


def test_a_queue_that_grows_is_told() -> None:
    """In the note: nobody had to ask for it."""
    note = finding_in(watched({"metrics.jobs_queue_length": np.floor(0.05 * _AT)}))
    assert note.evidence["growing"] == ["metrics.jobs_queue_length"]


@pytest.mark.parametrize(("seconds", "more"), [(180, 10), (240, 10), (480, 5), (700, 5)])
def test_early_memory_is_no_leak_yet(seconds: int, more: int) -> None:
    """What a process takes in its first minutes may be its first fill: how much longer it takes is said."""
    made = watched(
        {"process.rss": 50 * MIB + 20_000.0 * np.arange(seconds)}, "memory_growth: <10%/h", seconds
    )
    finding = growth_in(made)
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert f"first fill: hold the load for about {more} minutes more" in finding.advice
    assert "growing" not in finding_in(made).evidence


@pytest.mark.parametrize("seconds", [718, 719, 720])
def test_a_hold_of_twelve_minutes_is_long_enough(seconds: int) -> None:
    """Its first and its last second are seldom whole ones."""
    made = watched(
        {"process.rss": 50 * MIB + 20_000.0 * np.arange(seconds)}, "memory_growth: <10%/h", seconds
    )
    assert growth_in(made).verdict is Verdict.FAIL


def test_what_is_too_slow_to_matter_accuses_nobody() -> None:
    """0.2 % an hour, proven: it does not double in a week; a requirement may still ask."""
    seconds = 36_000
    rises = {"process.rss": 100 * MIB * (1 + 0.002 * np.arange(float(seconds)) / 3_600)}
    made = watched(rises, "memory_growth: <1%/h", seconds)
    assert "growing" not in finding_in(made).evidence
    assert growth_in(made).verdict is Verdict.PASS


def test_a_small_heap_that_grows_a_little_accuses_nobody() -> None:
    """1.5 MiB an hour of a heap of 4, in a process of 50: what a healthy Node does in its first half hour."""
    heap = 4 * MIB + 1.5 * MIB * _AT / 3_600 + MIB * (_AT % 40) / 40
    made = watched(
        {"process.memory": 50 * MIB + 0 * _AT, "metrics.nodejs_heap_size_used_bytes": heap},
        "memory_growth: <10%/h",
    )
    assert "growing" not in finding_in(made).evidence
    assert (
        "node heap was still rising when the run ended, which may be garbage that V8"
        in finding_in(made).sentence
    )
    assert growth_in(made).verdict is Verdict.PASS


@pytest.mark.parametrize("rate", [15, 50])
def test_a_drift_of_a_fifth_is_seen_at_low_load(rate: int) -> None:
    """20 minutes at 15 requests/s, times that scatter by half; without a drift none is seen."""
    seconds = 1_200
    for drift in (0.2, 0.0):
        random = np.random.default_rng(rate)
        slices = [
            part(n, times_s=(0.1 * (1 + drift * n / seconds) * np.exp(random.normal(0, 0.5, rate))).tolist())
            for n in range(seconds)
        ]
        profile = Profile(ProfileKind.SOAK, (Stage(seconds, rate),), start=rate)
        note = finding_in(run(*slices, of=plan(profile=profile)))
        growing = set(loose(note.evidence).get("growing", ()))
        seen = {"p50 of all requests", "the slowest quarter of all requests"}
        assert growing >= seen if drift else not growing


def test_a_late_generator_decides_no_leak() -> None:
    """Its pauses explain times; how much memory the service has they do not."""
    made = soak(written="memory_growth: <10MiB/h")
    lags = tuple(
        Reading(START + n + 0.02, "locust", "scheduler_lag", 0.3, Unit.SECONDS) for n in range(SECONDS)
    )
    finding = growth_in(replace(made, readings=(*made.readings, *lags)))
    assert finding.verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("slower", "verdict"),
    [(10.0, Verdict.FAIL), (0.5, Verdict.INCONCLUSIVE)],
    ids=["1.1 s at the end", "150 ms at the end"],
)
def test_a_drift_stands_where_the_delay_is_too_small_for_it(slower: float, verdict: Verdict) -> None:
    """The generator woke 300 ms late all the time; all of that is taken from the second half alone."""
    made = soak(None, "latency_growth: <10%/h", slower=slower)
    lags = tuple(
        Reading(START + n + 0.02, "locust", "scheduler_lag", 0.3, Unit.SECONDS) for n in range(SECONDS)
    )
    assert growth_in(replace(made, readings=lags)).verdict is verdict


def test_a_note_accuses_no_times_that_a_late_generator_explains() -> None:
    """It says what rose and why that proves nothing; on time, the same is a drift."""
    made = soak(LEVEL, slower=0.5)
    lags = tuple(
        Reading(START + n + 0.02, "locust", "scheduler_lag", 0.3, Unit.SECONDS) for n in range(SECONDS)
    )
    late = finding_in(replace(made, readings=(*made.readings, *lags)))
    assert "p50 of all requests" in loose(finding_in(made).evidence)["growing"]
    assert "growing" not in late.evidence
    assert "p50 of all requests rose, which the generator's delay may explain" in late.advice


@pytest.mark.parametrize(("metric", "explained"), [("memory", False), ("latency", True)])
def test_others_on_the_processors_make_no_leak(metric: str, explained: bool) -> None:
    """A service that waits for processors has longer response times, and no more memory."""
    (requirement,) = parse_requirements(f"{metric}_growth: <10%/h", "requirements.yaml")
    assert is_slower(requirement) is explained


def test_how_many_minutes_more_a_limit_needs_is_said() -> None:
    """A limit that the interval holds."""
    finding = growth_in(soak(written="memory_growth: <40MiB/h"))
    assert "grows by something from 39." in finding.advice
    assert "minutes more to tell it from the limit" in finding.advice


@pytest.mark.parametrize(
    ("hours", "words"),
    [
        (0.005, "less than a minute"), (0.08, "about 5 minutes"), (0.23, "about 15 minutes"),
        (3.1, "about 3 hours"), (47.0, "about 47 hours"), (200.0, "about 8 days"),
    ],
)  # fmt: skip
def test_a_forecast_has_no_seconds(hours: float, words: str) -> None:
    """It is rounded to what it can know."""
    assert about(hours) == words


def test_the_same_run_gives_the_same_bytes() -> None:
    """Nothing is drawn at random."""
    assert repr(judge(soak())) == repr(judge(soak()))
