"""The clients that are measured: each takes a scenario and says how many requests a second it made."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.session.target import Target

_HERE = Path(__file__).parent
_FOLDER = Path(sys.prefix) / "peers"
"""What is no Python package of ours, installed by name on first use."""
_WARM_UP_S = 1.5
_HEADER = "X-Test: 1"


@dataclass(frozen=True)
class Measured:
    """One measurement: requests per second, failures, and resident bytes grown (None if not measured)."""

    rate_per_s: float
    failures: int
    grown_bytes: int | None = None


@dataclass(frozen=True)
class Peer:
    """A client, pinned to `core`."""

    name: str
    core: int

    def measure(self, scenario: str, target: Target, users: int, seconds: float) -> Measured:
        """Run the scenario once: get, post, tls or h2 (the latter two are the get over TLS)."""
        url = {"tls": target.tls_url, "h2": target.h2_url}.get(scenario, target.url)
        if self.name == "k6":
            return self._k6(scenario, url, target.certificate, users, seconds)
        if self.name == "k9":
            return self._k9(url, users, seconds)
        if self.name in _PROGRAMS:
            return _PROGRAMS[self.name](self, url, users, seconds)
        argv = [sys.executable, str(_HERE / "locust_load.py"), self.name, scenario, url]
        environment = {
            **os.environ,
            "REQUESTS_CA_BUNDLE": str(target.certificate),
            "SSL_CERT_FILE": str(target.certificate),
        }
        done = subprocess.run(
            self._pinned([*argv, str(users), str(seconds)]), capture_output=True, text=True,
            env=environment, check=True,
        )  # fmt: skip
        found = json.loads(done.stdout.splitlines()[-1])
        return Measured(found["rate_per_s"], found["failures"], found["grown_bytes"])

    def _k6(self, scenario: str, url: str, certificate: Path, users: int, seconds: float) -> Measured:
        binary = Path(sys.executable).parent / "k6"
        with tempfile.TemporaryDirectory() as folder:
            summary = Path(folder) / "summary.json"
            argv = [
                str(binary), "run", "--quiet", "--no-usage-report", "--address", "", "--summary-export",
                str(summary), "--vus", str(users), "--duration", f"{seconds + _WARM_UP_S}s",
                str(_HERE / "k6_load.js"),
            ]  # fmt: skip
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
        failed += int(metrics["checks"]["fails"]) if "checks" in metrics else 0
        return Measured(metrics["http_reqs"]["rate"], failed, resident)

    def _k9(self, url: str, users: int, seconds: float) -> Measured:
        with tempfile.TemporaryDirectory() as folder:
            summary = Path(folder) / "summary.json"
            argv = [
                *(str(_k9_folder() / "bin" / "k9"), "run", str(_HERE / "k9_load.py"), "-u", str(users)),
                *("-d", f"{seconds + _WARM_UP_S}s", "--summary-export", str(summary)),
            ]
            environment = {**os.environ, "URL": url}
            subprocess.run(self._pinned(argv), env=environment, capture_output=True, check=True)
            found = json.loads(summary.read_text())
        failed = sum(int(check["fails"]) for check in found["root_group"]["checks"])
        return Measured(found["metrics"]["http_reqs"]["rate"], failed)

    def _hey(self, url: str, users: int, seconds: float) -> Measured:
        """It warms up in a run of its own, since it has no other way to leave the begin out."""
        said = ""
        for length_s in (_WARM_UP_S, seconds):
            argv = [str(_hey_program()), "-z", f"{length_s:g}s", "-c", str(users), "-cpus", "1"]
            said = self._said([*argv, "-H", _HEADER, url])
        good = sum(int(count) for count in re.findall(r"\[200\]\s+(\d+) responses", said))
        answers = sum(int(count) for count in re.findall(r"\[\d+\]\s+(\d+) responses", said))
        # Requests under way when its time is over are errors of its own making.
        return Measured(float(re.findall(r"Requests/sec:\s+([\d.]+)", said)[0]), answers - good)

    def _wrk(self, url: str, users: int, seconds: float) -> Measured:
        said = self._said(["wrk", "-t1", f"-c{users}", f"-d{seconds + _WARM_UP_S:.0f}s", "-H", _HEADER, url])
        failed = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
        return Measured(
            float(re.findall(r"Requests/sec:\s+([\d.]+)", said)[0]), int(failed[1]) if failed else 0
        )

    def _autocannon(self, url: str, users: int, seconds: float) -> Measured:
        argv = ["node", str(_autocannon_script()), "--json", "--no-progress", "-c", str(users)]
        argv += ["-W", f"[ -c {users} -d {_WARM_UP_S:.0f} ]", "-d", f"{seconds:.0f}", "-H", _HEADER, url]
        found = json.loads(self._said(argv).splitlines()[-1])
        return Measured(found["requests"]["average"], found["non2xx"] + found["errors"])

    def _said(self, argv: list[str]) -> str:
        done = subprocess.run(self._pinned(argv), capture_output=True, text=True, check=True)
        return done.stdout

    def _pinned(self, argv: list[str]) -> list[str]:
        return ["taskset", "-c", str(self.core), *argv]


_PROGRAMS = {"hey": Peer._hey, "wrk": Peer._wrk, "autocannon": Peer._autocannon}


def versions() -> str:
    """Of the programs that are no Python packages, as far as they say one."""
    wrk = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False).stdout.split()[1]
    facts = json.loads((_autocannon_script().parent / "package.json").read_text())
    hey = subprocess.run(
        ["go", "version", "-m", str(_hey_program())], capture_output=True, text=True, check=True
    ).stdout
    return f"wrk {wrk}, autocannon {facts['version']}, hey {re.findall(r'hey	(v[^	]+)', hey)[0]}"


def _k9_folder() -> Path:
    """Return K9's own environment, made on first use: its Python API shadows nothing of ours there."""
    folder = _FOLDER / "k9"
    if not (folder / "bin" / "k9").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(folder / "bin" / "pip"), "install", "--quiet", "k9-load"], check=True)
    return folder


def _hey_program() -> Path:
    program = _FOLDER / "hey"
    if not program.exists():
        argv = ["go", "install", "github.com/rakyll/hey@latest"]
        subprocess.run(argv, env={**os.environ, "GOBIN": str(_FOLDER)}, check=True, capture_output=True)
    return program


def _autocannon_script() -> Path:
    script = _FOLDER / "node_modules" / "autocannon" / "autocannon.js"
    if not script.exists():
        _FOLDER.mkdir(exist_ok=True)
        argv = ["npm", "install", "--silent", "--no-save", "--prefix", str(_FOLDER), "autocannon"]
        subprocess.run(argv, check=True, capture_output=True)
    return script


def missing(name: str) -> str:
    """What a peer needs that is not installed, "" for nothing."""
    needs = {"hey": "go", "wrk": "wrk", "autocannon": "npm"}.get(name)
    return f"{name}: there is no {needs}" if needs and shutil.which(needs) is None else ""


def _resident_bytes(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024
    except (OSError, IndexError):
        return 0  # it has just ended
