"""Counts requests by second and endpoint inside a Locust process.

Lives in the generator's hot path: a request costs one clock read, one dictionary look-up and one list
append. Histograms are filled with numpy when a second is over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from loadproof.engines.locust.entry import LONGEST_MS, method_text, name_text
from loadproof.engines.locust.rows import ErrorRow, SliceRow
from loadproof.histogram import Histogram
from loadproof.model import STREAMED, FailureKind
from loadproof.routes import KeptNames, shape_of_text

StatusRow = tuple[str, str, dict[int, int]]
"""method, name, {status: answers}; 0 stands for no status."""

USUAL: Final = 200
"""The status that needs no count of its own: what has no other one has this."""
_ERRORS_PER_SECOND = 20
"""Distinct error texts kept per second; the rest counts as one: an outage must not flood the run."""
OTHER_ERRORS = "other errors"


class _Tally:
    """One endpoint during one second."""

    __slots__ = (
        *("failures", "floor_ms", "key", "late", "received_bytes", "statuses", "times_s", "untimed"),
        "wrong",
    )

    def __init__(self, key: tuple[str, str]) -> None:
        self.key = key
        """Method and name."""
        self.statuses: dict[int, int] = {}
        """Answers by their HTTP status, 0 for none; those that are not here had the usual one."""
        self.times_s: list[float] = []
        self.late: list[tuple[int, float]] | None = None
        """Position in `times_s` and lateness in seconds of requests of the open model."""
        self.untimed = 0
        self.received_bytes = 0
        self.failures: dict[str, int] = {}
        self.wrong: list[int] = []
        """Positions in `times_s` of those that failed."""
        self.floor_ms = 0.0
        """Requests that took at least so long may be exemplars (see exemplars.py)."""

    def add(self, other: _Tally) -> None:
        """Merge what another endpoint had in the same second."""
        before = len(self.times_s)
        self.times_s += other.times_s
        self.wrong += [before + place for place in other.wrong]
        if other.late:
            self.late = [*(self.late or ()), *((before + place, late_s) for place, late_s in other.late)]
        self.untimed += other.untimed
        self.received_bytes += other.received_bytes
        for status, count in other.statuses.items():
            self.statuses[status] = self.statuses.get(status, 0) + count
        for kind, count in other.failures.items():
            self.failures[kind] = self.failures.get(kind, 0) + count


class Recorder:
    """One process's counts. `request` is called for each; `take` hands over the seconds that are over."""

    def __init__(self, clock: Callable[[], float], names: KeptNames | None = None) -> None:
        self.recorded = 0
        self.not_durations = 0
        """Requests with a response time that is no duration (negative, NaN): counted, but not timed."""
        self._names = names or KeptNames()
        self._clock = clock
        self._second = int(clock())
        self._tallies: dict[tuple[str, str], _Tally] = {}
        self._errors: dict[tuple[str, str, str, str], int] = {}
        self._rows: list[SliceRow] = []
        self._error_rows: list[ErrorRow] = []
        self._statuses: list[StatusRow] = []

    def request(self, method: Any, name: Any, response_time_ms: float | None, length: int | None) -> _Tally:
        """Count one finished request; the tally returned takes its failure, if it failed."""
        now = self._clock()
        if now >= self._second + 1:
            self._rotate(int(now))
        try:
            tally = self._tallies.get((method, name))
        except Exception:  # noqa: BLE001  # an object without a hash: it is named by its text
            tally = None
        if tally is None:
            tally = self._tally(method, name)
        if response_time_ms is not None and 0 <= response_time_ms < LONGEST_MS:
            tally.times_s.append(response_time_ms / 1000)
        else:
            # A request without a time is a request; a time of 0 would be invented.
            tally.untimed += 1
            self.not_durations += response_time_ms is not None
        if length:
            tally.received_bytes += length
        self.recorded += 1
        return tally

    def time(self, kind: str, name: str, seconds: float) -> None:
        """A time that is no request: one of `STREAMED`, of an endpoint such as "POST /chat"."""
        now = self._clock()
        if now >= self._second + 1:
            self._rotate(int(now))
        self._tally(kind, name).times_s.append(seconds)

    def failure(self, tally: _Tally, kind: FailureKind, text: str, *, timed: bool = True) -> None:
        """Say that the request just counted in `tally` failed, and how; `timed`: it has a time."""
        tally.failures[kind.value] = tally.failures.get(kind.value, 0) + 1
        if timed and tally.times_s:
            tally.wrong.append(len(tally.times_s) - 1)
        key = (*tally.key, kind.value, text)
        if key not in self._errors and len(self._errors) >= _ERRORS_PER_SECOND:
            key = ("", "", kind.value, shape_of_text(text))
            if key not in self._errors and len(self._errors) >= 2 * _ERRORS_PER_SECOND:
                key = ("", "", kind.value, OTHER_ERRORS)
        self._errors[key] = self._errors.get(key, 0) + 1

    def _tally(self, method: Any, name: Any) -> _Tally:
        key = (method_text(method), name_text(name))
        tally = self._tallies.get(key)
        if tally is None:
            tally = self._tallies[key] = _Tally(key)
        return tally

    def take(self, *, everything: bool = False) -> tuple[list[SliceRow], list[ErrorRow]]:
        """The finished seconds since the last call; `everything`: also the one that is still running."""
        now = int(self._clock())
        if everything or now > self._second:
            self._rotate(now)
        rows, errors = self._rows, self._error_rows
        self._rows, self._error_rows = [], []
        return rows, errors

    def take_statuses(self) -> list[StatusRow]:
        """Answers by status of the finished seconds since the last call."""
        rows, self._statuses = self._statuses, []
        return rows

    def _rotate(self, second: int) -> None:
        # Taken before it is looked at: whoever counts meanwhile counts in the next second.
        over, self._second = self._second, max(second, self._second)
        tallies, self._tallies = self._by_route(), {}
        errors, self._errors = self._errors, {}
        self._error_rows += [ErrorRow(over, *key, count) for key, count in errors.items()]
        for (method, name), tally in tallies.items():
            response, service, wrong = _histograms(tally)
            requests = len(tally.times_s) + tally.untimed
            row = SliceRow(
                over, method, name, requests, tally.failures, tally.received_bytes,
                response.to_bytes(),
                None if service is None else service.to_bytes(),
                None if wrong is None else wrong.to_bytes(),
            )  # fmt: skip
            self._rows.append(row)
            if method in STREAMED:
                continue
            usual = requests - sum(tally.statuses.values())
            self._statuses.append(
                (method, name, {**tally.statuses, USUAL: usual} if usual else tally.statuses)
            )

    def _by_route(self) -> dict[tuple[str, str], _Tally]:
        """The second's tallies by the names that are kept: of a thousand and more, their routes."""
        found: dict[tuple[str, str], _Tally] = {}
        for key, tally in self._tallies.items():
            name = self._names.name(*key)
            kept = key if name is None else (key[0], name)
            if kept in found:
                found[kept].add(tally)
            else:
                found[kept] = tally
        return found


class LateRecorder(Recorder):
    """The same in the open model, where response time counts from the intended start.

    All requests of an arrival are later than intended by what the arrival was: had it started when it was
    due, its first request would have been sent that much earlier, and so would each that follows an answer.
    (wrk2 corrects each request so, because there each is an arrival; k6 and Gatling correct none.)
    """

    def __init__(
        self, clock: Callable[[], float], lateness_s: Callable[[], float], names: KeptNames | None = None
    ) -> None:
        super().__init__(clock, names)
        self._lateness_s = lateness_s

    def request(self, method: Any, name: Any, response_time_ms: float | None, length: int | None) -> _Tally:
        tally = super().request(method, name, response_time_ms, length)
        lateness_s = self._lateness_s()
        if lateness_s and response_time_ms is not None and 0 <= response_time_ms < LONGEST_MS:
            if tally.late is None:
                tally.late = []
            tally.late.append((len(tally.times_s) - 1, lateness_s))
        return tally


def _histograms(tally: _Tally) -> tuple[Histogram, Histogram | None, Histogram | None]:
    """Response time, service time where it differs, and response time of those that failed."""
    service = Histogram()
    service.record_all(tally.times_s)
    times_s = np.array(tally.times_s)
    if not tally.late:
        return service, None, _wrong(tally, times_s)
    positions, lateness_s = zip(*tally.late, strict=True)
    times_s[list(positions)] += lateness_s
    response = Histogram()
    response.record_all(times_s)
    return response, service, _wrong(tally, times_s)


def _wrong(tally: _Tally, times_s: NDArray[np.float64]) -> Histogram | None:
    if not tally.failures:
        return None
    wrong = Histogram()
    wrong.record_all(times_s[tally.wrong])
    return wrong
