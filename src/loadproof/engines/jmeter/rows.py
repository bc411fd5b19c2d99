"""JMeter's results, XML through a pipe, added up as they come: requests, sums of requests, checks.

A row is a family: a request that was redirected or has embedded parts stands around them, a transaction that
makes a parent sample around its requests. What went over the network are the leaves; whatever stands around
others, and a transaction's row, is a sum of them (JMeter's own rule knows it by its message). A sum is an
endpoint of its own and no request.

JMeter writes elapsed times in whole milliseconds.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final
from xml.parsers import expat

import numpy as np

from loadproof.engines.error_samples import ErrorSample, count_error
from loadproof.engines.exemplars import Exemplars
from loadproof.engines.jmeter.batch import Batch, PassConditions
from loadproof.engines.jmeter.outcomes import CUT_BY_STOP, failure_kind, failure_text
from loadproof.engines.jmeter.samplers import KnownLabel, RowNature, Samplers
from loadproof.histogram import Histogram
from loadproof.model import FIRST_BYTE, PAGE, SCRIPT, TRANSACTION, Endpoint, FailureKind, Slice
from loadproof.safety.redact import redact_text, redact_url

_SAMPLES: Final = frozenset({"httpSample", "sample"})
_TEXTS: Final = frozenset({"name", "failure", "error", "failureMessage", "java.net.URL"})
_IN_TRANSACTION: Final = "Number of samples in transaction : "
_NOT_XML = re.compile(
    rb"&#(?:x0*(?:[0-8bcef]|1[0-9a-f]|fff[ef])|0*(?:[0-8]|1[124-9]|2\d|3[01]));", re.IGNORECASE
)
"""References to characters that XML 1.0 does not allow, which JMeter writes all the same."""
_REFERENCE_LENGTH: Final = 12
_FOLD_AT: Final = 8192
_ERROR_TEXTS: Final = 200
_NAMES_KEPT: Final = 20_000
_CUT_SLACK_MS: Final = 50
"""The log's line is written before the first user is interrupted, by a clock of whole milliseconds."""


@dataclass(slots=True)
class _Frame:
    """A sample element that is open."""

    http: bool
    a: dict[str, str]
    url: str = ""
    has_children: bool = False
    leaves: list[_Leaf] = field(default_factory=list)
    said: str = ""
    """Of its first failed assertion."""


@dataclass(slots=True)
class _Leaf:
    frame: _Frame
    known: KnownLabel
    failed: bool
    said: str


@dataclass(slots=True)
class _Cell:
    """One second of one endpoint while it is being read."""

    requests: int = 0
    bytes: int = 0
    durations_ms: list[int] = field(default_factory=list)
    failures: Counter[FailureKind] = field(default_factory=Counter)
    floor_ms: float = 0.0
    response: Histogram = field(default_factory=Histogram)

    def took(self, duration_ms: int) -> None:
        self.durations_ms.append(max(0, duration_ms))
        if len(self.durations_ms) >= _FOLD_AT:
            self.fold()

    def fold(self) -> None:
        self.response.record_all(np.array(self.durations_ms) / 1e3)
        self.durations_ms.clear()


class Rows:
    """`feed` bytes in one thread, `drain` in another. Memory is bounded by the endpoints in use."""

    def __init__(self, samplers: Samplers, outside_load: frozenset[str] = frozenset(),
                 slow_s: float | None = None, *, first_bytes: bool = False) -> None:  # fmt: skip
        """`outside_load` are the names of set-up and tear-down groups; see `Exemplars` for `slow_s`.

        `first_bytes`: JMeter's latency of good answers is told, too, where it wrote one.
        """
        self.requests = 0
        """All leaves on the network so far."""
        self.told = 0
        """Rows that JMeter's own summary counts: at the top, and of no transaction."""
        self.first_s: float | None = None
        """When the first row outside set-up began."""
        self.last_s: float | None = None
        self.broken = ""
        """Why the rest could not be read."""
        self.complete = False
        """Whether the document was closed."""
        self.stopping = False
        """Whether JMeter was told to stop at once: what it cuts off is no failure of the service."""
        self.cut_from_s: float | None = None
        """Since when an Open Model Thread Group cuts off what its schedule did not leave time for."""
        self.cut_off = 0
        """Requests that were cut off so."""
        self._samplers = samplers
        self._outside = outside_load
        self._first_bytes = first_bytes
        self._lock = threading.Lock()
        self._batch = Batch()
        self._conditions = PassConditions()
        self._cells: dict[tuple[int, Endpoint], _Cell] = {}
        self._endpoints: dict[tuple[str, str], Endpoint] = {}
        self._held: list[_Leaf] = []
        self._stack: list[_Frame] = []
        self._check: dict[str, str] | None = None
        self._text: list[str] | None = None
        self._rest = b""
        self._closed = False
        self._latest_s = 0.0
        self._exemplars = Exemplars(lambda: self._latest_s, slow_s)
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters

    def feed(self, data: bytes) -> None:
        """Take the next bytes, which may begin and end anywhere."""
        if self.broken:
            return
        data = self._rest + data
        # A reference may be cut in two.
        cut = data.rfind(b"&", -_REFERENCE_LENGTH)
        if cut >= 0 and b";" not in data[cut:]:
            data, self._rest = data[:cut], data[cut:]
        else:
            self._rest = b""
        with self._lock:
            self._parse(data)

    def close(self) -> None:
        """The pipe has ended."""
        with self._lock:
            self._closed = True
            for leaf in self._held:
                self._settle(leaf)
            self._held.clear()

    def drain(self) -> Batch:
        """All that was read since the last call; slices of a second may come in several batches."""
        with self._lock:
            cells, self._cells = self._cells, {}
            batch, self._batch = self._batch, Batch()
            batch.slow = self._exemplars.take(everything=self._closed)
        for (second, endpoint), cell in cells.items():
            cell.fold()
            failures = dict(cell.failures)
            batch.slices.append(Slice(second, endpoint, cell.requests, failures, cell.bytes, cell.response))
        return batch

    def conditions(self) -> PassConditions:
        """What is known of the conditions of validity, since the last call."""
        with self._lock:
            taken, self._conditions = self._conditions, PassConditions()
        return taken

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.Parse(_NOT_XML.sub("\ufffd".encode(), data) if b"&#" in data else data)
        except expat.ExpatError as error:
            self.broken = f"{expat.errors.messages[error.code]} in line {error.lineno} of JMeter's results"
        except (ValueError, KeyError, IndexError) as error:
            self.broken = f"{error!r} in line {self._parser.CurrentLineNumber} of JMeter's results"

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag in _SAMPLES:
            if self._stack:
                self._stack[-1].has_children = True
            self._stack.append(_Frame(tag == "httpSample", attributes))
        elif tag == "assertionResult":
            self._check = {}
        elif tag in _TEXTS:
            self._text = []

    def _characters(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)

    def _end(self, tag: str) -> None:
        if tag in _SAMPLES:
            self._sample(self._stack.pop())
        elif tag == "assertionResult":
            check, self._check = self._check or {}, None
            self._checked(check)
        elif tag == "testResults":
            self.complete = True
        elif tag in _TEXTS and self._text is not None:
            text, self._text = "".join(self._text), None
            if tag == "java.net.URL":
                self._stack[-1].url = text
            elif self._check is not None:
                self._check[tag] = text

    def _checked(self, check: dict[str, str]) -> None:
        frame = self._stack[-1]
        failed = "true" in (check.get("failure"), check.get("error"))
        if failed and not frame.said:
            frame.said = f"{check.get('name', '')}: {check.get('failureMessage', '')}".strip(": ")
        key = (check.get("name", ""), frame.a["lb"])
        if key in self._conditions.checks or len(self._conditions.checks) < _ERROR_TEXTS:
            self._conditions.checks.setdefault(key, [0, 0])[failed] += 1

    def _sample(self, frame: _Frame) -> None:
        """One sample is complete, with all below it."""
        failed = frame.a["s"] != "true"
        transaction = not frame.http and frame.a.get("rm", "").startswith(_IN_TRANSACTION)
        part = bool(self._stack) and self._stack[-1].http
        known = self._samplers.of(frame.a["lb"], http=frame.http, part=part)
        if transaction or (frame.has_children and not self._itself(frame, known)):
            scripted = not transaction and known.nature is RowNature.SCRIPT
            kind = PAGE if frame.http else SCRIPT if scripted else TRANSACTION
            self._sum(frame, self._endpoint(kind, known.name), failed=failed)
        elif not _from_cache(frame):
            frame.leaves.append(_Leaf(frame, known, failed, frame.said))
        if not transaction and (not self._stack or not self._stack[-1].http):
            self._started(frame)
        if self._stack:
            self._stack[-1].leaves += frame.leaves
            return
        self._conditions.played += not transaction
        self.told += not transaction
        self._span(frame)
        for leaf in frame.leaves:
            if leaf.failed and any(text in leaf.frame.a.get("rm", "") for text in CUT_BY_STOP):
                self._held.append(leaf)
            else:
                self._leaf(leaf)

    @staticmethod
    def _itself(frame: _Frame, known: KnownLabel) -> bool:
        """A request that a script or a Debug PostProcessor has hung its own sample below, is still one."""
        below = (leaf.known.nature for leaf in frame.leaves)
        return known.nature is RowNature.REQUEST and RowNature.REQUEST not in below

    def _sum(self, frame: _Frame, endpoint: Endpoint, *, failed: bool) -> None:
        if failed and frame.http and frame.leaves and not any(leaf.failed for leaf in frame.leaves):
            # An assertion refused the answer to the whole: the part that it was made of has failed.
            requests = [
                leaf for leaf in frame.leaves if leaf.known.nature is RowNature.REQUEST
            ] or frame.leaves
            same = [leaf for leaf in requests if leaf.frame.url == frame.url]
            refused = (same or requests)[-1 if same else 0]
            refused.failed, refused.said = True, frame.said
        cell = self._cell(frame, endpoint)
        if failed:
            cell.failures[failure_kind(frame.a.get("rc", ""), frame.a.get("rm", ""))] += 1

    def _leaf(self, leaf: _Leaf) -> None:
        frame, a, known = leaf.frame, leaf.frame.a, leaf.known
        request = known.nature is RowNature.REQUEST
        endpoint = self._endpoint("" if request else SCRIPT, known.name)
        cell = self._cell(frame, endpoint)
        code, message = a.get("rc", ""), a.get("rm", "")
        if request:
            self.requests += 1
            self._conditions.statuses[str(endpoint)][code] += 1
            if frame.url:
                self._conditions.hosts[_host(frame.url)] += 1
            elapsed_ms = float(a["t"])
            if elapsed_ms >= cell.floor_ms:
                self._keep(cell, endpoint, leaf, elapsed_ms)
        if not leaf.failed:
            if request and self._first_bytes:
                self._first_byte(frame, endpoint)
            return
        kind = failure_kind(code, message)
        cell.failures[kind] += 1
        text = redact_text(failure_text(code, message, leaf.said))
        if not request and ("Exception" in message or "Error" in message):
            self._conditions.raised[known.name, redact_text(message)] += 1
        sample = ErrorSample(endpoint, kind, text)
        count_error(self._batch.errors, sample, _ERROR_TEXTS)

    def _first_byte(self, frame: _Frame, endpoint: Endpoint) -> None:
        latency_ms = int(frame.a.get("lt", "-1"))
        if latency_ms > 0 or (frame.http and latency_ms == 0):  # other samplers may have measured none: 0
            cell = self._cell_of(frame, Endpoint(FIRST_BYTE, str(endpoint)))
            cell.requests += 1
            cell.took(latency_ms)

    def settle(self, until_s: float) -> None:
        """Decide of requests that look cut off and ended before `until_s`: by a stop, or by the service."""
        with self._lock:
            held, self._held = self._held, []
            for leaf in held:
                if _ended_ms(leaf.frame) < until_s * 1e3:
                    self._settle(leaf)
                else:
                    self._held.append(leaf)

    def _settle(self, leaf: _Leaf) -> None:
        cut_from_s = self.cut_from_s
        cut = cut_from_s is not None and _ended_ms(leaf.frame) >= cut_from_s * 1e3 - _CUT_SLACK_MS
        if self.stopping or cut:
            self.cut_off += 1
        else:
            self._leaf(leaf)

    def _cell(self, frame: _Frame, endpoint: Endpoint) -> _Cell:
        cell = self._cell_of(frame, endpoint)
        cell.requests += 1
        cell.bytes += int(frame.a.get("by", "0"))
        cell.took(int(frame.a["t"]))
        return cell

    def _cell_of(self, frame: _Frame, endpoint: Endpoint) -> _Cell:
        a = frame.a
        second = (int(a["ts"]) + int(a["t"]) + int(a.get("it", "0"))) // 1000
        cell = self._cells.get((second, endpoint))
        if cell is None:
            cell = self._cells[second, endpoint] = _Cell()
        return cell

    def _endpoint(self, method: str, name: str) -> Endpoint:
        endpoint = self._endpoints.get((method, name))
        if endpoint is None:
            if len(self._endpoints) >= _NAMES_KEPT:
                self._endpoints.clear()
            endpoint = self._endpoints[method, name] = Endpoint(method, redact_url(name))
        return endpoint

    def _keep(self, cell: _Cell, endpoint: Endpoint, leaf: _Leaf, elapsed_ms: float) -> None:
        a = leaf.frame.a
        ended_s = (int(a["ts"]) + elapsed_ms) / 1e3
        self._latest_s = max(self._latest_s, ended_s)
        key = (endpoint.method, endpoint.name)

        def described() -> dict[str, Any]:
            code = a.get("rc", "")
            row = {"time": ended_s, "method": key[0], "name": key[1], "response_time_s": elapsed_ms / 1e3,
                   "status": int(code) if code.isdigit() else 0,
                   "received_bytes": int(a.get("by", "0"))}  # fmt: skip
            said = redact_text(failure_text(code, a.get("rm", ""), leaf.said))
            return row | ({"error": said} if leaf.failed else {})

        cell.floor_ms = self._exemplars.keep(key, elapsed_ms, described)

    def _is_outside(self, frame: _Frame) -> bool:
        """Whether a set-up or tear-down group played it."""
        return bool(self._outside) and frame.a.get("tn", "").rpartition(" ")[0] in self._outside

    def _started(self, frame: _Frame) -> None:
        if not self._is_outside(frame):
            self._batch.starts[int(frame.a["ts"]) // 1000] += 1

    def _span(self, frame: _Frame) -> None:
        if self._is_outside(frame):
            return
        start_s = int(frame.a["ts"]) / 1e3
        end_s = start_s + (int(frame.a["t"]) + int(frame.a.get("it", "0"))) / 1e3
        self.first_s = start_s if self.first_s is None else min(self.first_s, start_s)
        self.last_s = end_s if self.last_s is None else max(self.last_s, end_s)


def _ended_ms(frame: _Frame) -> int:
    return int(frame.a["ts"]) + int(frame.a["t"])


def _from_cache(frame: _Frame) -> bool:
    """Whether the Cache Manager answered: a row where `cache_manager.cached_resource_mode` wants one."""
    a = frame.a
    return frame.http and a["s"] == "true" and a.get("by") == a.get("sby") == "0"


@lru_cache(maxsize=1024)
def _host(url: str) -> str:
    """ "127.0.0.1:8000" of a URL; the port is there also where it is the scheme's own."""
    scheme, _, rest = url.partition("://")
    host = rest.partition("/")[0].partition("?")[0].rpartition("@")[2]
    if ":" in host.rpartition("]")[2]:
        return host
    return f"{host}:{443 if scheme == 'https' else 80}"
