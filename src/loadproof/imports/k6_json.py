"""k6's `--out json`: one line for each sample, nine samples for each request.

The lines go to the reader that follows k6 while it runs (engines/k6/reader.py), in large blocks, so that an
imported file and a run of Loadproof's own give the same slices. That reader knows k6's own spelling of a line
only; lines that went through another program (jq, a log shipper) are brought back to it first.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import orjson

from loadproof.engines.k6.reader import OutputReader
from loadproof.imports.aggregate import NO_HEALTH
from loadproof.imports.recorded import recorded_run
from loadproof.imports.slices import SliceTable
from loadproof.imports.stream import blocks_of_lines, open_bytes
from loadproof.model import Requirement, Subject
from loadproof.plan.expressions import requirement_id, split_metric, threshold_requirement

if TYPE_CHECKING:
    from pathlib import Path

    from loadproof.imports.stream import OnBytes
    from loadproof.runfile.reader import Run

FORMAT: Final = "k6 JSON output"
_POINT, _METRIC = b',"type":"Point","data":{"time":"', b'{"type":"Metric"'
_DRAIN_EVERY_BYTES: Final = 32 << 20


def read_k6_json(path: Path, on_bytes: OnBytes | None = None) -> Run:
    """The run in a file of `k6 run --out json=FILE`, also packed by gzip.

    Thresholds of the script that speak of requests become the run's requirements. Memory is bounded by the
    seconds and endpoints of the run, whatever the size of the file.

    Raises:
        ConfigError: it cannot be read, or holds no request.
    """
    reader, table = OutputReader(), SliceTable()
    statuses: dict[str, Counter[str]] = defaultdict(Counter)
    thresholds: dict[str, list[str]] = {}
    readings = []
    waiting = 0
    cut = False
    with open_bytes(path, on_bytes) as stream:
        for block in blocks_of_lines(stream):
            cut = not block.endswith(b"\n") and not block.rstrip().endswith(b"}")
            spelt = _in_k6_spelling(block)
            _collect_thresholds(spelt, thresholds)
            reader.feed(spelt)
            waiting += len(block)
            if waiting >= _DRAIN_EVERY_BYTES:
                waiting = 0
                readings += _take(reader, table, statuses)
    reader.close()
    readings += _take(reader, table, statuses)
    limits = [NO_HEALTH]
    if cut:
        limits.append("the file is cut off in the middle of a line: what k6 wrote behind it is not judged")
    if reader.garbage > cut:
        limits.append(f"{reader.garbage - cut:,} lines are no samples of k6's: cut off or changed")
    span = None if reader.first_s is None or reader.last_s is None else (reader.first_s, reader.last_s)
    requirements = _requirements(thresholds, path.name)
    return recorded_run(
        path, "k6", FORMAT, table, span, readings=readings, requirements=requirements, limits=limits,
        checks=reader.checks, statuses=statuses,
    )  # fmt: skip


def _take(reader: OutputReader, table: SliceTable, statuses: dict[str, Counter[str]]) -> list[Any]:
    batch = reader.drain()
    for part in batch.slices:
        part.received_bytes = None  # k6 tells it for all requests together only
    table.merge(batch.slices)
    for sample, count in batch.errors.items():
        table.error(sample.endpoint, sample.text, count)
    for endpoint, counts in batch.statuses.items():
        statuses[str(endpoint)].update(counts)
    return batch.readings


def _in_k6_spelling(block: bytes) -> bytes:
    """The same lines, each one as k6 itself writes it."""
    if not block.endswith(b"\n"):
        block += b"\n"
    if block.count(_POINT) + block.startswith(_METRIC) + block.count(b"\n" + _METRIC) == block.count(b"\n"):
        return block
    return b"".join(_respelt(line) + b"\n" for line in block.split(b"\n") if line.strip())


def _respelt(line: bytes) -> bytes:
    if line.startswith(b'{"metric":"') and _POINT in line:
        return line
    try:
        entry = orjson.loads(line)
        data = entry["data"]
        if entry["type"] == "Metric":
            return orjson.dumps({"type": "Metric", "data": data, "metric": entry["metric"]})
        if entry["type"] != "Point":
            return line
        point = {"time": data["time"], "value": data["value"], "tags": data.get("tags") or {}}
        return orjson.dumps({"metric": entry["metric"], "type": "Point", "data": point})
    except (orjson.JSONDecodeError, TypeError, KeyError, AttributeError):
        return line  # the reader counts it as garbage


def _collect_thresholds(block: bytes, found: dict[str, list[str]]) -> None:
    """Each metric's thresholds, from the line that defines it."""
    at = block.find(_METRIC)
    while at >= 0:
        end = block.find(b"\n", at)
        try:
            entry = orjson.loads(block[at : end if end >= 0 else None])
            texts = entry["data"].get("thresholds") or []
            found[str(entry["metric"])] = [text for text in texts if isinstance(text, str)]
        except (orjson.JSONDecodeError, TypeError, KeyError, AttributeError):
            pass  # the reader counts it as garbage
        at = block.find(_METRIC, at + 1)


def _requirements(thresholds: dict[str, list[str]], source: str) -> list[Requirement]:
    made = []
    for metric, expressions in thresholds.items():
        for expression in expressions:
            try:
                made.append(_on_checks(threshold_requirement(metric, expression, source)))
            except ValueError:
                continue  # k6 refuses it as well, and would not have run
    return made


def _on_checks(required: Requirement) -> Requirement:
    """A threshold on k6's `checks`, of all or of one: the file has what it is about."""
    base, tags = split_metric(required.metric) if required.metric else ("", ())
    if base != "checks" or [name for name, _ in tags] not in ([], ["check"]):
        return required
    name = tags[0][1] if tags else ""
    identity = requirement_id(Subject.CHECKS, required.statistic, required.operator, metric=name)
    return replace(required, id=identity, subject=Subject.CHECKS, metric=name)
