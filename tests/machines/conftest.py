"""A folder with a scenario and a requirement that holds, a free port, a counting server."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from tests.machines.commands import LOCUSTFILE
from tests.servers import StubServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With `loans.py` and `requirements.yaml`."""
    write_scenario(tmp_path)
    return tmp_path


def write_scenario(folder: Path) -> None:
    """The files that a run needs."""
    (folder / "loans.py").write_text(LOCUSTFILE)
    (folder / "requirements.yaml").write_text("performance_requirements:\n  error_rate:\n    max_rate: 5%\n")


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


@pytest.fixture
def server() -> Iterator[StubServer]:
    with StubServer() as stub:
        yield stub
