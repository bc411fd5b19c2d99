"""Workers that a program keeps for requests: how many it may have, and what it tells of them itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from loadproof.model import Unit
from loadproof.monitors.limits import interpreter_locks
from loadproof.monitors.parts import containers
from loadproof.monitors.readings import gunicorn, php_fpm, uwsgi
from loadproof.monitors.readings.threads import request_threads

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from loadproof.monitors.parts.part import Part
    from loadproof.monitors.parts.table import ProcessTable
    from loadproof.monitors.source import Row


@dataclass(slots=True)
class ServiceWorkers:
    """PHP-FPM's by its configuration and status page, gunicorn's and uWSGI's by their options, those of a JVM
    and of Puma by names of threads.
    """

    _asked: dict[str, list[php_fpm.FpmPool]] = field(default_factory=dict)
    """Pools by part, whose status pages may be reached."""

    def renew(self, part: Part, working: Sequence[int], table: ProcessTable) -> None:
        """Corrects `part.workers`, where the program says more than the number of its processes."""
        if part.program == "php-fpm" and part.pids:
            self._php_fpm(part, table)
        elif part.program == "uwsgi" and part.pids:
            _uwsgi(part, table)
        elif part.program == "gunicorn" and part.pids:
            _gunicorn(part, len(working), table)
        elif part.runtime in {"java", "ruby"} and (threads := sum(map(request_threads, working))):
            part.workers, part.pool = threads, True

    def rows(self, part: Part) -> Iterator[Row]:
        """What status pages tell, where they are on and somebody was free to answer."""
        asked = self._asked.get(part.name, ())
        told = [found for pool in asked if (found := php_fpm.status(pool, _root(min(part.pids, default=0))))]
        if not told or len(told) < len(asked):
            return
        most = float(sum(pool.most for pool in asked))
        yield f"{part.name}.workers.busy", float(sum(one.active for one in told)), Unit.COUNT, most
        reached = float(sum(one.max_children_reached for one in told))
        yield f"{part.name}.workers.limit_reached", reached, Unit.COUNT, None
        yield f"{part.name}.requests.slow", float(sum(one.slow for one in told)), Unit.COUNT, None

    def _php_fpm(self, part: Part, table: ProcessTable) -> None:
        first = min(part.pids)
        titles = (" ".join(table.arguments(pid)) for pid in sorted(part.roots))
        known = next((found for title in titles if (found := php_fpm.pools(title, _root(first)))), [])
        used = php_fpm.used_by(known, part.addresses)
        part.workers = sum(pool.most for pool in used) or part.workers
        # In another network namespace 127.0.0.1:9000 is another place.
        apart = containers.has_own_network(first)
        self._asked[part.name] = [pool for pool in used if not apart or pool.address.startswith("unix:")]


def _uwsgi(part: Part, table: ProcessTable) -> None:
    first = min(part.pids)
    told = uwsgi.options(table.arguments(first), table.environment(first), _root(first), table.folder(first))
    if told is None or not told.processes:
        return
    if told.threads:
        part.workers = told.processes * told.threads
    if told.python and (part.cores is None or told.processes < part.cores.value):
        part.cores = interpreter_locks(told.processes)


def _gunicorn(part: Part, processes: int, table: ProcessTable) -> None:
    first = min(part.pids)
    told = gunicorn.options(
        table.arguments(first), table.environment(first), _root(first), table.folder(first)
    )
    if told is not None:
        # Threads that nobody told of may be the application's own: their number says nothing.
        part.workers = processes * (told.threads or 0)
        part.loops = part.loops or told.threads == 0


def _root(pid: int) -> Path:
    """The file system that a process sees: of a container its own."""
    return Path(f"/proc/{pid}/root")
