"""What is needed to do the same run again."""

from __future__ import annotations

from dataclasses import dataclass

from loadproof.model import Report
from loadproof.model.values import mapping, number, rows, texts
from loadproof.units import format_duration, format_size


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
    plan = mapping(facts.get("plan"))
    profile = mapping(plan.get("profile"))
    time_scale = number(plan.get("time_scale", 1.0))
    unit = "arrivals/s" if profile.get("open_model") else "users"
    host = {
        key: format_size(number(value)) if key == "memory_bytes" else str(value)
        for key, value in sorted(mapping(facts["host"]).items())
    }
    shown = [
        ("scenario", facts["scenario"]),
        ("engine", facts["engine"]),
        ("arguments", " ".join(texts(plan.get("engine_args")))),
        ("environment", ", ".join(f"{k}={v}" for k, v in sorted(mapping(plan.get("env")).items()))),
        ("target", facts["target"] or "the scenario's own"),
        ("profile", f"{facts['profile']}, {'open' if profile.get('open_model') else 'closed'} model"),
        ("time scale", f"{time_scale:g}" if time_scale != 1.0 else ""),
        (
            "target guard",
            "; ".join(texts(mapping(facts.get("guard")).get("in_words"))).replace("target guard: ", ""),
        ),
        ("watched", ", ".join(texts(facts.get("monitors"))) or "nothing"),
        ("run file", report.run_file),
    ]
    return Reproduction(
        plan=[(title, str(text)) for title, text in shown if text],
        stages=[
            (format_duration(number(stage["duration_s"])), f"to {number(stage['target']):g} {unit}")
            for stage in rows(profile.get("stages"))
        ],
        versions=[(name, str(version)) for name, version in sorted(mapping(facts["versions"]).items())],
        machine=[(key.replace("_bytes", "").replace("_", " "), text) for key, text in host.items()],
    )
