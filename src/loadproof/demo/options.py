"""What the demo is asked to do, and what it says once it is ready."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pydantic import TypeAdapter

from loadproof.demo.error import DemoError
from loadproof.units import format_count

DEFAULT_ROWS = 200_000
#: Below it the proportions between the tables no longer hold (user1 to user1000 exist at any size).
MINIMUM_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """How to serve the demo.

    Attributes:
        host: address to listen on.
        port: TCP port, 0 for a free one.
        rows: number of transactions; users, loans, products and orders are in proportion.
        faults: `name` or `name=value` each, on from the start.
        admin: whether faults can be switched at /admin/faults while it runs; 404 when not.
        pool_size: connections from the service to PostgreSQL.
        database_url: a PostgreSQL to use; without it a temporary one is started. The service works in
            a schema of its own there (`loadproof_demo`), which it makes anew and removes at the end.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    rows: int = DEFAULT_ROWS
    faults: tuple[str, ...] = ()
    admin: bool = False
    pool_size: int = 10
    database_url: str | None = None

    def __post_init__(self) -> None:
        if self.rows < MINIMUM_ROWS:
            raise DemoError(f"--rows {self.rows} is too few", f"ask for at least {MINIMUM_ROWS:,}")
        if not 1 <= self.pool_size <= 90:
            raise DemoError(f"--pool-size {self.pool_size} is out of range", "ask for 1 to 90 connections")
        if not 0 <= self.port <= 65535:
            raise DemoError(f"--port {self.port} is not a port", "ask for 1 to 65535, or 0 for a free one")


@dataclass(frozen=True, slots=True)
class Ready:
    """The service answers now: where, on what data, and what a monitor needs to watch it.

    Attributes:
        base_url: such as http://127.0.0.1:8000, without a slash at the end.
        pid: of the service's only process.
        rows: number of transactions.
        database_url: of the temporary PostgreSQL; None for a database given by its URL, which may
            hold a password.
        postgres_pid: of the temporary PostgreSQL; None for one given by its URL.
        postgres_version: such as "18.4".
        faults: those that are on.
        started_in_s: seconds from the call to now: database started, seeded and connected.
    """

    base_url: str
    pid: int
    rows: int
    database_url: str | None
    postgres_pid: int | None
    postgres_version: str
    faults: tuple[str, ...]
    started_in_s: float

    def __str__(self) -> str:
        faults = f", faults: {' '.join(self.faults)}" if self.faults else ""
        return (
            f"demo service ready at {self.base_url}: {format_count(self.rows)} transactions"
            f" on PostgreSQL {self.postgres_version}{faults}"
        )


OPTIONS: Final = TypeAdapter(DemoOptions)
READY: Final = TypeAdapter(Ready)
"""Both travel as one line of JSON: to the process that serves, and back."""
