"""The demo: a loan service in FastAPI on a real PostgreSQL, with faults that can be switched on.

It exists to be loaded: the scenarios that Loadproof is shown with run against it, and accuracy tests rely
on its faults and on its exact counts. `serve` runs it here; `running` runs it in a process of its own.

The web framework and PostgreSQL come with the extra `demo`. This package imports without it; `serve` and
`running` then raise `DemoError`.

Anonymous callers may use every endpoint but these, which need a bearer token: GET /api/dashboard,
POST /api/loans, GET /api/transactions. A token that is sent is checked everywhere.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

from loadproof.demo.error import DemoError
from loadproof.demo.faults import FAULTS, Fault, FaultSetting, parse_fault
from loadproof.demo.options import DEFAULT_ROWS, DemoOptions, Ready
from loadproof.demo.running import RunningDemo, running

__all__ = [
    "DEFAULT_ROWS",
    "FAULTS",
    "DemoError",
    "DemoOptions",
    "Fault",
    "FaultSetting",
    "Ready",
    "RunningDemo",
    "parse_fault",
    "require_extra",
    "running",
    "serve",
]

_EXTRA = ("fastapi", "httptools", "uvicorn", "psycopg", "psycopg_pool", "prometheus_client")


def require_extra() -> None:
    """Raise DemoError, with the command that installs it, when the extra `demo` is missing."""
    missing = [name for name in _EXTRA if importlib.util.find_spec(name) is None]
    if missing:
        raise DemoError(f"the demo needs {', '.join(missing)}", "pip install 'loadproof[demo]'")


def serve(
    options: DemoOptions | None = None,
    *,
    on_ready: Callable[[Ready], None] | None = None,
    while_stdin_is_open: bool = False,
) -> None:
    """Start PostgreSQL, seed it, serve until SIGTERM, SIGINT or SIGHUP, and stop everything.

    Must be called in the main thread of a process of its own: it takes over those signals, and
    PostgreSQL dies with the thread that calls it. The first signal lets the requests in flight finish.

    Args:
        options: DemoOptions() when not given.
        on_ready: called once when requests are answered; by default it prints one line.
        while_stdin_is_open: also stop when standard input ends, which ties the service to whoever holds
            the other end of that pipe.

    Raises:
        DemoError: a fault that does not exist, a port in use, no PostgreSQL, the extra is missing.
            Nothing is left running.
    """
    require_extra()
    from loadproof.demo.server import serve as serve_here

    serve_here(options or DemoOptions(), on_ready or _print_ready, while_stdin_is_open=while_stdin_is_open)


def _print_ready(ready: Ready) -> None:
    print(ready, flush=True)
