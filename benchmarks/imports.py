"""How fast results are imported: a k6 JSON file of a given size, made here, on one core.

Prints MB/s, for the file plain and packed by gzip, and the greatest memory of a process that imports it.
"""

from __future__ import annotations

import argparse
import gzip
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from loadproof.imports.formats import read_import
from loadproof.runfile.reader import Run

_METRICS = ("http_reqs", "http_req_duration", "http_req_blocked", "http_req_connecting",
            "http_req_tls_handshaking", "http_req_sending", "http_req_waiting", "http_req_receiving",
            "http_req_failed")  # fmt: skip
_PER_SECOND = 2000
_START_S = 1_795_358_610


def write_k6_json(path: Path, size_bytes: int) -> int:
    """A file as k6 writes it, with 20 endpoints at 2,000 requests a second; returns its requests."""
    random = np.random.default_rng(1)
    requests = written = 0
    with path.open("wb") as out:
        for metric in _METRICS:
            kind, contains = ("trend", "time") if "duration" in metric else ("counter", "default")
            out.write(
                b'{"type":"Metric","data":{"name":"%b","type":"%b","contains":"%b","thresholds":[],'
                b'"submetrics":null},"metric":"%b"}\n'
                % (metric.encode(), kind.encode(), contains.encode(), metric.encode())
            )
        while written < size_bytes:
            second = requests // _PER_SECOND
            day = datetime.fromtimestamp(_START_S + second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
            lines = []
            for i, value_ms in enumerate(random.lognormal(3.0, 0.6, _PER_SECOND)):
                url = f"http://127.0.0.1:8000/api/loans/{i % 20}"
                failed = i % 100 == 0
                tags = (
                    f'"expected_response":"{str(not failed).lower()}","group":"::borrow","method":"GET",'
                    f'"name":"{url}","proto":"HTTP/1.1","scenario":"default",'
                    f'"status":"{503 if failed else 200}","url":"{url}"'
                )
                for metric in _METRICS:
                    value = {"http_reqs": "1", "http_req_failed": str(int(failed))}.get(
                        metric, f"{value_ms:.6f}"
                    )
                    lines.append(
                        f'{{"metric":"{metric}","type":"Point","data":{{"time":"{day}.{i * 500_000:09d}Z",'
                        f'"value":{value},"tags":{{{tags}}}}}}}\n'
                    )
            written += out.write("".join(lines).encode())
            requests += _PER_SECOND
    return requests


def measure(path: Path, content_bytes: int) -> None:
    """Import once and print how long it took, against the size of the unpacked content."""
    started_s = time.process_time()
    run = read_import(path)
    took_s = time.process_time() - started_s
    assert isinstance(run, Run)
    requests = sum(part.requests for part in run.slices)
    print(f"  {requests:,} requests in {len(run.slices):,} slices, {took_s:.2f} s of one core: ", end="")
    print(f"{content_bytes / took_s / 1e6:.0f} MB/s")


def main() -> None:
    """Make the file, import it in fresh processes, so that memory is theirs alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--file", type=Path, help="only import this one, as the program does with itself")
    parser.add_argument("--content-bytes", type=int, default=0)
    given = parser.parse_args()
    if given.file is not None:
        measure(given.file, given.content_bytes)
        return
    with tempfile.TemporaryDirectory(prefix="loadproof-imports-") as folder:
        plain, packed = Path(folder, "k6.json"), Path(folder, "k6.json.gz")
        requests = write_k6_json(plain, given.megabytes * 1_000_000)
        print(f"{plain.stat().st_size / 1e6:.0f} MB, {requests:,} requests")
        with plain.open("rb") as source, gzip.open(packed, "wb", compresslevel=1) as target:
            shutil.copyfileobj(source, target, 1 << 20)
        for path in (plain, packed):
            print(path.name, flush=True)
            size = str(plain.stat().st_size)
            argv = [sys.executable, __file__, "--file", str(path), "--content-bytes", size]
            with subprocess.Popen(argv) as child:
                greatest = _greatest_memory(child)
            print(f"  at most {greatest / 1e6:.0f} MB of memory")


def _greatest_memory(child: subprocess.Popen[bytes]) -> int:
    import psutil

    greatest = 0
    process = psutil.Process(child.pid)
    while child.poll() is None:
        try:
            greatest = max(greatest, process.memory_info().rss)
        except psutil.NoSuchProcess:
            break
        time.sleep(0.05)
    return greatest


if __name__ == "__main__":
    main()
