"""Whose the machine's processors are, read from /proc files of known content."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadproof.monitors.readings.programs import Programs

if TYPE_CHECKING:
    from pathlib import Path


def _write(proc: Path, pid: int, parent: int, name: str, ticks: int, nice: int = 0) -> None:
    folder = proc / str(pid)
    folder.mkdir(exist_ok=True)
    fields = ["S", parent, *[0] * 9, ticks, 0, 0, 0, 20, nice, 1, 0, 0]
    (folder / "stat").write_text(f"{pid} ({name}) " + " ".join(str(field) for field in fields))


def test_programs_are_told_by_name(tmp_path: Path) -> None:
    """Cores since the last look, processes of one program together, ours and niced ones left out."""
    (tmp_path / "self").mkdir()
    programs = Programs(tmp_path, own=10)

    def write(seconds: float) -> None:
        ticks = round(seconds * 100)
        _write(tmp_path, 10, 1, "python3", ticks)
        _write(tmp_path, 11, 10, "locust", ticks)
        _write(tmp_path, 20, 1, "stress (odd) ng", ticks)
        _write(tmp_path, 21, 20, "stress (odd) ng", ticks // 2)
        _write(tmp_path, 30, 1, "backup", ticks, nice=10)
        _write(tmp_path, 40, 1, "sshd", 0)

    write(0)
    assert programs.used(100.0) == []
    programs.used(101.0)
    write(2)
    assert programs.used(102.0) == [("stress (odd) ng", 1.5)]


def test_a_process_that_is_new_counts_from_its_second_look(tmp_path: Path) -> None:
    """What it used before it was seen is of another time."""
    programs = Programs(tmp_path, own=10)
    _write(tmp_path, 20, 1, "cc1", 0)
    programs.used(100.0)
    programs.used(101.0)
    _write(tmp_path, 21, 1, "ld", 5_000)
    assert programs.used(102.0) == []
