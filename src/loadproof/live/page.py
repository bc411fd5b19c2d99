"""What the page of `--live` is told: each second what is new, and to whoever comes late all there was."""

from __future__ import annotations

import threading
from collections import Counter, deque
from typing import TYPE_CHECKING, Any, Final

import orjson

from loadproof.live.course import ARRIVALS, USERS, CourseSoFar
from loadproof.model import Event, EventKind, Reading
from loadproof.run.conductor import Observer

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadproof.run.progress import EndpointProgress, Progress

    Rows = Callable[[Progress], list[dict[str, Any]]]
    """The requirements as they stand, a row of the page each."""
    Send = Callable[[str, bytes], None]
    """Takes the kind of a message and the message."""

_MOST_ENDPOINTS: Final = 100
_MOST_LINES: Final = 300
_MOST_ERRORS: Final = 30
_ERRORS_KEPT: Final = 1_000
"""Different texts; a scenario that puts ids into them would fill the memory."""
_SAYS_NOTHING: Final = frozenset(
    {
        EventKind.ERROR_SAMPLE, EventKind.SLOW_REQUEST, EventKind.CONSISTENCY, EventKind.PLAYED,
        EventKind.CHECKED, EventKind.STATUSES, EventKind.AIMED, EventKind.WIRE, EventKind.ENGINE_SUMMARY,
        EventKind.ENGINE_THRESHOLD, EventKind.PARTS, EventKind.USERS_LEFT,
    }
)  # fmt: skip
_HARMLESS: Final = frozenset(
    {
        EventKind.RUN_STARTED, EventKind.LOAD_STARTED, EventKind.LOAD_ENDED, EventKind.WATCHING,
        EventKind.WORKER_JOINED, EventKind.MONITOR_RECOVERED, EventKind.TRIAL_STARTED, EventKind.TRIAL_ENDED,
        EventKind.STAGE_STARTED, EventKind.STOPPED_EARLY, EventKind.GUARD_HELD, EventKind.ENGINE_LOG,
        EventKind.MONITOR_REMARK,
    }
)  # fmt: skip
_WORKERS: Final = {
    EventKind.WORKER_JOINED: "works",
    EventKind.WORKER_LOST: "lost",
    EventKind.WORKER_REFUSED: "refused",
}


class LivePage(Observer):
    """Hears what the conductor records, and makes the page's messages; used from several threads.

    `rows` gives the requirements as they stand. Figures of the moment are made only while somebody looks.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._lock = threading.Lock()
        self._course = CourseSoFar()
        self._lines: deque[dict[str, Any]] = deque(maxlen=_MOST_LINES)
        self._line_count = 0
        self._told_lines = 0
        self._errors: Counter[str] = Counter()
        self._workers: dict[str, dict[str, str]] = {}
        self._now: dict[str, Any] = {"phase": "starting"}
        self._turns = 0
        self._whole_is_due = False

    # --- what the conductor records ----------------------------------------------------------------------

    def event(self, event: Event) -> None:
        """Into the log, the errors or the workers."""
        with self._lock:
            if event.kind is EventKind.ERROR_SAMPLE:
                endpoint = str(event.data.get("endpoint", ""))
                text = f"{endpoint}: {event.message}" if endpoint else event.message
                if text in self._errors or len(self._errors) < _ERRORS_KEPT:
                    self._errors[text] += event.whole("count", 1)
            if event.kind in _WORKERS and "worker" in event.data:
                # "worker 2 on host" where it is lost is "worker 2" where it joined.
                name = str(event.data["worker"]).partition(" on ")[0]
                told = {"name": name, "state": _WORKERS[event.kind], "text": event.message}
                self._workers[name] = told
            if event.kind not in _SAYS_NOTHING:
                self._line_count += 1
                kind = "log" if event.kind is EventKind.ENGINE_LOG else "event"
                line = {"n": self._line_count, "at": round(event.time_s, 2), "kind": kind}
                line |= {"text": event.message, "bad": event.kind not in _HARMLESS}
                self._lines.append(line)

    def update(self, progress: Progress, now_s: float, *, watched: bool) -> bytes | None:
        """Once a second: what is new; None when nobody looks (`watched`)."""
        with self._lock:
            points = self._course.update(progress, now_s)
            lines = [line for line in self._lines if line["n"] > self._told_lines]
            self._told_lines = self._line_count
            over = progress.load_ended_s is not None
            if not watched and not over:
                return None
            self._now |= self._figures(progress, now_s)
            if self._whole_is_due:
                self._whole_is_due = False
                return self._all_there_is()
            return _packed({**self._now, "points": points, "lines": lines})

    def turn(self) -> None:
        """A further load begins, whose course is its own; what was said and the answer so far stay."""
        with self._lock:
            self._turns += 1
            self._course = CourseSoFar()
            self._errors.clear()
            self._workers.clear()
            self._now |= {"phase": "starting", "turn": self._turns}
            self._whole_is_due = True

    def answer(self, content: dict[str, Any]) -> bytes:
        """How far the answer is, for everybody; `content` as answer_data makes it."""
        with self._lock:
            self._now["answer"] = content
            return _packed({"phase": self._now["phase"], "answer": content})

    def judging(self) -> bytes:
        """The load is over and its run is judged."""
        with self._lock:
            self._now["phase"] = "judging"
            return _packed({"phase": "judging"})

    def whole(self) -> bytes:
        """All there is, for whoever begins to look."""
        with self._lock:
            return self._all_there_is()

    def _all_there_is(self) -> bytes:
        all_there_is = {"whole": True, "points": self._course.points(), "lines": list(self._lines)}
        return _packed({**self._now, **all_there_is})

    # --- the moment --------------------------------------------------------------------------------------

    def _figures(self, progress: Progress, now_s: float) -> dict[str, Any]:
        busiest = sorted(progress.endpoints.items(), key=lambda item: (-item[1].requests, str(item[0])))
        shown = busiest[:_MOST_ENDPOINTS]
        series = {n: r for n, r in self._course.series.items() if n != USERS}
        return {
            "phase": _phase(progress),
            "now": now_s,
            "started": progress.load_started_s,
            "elapsed": progress.elapsed_s(now_s),
            "left": progress.remaining_s(now_s),
            "users": progress.users,
            "rate": progress.throughput_now(),
            "arrivals": {name: progress.arrivals_total(name) for name in (*ARRIVALS, "late")}
            if progress.arrivals
            else None,
            "total": _times(progress.total),
            "recent": _recent(progress),
            "endpoints": [[str(endpoint), *_times(numbers)] for endpoint, numbers in shown],
            "more_endpoints": len(busiest) - len(shown),
            "requirements": self._rows(progress),
            "series": [
                {"name": name, "unit": str(reading.unit), "limit": reading.limit, "value": reading.value}
                for name, reading in sorted(
                    series.items(), key=lambda item: _order(item[1], progress.plan.engine)
                )
            ],
            "service": progress.service,
            "unwatched": progress.unwatched,
            "errors": self._errors.most_common(_MOST_ERRORS),
            "workers": list(self._workers.values()),
        }


def _packed(message: dict[str, Any]) -> bytes:
    """Figures of an analysis may be numpy's."""
    return orjson.dumps(message, option=orjson.OPT_SERIALIZE_NUMPY)


def _phase(progress: Progress) -> str:
    if progress.load_started_s is None:
        return "starting"
    return "running" if progress.load_ended_s is None else "ending"


def _times(numbers: EndpointProgress) -> list[float | None]:
    """Requests, failures, then seconds: p50, p95, p99 and the greatest."""
    response = numbers.response
    quantiles = [response.quantile(q) for q in (0.5, 0.95, 0.99)]
    return [numbers.requests, numbers.failed, *quantiles, response.maximum_s if response.count else None]


def _recent(progress: Progress) -> list[float | None]:
    """The same of the last ten finished seconds together; nothing before there is one."""
    from loadproof.run.progress import RECENT_SECONDS, EndpointProgress

    seconds = progress.last_seconds(RECENT_SECONDS)
    if not seconds:
        return []
    together = EndpointProgress()
    for numbers in seconds:
        together.requests += numbers.requests
        together.failed += numbers.failed
        together.add_times(numbers.response)
    return [len(seconds), *_times(together)]


def _order(reading: Reading, engine: str) -> tuple[int, bool, str]:
    """The service, its parts, the machine, the generator; what has a limit before what has none."""
    place = {"process": 0, "host": 2, engine: 3}.get(reading.source, 1)
    return place, reading.limit is None, f"{reading.source}.{reading.series}"
