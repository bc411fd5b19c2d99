"""Whole runs of `loadproof`, in a process of their own, whose screen can be followed while they go on."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from loadproof.runfile.reader import Run, read_run
from tests.monitors.servers import wait_until

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

LIMIT_S = 120.0
LOCUSTFILE = """
import random
from locust import HttpUser, constant, task

class Payer(HttpUser):
    wait_time = constant(0.1)

    @task(2)
    def pay(self):
        self.client.post("/api/transactions", json={"amount": 5, "user_id": random.randint(1, 20)})

    @task(3)
    def loans(self):
        self.client.get("/api/loans")
"""


@dataclass
class Loadproof:
    """`loadproof run` with a locustfile and a loadproof.yaml of the test's."""

    folder: Path
    target: str
    requirements: str = ""
    config: str = ""
    users: int = 50
    seconds: int = 8
    args: tuple[str, ...] = ()
    lines: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        (self.folder / "locustfile.py").write_text(LOCUSTFILE)
        required = f"requirements:\n{_indented(self.requirements)}" if self.requirements else ""
        (self.folder / "loadproof.yaml").write_text(f"{required}\n{self.config}")
        load = ["--users", str(self.users), "-r", str(self.users), "--run-time", f"{self.seconds}s"]
        command = [
            sys.executable, "-u", "-m", "loadproof", "run", "locustfile.py", "--target", self.target, *load,
            "--run-file", "run.db", *self.args,
        ]  # fmt: skip
        self._process = subprocess.Popen(
            command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._reader.join(60)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def says(self, text: str) -> bool:
        """Whether a line of the screen so far has `text`."""
        return any(text in line for line in list(self.lines))

    def wait_for(self, text: str) -> None:
        """Until the screen has `text`."""
        wait_until(lambda: self.says(text) or self._process.poll() is not None, 60, f"the line '{text}'")
        assert self.says(text), self.screen

    def finish(self) -> Run:
        """Until it ends by itself; its run file."""
        self._process.wait(LIMIT_S)
        self._reader.join(60)
        file = self.folder / "run.db"
        assert file.exists(), self.screen
        return read_run(file)

    @property
    def screen(self) -> str:
        """Everything it printed."""
        return "".join(self.lines)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line)  # one by one: they are read meanwhile


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines())
