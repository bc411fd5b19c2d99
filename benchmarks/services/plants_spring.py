"""Spring Boot with one planted limit each, and without one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.services.plant_sources import visits
from benchmarks.services.plants import Plant
from benchmarks.services.spring import spring

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack
    from pathlib import Path

    from benchmarks.services.started import Started

_ROLE = "CREATE ROLE few LOGIN CONNECTION LIMIT 2"


def shop(role: str = "", **settings: str) -> Callable[[ExitStack, Path], Started]:
    """The shop with these settings of Spring's; as another role of the database, watched as its owner."""

    def start(stack: ExitStack, folder: Path) -> Started:
        return spring(stack, folder, sql=role, **settings)

    return start


PLANTS = (
    Plant("hikari-pool-of-2", shop(SPRING_DATASOURCE_HIKARI_MAXIMUM_POOL_SIZE="2"), visits("/query"),
          r"the connection pool", neighbour=True),
    Plant("tomcat-threads-2",
          shop(SERVER_TOMCAT_THREADS_MAX="2", SERVER_TOMCAT_MBEANREGISTRY_ENABLED="true"),
          visits("/wait"), r"(the threads that answer requests.*|the 2 workers of java)", neighbour=True),
    Plant("postgres-role-limit", shop(_ROLE, SPRING_DATASOURCE_USERNAME="few"), visits("/query"),
          r"the connections that few may have", neighbour=True),
    Plant("healthy-spring", shop(SERVER_TOMCAT_MBEANREGISTRY_ENABLED="true"), visits("/query"), users=10),
)  # fmt: skip
