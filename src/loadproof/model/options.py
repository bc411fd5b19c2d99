"""What a plan holds beside its load and its requirements: what somebody chose, and what was found out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from loadproof.errors import Problem


@dataclass(frozen=True, slots=True)
class Policy:
    """What the engines refuse during the run. Names and networks as texts: it travels as JSON."""

    environment: str = ""
    production: tuple[str, ...] = ()
    """Names and `*.` patterns that are never connected to."""
    production_networks: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    """Names and `*.` patterns that may be, beside what is local."""
    target_networks: tuple[str, ...] = ()
    allowed_production: str = ""
    """The host of production that this run may load, capped."""
    allowed_networks: tuple[str, ...] = ()
    """Its addresses."""

    @classmethod
    def of(cls, told: Mapping[str, object]) -> Policy:
        """That of its fields as another process of this run was told them, in JSON."""
        make: Callable[..., Policy] = cls
        return make(**{key: tuple(v) if isinstance(v, list) else v for key, v in told.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityGoal:
    """What is searched, in arrivals per second, or in users when `whole`."""

    least: float
    greatest: float
    precision: float = 0.02
    """Width of the answer as a share of its upper end, above 0 and below 1."""
    trial_s: float = 10.0
    at_least: float | None = None
    """A load that the answer is compared with: tried itself as soon as it could decide."""
    whole: bool = False
    """Loads are whole numbers."""
    samples: int = 0
    """Requests that the confirming trial needs at least: with fewer no requirement can be proved."""
    duration_limit_s: float = 1200.0
    cool_down_limit_s: float = 60.0
    """How long the service may take after a trial to answer as at the least load."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """One field for each option; its default is what holds when nobody chose.

    A run file holds them under the same names (plan/stored.py), those that are not the default.
    """

    max_users: int | None = None
    """Most virtual users that serve arrivals."""
    arrivals: str = "constant"
    """How arrivals of the open model are spaced: "constant" or "poisson"."""
    warm_up_s: float = 0.0
    """How much of the start of each hold is left out of what is judged; requirements may ask for more."""
    routes: bool = True
    """Whether names that differ only by an id are judged as one (routes.py)."""
    stop_on: str | None = None
    """What ends the run early: "breach" or "settled"."""
    probe: str | None = None
    """Path of the target that an idle process asks beside the load."""
    slow_s: float | None = None
    """Each request that takes so long is kept as an exemplar."""
    session: str | None = None
    """The engine's HTTP client; None: its first (`EngineTraits.sessions`)."""
    expect_workers: int | None = None
    """Workers on other machines that drive the load; None: this machine does."""
    bind: tuple[str, int] = ("*", 5557)
    """Interface and port at which those workers are waited for."""
    token: str = field(default="", repr=False)
    """The secret that they share with the run; kept in no file. "" for none: only this machine reaches it."""
    targets: tuple[str, ...] = ()
    """Base URLs that the load will go to, as far as they were known beforehand."""
    scenario_target: str | None = None
    """The only one of them, where the scenario and nobody else named it."""
    guard: Policy | None = None
    """What the load may not reach; None before the guard was asked."""
    advice: tuple[Problem, ...] = ()
    """What makes the load unlike that of real users."""
    capacity: CapacityGoal | None = None
    """What a search looks for."""
    scenario_found: str = ""
    """Which scenario was taken, and why, where none was named."""

    @property
    def first_target(self) -> str | None:
        """The first base URL that the scenario names."""
        return self.targets[0] if self.targets else self.scenario_target


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What one engine decided when it looked at the scenario; each has its own class, in its traits."""

    @property
    def generators(self) -> int:
        """Processes on this machine that drive the load."""
        return 1

    @property
    def gates(self) -> tuple[tuple[str, str], ...]:
        """What the scenario itself requires and the engine judges: metric and expression."""
        return ()

    @property
    def described(self) -> tuple[str, ...]:
        """Lines of `loadproof check` on the load: what it is made of."""
        return ()

    @property
    def any_certificate(self) -> bool:
        """Whether its clients take any certificate of the target, also one that nobody has signed."""
        return False

    @property
    def own_shape(self) -> str:
        """What in the scenario decides how many users run, whatever the plan says; "" where nothing does."""
        return ""

    @property
    def driven_by(self) -> str:
        """The line of `loadproof check` on the processes that drive it; "" says nothing."""
        return ""
