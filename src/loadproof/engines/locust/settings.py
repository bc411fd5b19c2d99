"""What the conductor asks of the plug-in, and how it travels: as JSON in the order to run.

To workers on other machines the master passes its own settings on (see handshake.py).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from loadproof.model import Profile, ProfileKind, Stage

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def fingerprint(content: bytes) -> str:
    """Of a scenario file's content; how its lines end does not matter."""
    return hashlib.sha256(b"\n".join(content.splitlines())).hexdigest()


def fingerprint_of(files: Iterable[Path]) -> str:
    """Of a scenario of several files. Raises OSError."""
    return fingerprint(b"\n".join(file.read_bytes() for file in files))


@dataclass(frozen=True, slots=True)
class PluginSettings:
    """Read by the child, written by the engine."""

    profile: Profile | None
    """None: Locust's own flags or the locustfile's shape drive the load."""
    time_scale: float
    session: str
    """The HTTP client of users: "loadproof", "locust" or "http2"."""
    quiet_stats: bool
    """Leave out Locust's own tables: Loadproof prints one."""
    arrivals: str
    """Of the open model: one of `schedule.KINDS`."""
    max_users: int | None
    """Of the open model: the greatest size of its pool; None for the default."""
    quiet_log: bool
    """Leave out what Locust itself says at level INFO; what the locustfile logs stays."""
    scenario: str = ""
    """Fingerprint of the locustfile, which workers on other machines must share."""
    token: str = field(default_factory=token_hex)
    """Of this run: a worker that does not know it belongs to another one."""
    lock: str | None = None
    """The token that locks the connections of workers that others start (machines/lock.py), "" for none.

    None: this process starts all of them, and they share `token`."""
    waits: bool = False
    """The conductor says over the channel at which moment the load is to begin (see steering.py)."""
    trials: bool = False
    """The conductor says over the channel what to play (see trials.py); `profile` only tells the model."""
    slow_s: float | None = None
    """Requests that take at least so long are kept, not only the slowest few."""
    routes: bool = True
    """Names beyond the first thousand are counted by their routes."""
    exact: list[str] = field(default_factory=list)
    """... but for those that requirements speak of."""
    guard: dict[str, Any] = field(default_factory=dict)
    """The target guard's policy (safety/guard.py) as JSON; empty for none."""
    held: dict[str, Any] = field(default_factory=dict)
    """Of a worker on another machine: what holds its connections below Python (machines/worker.py)."""

    def to_text(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> PluginSettings:
        data = json.loads(text)
        profile = data["profile"]
        if profile is not None:
            stages = tuple(Stage(**stage) for stage in profile["stages"])
            kind = ProfileKind(profile["kind"])
            profile = Profile(kind, stages, open_model=profile["open_model"], start=profile["start"])
        return cls(**{**data, "profile": profile})


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """For the child that `loadproof worker` starts: where its master is, who has all other settings."""

    master_host: str
    master_port: int
    wait_s: float
    """How long to try to reach the master."""
    scenario: str
    """Fingerprint of the locustfile; "" when the master is to send it."""
    lock: str = ""
    """The run's token; "" for a run without one."""

    def to_text(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> WorkerSettings:
        return cls(**json.loads(text))
