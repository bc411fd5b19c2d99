"""The attacks of `make attack` in seconds: one of each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.attack.planting import plant, secrets
from tests.servers import StubServer

if TYPE_CHECKING:
    from pathlib import Path


def test_no_planted_secret_is_found(tmp_path: Path) -> None:
    """36 of them, in variables, options, addresses, names, errors and files; none in any output."""
    assert len(secrets()) == 36
    with StubServer() as stub:
        assert plant(tmp_path, stub) == []
