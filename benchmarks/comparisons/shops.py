"""The shops, the changes that head may have, and what must be said of each."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from tests.monitors import servers

from benchmarks.services.started import free_port, installed, program

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HERE = Path(__file__).parent
ITEMS, ORDER, REPORT = "GET /items/[id]", "GET /orders/[id]", "GET /report"
ORDERS = "GET /customers/[id]/orders"
SERVICE, EVERYTHING = "the service", "all requests"
NO_INDEX = "shop_no_index"


@dataclass(frozen=True)
class Change:
    """What differs between the sides, and what the headline may be of."""

    name: str
    head: dict[str, str] = field(default_factory=dict)
    base: dict[str, str] = field(default_factory=dict)
    found: str = "REGRESSED"
    of: tuple[str, ...] = ()
    """Subjects; empty: any of the service's, as all of its endpoints change."""
    statistics: tuple[str, ...] = ()
    """One of which the headline has; empty: any."""


CHANGES = (
    Change("index dropped", {"DATABASE": NO_INDEX}, of=(ORDERS,)),
    Change("index added", {}, {"DATABASE": NO_INDEX}, "IMPROVED", (ORDERS,)),
    Change("N+1", {"CHANGE": "n-plus-one"}, of=(ORDER,)),
    Change("5 ms sleep", {"CHANGE": "sleep"}, of=(ITEMS,)),
    Change("costlier JSON", {"CHANGE": "json", "JSON": "json"}, {"JSON": "orjson"}, of=(REPORT,)),
    Change(
        "keep-alive off", {"CHANGE": "keep-alive", "KEEP": "0"}, statistics=("new connections a request",)
    ),
    Change("threads 4 to 1", {"CHANGE": "threads", "THREADS": "1", "WAIT": "0.03"}, {"WAIT": "0.03"}),
    Change("2 % errors", {"CHANGE": "errors"}, of=(ITEMS,), statistics=("error rate",)),
    Change("+60 kB kept a call", {"CHANGE": "memory"}, of=(SERVICE, ITEMS)),
    Change("p50 better but p99 worse", {"CHANGE": "tail"}, of=(REPORT,)),
)
SAME = Change("none", found="")


def right(change: Change, said: Mapping[str, Any]) -> bool:
    """Whether the verdict has the change's sign, and the headline its endpoint."""
    if said["change"] != change.found or not said["proved"]:
        return False
    first = said["proved"][0]
    named = not change.of or first["subject"] in change.of or any(of in said["sentence"] for of in change.of)
    told = any(name == first["statistic"] or name in said["sentence"] for name in change.statistics)
    return named and (told or not change.statistics)


@dataclass(frozen=True)
class Shop:
    """One kind of service, installed in `folder`, with its databases up."""

    kind: str
    folder: Path
    database: str
    """URL without the database's name."""

    def command(self, environment: dict[str, str], port: int) -> str:
        """What starts it, in words, as `--base-start` takes it."""
        own = {"JSON": "json", **environment}
        url = f"{self.database}/{own.pop('DATABASE', 'shop')}"
        # gunicorn takes no notice of a Connection header that the application sets.
        threads, keep_s = own.pop("THREADS", "4"), own.pop("KEEP", "2")
        settings = " ".join(f"{name}={value}" for name, value in {**own, "DATABASE_URL": url}.items())
        if self.kind == "fastify":
            return f"env {settings} {program('node')} {self.folder}/shop.js {port}"
        return (
            f"env {settings} {self.folder}/env/bin/gunicorn --chdir {self.folder} -w 1 --threads {threads} "
            f"--keep-alive {keep_s} -k gthread -b 127.0.0.1:{port} --log-level error shop:app"
        )


@contextmanager
def shop(kind: str, folder: Path) -> Iterator[Shop]:
    """Install it where it is not yet, and start its PostgreSQL with both databases."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("shop.py", "shop.js", "locustfile.py"):
        (folder / name).write_text((HERE / name).read_text())
    if kind == "fastify" and not (folder / "node_modules").exists():
        installed("npm", "install", "--silent", "--no-audit", "--no-fund", "fastify@5", "pg@8", cwd=folder)
    if kind == "flask" and not (folder / "env").exists():
        installed(sys.executable, "-m", "venv", "env", cwd=folder)
        packages = ("flask", "gunicorn", "psycopg2-binary", "orjson")
        installed("env/bin/pip", "install", "-q", *packages, cwd=folder)
    with servers.postgres() as server:
        where = server.url.rpartition("/")[0]
        with psycopg.connect(server.url, autocommit=True) as first:
            first.execute("create database shop")
            with psycopg.connect(f"{where}/shop", autocommit=True) as data:
                data.execute((HERE / "shop.sql").read_text())
            first.execute(f"create database {NO_INDEX} template shop")
            with psycopg.connect(f"{where}/{NO_INDEX}", autocommit=True) as data:
                data.execute("drop index ord_customer")
                data.execute("analyze")
        yield Shop(kind, folder, where)


__all__ = ["CHANGES", "SAME", "Change", "Shop", "free_port", "right", "shop"]
