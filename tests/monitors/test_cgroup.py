"""Limits and throttling of control groups, from files as the kernel writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loadproof.monitors.readings.cgroup import Cgroup, Throttling

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A process 7 in the group /outer/inner; the outer one allows 1.5 cores, the inner one 4."""
    outer = tmp_path / "cgroup" / "outer"
    inner = outer / "inner"
    inner.mkdir(parents=True)
    (outer / "cpu.max").write_text("150000 100000\n")
    (outer / "memory.max").write_text("max\n")
    (outer / "cpu.stat").write_text("usage_usec 9\nnr_periods 9\nnr_throttled 8\nthrottled_usec 7000000\n")
    (inner / "cpu.max").write_text("400000 100000\n")
    (inner / "memory.max").write_text("1048576\n")
    (inner / "memory.current").write_text("524288\n")
    (inner / "cpu.stat").write_text("usage_usec 9\nnr_periods 20\nnr_throttled 5\nthrottled_usec 1500000\n")
    proc = tmp_path / "proc"
    (proc / "7").mkdir(parents=True)
    (proc / "7" / "cgroup").write_text("1:cpu:/elsewhere\n0::/outer/inner\n")
    (proc / "mounts").write_text(f"none {tmp_path}/cgroup cgroup2 rw 0 0\n")
    return proc


def test_the_tightest_limit_of_all_groups_holds(proc: Path) -> None:
    """A process may use no more than any group above it."""
    group = Cgroup(7, proc)
    assert group.cores() == 1.5
    assert group.memory_limit_bytes() == 1048576
    assert group.memory_bytes() == 524288


def test_throttling_is_that_of_the_group_with_the_limit(proc: Path) -> None:
    """The innermost one that has a limit of its own."""
    assert Cgroup(7, proc).throttling() == Throttling(20, 5, 1.5)


def test_without_a_group_there_is_no_limit(proc: Path) -> None:
    """Nothing is invented."""
    group = Cgroup(8, proc)
    assert (group.cores(), group.memory_limit_bytes(), group.memory_bytes(), group.throttling()) == (
        None,
    ) * 4
