"""The answer of a run as a picture: one function for each question that a run can answer.

Each draws what its analysis found, from the same numbers, and decides nothing. Where an answer cannot be
drawn the requirement that is nearest to its limit, or furthest beyond it, is drawn over time; without any,
throughput and response time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadproof.analysis.pictures.capacity import capacity_picture
from loadproof.analysis.pictures.requirement import course_picture, requirement_picture
from loadproof.analysis.pictures.soak import soak_picture
from loadproof.analysis.pictures.spike import spike_picture
from loadproof.analysis.pictures.stress import stress_picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadproof.analysis.search.capacity import SearchState
    from loadproof.analysis.window.windows import Window
    from loadproof.charts import Charts, Picture
    from loadproof.model import Finding
    from loadproof.runfile.reader import Run


def pictures_of(
    run: Run, window: Window, charts: Charts | None, findings: Sequence[Finding], course: SearchState | None
) -> tuple[Picture, ...]:
    """What to look at first; `course` is that of a search for the capacity."""
    if charts is None:
        return ()
    if course is not None:
        found = capacity_picture(run, course)
    else:
        found = (
            stress_picture(run, findings) or spike_picture(run, charts, findings) or soak_picture(run, window)
        )
    return (found or requirement_picture(run, charts, findings) or course_picture(charts),)
