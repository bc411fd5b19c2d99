"""Which limit of a part is the tightest, and its name: what a percentage of it is of."""

from __future__ import annotations

import contextlib
import mmap
import os
import re
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import psutil

from loadproof.units import parse_size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loadproof.monitors.parts.table import ProcessTable, Stat
    from loadproof.monitors.readings.cgroup import Cgroup

_GO_MARKS: Final = (b'Go build ID: "', b"\x04\0\0\0Go\0\0")
"""At the head of what Go's linker made: the build ID before its text, or since 1.26 its ELF note."""
_GO_HEAD_BYTES: Final = 1 << 15
"""Where the linker puts it: cmd/internal/buildid reads as much."""
_GO_INFO: Final = b"\xff Go buildinf:"
"""Further inside, also of a program that was built without an ID (debug/buildinfo)."""
_GREATEST_PROGRAM_BYTES: Final = 64 << 20
"""Looked through for it, once."""
_EXCESS: Final = 1.15
"""A process that was seen above its limit by so much is not held by it: C code may free the lock."""
POOLS: Final = frozenset(
    {"php-fpm", "gunicorn", "uwsgi", "apache2", "httpd", "unicorn", "puma", "waitress-serve", "passenger"}
)
"""Programs whose workers, or worker threads, each have one request at a time."""
_BESIDE: Final = {"apache2": 2, "httpd": 2}
"""Threads of a worker that answer nobody: Apache's first one and its listener (event, worker)."""
ASYNC: Final = re.compile(r"uvicorn|gevent|eventlet|tornado|aiohttp|asgi|asyncio", re.IGNORECASE)
"""Kinds of gunicorn's workers that have as many requests at a time as come."""
_LOOPS: Final = re.compile(
    r"(^|[/.])(uvicorn|hypercorn|daphne|granian|aiohttp|sanic|tornado|gevent|eventlet)([.:]|$)|uvicorn\.workers|asgi",
    re.IGNORECASE,
)
_ONE_THREAD: Final = "one thread"
_MOST_WORDS: Final = 20
_JAVA_HEAP = re.compile(r"-Xmx([0-9]+[kKmMgG]?)$")
_NODE_HEAP = re.compile(r"--max[-_]old[-_]space[-_]size=([0-9]+)")


@dataclass(frozen=True, slots=True)
class PartLimit:
    """The most that a part can use, in cores or bytes, and what says so: "GOMAXPROCS=1", "the machine"."""

    name: str
    value: float

    def facts(self) -> dict[str, Any]:
        """For the run file."""
        return {"name": self.name, "value": self.value}


@dataclass(frozen=True, slots=True)
class Runtime:
    """What runs a process, as far as its program, arguments and environment tell."""

    kind: str = ""
    """python, node, go, java, php, ruby; empty is any other."""
    executable: str = ""
    cores: PartLimit | None = None
    """Of one process."""
    heap: PartLimit | None = None
    loops: bool = False
    """Whether it is one of Python's event loops."""
    threads: int | None = None
    """Worker threads of one process, as its arguments say; 0 where requests do not keep a worker each."""


Stats: TypeAlias = "Mapping[int, Stat]"
Runtimes: TypeAlias = "Mapping[int, Runtime]"


def runtime_of(table: ProcessTable, pid: int) -> Runtime:
    """Looked at once for each process: all of it stays as it was at the start."""
    executable, arguments = table.executable(pid), table.arguments(pid)
    environment = table.environment(pid)
    kind = _kind(executable)
    cores, heap = None, None
    match kind:
        case "python" if not executable.endswith("t"):  # python3.14t has no such lock
            cores = interpreter_locks(1)
        case "ruby":
            cores = interpreter_locks(1)
        case "node":
            cores = PartLimit("one event loop", 1.0)
            options = " ".join([*arguments, environment.get("NODE_OPTIONS", "")])
            if found := _NODE_HEAP.search(options):
                heap = PartLimit(f"--max-old-space-size={found[1]}", int(found[1]) * 2.0**20)
        case "go" if environment.get("GOMAXPROCS", "").isdigit():
            cores = PartLimit(f"GOMAXPROCS={environment['GOMAXPROCS']}", float(environment["GOMAXPROCS"]))
        case "java":
            words = [*environment.get("JAVA_TOOL_OPTIONS", "").split(), *arguments]
            sizes = [match[1] for word in words if (match := _JAVA_HEAP.match(word))]
            if sizes:
                heap = PartLimit(f"-Xmx{sizes[-1]}", _java_bytes(sizes[-1]))
    arguments = [*arguments, *environment.get("GUNICORN_CMD_ARGS", "").split()]
    loops = kind == "python" and any(_LOOPS.search(word) for word in arguments[:_MOST_WORDS])
    return Runtime(kind, executable, cores, heap, loops, _worker_threads(arguments))


def machine(pids: Sequence[int], group: Cgroup) -> PartLimit:
    """What the machine, the affinity of the processes and their control group leave, the tightest."""
    limits = [PartLimit("the machine", float(psutil.cpu_count() or 1))]
    with contextlib.suppress(psutil.Error, AttributeError, IndexError):  # no such thing on macOS
        limits.append(PartLimit("its CPU affinity", float(len(psutil.Process(pids[0]).cpu_affinity() or ()))))
    allowed = group.cores()
    if allowed is not None:
        limits.append(PartLimit(f"its control group ({group.cores_file})", allowed))
    return min((limit for limit in limits if limit.value > 0), key=lambda limit: limit.value)


def memory(group: Cgroup) -> PartLimit:
    """Of the machine or the control group."""
    whole = PartLimit("the machine", float(psutil.virtual_memory().total))
    allowed = group.memory_limit_bytes()
    if allowed is None or allowed >= whole.value:
        return whole
    return PartLimit(f"its control group ({group.memory_file})", allowed)


def working(pids: Sequence[int], stats: Stats, runtimes: Runtimes) -> list[int]:
    """Those that do the work: not the masters, which have children that run the same program."""
    masters = {
        stats[pid].parent
        for pid in pids
        if pid in stats
        and stats[pid].parent in runtimes
        and pid in runtimes
        and runtimes[pid].executable == runtimes[stats[pid].parent].executable
    }
    return [pid for pid in pids if pid not in masters]


def answering(pids: Sequence[int], first: int, runtimes: Runtimes) -> list[int]:
    """Those that run what the `first` one does: CGI scripts, converters and the like answer nobody."""
    own = runtimes.get(first, Runtime()).executable
    return [pid for pid in pids if runtimes.get(pid, Runtime()).executable == own] or list(pids)


def of_processes(
    pids: Sequence[int], stats: Stats, runtimes: Runtimes, *, threaded: bool = False
) -> PartLimit | None:
    """What all its processes can use together, where each has a limit of its own; else None.

    `threaded`: one thread is all that they have now, and no limit.
    """
    own = [limit_of(stats[pid], runtimes.get(pid, Runtime())) for pid in pids if pid in stats]
    known = [limit for limit in own if limit and not (threaded and limit.name == _ONE_THREAD)]
    if not known or len(known) < len(own):
        return None
    name = known[0].name if len({limit.name for limit in known}) == 1 else "a limit of its own"
    return _each(name, len(known), sum(limit.value for limit in known))


def interpreter_locks(processes: int) -> PartLimit:
    """What so many processes of CPython, or of Ruby, can use together."""
    return _each("one interpreter lock", processes, float(processes))


def _each(name: str, processes: int, value: float) -> PartLimit:
    return PartLimit(name if processes == 1 else f"{processes} processes of {name} each", value)


def limit_of(stat: Stat, runtime: Runtime) -> PartLimit | None:
    """Of one process: its runtime's, or that of its only thread."""
    if runtime.cores is not None:
        return runtime.cores
    return PartLimit(_ONE_THREAD, 1.0) if stat.threads == 1 and runtime.kind != "java" else None


def exceeded(user_cores: float, limit: PartLimit) -> bool:
    """Whether a process was seen above what should have been its limit, by its own code.

    The kernel's part says nothing: threads that wait for an interpreter lock take it by system calls, each
    beside the one that has it.
    """
    return user_cores > limit.value * _EXCESS


def workers(program: str, pids: Sequence[int], stats: Stats, runtimes: Runtimes) -> int:
    """How many requests a part can have in progress at once; 0 where that is not known.

    Of unknown programs only processes of one thread are workers, and they may be event loops.
    """
    if program not in POOLS:
        single = [pid for pid in pids if pid in stats and stats[pid].threads == 1]
        return len(single) if len(single) == len(pids) else 0
    total = 0
    for pid in pids:
        threads = runtimes.get(pid, Runtime()).threads
        if threads == 0:
            return 0
        # Where the arguments do not tell how many threads a worker has: all but those that accept.
        total += threads or max(1, stats[pid].threads - _BESIDE.get(program, 1))
    return total


def _kind(executable: str) -> str:
    name = executable.rpartition("/")[2]
    for kind, beginnings in (
        ("python", ("python", "pypy")), ("node", ("node", "bun", "deno")), ("java", ("java",)),
        ("php", ("php",)), ("ruby", ("ruby",)),
    ):  # fmt: skip
        if name.startswith(beginnings):
            return kind
    return "go" if _is_go(executable) else ""


@cache
def _is_go(executable: str) -> bool:
    try:
        with open(executable, "rb") as file:  # noqa: PTH123
            head = file.read(_GO_HEAD_BYTES)
            if any(mark in head for mark in _GO_MARKS):
                return True
            if not head.startswith(b"\x7fELF") or os.fstat(file.fileno()).st_size > _GREATEST_PROGRAM_BYTES:
                return False
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
                return whole.find(_GO_INFO) >= 0
    except (OSError, ValueError):
        return False


def _worker_threads(arguments: Sequence[str]) -> int | None:
    """As gunicorn, uwsgi, waitress and puma spell it; 0 for workers of many requests each."""
    words = [part for word in arguments for part in word.split("=", 1)]
    threads = None
    for word, value in pairwise(words):
        if word in {"-k", "--worker-class"} and ASYNC.search(value):
            return 0
        if word == "--threads" and value.isdigit():
            threads = int(value)
    return threads


def _java_bytes(text: str) -> float:
    return float(parse_size(f"{text[:-1]}{text[-1].upper()}iB")) if text[-1].isalpha() else float(text)
