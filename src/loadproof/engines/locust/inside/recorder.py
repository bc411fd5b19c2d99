"""Counts requests by second and endpoint inside a Locust process.

Lives in the generator's hot path: a request costs one clock read, one dictionary look-up and a number at the
end of an array. Histograms are filled with numpy when a second is over.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from time import monotonic
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from loadproof.engines.locust.entry import LONGEST_MS, NO_ANSWER, method_text, name_text
from loadproof.engines.locust.rows import ErrorRow, SliceRow
from loadproof.histogram import Histogram
from loadproof.model import STREAMED, FailureKind
from loadproof.routes import KeptNames, shape_of_text

StatusRow = tuple[str, str, dict[int, int]]
"""method, name, {status: answers}; 0 stands for no status."""

USUAL: Final = 200
"""The status that needs no count of its own: what has no other one has this."""
_ROUNDING_S: Final = 1e-6
"""The clock is read from so much before a second is over on: no request counts in the one before its own."""
_ERRORS_PER_SECOND = 20
"""Distinct error texts kept per second; the rest counts as one: an outage must not flood the run."""
OTHER_ERRORS = "other errors"


class Tally:
    """One endpoint during one second."""

    __slots__ = (
        *("failures", "floor_ms", "key", "late", "received_bytes", "statuses", "times_ms", "untimed"),
        "wrong",
    )

    def __init__(self, key: tuple[str, str]) -> None:
        self.key = key
        """Method and name."""
        self.statuses: dict[int, int] = {}
        """Answers by their HTTP status, 0 for none; those that are not here had the usual one."""
        self.times_ms = array("d")
        self.late: list[tuple[int, float]] | None = None
        """Position in `times_ms` and lateness in seconds of requests of the open model."""
        self.untimed = 0
        self.received_bytes = 0
        self.failures: dict[str, int] = {}
        self.wrong: list[int] = []
        """Positions in `times_ms` of those that failed."""
        self.floor_ms = 0.0
        """Requests that took at least so long may be exemplars (see exemplars.py)."""

    def add(self, other: Tally) -> None:
        """Merge what another endpoint had in the same second."""
        before = len(self.times_ms)
        self.times_ms += other.times_ms
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
    """One process's counts. `success` or `request` is called for each; `take` hands over what is over.

    `ticks` counts seconds as `clock` does, from any moment on: it is read for each request, as it is cheaper.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        names: KeptNames | None = None,
        ticks: Callable[[], float] = monotonic,
    ) -> None:
        self.recorded = 0
        self.not_durations = 0
        """Requests with a response time that is no duration (negative, NaN): counted, but not timed."""
        self.on_slow: Callable[[Tally, float, int | None, Any], None] = lambda *_: None
        """Gets tally, time in ms, length and response of a success that is not faster than the floor."""
        self._names = names or KeptNames()
        self._clock = clock
        self._ticks = ticks
        self._second = int(clock())
        self._turns_at = 0.0
        """By `ticks`: when the running second is over, or before."""
        self._tallies: dict[tuple[str, str], Tally] = {}
        self._errors: dict[tuple[str, str, str, str], int] = {}
        self._rows: list[SliceRow] = []
        self._error_rows: list[ErrorRow] = []
        self._statuses: list[StatusRow] = []

    def success(
        self, method: Any, name: Any, response_time_ms: float, length: int | None, response: Any
    ) -> Tally:
        """Count a request of Loadproof's own client that did not fail: the way that nearly all go."""
        if self._ticks() >= self._turns_at:
            self._turn()
        try:
            tally = self._tallies[method, name]
        except Exception:  # noqa: BLE001  # new in this second, or an object without a hash
            tally = self._tally(method, name)
        if 0 <= response_time_ms < tally.floor_ms:
            tally.times_ms.append(response_time_ms)
        else:
            self._timed(tally, response_time_ms)
            self.on_slow(tally, response_time_ms, length, response)
        if length:
            tally.received_bytes += length
        self.recorded += 1
        status = response.status_code
        if status != USUAL:
            status = status or NO_ANSWER
            tally.statuses[status] = tally.statuses.get(status, 0) + 1
        return tally

    def request(self, method: Any, name: Any, response_time_ms: float | None, length: int | None) -> Tally:
        """Count one finished request; the tally returned takes its status, and its failure if it failed."""
        if self._ticks() >= self._turns_at:
            self._turn()
        try:
            tally = self._tallies[method, name]
        except Exception:  # noqa: BLE001  # new in this second, or an object without a hash
            tally = self._tally(method, name)
        self._timed(tally, response_time_ms)
        if length:
            tally.received_bytes += length
        self.recorded += 1
        return tally

    def _timed(self, tally: Tally, response_time_ms: float | None) -> None:
        if response_time_ms is not None and 0 <= response_time_ms < LONGEST_MS:
            tally.times_ms.append(response_time_ms)
        else:
            # A request without a time is a request; a time of 0 would be invented.
            tally.untimed += 1
            self.not_durations += response_time_ms is not None

    def time(self, kind: str, name: str, seconds: float) -> None:
        """A time that is no request: one of `STREAMED`, of an endpoint such as "POST /chat"."""
        if self._ticks() >= self._turns_at:
            self._turn()
        self._tally(kind, name).times_ms.append(seconds * 1000)

    def failure(self, tally: Tally, kind: FailureKind, text: str, *, timed: bool = True) -> None:
        """Say that the request just counted in `tally` failed, and how; `timed`: it has a time."""
        tally.failures[kind.value] = tally.failures.get(kind.value, 0) + 1
        if timed and tally.times_ms:
            tally.wrong.append(len(tally.times_ms) - 1)
        key = (*tally.key, kind.value, text)
        if key not in self._errors and len(self._errors) >= _ERRORS_PER_SECOND:
            key = ("", "", kind.value, shape_of_text(text))
            if key not in self._errors and len(self._errors) >= 2 * _ERRORS_PER_SECOND:
                key = ("", "", kind.value, OTHER_ERRORS)
        self._errors[key] = self._errors.get(key, 0) + 1

    def _tally(self, method: Any, name: Any) -> Tally:
        key = (method_text(method), name_text(name))
        tally = self._tallies.get(key)
        if tally is None:
            tally = self._tallies[key] = Tally(key)
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

    def _turn(self) -> None:
        """Close the running second if it is over, and learn when the next one is."""
        # Read before the clock, and both before the hand-over: what that takes would make the next one late.
        ticks, now = self._ticks(), self._clock()
        if now >= self._second + 1:
            self._rotate(int(now))
        self._turns_at = ticks + (self._second + 1 - now) - _ROUNDING_S

    def _rotate(self, second: int) -> None:
        # Taken before it is looked at: whoever counts meanwhile counts in the next second.
        over, self._second = self._second, max(second, self._second)
        tallies, self._tallies = self._by_route(), {}
        errors, self._errors = self._errors, {}
        self._error_rows += [ErrorRow(over, *key, count) for key, count in errors.items()]
        for (method, name), tally in tallies.items():
            response, service, wrong = _histograms(tally)
            requests = len(tally.times_ms) + tally.untimed
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

    def _by_route(self) -> dict[tuple[str, str], Tally]:
        """The second's tallies by the names that are kept: of a thousand and more, their routes."""
        found: dict[tuple[str, str], Tally] = {}
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
        self,
        clock: Callable[[], float],
        lateness_s: Callable[[], float],
        names: KeptNames | None = None,
        ticks: Callable[[], float] = monotonic,
    ) -> None:
        super().__init__(clock, names, ticks)
        self._lateness_s = lateness_s

    def request(self, method: Any, name: Any, response_time_ms: float | None, length: int | None) -> Tally:
        return self._late(super().request(method, name, response_time_ms, length), response_time_ms)

    def success(
        self, method: Any, name: Any, response_time_ms: float, length: int | None, response: Any
    ) -> Tally:
        tally = super().success(method, name, response_time_ms, length, response)
        return self._late(tally, response_time_ms)

    def _late(self, tally: Tally, response_time_ms: float | None) -> Tally:
        lateness_s = self._lateness_s()
        if lateness_s and response_time_ms is not None and 0 <= response_time_ms < LONGEST_MS:
            if tally.late is None:
                tally.late = []
            tally.late.append((len(tally.times_ms) - 1, lateness_s))
        return tally


def _histograms(tally: Tally) -> tuple[Histogram, Histogram | None, Histogram | None]:
    """Response time, service time where it differs, and response time of those that failed."""
    times_s = np.frombuffer(tally.times_ms) / 1000
    service = Histogram()
    service.record_all(times_s)
    if not tally.late:
        return service, None, _wrong(tally, times_s)
    positions, lateness_s = zip(*tally.late, strict=True)
    times_s[list(positions)] += lateness_s
    response = Histogram()
    response.record_all(times_s)
    return response, service, _wrong(tally, times_s)


def _wrong(tally: Tally, times_s: NDArray[np.float64]) -> Histogram | None:
    if not tally.failures:
        return None
    wrong = Histogram()
    wrong.record_all(times_s[tally.wrong])
    return wrong
