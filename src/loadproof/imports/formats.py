"""Which file is what, told by its content: names say nothing, `results.json` least of all."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Final, cast

from loadproof.errors import ConfigError, Problem
from loadproof.extensions import extensions, load_extension
from loadproof.imports.jtl_line import SEPARATORS, is_sample
from loadproof.imports.stream import HEAD_BYTES, unpacked_head

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from loadproof.imports.aggregate import Aggregate
    from loadproof.imports.stream import OnBytes
    from loadproof.runfile.reader import Run


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of file."""

    name: str
    recognises: Callable[[bytes], bool]
    """By the first 4 KiB of its content."""
    function: str
    """"module:function", `(Path, OnBytes | None) -> Run | Aggregate`; imported when used.

    A module of this package begins with a dot: ".jtl:read_jtl".
    """
    several: bool = False
    """It may hold several runs: the function's third argument says which, counted from 1."""


def _starts(*beginnings: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.lstrip().startswith(beginnings)


def _is_k6_json(head: bytes) -> bool:
    first = head.lstrip().partition(b"\n")[0].replace(b" ", b"")
    known = (b'"type":"Metric"', b'"type":"Point"')
    return first.startswith(b"{") and b'"metric":' in first and any(word in first for word in known)


def _is_k6_summary(head: bytes) -> bool:
    known = (b'"root_group"', b'"metrics"', b'"testRunDurationMs"', b'"summaryTrendStats"', b'"results"')
    return head.lstrip().startswith(b"{") and any(word in head for word in known)


def _is_locust_json(head: bytes) -> bool:
    known = (b'"num_requests"', b'"response_times"')
    return head.lstrip().startswith(b"[") and any(word in head for word in known)


def _is_jtl(head: bytes) -> bool:
    line = head.partition(b"\n")[0]
    if b"timeStamp" in line and b"elapsed" in line:
        return True
    # Without a header: a time stamp, a duration, six fields later true or false.
    text = line.decode("utf-8", "replace").strip()
    return any(is_sample(text, known) for known in SEPARATORS)


_PACKAGE: Final = "loadproof.imports"
FORMATS: Final = (
    Format("k6 JSON output", _is_k6_json, ".k6_json:read_k6_json"),
    Format("k6 CSV output", _starts(b"metric_name,timestamp,metric_value"), ".k6_csv:read_k6_csv"),
    Format("k6 summary", _is_k6_summary, ".k6_summary:read_k6_summary"),
    Format("Locust statistics", _starts(b"Type,Name,Request Count"), ".locust_csv:read_locust_stats"),
    Format("Locust history", _starts(b"Timestamp,User Count,Type,Name"), ".locust_csv:read_locust_history"),
    Format("Locust JSON", _is_locust_json, ".locust_json:read_locust_json"),
    Format("JMeter JTL", _is_jtl, ".jtl:read_jtl", several=True),
    Format("JMeter JTL in XML", lambda head: b"<testResults" in head, ".jtl_xml:read_jtl_xml", several=True),
)
"""In order: the first that recognises a file reads it. Other packages add theirs, see `formats`."""

_STATS_HINT: Final = "give the file that ends in _stats.csv: it is read together with this one"
_REFUSED: Final = (
    (_starts(b"Method,Name,Error,Occurrences"), "this has Locust's failures only, no requests", _STATS_HINT),
    (_starts(b"Count,Message,Traceback"), "this has Locust's exceptions only, no requests", _STATS_HINT),
)
"""Files that are known and hold no results, or not in a way that can be read."""


def formats() -> tuple[Format, ...]:
    """All, those of other packages at the end: entry points of the group `loadproof.imports`."""
    return (*FORMATS, *(cast("Format", load_extension("imports", name)) for name in extensions("imports")))


def recognise(head: bytes) -> bool:
    """Whether the first 4 KiB of a file are those of an import, or of one that `read_import` refuses well."""
    content = unpacked_head(head)
    return any(known.recognises(content) for known in formats()) or any(
        is_it(content) for is_it, *_ in _REFUSED
    )


def read_import(path: Path, on_bytes: OnBytes | None = None, run: int | None = None) -> Run | Aggregate:
    """What is in a file of k6, Locust or JMeter; `run` says which of several that were appended.

    Raises:
        ConfigError: it is none of these, or cannot be read, or is damaged, or holds no such run.
    """
    where = str(path)
    try:
        with path.open("rb") as stream:
            head = unpacked_head(stream.read(HEAD_BYTES))
    except OSError as error:
        raise ConfigError(Problem(f"cannot be read: {error.strerror}", where)) from error
    for known in formats():
        if known.recognises(head):
            module, _, name = known.function.partition(":")
            function = getattr(import_module(module, _PACKAGE), name)
            if known.several:
                choose = cast("Callable[[Path, OnBytes | None, int | None], Run | Aggregate]", function)
                return choose(path, on_bytes, run)
            if run is not None and run != 1:
                raise ConfigError(Problem(f"there is no run {run}: a {known.name} holds 1", where, "--run 1"))
            read = cast("Callable[[Path, OnBytes | None], Run | Aggregate]", function)
            return read(path, on_bytes)
    for is_it, message, hint in _REFUSED:
        if is_it(head):
            raise ConfigError(Problem(message, where, hint))
    names = ", ".join(known.name for known in formats())
    raise ConfigError(Problem("this is no result that can be read", where, f"known are: {names}"))
