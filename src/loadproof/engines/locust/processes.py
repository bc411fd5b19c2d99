"""How many processes drive the load: as many as it needs, up to the cores, decided before the run."""

from __future__ import annotations

import math
from typing import Any

from loadproof.engines.locust.alone import why_alone
from loadproof.engines.locust.options import Processes
from loadproof.engines.table import session_of
from loadproof.model import Plan, Profile
from loadproof.units import format_count

RATE_PER_PROCESS = 1000.0
RATE_PER_FAST_PROCESS = 4000.0
"""Requests per second that one process is given, with Locust's HttpUser and FastHttpUser: four fifths of the
1,270 and 5,070 that one core made (GET with a header, 50 users, medians of five). Above that times are the
generator's own, not the service's."""
RATE_PER_SESSION_PROCESS = 8000.0
"""The same with Loadproof's own HTTP client, for both classes: about half of what one core made, because a
task that does more than one GET costs more."""
RATE_PER_HTTP2_PROCESS = 4000.0
"""The same by HTTP/2, of which a request takes 0.16 ms."""
_ANSWER_S = 0.05
"""How long an answer is assumed to take where the user's speed depends on it. A slower service means fewer
requests, and a process too many, which costs some memory."""
_LEAST_USERS = 10
"""Per process: fewer make no load that needs a second one."""


def decide(plan: Plan, profile: Profile, facts: dict[str, Any], cores: int) -> Processes:
    """From what the inspecting child found and the load over time; `cores` are those that may be used."""
    loopback = facts["master_bind"] == ["*", 5557]
    if facts["processes"] is not None:
        count = cores if facts["processes"] == -1 else int(facts["processes"])
        return Processes(count, "--processes says so", given=True, loopback=loopback)
    if facts["roles"] or plan.options.expect_workers:
        return Processes(1, "workers on other machines drive the load", given=True, loopback=False)
    count, why = _enough(plan, profile, facts, cores)
    return Processes(count, why, loopback=loopback)


def _enough(plan: Plan, profile: Profile, facts: dict[str, Any], cores: int) -> tuple[int, str]:
    """As many as the load needs, and why."""
    if not facts["headless"]:
        return 1, "whoever sits at Locust's web page says how many users there are"
    peak = max([profile.start, *(stage.target for stage in profile.stages)])
    if peak == 0:
        return 1, "only during the run it shows how many users there are"
    rate_per_s, capacity_per_s, said = _need(peak, profile, facts["paces"], session_of(plan))
    needed = min(math.ceil(rate_per_s / capacity_per_s), math.floor(peak / _LEAST_USERS), cores)
    if needed <= 1:
        core = " and there is one core" if cores == 1 else ""
        return 1, f"{said}; one process makes {format_count(round(capacity_per_s))}/s{core}"
    sources = [file.read_text(encoding="utf-8", errors="replace") for file in plan.files]
    alone = next((why for source in sources if (why := why_alone(source))), "")
    if alone:
        return 1, f"{said}, but the locustfile wants one process: {alone}; --processes N to insist"
    why = f"{said}; one process makes {format_count(round(capacity_per_s))}/s, there are {cores} cores"
    return needed, why


def _need(
    peak: float, profile: Profile, paces: list[dict[str, Any]], session: str | None
) -> tuple[float, float, str]:
    """Requests per second at the peak, what one process makes, and the first in words."""
    weights = [pace["weight"] for pace in paces] or [1.0]
    total = sum(weights) or 1.0
    fast = bool(paces) and all(pace["fast"] for pace in paces)
    capacity_per_s = RATE_PER_FAST_PROCESS if fast else RATE_PER_PROCESS
    if session == "loadproof":
        capacity_per_s = RATE_PER_SESSION_PROCESS
    elif session == "http2":
        capacity_per_s = RATE_PER_HTTP2_PROCESS
    if profile.open_model:
        return peak, capacity_per_s, f"{format_count(round(peak))} arrivals/s"
    each_per_s = sum(p["weight"] / (p["wait_s"] + _ANSWER_S) for p in paces) / total
    rate_per_s = peak * each_per_s
    said = f"{format_count(round(peak))} users make up to {format_count(round(rate_per_s))} requests/s"
    return rate_per_s, capacity_per_s, said
