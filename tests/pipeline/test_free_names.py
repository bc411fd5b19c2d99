"""Runs and comparisons that begin in the same second: each has a place of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadproof.cli.ab import _new_folder
from loadproof.pipeline.driving import _writer
from tests.runs import plan

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_runs_of_one_second_have_files_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second and third have a number behind their name."""
    monkeypatch.chdir(tmp_path)
    for _ in range(3):
        _writer(None, plan(), {"started_at_s": 1_795_908_276.0}).close()
    first, *further = sorted(path.stem for path in (tmp_path / ".loadproof/runs").glob("*.db"))
    assert further == [f"{first}-2", f"{first}-3"]


def test_comparisons_of_one_second_have_folders_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is there already stays as it is."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("time.strftime", lambda *_: "20261128-231756")
    first = _new_folder("shop")
    (first / "kept").touch()
    assert (_new_folder("shop").name, _new_folder("shop").name) == (f"{first.name}-2", f"{first.name}-3")
    assert [path.name for path in first.iterdir()] == ["kept"]
