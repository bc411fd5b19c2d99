"""Limits and throttling of control groups, from files as the kernel writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loadproof.monitors.readings.cgroup import Cgroup, OutOfMemory, Throttling, sharing

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


def test_throttling_is_that_of_the_group_with_the_limit(proc: Path) -> None:
    """The innermost one that has a limit of its own."""
    assert Cgroup(7, proc).throttling() == Throttling(20, 5, 1.5)


def test_processes_that_were_killed_for_their_groups_memory_are_counted(proc: Path) -> None:
    """By the group that has the limit; the kernel counts them in `memory.events`."""
    inner = proc.parent / "cgroup" / "outer" / "inner"
    (inner / "memory.events").write_text("low 0\nhigh 0\nmax 812\noom 4\noom_kill 3\n")
    assert Cgroup(7, proc).out_of_memory() == OutOfMemory(3, 4)
    (inner / "memory.max").write_text("max\n")
    assert Cgroup(7, proc).out_of_memory() is None


def test_without_a_group_there_is_no_limit(proc: Path) -> None:
    """Nothing is invented."""
    group = Cgroup(8, proc)
    assert (group.cores(), group.memory_limit_bytes(), group.throttling()) == (None,) * 3


@pytest.fixture
def first_version(tmp_path: Path) -> Path:
    """A process 7 in groups of version 1: half a core, one MiB; a unified hierarchy without controllers."""
    cpu, memory = tmp_path / "cpu,cpuacct" / "shop", tmp_path / "mem\\040ory" / "shop"
    for folder in (cpu, memory, tmp_path / "mem ory" / "shop", tmp_path / "unified"):
        folder.mkdir(parents=True)
    (cpu / "cpu.cfs_quota_us").write_text("50000\n")
    (cpu / "cpu.cfs_period_us").write_text("100000\n")
    (cpu / "cpu.stat").write_text("nr_periods 40\nnr_throttled 10\nthrottled_time 2500000000\n")
    (cpu.parent / "cpu.cfs_quota_us").write_text("-1\n")
    (cpu.parent / "cpu.cfs_period_us").write_text("100000\n")
    (tmp_path / "mem ory" / "shop" / "memory.limit_in_bytes").write_text("1048576\n")
    (tmp_path / "mem ory" / "shop" / "memory.usage_in_bytes").write_text("4096\n")
    (tmp_path / "mem ory" / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    proc = tmp_path / "proc"
    (proc / "7").mkdir(parents=True)
    (proc / "7" / "cgroup").write_text("4:memory:/shop\n3:cpu,cpuacct:/shop\n1:name=systemd:/\n0::/\n")
    (proc / "mounts").write_text(
        f"none {tmp_path}/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0\n"
        f"none {tmp_path}/mem\\040ory cgroup rw,memory 0 0\nnone {tmp_path}/unified cgroup2 rw 0 0\n"
    )
    return proc


def test_limits_of_the_first_version_hold_as_well(first_version: Path) -> None:
    """One hierarchy for each controller, other files, nanoseconds; and people look for the file's name."""
    group = Cgroup(7, first_version)
    assert (group.cores(), group.cores_file) == (0.5, "cpu.cfs_quota_us")
    assert (group.memory_limit_bytes(), group.memory_file) == (1048576.0, "memory.limit_in_bytes")
    assert group.throttling() == Throttling(40, 10, 2.5)
    assert group.out_of_memory() is None  # Linux counts them since 4.13
    folder = first_version.parent / "mem ory" / "shop"
    (folder / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
    assert Cgroup(7, first_version).out_of_memory() == OutOfMemory(2, None)


def test_in_a_container_of_the_first_version_the_root_is_its_own_group(first_version: Path) -> None:
    """The path is told as the host sees it, and is not there."""
    (first_version / "7" / "cgroup").write_text("3:cpu,cpuacct:/docker/0123456789abcdef\n")
    root = first_version.parent / "cpu,cpuacct"
    (root / "cpu.cfs_quota_us").write_text("150000\n")
    assert Cgroup(7, first_version).cores() == 1.5


def test_who_shares_limits_is_told_by_the_group_that_has_them(first_version: Path) -> None:
    """With the groups below it; a group without a limit is nobody's."""
    inner = first_version.parent / "cpu,cpuacct" / "shop" / "inner"
    inner.mkdir()
    (inner / "cgroup.procs").write_text("8\n9\n")
    (inner.parent / "cgroup.procs").write_text("7\n")
    assert sharing(7, first_version) == {7, 8, 9}
    (first_version / "7" / "cgroup").write_text("3:cpu,cpuacct:/\n4:memory:/\n")
    assert sharing(7, first_version) == set()


def test_a_slice_with_a_limit_makes_no_part_of_its_services(first_version: Path) -> None:
    """All services of a machine are in system.slice: the limit holds for each, and they are many programs."""
    slice_folder = first_version.parent / "cpu,cpuacct" / "system.slice"
    (slice_folder / "shop.service").mkdir(parents=True)
    (slice_folder / "cpu.cfs_quota_us").write_text("50000\n")
    (slice_folder / "cpu.cfs_period_us").write_text("100000\n")
    (slice_folder / "cgroup.procs").write_text("8\n")
    (first_version / "7" / "cgroup").write_text("3:cpu,cpuacct:/system.slice/shop.service\n")
    assert sharing(7, first_version) == set()
    assert Cgroup(7, first_version).cores() == 0.5
