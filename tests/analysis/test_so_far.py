"""What a requirement is judged by while the load goes on: the same numbers as at its end, in few parts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loadproof.analysis.verdict import so_far
from loadproof.analysis.verdict.requirements import judge_requirement
from loadproof.analysis.verdict.so_far import findings_so_far
from loadproof.analysis.window.windows import Window
from loadproof.model import FIRST_EVENT, Endpoint, FailureKind, Requirement, Slice
from loadproof.plan.requirements import parse_requirements
from loadproof.run.progress import Progress
from tests import runs

NAMES = [f"/{word}" for word in ("carts", "loans", "orders", "books", "users")]
WRITTEN = """
response_time: {p95: <500ms, p99: <10ms, max: <2s}
error_rate: {max_rate: 1%}
throughput: {min_rps: 3}
goodput: '>= 90% within 50ms'
endpoints:
  /loans: {response_time: {p95: <100ms}}
  POST /books: {response_time: {p95: <1s}}
  /nowhere: {response_time: {p95: <1s}}
"""


def filled(requirements: tuple[Requirement, ...], seconds: int = 10) -> tuple[Progress, list[Slice]]:
    """Five endpoints and the events of a stream, which are no requests."""
    progress = Progress(runs.plan(*requirements))
    parts = [
        runs.part(second, Endpoint("POST", name), [0.02 * (n + 1)] * 20, failed=n % 2)
        for second in range(seconds)
        for n, name in enumerate(NAMES)
    ]
    parts += [
        runs.part(second, Endpoint(FIRST_EVENT, "GET /stream"), [9.0] * 50) for second in range(seconds)
    ]
    for part in parts:
        progress.add_slice(part)
    return progress, parts


def test_findings_are_those_of_all_endpoints() -> None:
    """Sums over them say the same as they do, one by one; of goodput they would say less."""
    requirements = parse_requirements(WRITTEN, "r.yaml")
    progress, parts = filled(requirements)
    whole: dict[Endpoint, Slice] = {}
    for part in parts:
        own = Slice(0, part.endpoint, 0, {FailureKind.STATUS: 0}, 0, type(part.response)())
        whole.setdefault(part.endpoint, own).add(replace(part, wrong=None))
    window = Window(frozenset({runs.START}), "so far", step_s=9)
    found = findings_so_far(progress.plan, progress)
    assert [requirement for requirement, _ in found] == list(requirements)
    for requirement, finding in found:
        assert finding == judge_requirement(requirement, list(whole.values()), window), requirement.id


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        ("response_time: {p95: <500ms}", 1),
        ("error_rate: {max_rate: 1%}", 1),
        ("endpoints: {/loans: {response_time: {p95: <100ms}}}", 1),
        ("goodput: '>= 90% within 50ms'", len(NAMES)),
    ],
)
def test_what_names_no_endpoint_is_judged_by_one_sum(
    written: str, parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked once a second for days, and the times of each endpoint become ever more buckets."""
    requirements = parse_requirements(written, "r.yaml")
    progress, _ = filled(requirements)
    seen: list[int] = []

    def judged(requirement: Requirement, slices: list[Slice], window: Window) -> object:
        seen.append(len(slices))
        return judge_requirement(requirement, slices, window)

    monkeypatch.setattr(so_far, "judge_requirement", judged)
    findings_so_far(progress.plan, progress)
    assert seen == [parts]
