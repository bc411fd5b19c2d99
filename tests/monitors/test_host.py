"""The host monitor against the kernel's own counters, read before and after each of its looks."""

from __future__ import annotations

import itertools
import os
import time
from pathlib import Path

import psutil
import pytest

from loadproof.model import Watch
from loadproof.monitors.readings.host import HostMonitor

SECONDS_APART = 1.0
"""By the clock that the monitor is given, so that a rate is the growth between two looks."""


def _monitor(proc: Path = Path("/proc")) -> HostMonitor:
    clock = itertools.count(1000.0, SECONDS_APART)
    monitor = HostMonitor(Watch("host", "host", {}), lambda: next(clock), proc)
    monitor.open()
    return monitor


def _values(monitor: HostMonitor) -> dict[str, float]:
    return {reading.series: reading.value for reading in monitor.read()}


def _counted() -> dict[str, int]:
    """Bytes since the machine started, by the name of their series; no disks where there are none."""
    disks = psutil.disk_io_counters()
    found = {} if disks is None else {"disk.read": disks.read_bytes, "disk.written": disks.write_bytes}
    return found | {"net.loopback": psutil.net_io_counters(pernic=True)["lo"].bytes_sent}


@pytest.mark.skipif(not psutil.LINUX, reason="the name of the loopback device is Linux's")
def test_bytes_are_what_the_kernel_counted(tmp_path: Path) -> None:
    """A rate lies between the growth of the counter inside and outside of the two looks."""
    monitor = _monitor()
    outside = [_counted()]
    monitor.read()
    inside = [_counted()]
    with (tmp_path / "written").open("wb") as file:
        file.write(os.urandom(4 << 20))
        os.fsync(file.fileno())
    inside.append(_counted())
    found = _values(monitor)
    outside.append(_counted())
    for series in outside[0]:
        assert inside[1][series] - inside[0][series] <= found[series], series
        assert found[series] <= outside[1][series] - outside[0][series], series


def test_memory_and_cpu_are_within_what_the_machine_has() -> None:
    """Memory as psutil reads it, give or take what changes between two reads; a core's kinds add up to it."""
    monitor = _monitor()
    monitor.read()
    end_s = time.thread_time() + 0.5
    while time.thread_time() < end_s:
        pass
    found = _values(monitor)
    memory = psutil.virtual_memory()
    assert found["memory.used"] == pytest.approx(memory.total - memory.available, rel=0.1)
    cores = psutil.cpu_count() or 1
    assert 0 < found["cpu"] <= cores
    assert found["cpu"] == pytest.approx(sum(found[f"cpu.{core}"] for core in range(cores)))
    assert found["cpu.user"] > 0


def test_pressure_and_retransmits_are_read_from_the_kernels_files(tmp_path: Path) -> None:
    """Of totals since the start: stalls in microseconds become a share, segments a rate."""
    (tmp_path / "pressure").mkdir()
    (tmp_path / "net").mkdir()

    def write(some_us: int, segments: int) -> None:
        line = f"some avg10=0.00 avg60=0.00 avg300=0.00 total={some_us}\n"
        for resource in ("cpu", "memory", "io"):
            (tmp_path / "pressure" / resource).write_text(line + line.replace("some", "full"))
        (tmp_path / "net" / "snmp").write_text(
            f"Tcp: InSegs OutSegs RetransSegs InErrs\nTcp: 9 9 {segments} 0\n"
        )

    monitor = _monitor(tmp_path)
    write(1_000_000, 5)
    assert not {"pressure.cpu", "tcp.retransmits"} & _values(monitor).keys()
    write(1_250_000, 12)
    found = _values(monitor)
    assert found["pressure.cpu"] == found["pressure.io.full"] == pytest.approx(0.25)
    assert found["tcp.retransmits"] == pytest.approx(7)


def test_a_machine_that_tells_less_is_watched_all_the_same(tmp_path: Path) -> None:
    """Without PSI and TCP's counters the rest is there, and it is said what is not."""
    monitor = _monitor(tmp_path)
    monitor.read()
    found = _values(monitor)
    assert "memory.used" in found
    assert not [series for series in found if series.startswith(("pressure", "tcp"))]
    assert "this kernel tells no pressure (PSI)" in monitor.remarks
