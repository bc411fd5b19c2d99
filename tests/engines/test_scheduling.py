"""The weight of the generator's session, on files as the kernel has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loadproof.engines.scheduling import NICE, described, raise_session

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A machine with autogroups, this process, and a child 7."""
    (tmp_path / "sys" / "kernel").mkdir(parents=True)
    (tmp_path / "sys" / "kernel" / "sched_autogroup_enabled").write_text("1\n")
    for name in ("7", "self"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "autogroup").write_text("/autogroup-31 nice 0\n")
    return tmp_path


def test_the_session_of_a_child_is_raised(proc: Path) -> None:
    """By a number in its file."""
    assert raise_session(7, proc)
    assert (proc / "7" / "autogroup").read_text() == str(NICE)


@pytest.mark.parametrize("state", ["0\n", None], ids=["switched off", "no such thing"])
def test_without_autogroups_nothing_is_raised(proc: Path, state: str | None) -> None:
    """And that is said."""
    switch = proc / "sys" / "kernel" / "sched_autogroup_enabled"
    if state is None:
        switch.unlink()
    else:
        switch.write_text(state)
    assert not raise_session(7, proc)
    assert described(proc) == "no scheduling by sessions here (autogroup): nothing to raise"


def test_who_may_not_raise_it_is_told_who_may(proc: Path) -> None:
    """A load goes on without."""
    assert not raise_session(8, proc)
    (proc / "self" / "autogroup").unlink()
    (proc / "self" / "autogroup").mkdir()
    assert "root, or CAP_SYS_NICE, may raise it" in described(proc)


def test_this_programs_own_session_stays_as_it_was(proc: Path) -> None:
    """It is raised for a moment, to know whether it may be."""
    assert described(proc) == f"its session gets more weight than others (autogroup, nice {NICE})"
    assert (proc / "self" / "autogroup").read_text() == "0"
