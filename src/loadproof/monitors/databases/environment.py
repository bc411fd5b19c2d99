"""Databases that the environment of a service's process names, in the spellings of its framework.

One URL (`DATABASE_URL`, SQLAlchemy's, JDBC's), PostgreSQL's PGHOST, or pieces: `DB_HOST` and its user,
password and name, as Laravel, WordPress's image and the images of databases have them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qs, quote, urlsplit

KINDS: Final = {
    "postgres": "postgres", "postgresql": "postgres", "pgsql": "postgres",
    "redis": "redis", "rediss": "redis", "valkey": "redis",
    "mysql": "mysql", "mariadb": "mysql",
}  # fmt: skip
SPELLINGS: Final = {"postgres": "postgresql", "redis": "redis", "mysql": "mysql"}
_FIRST: Final = ("DATABASE_URL", "POSTGRES_URL", "DB_URL", "REDIS_URL", "MYSQL_URL")
"""Variables that win over others which name a database of the same kind."""
_PIECES: Final = re.compile(r"(?P<prefix>(?:\w+_)?(?:DB|DATABASE|POSTGRES|POSTGRESQL|MYSQL|MARIADB))_HOST")
_PRODUCT: Final = re.compile(r"postgres|pgsql|mysql|mariadb", re.IGNORECASE)
_OF_PRODUCT: Final = {"postgres": "postgres", "pgsql": "postgres", "mysql": "mysql", "mariadb": "mysql"}
_PORTS: Final = {"5432": "postgres", "3306": "mysql"}

Named = tuple[str, str, str]
"""Kind, variable, URL."""


def databases(environment: Mapping[str, str]) -> list[Named]:
    """(kind, variable, URL) of every database that an environment names, each place once."""
    found: dict[tuple[str, object], Named] = {}
    for variable in sorted(environment, key=lambda name: (name not in _FIRST, name)):
        named = _by_url(environment, variable)
        if named is None:
            continue
        try:
            parts = urlsplit(named[2])
            database = parts.path if named[0] == "postgres" else ""
            place = (named[0], (parts.hostname, parts.port, database, parts.query))
        except ValueError:
            continue
        found.setdefault(place, named)
    if "PGHOST" in environment and not any(kind == "postgres" for kind, _, _ in found.values()):
        user, password = environment.get("PGUSER", ""), environment.get("PGPASSWORD", "")
        server = environment["PGHOST"], environment.get("PGPORT", "5432")
        url = _url("postgres", server, user, password, environment.get("PGDATABASE", ""))
        found["postgres", "PGHOST"] = ("postgres", "PGHOST", url)
    for variable in sorted(environment):
        named = _by_pieces(environment, variable)
        if named is not None and not any(kind == named[0] for kind, _, _ in found.values()):
            found[named[0], variable] = named
    return list(found.values())


def _by_url(environment: Mapping[str, str], variable: str) -> Named | None:
    text = environment[variable]
    scheme, separator, rest = text.removeprefix("jdbc:").partition("://")
    kind = KINDS.get(scheme.partition("+")[0].lower())  # postgresql+psycopg:// is SQLAlchemy's
    if kind is None or not separator:
        return None
    if text.startswith("jdbc:"):
        return kind, variable, _of_jdbc(environment, variable, kind, rest)
    spelling = "rediss" if scheme.startswith("rediss") else SPELLINGS[kind]
    return kind, variable, f"{spelling}://{rest}"


def _of_jdbc(environment: Mapping[str, str], variable: str, kind: str, rest: str) -> str:
    """JDBC has the user in its query, or beside: SPRING_DATASOURCE_URL and SPRING_DATASOURCE_USERNAME."""
    place, _, query = rest.partition("?")
    host, _, database = place.partition("/")
    options = parse_qs(query)
    before = re.sub(r"(_?JDBC)?_?URL$", "", variable, flags=re.IGNORECASE)
    user = _first(environment, before, "USERNAME", "USER") or options.get("user", [""])[0]
    password = _first(environment, before, "PASSWORD") or options.get("password", [""])[0]
    if "@" in host or not host:
        return f"{SPELLINGS[kind]}://{rest}"
    name, _, port = host.partition(":")
    return _url(kind, (name, port), user, password, database)


def _by_pieces(environment: Mapping[str, str], variable: str) -> Named | None:
    match = _PIECES.fullmatch(variable)
    if match is None or not environment[variable]:
        return None
    prefix = match["prefix"]
    said = _first(environment, prefix, "CONNECTION", "ENGINE", "DRIVER", "TYPE", "DIALECT") or prefix
    host, _, port = environment[variable].partition(":")
    port = _first(environment, prefix, "PORT") or port
    product = _PRODUCT.search(said)
    # WordPress knows one product only, and says nothing of it.
    kind = _OF_PRODUCT[product[0].lower()] if product else _PORTS.get(port)
    kind = "mysql" if kind is None and prefix.startswith("WORDPRESS") else kind
    if kind is None or host.startswith("/"):
        return None
    user = _first(environment, prefix, "USER", "USERNAME")
    password = _first(environment, prefix, "PASSWORD", "PASS")
    database = _first(environment, prefix, "NAME", "DATABASE", "DB")
    return kind, variable, _url(kind, (host, port), user, password, database)


def _first(environment: Mapping[str, str], prefix: str, *names: str) -> str:
    return next((value for name in names if (value := environment.get(f"{prefix}_{name}", ""))), "")


def _url(kind: str, place: tuple[str, str], user: str, password: str, database: str) -> str:
    host, port = place
    login = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user else ""
    server = f"{quote(host, safe='')}:{port}" if port else quote(host, safe="")
    return f"{SPELLINGS[kind]}://{login}{server}/{quote(database, safe='')}"
