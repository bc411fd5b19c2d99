"""The service's connection pool, with the faults that live in it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg_pool import AsyncConnectionPool

from loadproof.demo import schema
from loadproof.demo.error import DemoError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from psycopg import AsyncConnection

    from loadproof.demo.faults import FaultSetting
    from loadproof.demo.injection import Injector

    Values = Sequence[object] | Mapping[str, object]

#: Seconds that a request waits for a connection before it is answered 503.
POOL_TIMEOUT_S = 10.0
_OPEN_LIMIT_S = 30.0
_TOUCH_HOT_ROW = "UPDATE service_totals SET writes = writes + 1 WHERE id = 1"

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class PoolState:
    """Connections that the pool may have, has and lends out, and requests that wait for one."""

    limit: int
    size: int
    used: int
    waiting: int
    usage_s: float
    """Seconds for which connections were lent, added up over all that came back."""


class Database:
    """Runs one statement at a time on a pooled connection, each its own transaction."""

    def __init__(self, url: str, pool_size: int, injector: Injector) -> None:
        self._injector = injector
        self._pool_size = pool_size
        self._lent_s = 0.0
        self._leaked: list[AsyncConnection] = []
        self._withheld: list[AsyncConnection] = []
        self._pool = AsyncConnectionPool(
            url,
            min_size=pool_size,
            max_size=pool_size,
            timeout=POOL_TIMEOUT_S,
            open=False,
            configure=_configure,
            # Every statement comes again: prepare it at once. Autocommit spares reads a BEGIN and a COMMIT.
            kwargs={"autocommit": True, "prepare_threshold": 0},
        )
        injector.on_switch("pool", self._switch_pool)
        injector.on_switch("connection-leak", self._switch_leak)
        injector.on_switch("dropped-index", self._switch_index)

    async def open(self) -> None:
        """Connect; raises PoolTimeout if that takes longer than 30 s."""
        await self._pool.open(wait=True, timeout=_OPEN_LIMIT_S)

    async def close(self) -> None:
        """Disconnect."""
        await self._pool.close()

    async def read(self, statement: str, values: Values = ()) -> list[Row]:
        """All rows of one statement, which may also be a write that no fault concerns."""
        connection = await self._pool.getconn()
        lent_s = time.monotonic()
        try:
            if away_s := self._injector.amount("far-database"):
                self._injector.took_effect("far-database")
                await asyncio.sleep(away_s)
            cursor = await connection.execute(statement, values)
            return await cursor.fetchall()
        finally:
            await self._give_back(connection, lent_s)

    async def write(self, statement: str, values: Values = ()) -> Row | None:
        """The first row that one writing statement returns, if any."""
        hold_s = self._injector.amount("lock-contention")
        if not hold_s:
            rows = await self.read(statement, values)
            return rows[0] if rows else None
        self._injector.took_effect("lock-contention")
        connection = await self._pool.getconn()
        lent_s = time.monotonic()
        try:
            async with connection.transaction():
                await connection.execute(_TOUCH_HOT_ROW)
                await asyncio.sleep(hold_s)
                cursor = await connection.execute(statement, values)
                return await cursor.fetchone()
        finally:
            await self._give_back(connection, lent_s)

    def pool_state(self) -> PoolState:
        """The pool as it is now."""
        state = self._pool.get_stats()
        size = state["pool_size"] - len(self._withheld)
        limit = state["pool_max"] - len(self._withheld)
        used = size - state["pool_available"]
        return PoolState(limit, size, used, state["requests_waiting"], self._lent_s)

    async def _give_back(self, connection: AsyncConnection, lent_s: float) -> None:
        # The pool's own usage_ms counts only what `connection()` lends.
        self._lent_s += time.monotonic() - lent_s
        if self._injector.keeps_connection():
            self._leaked.append(connection)
        else:
            await self._pool.putconn(connection)

    async def _switch_leak(self, setting: FaultSetting | None) -> None:
        if setting is None:
            while self._leaked:
                await self._pool.putconn(self._leaked.pop())

    async def _switch_pool(self, setting: FaultSetting | None) -> None:
        """Leave the pool `setting`'s number of connections, or give it its own again.

        The pool's own `resize` shrinks by one idle connection in minutes: take the surplus away instead.
        """
        if setting and setting.amount >= self._pool_size:
            raise DemoError(
                f"fault '{setting}': the pool has {self._pool_size} connections anyway",
                f"ask for 1 to {self._pool_size - 1}" if self._pool_size > 1 else "start with a larger pool",
            )
        while self._withheld:
            await self._pool.putconn(self._withheld.pop())  # closed, so that the pool makes a new one
        if setting:
            for _ in range(self._pool_size - int(setting.amount)):
                connection = await self._pool.getconn()
                await connection.close()
                self._withheld.append(connection)

    async def _switch_index(self, setting: FaultSetting | None) -> None:
        async with self._pool.connection() as connection:
            await connection.execute(schema.DROP_HOT_INDEX if setting else schema.CREATE_HOT_INDEX)


async def _configure(connection: AsyncConnection) -> None:
    await connection.execute(f"SET search_path TO {schema.SCHEMA}")
    await connection.execute("SET timezone TO 'UTC'")
