"""A leak that is proven while the load still runs: `--stop-on settled` need not wait for the end."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import Final

from loadproof.analysis.shapes.gauges import JVM, SUBJECTS
from loadproof.analysis.shapes.soak_causes import USERS
from loadproof.analysis.shapes.soak_verdicts import judge_growth
from loadproof.analysis.window.windows import whole_window
from loadproof.histogram import Histogram
from loadproof.model import Endpoint, Event, EventKind, Plan, Reading, Slice, Subject, Verdict
from loadproof.runfile.reader import Run
from loadproof.runfile.readings import Key, Readings, joined
from loadproof.runfile.steps import coarse_step

_LOOK_EVERY_S: Final = 60.0
_LOOKS: Final = 2
"""In a row that must prove it: one look in so many may be wrong."""
_BESIDE: Final = re.compile(rf"{USERS}|.+\.memory")
"""What may explain it, and the memory of each part."""
_HEARD: Final = (EventKind.LOAD_STARTED, EventKind.PARTS)


class ProvenLeak:
    """Keeps the readings of what may grow; the growth of response times is judged at the end only."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._asked = [r for r in plan.requirements if r.subject is Subject.GROWTH and r.metric != "latency"]
        gauges = [gauge for r in self._asked for gauge in SUBJECTS[r.metric].gauges]
        self._patterns = [gauge.pattern for gauge in gauges] + [JVM, _BESIDE]
        self._wanted: dict[str, bool] = {}
        self._readings: list[Reading] = []
        """Since the last look; those before are columns, in longer steps the longer it lasts."""
        self._before = Readings.of(())
        self._numbers: dict[Key, int] = {}
        self._step_s = 1
        self._events: list[Event] = []
        self._requests: dict[int, int] = defaultdict(int)
        self._due_s = 0.0
        self._proven: dict[str, int] = defaultdict(int)

    def slice(self, part: Slice) -> None:
        """How many requests there were."""
        if self._asked:
            self._requests[part.second // self._step_s * self._step_s] += part.requests

    def reading(self, reading: Reading) -> None:
        """One value of something that may grow."""
        name = reading.series
        if self._asked and name not in self._wanted:
            self._wanted[name] = any(pattern.fullmatch(name) for pattern in self._patterns)
        if self._wanted.get(name):
            self._readings.append(reading)

    def event(self, event: Event) -> None:
        """When the load began, and of what the service is made."""
        if event.kind in _HEARD:
            self._events.append(event)

    def reason(self, now_s: float) -> str | None:
        """The sentence of the leak that is proven; looks once a minute."""
        if not self._asked or now_s < self._due_s:
            return None
        self._due_s = now_s + _LOOK_EVERY_S
        run = self._so_far()
        window = whole_window(run)
        for requirement in self._asked:
            finding = judge_growth(requirement, run, window)
            proven = finding.verdict is Verdict.FAIL
            self._proven[requirement.id] = self._proven[requirement.id] + 1 if proven else 0
            if self._proven[requirement.id] >= _LOOKS:
                return f"stopped early: {finding.sentence}, and that is proven: {finding.advice}"
        return None

    def _so_far(self) -> Run:
        self._gather()
        slices = tuple(
            Slice(second, Endpoint("", ""), count, {}, None, Histogram())
            for second, count in sorted(self._requests.items())
        )
        return Run(
            Path(),
            {"state": "RUNNING"},
            self._plan,
            slices,
            self._before,
            tuple(self._events),
            (),
            step_s=self._step_s,
        )

    def _gather(self) -> None:
        """What came since the last look joins the columns: neither memory nor a look grows with the hours."""
        together = joined([self._before, Readings.of(self._readings, self._numbers)])
        self._readings.clear()
        length_s = max(self._requests, default=0) - min(self._requests, default=0)
        step_s = coarse_step(length_s, self._step_s)
        if step_s > self._step_s:
            summed: dict[int, int] = defaultdict(int)
            for second, count in self._requests.items():
                summed[second // step_s * step_s] += count
            self._requests, self._step_s = summed, step_s
        self._before = together if step_s == 1 else together.in_steps(step_s)
