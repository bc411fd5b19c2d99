"""What is needed to do the same run again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loadproof.units import format_duration, format_size

if TYPE_CHECKING:
    from loadproof.model import Report


@dataclass(frozen=True, slots=True)
class Reproduction:
    """Titles and texts; secrets are `***` in the run file already."""

    plan: list[tuple[str, str]]
    stages: list[tuple[str, str]]
    """How long, and to which level."""
    versions: list[tuple[str, str]]
    machine: list[tuple[str, str]]


def reproduction(report: Report) -> Reproduction:
    """From the facts of a report; what a run does not tell is left out."""
    facts = report.facts
    plan: dict[str, Any] = facts.get("plan") or {}
    profile: dict[str, Any] = plan.get("profile") or {}
    unit = "arrivals/s" if profile.get("open_model") else "users"
    host = {
        key: format_size(value) if key == "memory_bytes" else str(value)
        for key, value in sorted(facts["host"].items())
    }
    rows = [
        ("scenario", facts["scenario"]),
        ("engine", facts["engine"]),
        ("arguments", " ".join(plan.get("engine_args") or ())),
        ("environment", ", ".join(f"{k}={v}" for k, v in sorted((plan.get("env") or {}).items()))),
        ("target", facts["target"] or "the scenario's own"),
        ("profile", f"{facts['profile']}, {'open' if profile.get('open_model') else 'closed'} model"),
        ("time scale", f"{plan['time_scale']:g}" if plan.get("time_scale", 1.0) != 1.0 else ""),
        (
            "target guard",
            "; ".join((facts.get("guard") or {}).get("in_words", ())).replace("target guard: ", ""),
        ),
        ("watched", ", ".join(facts.get("monitors") or ()) or "nothing"),
        ("run file", report.run_file),
    ]
    return Reproduction(
        plan=[(title, str(text)) for title, text in rows if text],
        stages=[
            (format_duration(stage["duration_s"]), f"to {stage['target']:g} {unit}")
            for stage in profile.get("stages") or ()
        ],
        versions=[(name, str(version)) for name, version in sorted(facts["versions"].items())],
        machine=[(key.replace("_bytes", "").replace("_", " "), text) for key, text in host.items()],
    )
