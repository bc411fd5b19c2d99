"""What the live view says of requirements that only the whole run can answer."""

from __future__ import annotations

import pytest

from loadproof.cli.run import requirement_states
from loadproof.model import Verdict
from loadproof.plan.requirements import parse_requirements
from loadproof.run.progress import Progress
from tests.runs import part, plan


@pytest.mark.parametrize(
    "written",
    [
        "recovery_time: <30s", "peak_error_rate: <5%", "memory_growth: <5%/h", "latency_growth: <5%/h",
        "response_time: {p95: <1s over any 5s}", "error_rate: {max_rate: 1% over each stage}",
    ],
)  # fmt: skip
def test_what_is_known_at_the_end_alone_is_open_until_then(written: str) -> None:
    """INCONCLUSIVE and without a value, while p95 of all so far has one."""
    requirements = parse_requirements(f"{written}\nhttp_req_duration: ['p(99)<1000']\n", "r.yaml")
    progress = Progress(plan(*requirements))
    for second in range(10):
        progress.add_slice(part(second, times_s=[0.1] * 100))
    states = {requirement.id: (verdict, value) for requirement, verdict, value in
              requirement_states(progress.plan, progress)}  # fmt: skip
    assert states[requirements[0].id] == (Verdict.INCONCLUSIVE, "")
    assert states["response_time.p99"][0] is Verdict.PASS
