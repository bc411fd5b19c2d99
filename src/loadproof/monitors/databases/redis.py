"""Redis (or Valkey) through INFO: clients, memory, commands, hits, evictions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import redis

from loadproof.model import Reading, Unit, Watch
from loadproof.monitors import MonitorError
from loadproof.monitors.source import Row, Source
from loadproof.plan.watching import secrets_in
from loadproof.safety.known import Redactor

_TIMEOUT_S: Final = 2.0
_RATES: Final = {
    "total_commands_processed": ("commands", Unit.PER_SECOND),
    "evicted_keys": ("evicted", Unit.PER_SECOND),
    "expired_keys": ("expired", Unit.PER_SECOND),
    "rejected_connections": ("connections.rejected", Unit.PER_SECOND),
    "total_net_input_bytes": ("net.received", Unit.BYTES_PER_SECOND),
    "total_net_output_bytes": ("net.sent", Unit.BYTES_PER_SECOND),
    "used_cpu_user": ("cpu.user", Unit.CORES),
    "used_cpu_sys": ("cpu.system", Unit.CORES),
}


class RedisMonitor(Source):
    """Series: `connections.used` of maxclients, `memory.used` of maxmemory, `commands`, `hits`, ..."""

    def __init__(self, watch: Watch, now: Callable[[], float]) -> None:
        super().__init__(watch, now)
        self._url = str(watch.settings["url"])
        self._hide = Redactor(secrets_in(watch.settings)).text
        self._client: Any = None

    def open(self) -> None:
        """Connect, and see whether INFO is allowed."""
        try:
            self._client = redis.Redis.from_url(
                self._url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S,
                single_connection_client=True, client_name="loadproof",
            )  # fmt: skip
        except ValueError as error:
            raise MonitorError(self._hide(f"its URL cannot be read: {error}")) from None
        except (redis.RedisError, OSError) as error:
            raise MonitorError(self._hide(f"Redis cannot be reached: {error}")) from None

    def read(self) -> list[Reading]:
        """One INFO."""
        if self._client is None:
            self.open()
        try:
            info = self._client.info()
        except (redis.RedisError, OSError) as error:
            self.close()
            self._rates.forget()
            raise MonitorError(self._hide(f"Redis: {error}")) from None
        time_s = self._now()
        return self._stamped(time_s, self._rows(info, time_s))

    def close(self) -> None:
        """End the connection."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _rows(self, info: dict[str, Any], time_s: float) -> Iterator[Row]:
        def number(name: str) -> float | None:
            value = info.get(name)
            return float(value) if isinstance(value, int | float) else None

        gauges = (
            ("connected_clients", "connections.used", Unit.COUNT, number("maxclients")),
            ("blocked_clients", "connections.blocked", Unit.COUNT, None),
            # A maxmemory of 0 is none.
            ("used_memory", "memory.used", Unit.BYTES, number("maxmemory") or None),
            ("used_memory_rss", "memory.rss", Unit.BYTES, None),
            ("mem_fragmentation_ratio", "memory.fragmentation", Unit.NONE, None),
        )
        for name, series, unit, limit in gauges:
            value = number(name)
            if value is not None:
                yield series, value, unit, limit
        for name, (series, unit) in _RATES.items():
            value = number(name)
            rate = None if value is None else self._rates.per_second(name, time_s, value)
            if rate is not None:
                yield series, rate, unit, None
        hits, misses = number("keyspace_hits"), number("keyspace_misses")
        if hits is not None and misses is not None:
            hit = self._rates.per_second("hits", time_s, hits)
            miss = self._rates.per_second("misses", time_s, misses)
            if hit is not None and miss is not None and hit + miss > 0:
                yield "hits", hit / (hit + miss), Unit.SHARE, 1.0
