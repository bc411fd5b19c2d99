"""A part of a service: one program, with all its processes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from loadproof.monitors.limits import PartLimit

DATA_STORES: Final = frozenset(
    {"postgres", "mysqld", "mariadbd", "redis-server", "valkey-server", "memcached", "mongod", "sqlservr"}
)
_VERSIONED = re.compile(r"(python|pypy|php-fpm|php-cgi|php|ruby|perl|node|java)-?[0-9][0-9.]*")
_INTERPRETER_THREAD: Final = "MainThread"
"""What Node calls its first thread, and so the whole process in `ps`: its program tells more."""

_PORT = re.compile(r"(?<=[: ])[0-9]+$")


class PartRole(StrEnum):
    """Why a part belongs to the service."""

    ENTRY = "entry"
    """It listens on the target's port."""
    BEHIND = "behind"
    """A part before it hands it work."""
    DATABASE = "database"
    NAMED = "named"
    """Below `monitors: process:`."""


@dataclass(slots=True)
class Part:
    """One program of the service. `name` is unique among the parts of a run."""

    name: str
    program: str
    role: PartRole
    depth: int
    """0 is what the load meets; 1 is what that hands work to; and so on."""
    reached: str
    """How: "port 8000", "unix:/run/php-fpm.sock", "a child of gunicorn"."""
    roots: set[int] = field(default_factory=set)
    pids: set[int] = field(default_factory=set)
    """All processes that live; zombies are none."""
    addresses: set[str] = field(default_factory=set)
    """Where it listens, as far as work was seen to be handed to it there."""
    found_from: str = ""
    """The part that was seen to hand it work."""
    most: int = 0
    """The most processes at one time."""
    begun: int = 0
    ended: int = 0
    """Processes that came and went while it was watched."""
    cores: PartLimit | None = None
    memory: PartLimit | None = None
    heap: PartLimit | None = None
    """Of one of its processes, as its arguments say."""
    workers: int = 0
    """Requests that it can have in progress at once, where each takes a worker to itself; 0 is not known."""
    pool: bool = False
    """Whether it is known that each worker has one request at a time."""
    loops: bool = False
    """Whether each of its processes is an event loop, as far as its name and arguments tell."""
    threaded: bool = False
    """Whether one of its processes was ever seen with several threads: it starts one for each connection, and
    is no single worker when they are gone."""
    runtime: str = ""
    shared: bool = True
    """Memory counts shared pages once (PSS); False: once for each process (RSS)."""

    @property
    def replaced(self) -> int:
        """Processes that ended and had a successor."""
        return min(self.begun, self.ended)

    def facts(self) -> dict[str, Any]:
        """For the run file."""
        return {
            "name": self.name, "program": self.program, "role": str(self.role), "depth": self.depth,
            "reached": self.reached, "processes": self.most, "replaced": self.replaced,
            "workers": self.workers, "pool": self.pool, "loops": self.loops,
            "runtime": self.runtime, "memory_is": "PSS" if self.shared else "RSS",
            "cores": self.cores.facts() if self.cores else None,
            "memory": self.memory.facts() if self.memory else None,
            "heap": self.heap.facts() if self.heap else None,
        }  # fmt: skip


SERVERS: Final = frozenset(
    {"gunicorn", "uwsgi", "uvicorn", "hypercorn", "daphne", "granian", "waitress", "waitress-serve", "puma",
     "unicorn"}
)  # fmt: skip
"""Programs that people start through their interpreter as well: `python -m uvicorn`."""
_FIRST_WORDS: Final = 4
"""Of a command line: the interpreter, an option or two, and what it runs."""


def program_name(comm: str, executable: str, arguments: Sequence[str] = ()) -> str:
    """The name that people know: as `ps -e` has it, without a version and without what a title adds.

    `php-fpm8.2` is php-fpm, `python3.11` is python, `gunicorn: master` is gunicorn, and so is
    `python -m gunicorn`.
    """
    if without_version(comm) in {"python", "ruby"}:
        for word in arguments[1:_FIRST_WORDS]:
            if (name := word.rpartition("/")[2].removesuffix(".py")) in SERVERS:
                return name
    name = comm.partition(":")[0].strip()
    if not name or _INTERPRETER_THREAD in name:
        name = executable.rpartition("/")[2].removesuffix(" (deleted)")
    return without_version(name or comm)


def without_version(name: str) -> str:
    """`php-fpm8.2` is php-fpm; the 2 of apache2 belongs to its name."""
    match = _VERSIONED.fullmatch(name)
    return match[1] if match else name


def unique(program: str, reached: str, taken: Iterable[str]) -> str:
    """The program's name, with its port where another part has the name, or else with a number."""
    names = set(taken)
    port = _PORT.search(reached)
    for name in (program, *([f"{program}:{port[0]}"] if port else [])):
        if name not in names:
            return name
    return next(name for number in range(2, 10_000) if (name := f"{program}-{number}") not in names)


def tree_line(parts: Iterable[tuple[str, int, int]]) -> str:
    """`nginx (3) → php-fpm (5) → mariadbd (1)` of (name, depth, processes)."""
    levels: dict[int, list[str]] = {}
    for name, depth, processes in parts:
        levels.setdefault(depth, []).append(f"{name} ({processes})")
    return " → ".join(", ".join(levels[depth]) for depth in sorted(levels))
