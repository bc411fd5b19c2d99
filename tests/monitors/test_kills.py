"""Kills for the memory of control groups, from files as the kernel writes them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from loadproof.model import Watch
from loadproof.monitors import MonitorError
from loadproof.monitors.parts.part import Part, PartRole
from loadproof.monitors.parts.service import WatchedService
from loadproof.monitors.readings.cgroup import Cgroup
from loadproof.monitors.readings.kills import MemoryKills
from loadproof.monitors.readings.process import ProcessMonitor

if TYPE_CHECKING:
    from pathlib import Path


class Group:
    """The group /shop of one MiB, with the processes 7 and 8 in it."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "cgroup" / "shop"
        self.folder.mkdir(parents=True)
        (self.folder / "memory.max").write_text("1048576\n")
        self.proc = root / "proc"
        for pid in (7, 8):
            (self.proc / str(pid)).mkdir(parents=True)
            (self.proc / str(pid) / "cgroup").write_text("0::/shop\n")
        (self.proc / "mounts").write_text(f"none {root}/cgroup cgroup2 rw 0 0\n")
        self.count(0)

    def count(self, killed: int, reached: int | None = None, file: str = "memory.events.local") -> None:
        """What the kernel has counted up to now; a kill for this limit comes with the limit."""
        text = f"low 0\nhigh 0\nmax 9\noom {killed if reached is None else reached}\noom_kill {killed}\n"
        (self.folder / file).write_text(text)

    def of(self, pid: int) -> Cgroup:
        """As the monitor sees it by one process."""
        return Cgroup(pid, self.proc)


@pytest.fixture
def group(tmp_path: Path) -> Group:
    """Nobody was killed in it."""
    return Group(tmp_path)


def part(name: str, pid: int) -> Part:
    """Of one process."""
    return Part(name, name, PartRole.ENTRY, 0, "port 80", {pid}, {pid})


def looks(group: Group, *counts: tuple[int, int | None]) -> list[int]:
    """What the shop is told to have lost, as the counters stand at each look."""
    kills, shop = MemoryKills(), part("shop", 7)
    kills.watch(group.of(7))
    told = []
    for killed, reached in counts:
        group.count(killed, reached)
        told.append(kills.look([shop], {"shop": group.of(7)}).get("shop", 0))
    return told


def test_a_group_that_was_made_anew_begins_to_count_again(group: Group) -> None:
    """A container that is started again has a counter of 0, and one that died in it since then one of 1."""
    assert looks(group, (0, None), (1, None), (1, None), (0, None), (0, None)) == [0, 1, 0, 0, 0]
    assert looks(group, (3, None), (1, None), (2, None)) == [3, 1, 1]


def test_a_kill_by_the_machine_is_none_by_a_limit(group: Group) -> None:
    """The counter has both; the limit was reached only for the second."""
    assert looks(group, (1, 0), (2, 1), (3, 1)) == [0, 1, 0]


def test_a_limit_that_is_reached_just_before_a_look_counts_for_the_kill_after_it(group: Group) -> None:
    """The kernel counts the two one after the other."""
    assert looks(group, (0, 1), (1, 1)) == [0, 1]


def test_a_kill_in_a_group_below_is_not_its_own(group: Group) -> None:
    """`memory.events` has those too, `memory.events.local` has not."""
    group.count(5, file="memory.events")
    assert looks(group, (1, None)) == [1]


def test_a_group_whose_limit_is_above_it_counts_its_own_kills(group: Group) -> None:
    """A pod has the limit, and its other containers are killed for it as well."""
    inner = group.folder / "web"
    inner.mkdir()
    (inner / "memory.max").write_text("max\n")
    (inner / "memory.events.local").write_text("oom 0\noom_kill 0\n")
    (group.proc / "7" / "cgroup").write_text("0::/shop/web\n")
    kills, web = MemoryKills(), part("web", 7)
    kills.watch(group.of(7))
    group.count(0, reached=1)
    assert kills.look([web], {"web": group.of(7)}) == {}  # another container was killed
    (inner / "memory.events.local").write_text("oom 0\noom_kill 1\n")
    group.count(0, reached=2)
    assert kills.look([web], {"web": group.of(7)}) == {"web": 1}


def test_without_a_limit_nobody_was_killed_for_one(group: Group) -> None:
    """The machine's killer may have been there."""
    (group.folder / "memory.max").write_text("max\n")
    assert looks(group, (1, None)) == [0]


@pytest.mark.parametrize(
    ("ended", "told"),
    [([0, 1], {"cache": 1}), ([1, 0], {"web": 1}), ([0, 0], {"web": 1})],
    ids=["the second lost one", "the first did", "nobody was seen to"],
)
def test_a_kill_in_a_group_of_two_parts_is_of_one(
    group: Group, ended: list[int], told: dict[str, int]
) -> None:
    """A container with a web server and a cache in it."""
    parts = [part("web", 7), part("cache", 8)]
    groups = {"web": group.of(7), "cache": group.of(8)}
    kills = MemoryKills()
    kills.begin(parts)
    kills.watch(groups["web"])
    kills.watch(groups["cache"])
    for one, processes in zip(parts, ended, strict=True):
        one.ended = processes
    group.count(1)
    assert kills.look(parts, groups) == told
    assert kills.look(parts, groups) == {}


@pytest.mark.parametrize("killed", [1, 0])
def test_the_kill_that_ends_a_service_is_a_reading(group: Group, killed: int) -> None:
    """One process, killed, which a container starts again: nobody could tell later."""
    watched = ProcessMonitor(Watch("process", "process", {"pid": 7}), time.time)
    shop = part("shop", 7)
    watched.service.parts = [shop]
    watched._groups["shop"] = group.of(7)
    watched._kills.watch(watched._groups["shop"])
    group.count(killed)

    def look() -> None:
        shop.pids.clear()
        shop.ended += 1
        raise MonitorError("shop (port 80) has ended", "start it")

    with (
        mock.patch.object(WatchedService, "look", side_effect=look),
        pytest.raises(MonitorError) as said,
    ):
        watched.read()
    read = [(one.source, one.series, one.value) for one in said.value.readings]
    assert read == [("process", "shop.oom_kills", 1.0)] * killed
    assert ("the kernel killed it" in str(said.value)) is bool(killed)
    assert said.value.hint == (
        "raise the memory limit of shop, or have it keep less" if killed else "start it"
    )
