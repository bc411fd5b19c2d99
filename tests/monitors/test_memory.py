"""Memory between two looks at a process's pages: what it shares with others is not counted whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loadproof.monitors.parts.table import Stat
from loadproof.monitors.readings import memory

if TYPE_CHECKING:
    from pathlib import Path

PAGE = memory._PAGE_BYTES


def process(proc: Path, pid: int, own: int, shared: int, pss: tuple[int, int]) -> Stat:
    """What /proc says of one: pages of its own and shared ones; PSS, all and of its own."""
    (proc / str(pid)).mkdir(exist_ok=True)
    (proc / str(pid) / "statm").write_text(f"9999 {own + shared} {shared} 1 0 9 0\n")
    lines = [f"Rss: 1 kB\nPss: {pss[0] * PAGE // 1024} kB\nPss_Anon: {pss[1] * PAGE // 1024} kB\n"]
    (proc / str(pid) / "smaps_rollup").write_text("".join(lines))
    return Stat(pid, "worker", False, 1, 0.0, 0.0, 0.0, 0.0, 1, 5.0, (own + shared) * PAGE)


def test_shared_pages_grow_by_their_share_and_own_ones_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of two is read again in this second; the other moves by what is cheap to read."""
    both = {pid: process(tmp_path, pid, 100, 400, (200, 100)) for pid in (1, 2)}
    shared = memory.SharedMemory(str(tmp_path))
    shared.look(both)
    assert shared.of(both.values()) == (400 * PAGE, True)
    monkeypatch.setattr(memory, "BUDGET_S", 0.0)
    both = {pid: process(tmp_path, pid, 110, 800, (300, 110)) for pid in (1, 2)}
    shared.look(both)
    moved = 110 + 800 * 100 / 400
    assert shared.of(both.values())[0] == pytest.approx((300 + moved) * PAGE)
    shared.look(both)
    assert shared.of(both.values()) == (600 * PAGE, True)
