"""Requirements on a service of several parts: their sum, one of them, the tightest limit, what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from loadproof.analysis.judge import judge
from loadproof.errors import ConfigError
from loadproof.model import Event, EventKind, Unit, Verdict
from loadproof.plan.requirements import parse_requirements
from tests.analysis.runs import START, load, requests, series

if TYPE_CHECKING:
    from loadproof.model import Finding, Reading

GIB = 2.0**30


def part(
    name: str, depth: int = 0, cores: tuple[str, float] = ("the machine", 4.0), **more: Any
) -> dict[str, Any]:
    """A part's facts as the monitor tells them."""
    return {
        "name": name, "program": name, "role": "entry" if not depth else "behind", "depth": depth,
        "reached": "port 80", "processes": 3, "replaced": 0, "workers": 0, "runtime": "", "memory_is": "PSS",
        "cores": {"name": cores[0], "value": cores[1]}, "memory": {"name": "the machine", "value": 8 * GIB},
        **more,
    }  # fmt: skip


def told(*parts: dict[str, Any], unwatched: list[dict[str, str]] | None = None) -> Event:
    """The event with the parts."""
    tree = " → ".join(f"{one['name']} ({one['processes']})" for one in parts)
    data = {"tree": tree, "parts": list(parts), "unwatched": unwatched or [], "elsewhere": []}
    return Event(START + 1.0, EventKind.PARTS, f"the service is {tree}", data)


CHAIN = (part("nginx"), part("php-fpm", 1), part("mariadbd", 2, role="database"))
USED = [
    *series("process.cpu", 2.0, Unit.CORES, 4.0),
    *series("process.nginx.cpu", 0.2, Unit.CORES, 4.0),
    *series("process.php-fpm.cpu", 1.5, Unit.CORES, 4.0),
    *series("process.mariadbd.cpu", 0.3, Unit.CORES, 4.0),
    *series("process.memory", 0.6 * GIB, Unit.BYTES, 8 * GIB),
    *series("process.nginx.memory", 0.1 * GIB, Unit.BYTES, 8 * GIB),
    *series("process.php-fpm.memory", 0.4 * GIB, Unit.BYTES, 8 * GIB),
    *series("process.mariadbd.memory", 0.1 * GIB, Unit.BYTES, 8 * GIB),
]
GO = (part("pocketbase", cores=("GOMAXPROCS=1", 1.0)),)
FULL = [*series("process.cpu", 1.0, Unit.CORES, 2.0), *series("process.pocketbase.cpu", 1.0, Unit.CORES, 1.0)]


def _judge(written: str, readings: list[Reading], *events: Event) -> Finding:
    required = parse_requirements(f"resource_usage:\n{written}", "r.yaml")
    run = load(readings=readings, events=events, requirements=required, slices=[requests("/x", 9)])
    finding, *_ = judge(run).findings
    return finding


@pytest.mark.parametrize(
    ("written", "verdict", "said"),
    [
        ("  cpu_max: 60%\n", Verdict.PASS, "nginx 0.2 cores, php-fpm 1.5 cores, mariadbd 0.3 cores"),
        ("  cpu_max: 40%\n", Verdict.FAIL, "50%"),
        ("  memory_max: 700MiB\n", Verdict.PASS, "php-fpm 410MiB"),
        ("  memory_max: 512MiB\n", Verdict.FAIL, "shared pages counted once (PSS)"),
        ("  parts:\n    php-fpm: {memory_max: 300MiB}\n", Verdict.FAIL, "memory of php-fpm"),
        ("  parts:\n    php-fpm8.2: {memory_max: 500MiB}\n", Verdict.PASS, "memory of php-fpm8.2"),
        ("  parts:\n    mariadbd: {cpu_max: 10%}\n", Verdict.PASS, "cpu of mariadbd"),
    ],
)
def test_all_parts_together_and_one_of_them(written: str, verdict: Verdict, said: str) -> None:
    """The sum is judged with the split beside it; `parts` judges one."""
    finding = _judge(written, USED, told(*CHAIN))
    assert finding.verdict is verdict, finding
    assert said in finding.sentence


def test_the_tightest_limit_is_what_a_percentage_is_of() -> None:
    """One core of two is half of the machine and all of GOMAXPROCS=1."""
    finding = _judge("  cpu_max: 90%\n", FULL, told(*GO))
    assert finding.verdict is Verdict.FAIL
    assert finding.value == 1.0
    assert finding.evidence["limited_by"] == "GOMAXPROCS=1"
    assert "100% of GOMAXPROCS=1; all parts: 50% of the machine" in finding.sentence


def test_a_part_that_is_not_watched_leaves_nothing_proved() -> None:
    """A PASS would be of a sum with a hole in it; a FAIL stands."""
    hole = [{"why": "nginx hands work to 127.0.0.1:9000", "hint": "run Loadproof as root"}]
    assert _judge("  cpu_max: 60%\n", USED, told(*CHAIN, unwatched=hole)).verdict is Verdict.INCONCLUSIVE
    assert "run Loadproof as root" in _judge("  cpu_max: 60%\n", USED, told(*CHAIN, unwatched=hole)).advice
    assert _judge("  cpu_max: 40%\n", USED, told(*CHAIN, unwatched=hole)).verdict is Verdict.FAIL
    one = _judge("  parts: {php-fpm: {memory_max: 500MiB}}\n", USED, told(*CHAIN, unwatched=hole))
    assert one.verdict is Verdict.PASS


def test_a_part_that_there_is_not_is_said_with_those_that_there_are() -> None:
    """No data is no pass."""
    finding = _judge("  parts: {php: {memory_max: 300MiB}}\n", USED, told(*CHAIN))
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "no part is called php; there are nginx, php-fpm, mariadbd" in finding.advice


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("  parts: {php-fpm: {memory: 300MiB}}\n", "did you mean 'memory_max'?"),
        ("  parts: {php-fpm: {database_connections_max: 3}}\n", "a part has no such limit"),
        ("  parts: {}\n", "programs such as php-fpm"),
    ],
)
def test_mistakes_in_parts_are_named(written: str, said: str) -> None:
    """With the line."""
    with pytest.raises(ConfigError) as caught:
        parse_requirements(f"resource_usage:\n{written}", "r.yaml")
    assert said in str(caught.value)
    assert "r.yaml:2" in str(caught.value)


def test_replaced_workers_are_a_note() -> None:
    """A pool that renews its workers is no failure, and is worth knowing."""
    run = load(events=[told(part("php-fpm", replaced=8))], readings=USED, slices=[requests("/x", 9)])
    (finding,) = [one for one in judge(run).findings if one.id == "service.workers"]
    assert finding.is_note
    assert "workers were replaced in 1m: 8 of php-fpm, a pool of 3" in finding.sentence


def test_the_report_has_the_tree() -> None:
    """Among the facts, as it was in the end."""
    report = judge(load(events=[told(*CHAIN)], readings=USED, slices=[requests("/x", 9)]))
    assert report.facts["service"] == "nginx (3) → php-fpm (3) → mariadbd (3)"


PAGE = [
    *series('metrics.http_requests_total{route="/a"}', 3.0, Unit.PER_SECOND),
    *series('metrics.http_requests_total{route="/b"}', 2.0, Unit.PER_SECOND),
    *series("pool.connections.used", 2.0, Unit.COUNT, 10.0),
]


@pytest.mark.parametrize(
    ("sent", "processes", "share"),
    [
        (590, 3, "50%"),  # a master and two workers
        (590, 2, "50%"),
        (300, 3, None),  # all of them
        (590, 1, None),  # nobody shares: the rest went somewhere else
        (2_000, 3, None),  # a sixth is no worker's share of two or three
    ],
)
def test_a_page_of_one_worker_is_told_and_not_used(sent: int, processes: int, share: str | None) -> None:
    """What the page counted of what was sent, against the workers that there are."""
    facts = told(part("node", processes=processes))
    required = parse_requirements("resource_usage:\n  database_connections_max: 80%\n", "r.yaml")
    run = load(readings=PAGE, events=[facts], requirements=required, slices=[requests("/x", sent)])
    findings = {finding.id: finding for finding in judge(run).findings}
    (judged,) = [finding for finding in findings.values() if finding.subject == "database connections"]
    if share is None:
        assert "metrics.partial" not in findings
        assert judged.verdict is Verdict.PASS
    else:
        assert "of the requests: it is of one of 2 workers" in findings["metrics.partial"].sentence
        assert judged.verdict is Verdict.INCONCLUSIVE
        assert "have the workers share their metrics" in judged.advice


def test_gomaxprocs_of_the_metrics_page_is_a_limit() -> None:
    """Where the environment does not tell it."""
    go = part("pocketbase", cores=("the machine", 2.0), runtime="go")
    full = series("process.pocketbase.cpu", 1.0, Unit.CORES, 2.0)
    page = series("runtime.go.maxprocs", 1.0, Unit.COUNT)
    whole = series("process.cpu", 1.0, Unit.CORES, 2.0)
    assert _judge("  cpu_max: 90%\n", [*whole, *full], told(go)).verdict is Verdict.PASS
    finding = _judge("  cpu_max: 90%\n", [*whole, *full, *page], told(go))
    assert finding.verdict is Verdict.FAIL
    assert "100% of GOMAXPROCS=1" in finding.sentence


def test_a_heap_that_is_full_after_each_collection_is_a_limit_of_memory() -> None:
    """A JVM may use 1.5 % of the machine and have no memory left."""
    whole = series("process.memory", 0.1 * GIB, Unit.BYTES, 8 * GIB)
    heap = series("runtime.heap.after_gc", 0.997, Unit.SHARE, 1.0)
    assert _judge("  memory_max: 80%\n", whole, told(part("java"))).verdict is Verdict.PASS
    finding = _judge("  memory_max: 80%\n", [*whole, *heap], told(part("java")))
    assert finding.verdict is Verdict.FAIL
    assert "runtime.heap.after_gc" in finding.sentence


def test_a_jvms_own_counters_are_a_limit_of_memory_without_a_page() -> None:
    """As its file below /tmp tells: the old generation after a collection, of the most that it may have."""
    whole = series("process.memory", 0.1 * GIB, Unit.BYTES, 8 * GIB)
    heap = series("process.java.heap.after_gc", 0.0997 * GIB, Unit.BYTES, 0.1 * GIB)
    finding = _judge("  memory_max: 80%\n", [*whole, *heap], told(part("java")))
    assert finding.verdict is Verdict.FAIL
    assert "java: 99.7% of its old generation after a collection" in finding.sentence
    assert finding.evidence["limited_by"] == "its old generation"
