"""Where the machines of one run meet: how many workers are expected, at which address."""

from __future__ import annotations

import re
from typing import Any, Final

from loadproof.errors import ConfigError, Problem

DEFAULT_PORT: Final = 5557
"""Locust's."""
ANY_INTERFACE: Final = "*"
MAX_WORKERS: Final = 10_000
_ADDRESS = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[^:\s/@\[\]]+))(?::(?P<port>\d{1,5}))?")


def parse_address(text: str, where: str) -> tuple[str, int]:
    """Host and port of "host", "host:port" or "[::1]:port"; without a port Locust's 5557.

    Raises:
        ConfigError: it is none of these; `where` names the option.
    """
    found = _ADDRESS.fullmatch(text.strip())
    port = int(found["port"] or DEFAULT_PORT) if found else 0
    if found is None or not 1 <= port <= 65535:
        hint = "write HOST or HOST:PORT, such as 10.0.0.5 or 10.0.0.5:5557; IPv6 as [::1]:5557"
        raise ConfigError(Problem(f"'{text}' is not an address", where, hint))
    return found["six"] or found["host"], port


def machine_options(expect_workers: int | None, bind: str | None, engine: str) -> dict[str, Any]:
    """`Plan.options` of a run whose load other machines drive: expect_workers, bind; empty for any other.

    Raises:
        ConfigError: with every problem of the two options; `engine` "" is one that is not known yet.
    """
    problems = []
    address = (ANY_INTERFACE, DEFAULT_PORT)
    if expect_workers is None:
        if bind is not None:
            hint = "say how many workers to wait for: --expect-workers N"
            problems.append(Problem("an address without workers", "--bind", hint))
    elif not 1 <= expect_workers <= MAX_WORKERS:
        problems.append(Problem(f"{expect_workers} is not a number of workers", "--expect-workers"))
    elif engine not in ("", "locust"):
        hint = "start the k6 script on each machine, or use a locustfile"
        problems.append(Problem(f"{engine} has no workers", "--expect-workers", hint))
    if bind is not None:
        try:
            address = parse_address(bind, "--bind")
        except ConfigError as error:
            problems.extend(error.problems)
    if problems:
        raise ConfigError(*problems)
    return {} if expect_workers is None else {"expect_workers": expect_workers, "bind": list(address)}
