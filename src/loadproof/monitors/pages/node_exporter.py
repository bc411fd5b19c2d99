"""Another machine, through its node_exporter: the series of the monitor `host`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from loadproof.model import Reading, Unit, Watch
from loadproof.monitors import MonitorError
from loadproof.monitors.pages.scrape import ScrapedPage, parse_page
from loadproof.monitors.source import Row, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prometheus_client.samples import Sample


_BUSY: Final = ("user", "nice", "system", "irq", "softirq", "steal")
_SHOWN: Final = ("user", "system", "iowait", "steal")
_RATES: Final = {
    "disk.read": ("node_disk_read_bytes_total", Unit.BYTES_PER_SECOND),
    "disk.written": ("node_disk_written_bytes_total", Unit.BYTES_PER_SECOND),
    "net.received": ("node_network_receive_bytes_total", Unit.BYTES_PER_SECOND),
    "net.sent": ("node_network_transmit_bytes_total", Unit.BYTES_PER_SECOND),
    "tcp.retransmits": ("node_netstat_Tcp_RetransSegs", Unit.PER_SECOND),
    "pressure.cpu": ("node_pressure_cpu_waiting_seconds_total", Unit.SHARE),
    "pressure.memory": ("node_pressure_memory_waiting_seconds_total", Unit.SHARE),
    "pressure.memory.full": ("node_pressure_memory_stalled_seconds_total", Unit.SHARE),
    "pressure.io": ("node_pressure_io_waiting_seconds_total", Unit.SHARE),
    "pressure.io.full": ("node_pressure_io_stalled_seconds_total", Unit.SHARE),
}


class NodeExporterMonitor(Source):
    """Scrapes once a second; what the machine itself updates more rarely changes more rarely."""

    def __init__(self, watch: Watch, now: Callable[[], float]) -> None:
        super().__init__(watch, now)
        self._page = ScrapedPage(str(watch.settings["node_exporter"]))

    def open(self) -> None:
        """Raises MonitorError when the page is no node_exporter's."""
        if "node_cpu_seconds_total" not in self._samples():
            raise MonitorError(f"{self._page.shown} is not a node_exporter's")

    def read(self) -> list[Reading]:
        """Scrape once."""
        samples = self._samples()
        time_s = self._now()
        rows = [*self._cpu(samples, time_s), *_gauges(samples), *self._others(samples, time_s)]
        return self._stamped(time_s, rows)

    def close(self) -> None:
        """End the connection."""
        self._page.close()

    def _samples(self) -> dict[str, list[Sample]]:
        found: dict[str, list[Sample]] = {}
        for family in parse_page(self._page.text(), self._page.shown):
            for sample in family.samples:
                found.setdefault(sample.name, []).append(sample)
        return found

    def _cpu(self, samples: dict[str, list[Sample]], time_s: float) -> Iterator[Row]:
        sums: dict[str, float] = {}
        cores: dict[str, float] = {}
        for sample in samples.get("node_cpu_seconds_total", ()):
            core, mode = sample.labels.get("cpu", ""), sample.labels.get("mode", "")
            rate = self._rates.per_second(f"cpu.{core}.{mode}", time_s, sample.value)
            if rate is None:
                continue
            sums[mode] = sums.get(mode, 0.0) + rate
            cores[core] = cores.get(core, 0.0) + (rate if mode in _BUSY else 0.0)
            if mode in _SHOWN:
                yield f"cpu.{core}.{mode}", rate, Unit.CORES, 1.0
        for core, busy in cores.items():
            yield f"cpu.{core}", busy, Unit.CORES, 1.0
        if cores:
            limit = float(len(cores))
            yield "cpu", sum(sums.get(mode, 0.0) for mode in _BUSY), Unit.CORES, limit
            for mode in _SHOWN:
                if mode in sums:
                    yield f"cpu.{mode}", sums[mode], Unit.CORES, limit

    def _others(self, samples: dict[str, list[Sample]], time_s: float) -> Iterator[Row]:
        for series, (name, unit) in _RATES.items():
            chosen = [s for s in samples.get(name, ()) if not s.labels.get("device", "").startswith("lo")]
            if not chosen:
                continue
            rate = self._rates.per_second(series, time_s, sum(sample.value for sample in chosen))
            if rate is not None:
                yield series, rate, unit, 1.0 if unit is Unit.SHARE else None


def _gauges(samples: dict[str, list[Sample]]) -> Iterator[Row]:
    def value(name: str) -> float | None:
        found = samples.get(name)
        return float(found[0].value) if found else None

    total, available = value("node_memory_MemTotal_bytes"), value("node_memory_MemAvailable_bytes")
    if total is not None and available is not None:
        yield "memory.used", total - available, Unit.BYTES, total
    swap, free = value("node_memory_SwapTotal_bytes"), value("node_memory_SwapFree_bytes")
    if swap and free is not None:
        yield "swap.used", swap - free, Unit.BYTES, swap
    load = value("node_load1")
    if load is not None:
        yield "load.1m", load, Unit.NONE, None
