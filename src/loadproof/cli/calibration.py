"""What is known of this machine's generators: measured by `doctor --calibrate`, asked by `run`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadproof.engines import ENGINES, load_engine
from loadproof.errors import LoadproofError
from loadproof.run.calibration import keep, known_rate, measure
from loadproof.units import format_rate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadproof.engines import Engine
    from loadproof.model import Plan

LARGEST_SHARE = 0.5
"""Of the measured rate: a real scenario does more for each request than the one that was measured."""


def calibrate() -> Iterator[tuple[str, str, str]]:
    """Measure every engine that is installed, for five seconds each; a line of `doctor` each."""
    for name in ENGINES:
        try:
            engine = load_engine(name)
            if not engine.versions():
                continue
            rate_per_s = measure(name, engine)
            if rate_per_s is None:
                yield "!", name, "sent too little to say how much it can"
                continue
            file = keep(name, engine, rate_per_s)
        except LoadproofError as error:
            yield "!", name, "; ".join(problem.message for problem in error.problems)
        except OSError as error:
            yield "!", name, f"the calibration cannot be kept: {error.strerror}"
        else:
            yield "✓", name, f"one process sends about {format_rate(rate_per_s)} (kept in {file})"


def rate_warning(plan: Plan, engine: Engine) -> str:
    """What to say when the planned arrivals are near to what this machine can send; "" when they are not,
    when nothing was measured here, or when other machines drive the load."""
    if not plan.profile.open_model or "expect_workers" in plan.options:
        return ""
    rate_per_s = known_rate(plan.engine, engine)
    wanted = max([plan.profile.start, *(stage.target for stage in plan.profile.stages)])
    if rate_per_s is None:
        return ""
    processes = int(plan.options.get("processes", {}).get("count", 1)) if plan.engine == "locust" else 1
    able = rate_per_s * processes
    if wanted <= able * LARGEST_SHARE:
        return ""
    return (
        f"{format_rate(wanted)} is more than half of what this machine can send: it ends at about "
        f"{format_rate(able)} ({processes} processes, measured with `loadproof doctor --calibrate`); "
        "use more machines (--expect-workers)"
    )
