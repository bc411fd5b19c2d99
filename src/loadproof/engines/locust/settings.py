"""What the conductor asks of the plug-in, and how it travels: as JSON in one environment variable."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from loadproof.model import Profile, ProfileKind, Stage

VARIABLE = "LOADPROOF_LOCUST"


@dataclass(frozen=True, slots=True)
class Settings:
    """Read by the child, written by the engine."""

    channel_fd: int
    """The socket to the conductor."""
    profile: Profile | None
    """None: Locust's own flags or the locustfile's shape drive the load."""
    time_scale: float
    quiet_stats: bool
    """Leave out Locust's own tables: Loadproof prints one."""
    quiet_log: bool
    """Leave out what Locust itself says at level INFO; what the locustfile logs stays."""
    slow_s: float | None = None
    """Requests that take at least so long are kept, not only the slowest few."""

    def to_text(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> Settings:
        data = json.loads(text)
        profile = data["profile"]
        if profile is not None:
            stages = tuple(Stage(**stage) for stage in profile["stages"])
            kind = ProfileKind(profile["kind"])
            profile = Profile(kind, stages, open_model=profile["open_model"], start=profile["start"])
        return cls(**{**data, "profile": profile})
