"""Reads k6's JSON output as it is written and adds it up: slices per endpoint, series per metric.

k6 writes nine lines for a request. All but `http_req_duration` are counted by their name and never parsed,
and the tags of a request, the greater part of its line, are parsed once for each distinct text. That takes
100 MB of lines with about 0.7 s of one core.

The response time is k6's `http_req_duration`: from the first byte sent to the last byte received. It holds
neither the wait for a connection nor DNS, TCP and TLS, and failed requests are in it, a refused connection
with 0: so k6's own summary does, and the run file must agree with it.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any

import orjson

from loadproof.engines.error_samples import ErrorSample, count_error
from loadproof.engines.exemplars import Exemplars
from loadproof.engines.k6 import words
from loadproof.engines.k6.arrivals import Arrivals
from loadproof.engines.k6.batch import FOLD_AT, Batch, Cell
from loadproof.engines.k6.messages import BEGINNINGS, Messages
from loadproof.engines.k6.options import Options
from loadproof.engines.k6.protocols import PROTOCOLS
from loadproof.engines.k6.requests import RequestKind, RequestKinds
from loadproof.engines.k6.series import SeriesTable
from loadproof.model import FIRST_BYTE, Endpoint, Slice

_POINT = '{"metric":"%s","type":"Point","data":{"time":"'
_VALUE, _TAGS = b'"value":', b',"tags":'
_HEAD_LENGTH = 37
"""Bytes of a line that tell these metrics apart: as long as the longest of their names needs."""
_head_of = itemgetter(slice(0, _HEAD_LENGTH))
_LONGEST_MS = 1e12
_LONGEST_LINE = 1 << 20
_SECONDS_KEPT = 4096
_ERROR_TEXTS = 200
MOST_CHECKS = 200
OTHER_CHECKS = "(other checks)"


@dataclass(frozen=True, slots=True)
class _Timed:
    """A metric that has one sample for each request of its protocol, with the time it took."""

    metric: str
    beginning: bytes
    """Of its lines."""
    kinds: RequestKinds
    make: Callable[[dict[str, Any]], RequestKind]


class OutputReader:
    """`feed` bytes in one thread, `drain` in another. Memory is bounded by the endpoints in use."""

    def __init__(
        self,
        sub_metrics: Iterable[tuple[str, tuple[tuple[str, str], ...]]] = (),
        options: Options | None = None,
        slow_s: float | None = None,
        *,
        first_bytes: bool = False,
        messages: Messages | None = None,
    ) -> None:
        """`options` are the script's, resolved; requests that take `slow_s` seconds are all kept.

        `first_bytes`: how long good answers let wait for their first byte is read, too (`http_req_waiting`):
        a second line of each request, which costs as much as the first. `messages`: the times of those of
        WebSockets and gRPC streams, too.
        """
        self.samples: Counter[str] = Counter()
        """Samples by metric; by sub-metric ("m" with its tags) for those asked for."""
        self.sub_samples: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter()
        self.garbage = 0
        """Lines that were no sample: cut off, not JSON, not finite."""
        self.first_s: float | None = None
        """When the load began: the start of the first request or iteration outside setup()."""
        self.checks: dict[str, list[int]] = {}
        """Check to its passes and fails."""
        self._last = b""
        self._closed = False
        self._tail = b""
        self._overlong = False
        self._lock = threading.Lock()
        self._cells: dict[tuple[int, Endpoint], Cell] = {}
        self._batch = Batch()
        self._seconds: dict[bytes, int] = {}
        self._waiting: list[RequestKind] = []
        """Kinds that have requests which were not passed on yet."""
        self._checks: dict[str, list[int]] = {}
        self._arrivals = Arrivals(options or {})
        self._latest_s = 0.0
        # Intervals are k6's own: what is read is as old as its writing.
        self._exemplars = Exemplars(lambda: self._latest_s, slow_s)
        self._newest_s = 0.0
        """Of all samples but requests' own: until when planned arrivals are told, for k6 may be stopped."""
        self._series = SeriesTable()
        self._subs: dict[str, list[tuple[tuple[str, str], ...]]] = {}
        for base, tags in dict.fromkeys(sub_metrics):  # of two thresholds over one, each names it
            if tags:
                self._subs.setdefault(base, []).append(tags)
        self._timed = {timed.beginning[:_HEAD_LENGTH]: timed for timed in _timed(self._subs)}
        self._messages = messages
        self._first_bytes = _waiting(self._timed) if first_bytes else None
        unparsed = words.OF_A_REQUEST - set(self._subs) - ({words.WAITING} if first_bytes else set())
        self._unparsed = {(_POINT % metric).encode()[:_HEAD_LENGTH]: metric for metric in unparsed}

    def feed(self, data: bytes) -> None:
        """Take the next bytes, which may begin and end in the middle of a line."""
        block, newline, tail = (self._tail + data).rpartition(b"\n")
        if newline and self._overlong:
            _, _, block = block.partition(b"\n")
            self._overlong = False
        self._tail = tail
        with self._lock:
            if len(tail) > _LONGEST_LINE:
                self.garbage += not self._overlong
                self._tail, self._overlong = b"", True
            if newline and block:
                self._lines(block.split(b"\n"))

    def close(self) -> None:
        """The output has ended; what is left is a line that k6 did not finish."""
        with self._lock:
            self.garbage += bool(self._tail)
            self._tail = b""
            self._closed = True
            self._series.finish()

    def drain(self) -> Batch:
        """All that was read since the last call; slices of a second may come in several batches."""
        with self._lock:
            cells, self._cells = self._cells, {}
            batch, self._batch = self._batch, Batch()
            batch.readings = self._series.take()
            batch.readings += self._arrivals.take(self._newest_s)
            batch.slow = self._exemplars.take(everything=self._closed)
            batch.checks = {name: (passes, fails) for name, (passes, fails) in self._checks.items()}
            self._checks.clear()
            for kind in self._waiting:
                batch.hosts[kind.host] += kind.waiting
                batch.statuses.setdefault(kind.endpoint, Counter())[kind.status] += kind.waiting
                kind.waiting = 0
            self._waiting.clear()
        for (second, endpoint), cell in cells.items():
            cell.fold()
            failures = dict(cell.failures)
            wrong = cell.wrong if failures else None
            batch.slices.append(
                Slice(second, endpoint, cell.requests, failures, None, cell.response, wrong=wrong)
            )
        return batch

    @property
    def last_s(self) -> float | None:
        """When the last request outside setup() and teardown() ended."""
        try:
            return _moment(self._last)
        except ValueError:
            return None

    @property
    def dropped_series(self) -> int:
        """Metrics beyond those that are kept as readings."""
        return self._series.dropped

    @property
    def mixed_sessions(self) -> int:
        """WebSockets whose messages could not be told apart."""
        return 0 if self._messages is None else self._messages.mixed

    def metric_contains(self, metric: str) -> str:
        """k6's word for what a metric holds: "time", "data" or "default"."""
        return self._series.contains(metric)

    def _lines(self, lines: list[bytes]) -> None:
        # Whole-list steps, because a step of Python for each of the nine lines would take most of the time:
        # 100 MB took 1.2 s that way.
        heads = list(map(_head_of, lines))
        unparsed = self._unparsed
        for head, count in Counter(heads).items():
            if (metric := unparsed.get(head)) is not None:
                self.samples[metric] += count
        timed = self._timed
        for head, line in [pair for pair in zip(heads, lines, strict=True) if pair[0] not in unparsed]:
            if self._messages is not None and line.startswith(BEGINNINGS):
                self._message(line, self._messages)
            if (found := timed.get(head)) is not None and line.startswith(found.beginning):
                self._request(line, found)
            elif line:
                if (waited := self._first_bytes) is not None and line.startswith(waited.beginning):
                    self._first_byte(line, waited)
                self._other(line)

    def _request(self, line: bytes, timed: _Timed) -> None:
        """A request's line; what it repeats of others is parsed once."""
        try:
            start = len(timed.beginning)
            end = line.index(b'"', start)
            written = line.index(_TAGS, end)
            duration_ms = float(line[line.index(_VALUE, end) + len(_VALUE) : written])
            if not 0 <= duration_ms < _LONGEST_MS:
                raise ValueError("no duration")
            second = self._second(line[start:end])
            kind = timed.kinds.of(line[written + len(_TAGS) :], timed.make)
            if self.first_s is None and not kind.outside_load:
                self._began(_moment(line[start:end]), duration_ms)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
            self.garbage += 1
            return
        cell = self._cells.get((second, kind.endpoint))
        if cell is None:
            cell = self._cells[second, kind.endpoint] = Cell()
        cell.requests += 1
        cell.durations_ms.append(duration_ms)
        if len(cell.durations_ms) >= FOLD_AT:
            cell.fold()
        if duration_ms >= cell.floor_ms:
            self._keep(cell, kind, line[start:end], duration_ms)
        self.samples[timed.metric] += 1
        if not kind.waiting:
            self._waiting.append(kind)
        kind.waiting += 1
        if kind.failure is not None:
            cell.failures[kind.failure] += 1
            cell.wrong.record(duration_ms / 1e3)
            self._error(kind)
        if not kind.outside_load:
            self._last = line[start:end]
        if self._subs:
            self._count_subs(timed.metric, kind.tags)

    def _first_byte(self, line: bytes, timed: _Timed) -> None:
        """Of an answer that is good: an error that comes at once is no fast answer."""
        try:
            start = len(timed.beginning)
            end = line.index(b'"', start)
            written = line.index(_TAGS, end)
            waited_ms = float(line[line.index(_VALUE, end) + len(_VALUE) : written])
            kind = timed.kinds.of(line[written + len(_TAGS) :], timed.make)
            second = self._second(line[start:end])
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
            return  # whoever parses the line as a whole counts it as garbage
        if kind.failure is not None or kind.status >= "400" or not 0 <= waited_ms < _LONGEST_MS:
            return
        self._beside(second, Endpoint(FIRST_BYTE, str(kind.endpoint)), waited_ms)

    def _message(self, line: bytes, messages: Messages) -> None:
        try:
            entry = orjson.loads(line)
            data = entry["data"]
            took = messages.take(entry["metric"], data, _moment(data["time"].encode()))
            second = self._second(data["time"].encode())
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
            return  # as above; a line that defines a metric has no time
        if took is not None:
            self._beside(second, *took)

    def _beside(self, second: int, endpoint: Endpoint, time_ms: float) -> None:
        """A time of an answer that is no request."""
        cell = self._cells.setdefault((second, endpoint), Cell())
        cell.requests += 1
        cell.durations_ms.append(time_ms)
        if len(cell.durations_ms) >= FOLD_AT:
            cell.fold()

    def _keep(self, cell: Cell, kind: RequestKind, written: bytes, duration_ms: float) -> None:
        ended_s = _moment(written)
        self._latest_s = max(self._latest_s, ended_s)
        key = (kind.endpoint.method, kind.endpoint.name)

        def described() -> dict[str, Any]:
            # k6 writes neither sizes nor headers of single requests.
            row = {"time": ended_s, "method": key[0], "name": key[1], "response_time_s": duration_ms / 1e3}
            status = str(kind.tags.get("status", "0"))
            row["status"] = int(status) if status.isdigit() else 0
            return row | ({"error": kind.error} if kind.failure is not None else {})

        cell.floor_ms = self._exemplars.keep(key, duration_ms, described)

    def _error(self, kind: RequestKind) -> None:
        assert kind.failure is not None  # noqa: S101 (for mypy)
        sample = ErrorSample(kind.endpoint, kind.failure, kind.error)
        count_error(self._batch.errors, sample, _ERROR_TEXTS)

    def _other(self, line: bytes) -> None:
        try:
            entry = orjson.loads(line)
            metric, data = entry["metric"], entry["data"]
            if entry["type"] == "Metric":
                self._series.define(metric, data["type"], data["contains"])
                return
            tags, value, time_s = data["tags"] or {}, float(data["value"]), _moment(data["time"].encode())
            group = str(tags.get("group", ""))
            self._sample(metric, tags, value, time_s)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
            self.garbage += 1
            return
        self._newest_s = max(self._newest_s, time_s)
        scenario = str(tags.get("scenario", ""))
        if metric == words.ITERATION_TIME and not group.startswith(words.SETUP_AND_TEARDOWN):
            self._batch.iterations += 1
            self._arrivals.ended(scenario, time_s, value)
        elif metric == words.DROPPED:
            self._arrivals.dropped(scenario, time_s, value)
        if metric == words.ITERATION_TIME and self.first_s is None and not group.startswith("::setup"):
            self._began(time_s, value)

    def _sample(self, metric: str, tags: dict[str, Any], value: float, time_s: float) -> None:
        self.samples[metric] += 1
        if metric in self._subs:
            self._count_subs(metric, tags)
        if metric in words.OF_A_REQUEST:
            return
        if metric == words.CHECKS:
            name = f"{tags.get('group', '')}::{tags.get('check', '')}".removeprefix("::")
            if name not in self.checks and len(self.checks) >= MOST_CHECKS:
                name = OTHER_CHECKS
            for counts in (self.checks, self._checks):
                counts.setdefault(name, [0, 0])[value == 0] += 1
        self._series.add(metric, value, time_s)

    def _count_subs(self, metric: str, tags: dict[str, Any]) -> None:
        for wanted in self._subs.get(metric, ()):
            if all(tags.get(key) == value for key, value in wanted):
                self.sub_samples[metric, wanted] += 1

    def _began(self, ended_s: float, duration_ms: float) -> None:
        self.first_s = ended_s - duration_ms / 1e3

    def _second(self, written: bytes) -> int:
        """The whole second of a time such as 2026-11-22T15:39:50.554963052Z or with +01:00 at the end."""
        key = written[:19] if written.endswith(b"Z") else written[:19] + written[-6:]
        second = self._seconds.get(key)
        if second is None:
            if len(self._seconds) >= _SECONDS_KEPT:
                self._seconds.clear()
            second = self._seconds[key] = int(_moment(written) // 1)
        return second


def _moment(written: bytes) -> float:
    """Seconds since the epoch. Raises ValueError for what is no time with a zone."""
    moment = datetime.fromisoformat(written.decode("ascii"))
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment.timestamp()


def _waiting(timed: dict[bytes, _Timed]) -> _Timed:
    """Its lines have the tags of the request's own line."""
    http = next(one for one in timed.values() if one.metric == words.REQUEST_TIME)
    return _Timed(words.WAITING, (_POINT % words.WAITING).encode(), http.kinds, http.make)


def _timed(sub_metrics: Iterable[str]) -> list[_Timed]:
    """The metrics that requests are counted by; those that a sub-metric asks for keep their address."""
    return [
        _Timed(metric, (_POINT % metric).encode(), RequestKinds(with_url=metric in sub_metrics), make)
        for metric, make in PROTOCOLS.items()
    ]
